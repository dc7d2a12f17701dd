"""A user looks at what went wrong on all hosts, in mode 4 (a scripted fleet)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backends.errors import ActionError
from backends.model.crash import CrashKind
from backends.model.fleet import CrashesChanged
from backends.model.guest import GuestState
from backends.model.host import HostName, Link
from tests.tui.crashed import (
    INCOMING,
    NO_LOGS,
    NO_PSTORE,
    NO_SPACE,
    NOT_READY,
    OOM,
    SlowCrashes,
    crashed,
    looking,
    record,
    told,
)
from tests.tui.programs import Program, program_on
from tests.tui.scripted import ScriptedFleet, guest
from tests.tui.terminal_bytes import on_a_wire
from tui.app import FerryApp
from tui.bridge import Bridge
from tui.dialogs.questions import QuestionDesk
from tui.glyphs import ASCII
from tui.session import Session
from tui.settings import Settings

H1, H2, H3 = (HostName(name) for name in ("h1", "h2", "h3"))


def rows(program: Program) -> list[str]:
    """The lines of the table."""
    lines = program.text().splitlines()[3:]
    return [
        line[2:]
        for line in lines[: next((n for n, line in enumerate(lines) if "──" in line), None)]
        if line.strip()
    ]


def detail(program: Program) -> str:
    """The pane below the table."""
    return program.view("#detail").text


def heading(program: Program) -> str:
    """Above the table."""
    return program.view("#heading").text


def times_asked(fleet: ScriptedFleet) -> int:
    """How often a host was asked what crashes have left."""
    return sum(what[0] == "crashes" for what in fleet.asked)


# -- the time line ----------------------------------------------------------------------------------


async def test_crashes_of_all_hosts_are_one_time_line_newest_first() -> None:
    async with looking(crashed()) as program:
        await program.sees("host went down")
        assert rows(program)[0].split()[:3] == ["3", "h", "h1"]
        assert [row.split(maxsplit=4)[-1].split("  ")[0] for row in rows(program)[:3]] == [
            "‖ stopped by I/O error",
            "✘ guest ended",
            "⇄ incoming move failed",
        ]
        assert "> 4 d  h3" in rows(program)[4], "the boot tells only that it was before"
        assert "i memory dump" in rows(program)[5]
        assert "CRASHES  6  1 still down  3 of unknown cause  on 3 hosts" in heading(program)


async def test_what_needs_somebody_is_counted_until_the_guest_runs_again() -> None:
    fleet = crashed()
    async with looking(fleet) as program:
        await program.sees("1 still down")
        fleet.up("h1", guest("h1", "web-01", GuestState.RUNNING))
        await program.no_longer_sees("still down")


async def test_the_pane_tells_the_cause_what_mends_it_and_the_best_lines() -> None:
    async with looking(crashed()) as program:
        await program.until(lambda: "web-01 on h1" in detail(program))
        text = detail(program)
        assert "cause    no space left on the file system of /srv/images/web-01.qcow2" in text
        assert "→        make room there, then: virsh resume web-01" in text
        assert "told by  QEMU's log, journal, libvirt event" in text
        assert "block I/O error in device 'drive-virtio-disk0'" in text
        await program.press("down", "down", "down")
        await program.until(lambda: "cache-7 on h1" in detail(program))
        assert "said     qemu-system-x86_64: terminating on signal 11" in detail(program), "no rule: no cause"


async def test_times_are_ages_or_of_either_clock_by_a_key() -> None:
    async with looking(crashed()) as program:
        await program.sees("3 h  h1")
        await program.press("t")
        await program.sees("ON OUR CLOCK ▾")
        at = NO_SPACE.at
        assert at
        await program.sees(f"{at.astimezone():%Y-%m-%d %H:%M:%S}  h1")
        await program.press("t")
        await program.sees("ON THE HOST'S CLOCK ▾")
        await program.sees(f"{at.astimezone() + timedelta(seconds=2):%Y-%m-%d %H:%M:%S}  h1")
        await program.press("t")
        await program.sees("3 h  h1")


async def test_the_filter_shows_only_what_matches() -> None:
    async with looking(crashed()) as program:
        await program.sees("host went down")
        await program.press("slash", *"host:h2", "enter")
        await program.sees("CRASHES  2 of 6")
        assert all("h2" in row for row in rows(program))
        await program.press("slash", *"host:h9", "enter")
        await program.sees("No crash matches the filter: esc clears it.")
        await program.press("escape")
        await program.sees("CRASHES  6 ")


async def test_a_filter_that_cannot_be_understood_says_why() -> None:
    async with looking(crashed()) as program:
        await program.sees("host went down")
        await program.press("slash", *"since:2x")
        await program.sees("'2x' is no time that has passed")


async def test_rows_are_sorted_by_the_next_column() -> None:
    async with looking(crashed()) as program:
        await program.sees("3 h  h1")
        await program.press("o")
        await program.sees("HOST ▴")
        await program.press("O")
        await program.sees("HOST ▾")


# -- how it is asked --------------------------------------------------------------------------------


async def test_hosts_are_followed_from_the_first_look_until_the_program_ends() -> None:
    fleet = crashed()
    async with program_on(fleet) as program:
        await program.sees("web-01")
        assert fleet.followers == 0
        assert times_asked(fleet) == 0
        await program.press("4")
        await program.sees("followed")
        assert fleet.followers == 1
        await program.press("1", "4")
        await program.sees("CRASHES")
        assert fleet.followers == 1
    assert fleet.followers == 0


async def test_what_happens_while_somebody_looks_appears_by_itself() -> None:
    fleet = crashed()
    async with looking(fleet) as program:
        await program.sees("host went down")
        fresh = replace(record("h3", "mail", CrashKind.PANIC), at=datetime.now(UTC))
        fleet.tell(CrashesChanged(H3, told("h3", fresh)))
        await program.sees("✘ guest panicked")
        assert rows(program)[0].split()[:2] == ["now", "h3"]


async def test_while_hosts_are_looked_at_the_screen_says_which() -> None:
    fleet = SlowCrashes("h1", "h2", "h3")
    async with looking(crashed(fleet)) as program:
        await program.sees("Looking for what crashes have left on h1, h2, h3 ...")
        await program.sees("looking at h1, h2, h3 ...")
        await program.press("r")
        await program.sees("it is being asked already")
        fleet.may_answer.set()
        await program.sees("host went down")
        await program.no_longer_sees("looking at")


async def test_r_looks_anew_and_b_looks_further_back_until_there_is_nothing_further() -> None:
    fleet = crashed()
    async with looking(fleet) as program:
        await program.sees("host went down")
        await program.until(lambda: "looking" not in heading(program))
        fleet.asked.clear()
        await program.press("r")
        await program.until(lambda: times_asked(fleet) == 3)
        assert {what[2] for what in fleet.asked if what[0] == "crashes"} == {None}
        fleet.asked.clear()
        await program.press("b")
        await program.until(lambda: times_asked(fleet) == 3)
        since = next(what[2] for what in fleet.asked if what[0] == "crashes")
        assert isinstance(since, datetime)
        assert timedelta(days=30) < datetime.now(UTC) - since < timedelta(days=32)
        await program.until(lambda: "looking" not in heading(program))
        await program.press("b")
        await program.until(lambda: times_asked(fleet) == 6)
        await program.until(lambda: "looking" not in heading(program))
        await program.press("b")
        await program.sees("all that the hosts have is asked for already")


async def test_a_host_that_comes_up_later_is_asked_then() -> None:
    fleet = SlowCrashes("h1", "h2", "h3")
    fleet.may_answer.set()
    fleet.up("h1", guest("h1", "web-01"))
    fleet.host_crashes = {H1: told("h1", NO_SPACE), H2: told("h2", OOM)}
    async with looking(fleet) as program:
        await program.sees("stopped by I/O error")
        await program.sees("h2: not asked: it is connecting")
        fleet.up("h2")
        await program.sees("killed it for want of memory")


# -- nothing, trouble, silence ----------------------------------------------------------------------


async def test_when_nothing_has_crashed_it_says_since_when_and_what_looks_further() -> None:
    fleet = ScriptedFleet("h1", "h2")
    fleet.up("h1")
    fleet.up("h2")
    fleet.host_crashes = {H1: told("h1"), H2: told("h2")}
    async with looking(fleet) as program:
        await program.sees("Nothing has crashed on h1, h2 since")
        await program.sees("b looks further back")


async def test_what_could_not_be_read_is_told_with_the_permission_and_hides_no_other_host() -> None:
    fleet = crashed()
    fleet.host_crashes = {**fleet.host_crashes, H2: told("h2", gaps=(NO_LOGS, NO_PSTORE))}
    async with looking(fleet, size=(160, 36)) as program:
        await program.sees(
            "h2: QEMU's logs not read: permission denied (setfacl -R -m u:ferry:rX /var/log/libvirt/qemu"
        )
        await program.sees("h2: pstore not read: permission denied (log in as root)")
        assert "stopped by I/O error" in program.text()
        await program.press("u")
        await program.sees("NOT READ  2")
        await program.sees("→ setfacl -R -m u:ferry:rX /var/log/libvirt/qemu, or log in as root")
        await program.press("escape")
        await program.sees("CRASHES")


async def test_many_gaps_leave_room_for_the_table_and_say_where_the_rest_is() -> None:
    fleet = crashed()
    gaps = tuple(replace(NO_LOGS, what=f"thing {number}") for number in range(9))
    fleet.host_crashes = {**fleet.host_crashes, H2: told("h2", OOM, gaps=gaps)}
    async with looking(fleet, size=(80, 24)) as program:
        await program.sees("and 8 more: u tells all")
        assert "host went down" in program.text()


async def test_a_host_that_fails_is_told_and_others_are_shown() -> None:
    fleet = crashed()
    fleet.host_crashes = {**fleet.host_crashes, H2: ActionError("no shell there", hint="log in by ssh")}
    async with looking(fleet) as program:
        await program.sees("h2: not asked: no shell there (log in by ssh)")
        assert "stopped by I/O error" in program.text()


async def test_a_host_that_falls_silent_keeps_its_crashes_marked_as_old() -> None:
    fleet = crashed()
    async with looking(fleet) as program:
        await program.sees("host went down")
        fleet.link("h2", Link.STALE, "keepalive lost")
        await program.sees("? h2")
        await program.sees("h2: silent, what it told at")
        assert "for want of memory" in program.text()


async def test_no_host_that_answers_is_no_empty_time_line() -> None:
    fleet = ScriptedFleet("h1")
    fleet.link("h1", Link.DOWN, "login refused", "add your key")
    async with looking(fleet) as program:
        await program.sees("No host answers, so that none can be asked: mode 2 says why.")
        await program.press("r")
        await program.sees("no host answers now")


async def test_when_every_host_fails_each_says_why() -> None:
    fleet = ScriptedFleet("h1")
    fleet.up("h1")
    fleet.host_crashes = {H1: ActionError("no shell there")}
    async with looking(fleet) as program:
        await program.sees("No host could be looked at.")
        await program.sees("h1: not asked: no shell there")


class Unfollowed(ScriptedFleet):
    """Hosts cannot be followed."""

    def follow_crashes(self):  # type: ignore[no-untyped-def]  # it only raises
        """Refused."""
        raise ActionError("too many watchers")


async def test_when_hosts_cannot_be_followed_the_heading_says_so() -> None:
    async with looking(crashed(Unfollowed("h1", "h2", "h3"))) as program:
        await program.sees("not followed: too many watchers")
        assert "stopped by I/O error" in program.text()


# -- kdump ------------------------------------------------------------------------------------------


async def test_kdump_of_all_hosts_is_a_table_with_what_to_do_where_it_is_not_ready() -> None:
    async with looking(crashed(), size=(140, 40)) as program:
        await program.sees("host went down")
        await program.press("K")
        await program.sees("KDUMP   1 of 2 ready")
        await program.sees("! not reserved")
        await program.sees("✓ ready")
        await program.sees("? not looked at")
        page = program.view("#kdump-page").text
        assert page.index("✘ high") < page.index("! medium") < page.index("✓ good")
        assert "→ add crashkernel=512M" in page
        await program.press("end")
        await program.until(
            lambda: "makedumpfile -l --message-level 7 -d 31" in program.view("#kdump-page").text
        )
        assert "180 GiB free; a dump of all memory takes at most 24.0 GiB" in program.view("#kdump-page").text
        await program.press("enter")
        await program.sees("KDUMP of h1")
        await program.press("escape", "escape")
        await program.sees("CRASHES")


async def test_a_hosts_page_opens_its_kdump_and_asks_for_it() -> None:
    fleet = SlowCrashes("h1")
    fleet.up("h1")
    fleet.host_crashes = {H1: told("h1", kdump=NOT_READY)}
    async with program_on(fleet) as program:
        await program.press("2", "enter")
        await program.sees("h1  ● up")
        await program.press("K")
        await program.sees("being looked at ...")
        fleet.may_answer.set()
        await program.sees("no memory reserved")
        await program.press("escape")
        await program.sees("h1  ● up")


# -- terminals --------------------------------------------------------------------------------------


async def test_an_idle_time_line_costs_nothing() -> None:
    fleet = crashed()
    app = FerryApp(Session(fleet, Bridge(fleet), Settings()), QuestionDesk())
    async with on_a_wire(app, (120, 36)) as (pilot, wire):
        await pilot.press("4")
        await pilot.pause(0.5)
        wire.take()
        await pilot.pause(1.5)
        assert wire.take() == b""


@pytest.mark.parametrize("size", [(80, 24), (200, 50), (60, 16)])
async def test_every_size_has_room_for_rows_cause_and_gaps(size: tuple[int, int]) -> None:
    async with looking(crashed(), size=size) as program:
        await program.sees("3 h")
        await program.sees("no space left")
        await program.sees("h2: QEMU's logs not read")


async def test_without_line_drawing_everything_is_ascii() -> None:
    async with looking(crashed(), settings=Settings(glyphs=ASCII)) as program:
        await program.sees("host went down")
        await program.press("enter")
        await program.sees("EVIDENCE")
        await program.press("enter")
        await program.sees("No space left on device")
        assert program.text().isascii()
        await program.press("escape", "escape", "K")
        await program.sees("KDUMP")
        assert program.text().isascii()


async def test_a_move_that_failed_on_the_way_in_is_of_its_destination() -> None:
    fleet = crashed()
    fleet.host_crashes = {H2: told("h2", INCOMING)}
    async with looking(fleet) as program:
        await program.sees("incoming move failed")
        assert "26 h  h2" in rows(program)[0]
