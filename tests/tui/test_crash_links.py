"""A user sees on a guest and on a failed move what crash it has met, and opens its record (a scripted fleet)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backends.model.crash import Cause, CrashKind, CrashRecord
from backends.model.fleet import CrashesChanged
from backends.model.guest import Guest, GuestState
from backends.model.host import HostName, Link
from backends.model.move import Result
from tests.tui.crashing import FULL, INCOMING, MISSING, crash, told
from tests.tui.programs import Program, program_on
from tests.tui.scripted import ScriptedFleet, guest, past_move
from tests.tui.terminal_bytes import on_a_wire
from tui.app import FerryApp
from tui.bridge import Bridge
from tui.dialogs.questions import QuestionDesk
from tui.glyphs import ASCII
from tui.session import Session
from tui.settings import Settings
from tui.words.fleet import alarm_count

WEB = guest("h1", "web-01")
OFF = guest("h1", "web-01", GuestState.OFF, since=None, reason="")


def ago(minutes: float) -> datetime:
    """A moment of the past."""
    return datetime.now(UTC) - timedelta(minutes=minutes)


def crashed(web: Guest, *records: CrashRecord) -> ScriptedFleet:
    """web-01 among others, and what its host tells of crashes."""
    fleet = ScriptedFleet("h1", "h2")
    fleet.up("h1", web, guest("h1", "calm"))
    fleet.up("h2", guest("h2", "other"))
    if records:
        fleet.tell(CrashesChanged(HostName("h1"), told("h1", *records)))
    return fleet


def row(program: Program, name: str = "web-01") -> str:
    """The line of a guest in the table."""
    return next(each for each in program.text().splitlines() if f" {name} " in each)


# -- the row of a guest -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "reason", "kind", "wide", "narrow"),
    [
        (GuestState.CRASHED, "crashed", CrashKind.ENDED, "✘ crashed 3 min ago", "✘ crashed"),
        (GuestState.OFF, "failed", CrashKind.NOT_STARTED, "✘ no start 3 min ago", "✘ no start"),
        (GuestState.CRASHED, "panicked", CrashKind.PANIC, "✘ panicked 3 min ago", "✘ panicked"),
        (GuestState.PAUSED, "I/O error", CrashKind.IO_ERROR, "‖ I/O error 3 min ago", "‖ I/O error"),
    ],
)
async def test_a_guest_that_a_crash_has_stopped_says_so_and_when_where_there_is_room(
    state: GuestState, reason: str, kind: CrashKind, wide: str, narrow: str
) -> None:
    web = replace(WEB, state=state, reason=reason, since=ago(3))
    async with program_on(crashed(web, crash(web, kind)), size=(200, 50)) as program:
        await program.sees("web-01")
        assert wide in row(program)
        await program.resize(80, 24)
        await program.until(lambda: narrow in row(program) and "ago" not in row(program))


async def test_a_crash_that_is_told_of_later_changes_the_row_of_its_guest() -> None:
    web = replace(OFF, since=ago(3))
    fleet = crashed(web)
    async with program_on(fleet, size=(200, 50)) as program:
        await program.sees("■ off")
        fleet.tell(CrashesChanged(HostName("h1"), told("h1", crash(web))))
        await program.sees("✘ crashed 3 min ago")
        fleet.tell(CrashesChanged(HostName("h1"), told("h1")))
        await program.no_longer_sees("✘ crashed")


async def test_the_pane_below_says_why_what_to_do_and_which_key_opens_the_record() -> None:
    web = replace(WEB, state=GuestState.CRASHED, since=ago(3))
    async with program_on(crashed(web, crash(web)), size=(200, 50)) as program:
        await program.sees("web-01")
        await program.press("end")
        await program.sees("✘ crashed 3 min ago: killed by signal 9 by process 4711 (oom-kill)")
        assert "→ find out who has killed it" in program.text()
        await program.press("enter")
        await program.sees("L opens its record")
        await program.press("L")
        await program.sees("evidence")
        assert "web-01 on h1" in program.text()
        assert "/var/log/libvirt/qemu/web-01.log" in program.text()


async def test_a_guest_that_runs_again_since_shows_nothing_alarming() -> None:
    web = replace(WEB, since=ago(2))
    fleet = crashed(web, crash(web, minutes_ago=60 * 30))
    async with program_on(fleet, size=(200, 50)) as program:
        await program.sees("● running")
        await program.press("end")
        await program.sees("crashed 30 h ago: killed by signal 9")
        assert "● running" in row(program)
        assert "alarms" not in program.text()
        await program.press("L")
        await program.sees("/var/log/libvirt/qemu/web-01.log")


async def test_a_guest_that_was_shut_down_since_is_off_and_nothing_more() -> None:
    web = replace(OFF, since=ago(5), reason="shutdown")
    async with program_on(crashed(web, crash(web, minutes_ago=90)), size=(200, 50)) as program:
        await program.sees("web-01")
        assert "■ off" in row(program)


async def test_where_nothing_tells_since_when_it_is_off_libvirts_reason_decides() -> None:
    for reason, shown in (("shutdown", "■ off"), ("", "■ off"), ("failed", "✘ crashed")):
        web = replace(OFF, reason=reason)
        async with program_on(crashed(web, crash(web)), size=(200, 50)) as program:
            await program.sees("web-01")
            assert shown in row(program), reason


async def test_a_kernel_that_panicked_while_its_processors_go_on_is_seen() -> None:
    web = replace(WEB, since=ago(60))
    panic = crash(web, CrashKind.PANIC, Cause("Kernel panic - not syncing: VFS: Unable to mount root fs"))
    async with program_on(crashed(web, panic), size=(200, 50)) as program:
        await program.sees("✘ panicked 3 min ago")
    await_restart = replace(WEB, since=ago(1))
    async with program_on(crashed(await_restart, panic), size=(200, 50)) as program:
        await program.sees("web-01")
        assert "● running" in row(program)


async def test_a_guest_that_runs_on_another_host_now_is_not_alarming_here() -> None:
    web = replace(OFF, since=ago(3))
    fleet = crashed(web, crash(web))
    fleet.up("h2", replace(WEB, key=WEB.key._replace(host=HostName("h2"))))
    async with program_on(fleet, size=(200, 50)) as program:
        await program.sees("web-01")
        assert "✘ crashed" not in program.text()
        assert alarm_count(fleet.state) == 0


async def test_a_silent_hosts_guest_is_stale_whatever_its_last_crash_was() -> None:
    web = replace(OFF, since=ago(3))
    fleet = crashed(web, crash(web))
    async with program_on(fleet, size=(200, 50)) as program:
        await program.sees("✘ crashed")
        fleet.link("h1", Link.STALE, "keepalive lost")
        await program.until(lambda: "? stale" in row(program))


async def test_a_crashed_guest_is_one_alarm_however_many_tell_of_it() -> None:
    down = replace(WEB, state=GuestState.CRASHED, since=ago(3))
    assert alarm_count(crashed(down).state) == 1
    assert alarm_count(crashed(down, crash(down), crash(down, CrashKind.PANIC)).state) == 1
    killed = replace(OFF, since=ago(3))
    assert alarm_count(crashed(killed, crash(killed)).state) == 1
    assert alarm_count(crashed(killed, crash(killed, CrashKind.NOT_STARTED)).state) == 0
    assert alarm_count(crashed(killed, crash(killed, CrashKind.DUMP)).state) == 0
    again = replace(WEB, since=ago(1))
    assert alarm_count(crashed(again, crash(again)).state) == 0


async def test_a_filter_finds_the_crashed_ones() -> None:
    web = replace(OFF, since=ago(3))
    async with program_on(crashed(web, crash(web)), size=(200, 50)) as program:
        await program.press("slash", *"state:crashed", "enter")
        await program.sees("GUESTS  1 of 3")
        assert "web-01" in program.text()


async def test_a_full_disk_is_told_once_with_the_key_that_resumes() -> None:
    web = replace(WEB, state=GuestState.PAUSED, reason="I/O error", since=ago(3), full_disks=("vda",))
    async with program_on(crashed(web, crash(web, CrashKind.IO_ERROR, FULL)), size=(200, 50)) as program:
        await program.sees("‖ no space 3 min ago")
        await program.press("end")
        await program.sees("is full (No space left on device)")
        assert "then resume (u)" in program.text()
        assert "then resume the guest" not in program.text()


async def test_without_a_crash_the_key_says_so() -> None:
    async with program_on(crashed(WEB)) as program:
        await program.sees("web-01")
        await program.press("end", "L")
        await program.sees("no crash of web-01 is known")


# -- moves ------------------------------------------------------------------------------------------


def failed(fleet: ScriptedFleet) -> None:
    """The move of web-01 to h2 that is in flight."""
    move = next(iter(fleet.state.moves))
    fleet.end(move, Result.FAILED, "h1", "operation failed: guest CPU doesn't match")


async def start_a_move(program: Program) -> None:
    """Of web-01, to h2."""
    await program.sees("web-01")
    await program.press("slash", *"web-01", "enter", "m")
    await program.sees("CHECKS")
    await program.press("s")
    await program.sees("X abort")


async def test_a_failed_move_has_its_hosts_asked_once_and_links_what_they_tell() -> None:
    fleet = crashed(WEB)
    record = crash(WEB, CrashKind.INCOMING, INCOMING, minutes_ago=0.1, host="h2")
    fleet.host_crashes = {HostName("h1"): told("h1"), HostName("h2"): told("h2", record)}
    async with program_on(fleet) as program:
        await start_a_move(program)
        assert not any(what[0] == "crashes" for what in fleet.asked)
        failed(fleet)
        await program.sees("failed: web-01 is running on h1")
        await program.until(lambda: [what[1] for what in fleet.asked if what[0] == "crashes"] == ["h1", "h2"])
        fleet.met = record
        fleet.tell(CrashesChanged(HostName("h2"), told("h2", record)))
        await program.sees("crash record: incoming move failed on h2: the destination's QEMU does not know")
        assert "L opens its record" in program.text()
        await program.press("L")
        await program.sees("web-01 on h2")
        await program.press("escape")
        await program.sees("crash record:")
        await program.press("escape", "5")
        await program.sees("MIGRATIONS")
        await program.press("enter")
        await program.sees("crash record:")
        assert len([what for what in fleet.asked if what[0] == "crashes"]) == 2


async def test_hosts_of_a_failed_move_that_tell_nothing_leave_no_trace_on_its_page() -> None:
    fleet = crashed(WEB)
    async with program_on(fleet) as program:  # both refuse to be asked
        await start_a_move(program)
        failed(fleet)
        await program.sees("failed: web-01 is running on h1")
        await program.until(lambda: any(what[0] == "crashes" for what in fleet.asked))
        await program.no_longer_sees("for a crash record ...")
        assert "crash record:" not in program.text()
        await program.press("L")
        await program.sees("no crash is known that the move of web-01 has met")


async def test_a_move_that_succeeds_asks_nobody() -> None:
    fleet = crashed(WEB)
    async with program_on(fleet) as program:
        await start_a_move(program)
        fleet.end(next(iter(fleet.state.moves)), Result.SUCCEEDED, "h2")
        await program.sees("web-01 is running on h2.")
        assert not any(what[0] == "crashes" for what in fleet.asked)


async def test_a_past_move_that_failed_links_its_record_in_the_list_and_on_its_page() -> None:
    fleet = crashed(WEB)
    fleet.past = (past_move("web-01", Result.FAILED), past_move("db-02"))
    fleet.met = crash(WEB, CrashKind.INCOMING, INCOMING, host="h2")
    async with program_on(fleet) as program:
        await program.press("H")
        await program.sees("PAST MOVES  2")
        await program.press("slash", *"web", "enter")
        await program.sees("crash record: incoming move failed on h2")
        await program.press("enter")
        await program.sees("L opens its record")
        await program.press("L")
        await program.sees("web-01 on h2")


# -- on any terminal --------------------------------------------------------------------------------


async def test_a_plain_terminal_shows_it_in_ascii() -> None:
    web = replace(WEB, state=GuestState.CRASHED, since=ago(3))
    settings = Settings(theme="ansi", glyphs=ASCII)
    async with program_on(crashed(web, crash(web)), size=(120, 36), settings=settings) as program:
        await program.sees("X crashed")
        await program.press("enter")
        await program.sees("<domain")
        assert program.text().isascii(), program.text()


async def test_an_age_that_grows_costs_nothing_between_two_minutes() -> None:
    web = replace(WEB, state=GuestState.CRASHED, since=ago(3.2))
    fleet = crashed(web, crash(web, cause=MISSING, minutes_ago=3.2))
    app = FerryApp(Session(fleet, Bridge(fleet), Settings()), QuestionDesk())
    async with on_a_wire(app, (200, 50)) as (pilot, wire):
        await pilot.pause(0.5)
        assert b"crashed 3 min ago" in wire.take()
        await pilot.pause(2.5)
        assert wire.take() == b""
