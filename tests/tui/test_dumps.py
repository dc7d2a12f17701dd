"""A user dumps a guest's memory: the form, the plan, how far it is, its end, and breaking it off (a scripted fleet)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backends.errors import ActionError
from backends.model.dump import DumpFormat, DumpPhase, DumpPlan, DumpProgress, DumpWish, WhileDumping
from backends.model.guest import GuestState
from backends.model.host import Link
from backends.model.posture import Finding, Severity
from tests.tui.crashing import GIB
from tests.tui.dump_mode import WEB, StepByStep, choosing, dumpable, planned, was_dumped, wishes
from tests.tui.programs import program_on
from tests.tui.terminal_bytes import on_a_wire
from tui.app import FerryApp
from tui.bridge import Bridge
from tui.dialogs.questions import QuestionDesk
from tui.glyphs import ASCII
from tui.session import Session
from tui.settings import Settings

HOME = Path("~").expanduser()
ROOM = Finding("dump.room", "room", Severity.GOOD, "2.00 GiB needed, 40.0 GiB free")
SECRETS = Finding(
    "dump.secrets",
    "what is in it",
    Severity.MEDIUM,
    "a dump has all that was in the guest's memory: keys and passwords, too",
    "keep it where only root reads",
)


# -- the form ---------------------------------------------------------------------------------------


async def test_what_is_proposed_is_a_dump_of_the_memory_alone_that_leaves_the_guest_running() -> None:
    fleet = dumpable()
    async with choosing(fleet) as program:
        assert "memory only" in program.text()
        assert "paused meanwhile" in program.text()
        await program.press("enter")
        await program.until(lambda: wishes(fleet) == [DumpWish(WEB.key)])
        assert not was_dumped(fleet)


async def test_form_fate_and_folders_are_chosen_by_keys() -> None:
    fleet = dumpable()
    async with choosing(fleet, size=(80, 24)) as program:
        await program.press("down", "right")
        await program.sees("kdump, compressed by zlib")
        await program.press("down", "space")
        await program.sees("the dump may not be consistent")
        await program.press("down", *"/srv/dumps", "down", *"~/here", "enter")
        here = f"{HOME}/here"
        wish = DumpWish(WEB.key, True, DumpFormat.KDUMP_ZLIB, WhileDumping.LIVE, "/srv/dumps", here)
        await program.until(lambda: wishes(fleet) == [wish])


async def test_keys_that_change_a_choice_are_letters_where_a_folder_is_typed() -> None:
    fleet = dumpable()
    async with choosing(fleet) as program:
        await program.press("down", "down", "down", *"/lh", "left", "space", "enter")
        await program.until(lambda: [wish.folder for wish in wishes(fleet)] == ["/l h"])


async def test_a_full_dump_has_no_other_format() -> None:
    fleet = dumpable()
    async with choosing(fleet) as program:
        await program.press("down", "right", "up", "right")
        await program.sees("all of its state")
        await program.press("down", "right")
        await program.sees("Only a dump of the memory alone has other formats.")
        await program.press("enter")
        await program.until(lambda: wishes(fleet) == [DumpWish(WEB.key, memory_only=False)])


async def test_escape_leaves_the_form_without_a_plan() -> None:
    fleet = dumpable()
    async with choosing(fleet) as program:
        await program.press("escape")
        await program.no_longer_sees("dump web-01 on h1")
        assert not wishes(fleet)


# -- the plan ---------------------------------------------------------------------------------------


async def test_the_plan_says_file_sizes_findings_and_command_and_nothing_is_done_yet() -> None:
    here = "/home/me/web-01.elf"
    fleet = dumpable(findings=(SECRETS, ROOM), local_path=here, local_free_bytes=120 * GIB)
    async with planned(fleet) as program:
        await program.sees("at most 2.00 GiB; free: 40.0 GiB on h1, 120 GiB here")
        text = program.text()
        assert "h1: /var/lib/libvirt/qemu/dump/web-01-20260301.elf" in text
        assert f"brought here: {here}; then removed on h1" in text
        assert "! what is in it: a dump has all that was in the guest's memory" in text
        assert "→ keep it where only root reads" in text
        assert "$ virsh -c qemu+ssh://root@h1/system dump web-01" in text
        assert "possible, with doubts" in text
        assert not was_dumped(fleet)


async def test_the_command_is_copied() -> None:
    async with planned(dumpable()) as program:
        await program.sees("✓ possible")
        await program.press("y")
        await program.until(lambda: program.app.clipboard.startswith("virsh -c qemu+ssh://root@h1/system"))


async def test_a_plan_that_is_refused_says_why_and_cannot_be_started() -> None:
    refusal = "it can take 2.00 GiB, and /var has 1.00 GiB free: name a folder with more room"
    fleet = dumpable(refusal=refusal, free_bytes=GIB)
    async with planned(fleet) as program:
        await program.sees("✘ it cannot be done: it can take 2.00 GiB, and /var has 1.00 GiB free")
        await program.press("s")
        await program.sees("not now: start: it can take 2.00 GiB")
        assert not was_dumped(fleet)
        await program.press("e", "down", "down", "down", *"/big", "enter")
        await program.until(lambda: [wish.folder for wish in wishes(fleet)] == ["", "/big"])


async def test_a_plan_that_cannot_be_made_says_why_and_is_made_again_by_a_key() -> None:
    fleet = dumpable()
    plan, fleet.dump_plan = fleet.dump_plan, ActionError("h1 hangs", hint="look at its NFS server")
    async with planned(fleet) as program:
        await program.sees("no plan: h1 hangs")
        assert "look at its NFS server" in program.text()
        await program.press("s")
        await program.sees("there is no plan yet")
        fleet.dump_plan = plan
        await program.press("r")
        await program.sees("✓ possible")


# -- taking it --------------------------------------------------------------------------------------


async def test_a_dump_is_seen_as_it_grows_and_its_end_says_what_the_file_is() -> None:
    fleet = dumpable(StepByStep("h1"))
    assert isinstance(fleet, StepByStep)
    async with planned(fleet) as program:
        await program.sees("✓ possible")
        await program.press("s")
        await program.sees("⇄ dumping")
        assert "50%  1.00 of 2.00 GiB" in program.text()
        await program.press("r")
        await program.sees("it is under way")
        fleet.may_go_on.release()
        await program.sees("100%")
        fleet.may_go_on.release()
        fleet.may_go_on.release()
        await program.sees(
            "✓ /var/lib/libvirt/qemu/dump/web-01-20260301.elf, 2.00 GiB, ELF 64-bit LSB core file"
        )
        await program.press("s")
        await program.sees("it is over: r makes a new plan")


async def test_a_dump_that_is_brought_here_tells_both_phases() -> None:
    fleet = dumpable(StepByStep("h1"), local_path="/home/me/web-01.elf", local_free_bytes=GIB * 9)
    assert isinstance(fleet, StepByStep)
    assert isinstance(fleet.dump_plan, DumpPlan)
    fleet.dumping = (
        DumpProgress(fleet.dump_plan, DumpPhase.DUMPING),
        DumpProgress(fleet.dump_plan, DumpPhase.BRINGING, GIB, 2 * GIB),
        DumpProgress(fleet.dump_plan, DumpPhase.DONE, 2 * GIB, 2 * GIB),
    )
    async with planned(fleet) as program:
        await program.sees("✓ possible")
        await program.press("s")
        await program.sees("⇄ dumping")
        fleet.may_go_on.release()
        await program.sees("⇄ bringing it here")
        fleet.may_go_on.release()
        fleet.may_go_on.release()
        await program.sees("✓ /home/me/web-01.elf")


@pytest.mark.parametrize(
    ("then", "asks"),
    [(WhileDumping.CRASH, "dump and end web-01?"), (WhileDumping.RESET, "dump and reset web-01?")],
)
async def test_a_dump_after_which_the_guest_does_not_run_on_asks_and_the_default_is_no(
    then: WhileDumping, asks: str
) -> None:
    fleet = dumpable(wish=DumpWish(WEB.key, then=then))
    async with planned(fleet) as program:
        await program.sees("✓ possible")
        await program.press("s")
        await program.sees(asks)
        assert "after the dump" in program.text().partition(asks)[2]
        await program.press("enter")
        await program.no_longer_sees(asks)
        assert not was_dumped(fleet)
        await program.press("s")
        await program.sees(asks)
        await program.press("y")
        await program.sees("ELF 64-bit LSB core file")


async def test_a_failure_says_why_and_what_to_do() -> None:
    fleet = dumpable(StepByStep("h1"))
    assert isinstance(fleet, StepByStep)
    fleet.breaks = ActionError("no space left on /var", host="h1", hint="name another folder")
    async with planned(fleet) as program:
        await program.sees("✓ possible")
        await program.press("s")
        await program.sees("⇄ dumping")
        fleet.may_go_on.release()
        await program.sees("✘ no dump: h1: no space left on /var")
        assert "name another folder" in program.text()
        await program.press("r")
        await program.sees("✓ possible")


async def test_stopping_asks_then_breaks_it_off_and_says_that_nothing_is_left() -> None:
    fleet = dumpable(StepByStep("h1"))
    assert isinstance(fleet, StepByStep)
    fleet.may_be_removed.clear()
    async with planned(fleet) as program:
        await program.press("X")
        await program.sees("no dump of this guest is under way")
        await program.press("s")
        await program.sees("⇄ dumping")
        await program.press("X")
        await program.sees("stop the dump of web-01?")
        await program.press("enter")
        await program.no_longer_sees("stop the dump of web-01?")
        assert fleet.closed == 0
        await program.press("X", "y")
        await program.sees("⇄ stopping, and removing what was written")
        await program.press("X")
        await program.sees("it is being stopped already")
        fleet.may_be_removed.set()
        await program.sees("! stopped: what was written is removed")
        assert fleet.closed == 1


async def test_a_rest_that_cannot_be_removed_is_told_and_not_called_removed() -> None:
    fleet = dumpable(StepByStep("h1"))
    assert isinstance(fleet, StepByStep)
    fleet.leaves = ActionError("web-01.elf is left on h1", hint="rm /var/lib/libvirt/qemu/dump/web-01.elf")
    async with planned(fleet) as program:
        await program.sees("✓ possible")
        await program.press("s")
        await program.sees("⇄ dumping")
        await program.press("X", "y")
        await program.sees("no dump: web-01.elf is left on h1")
        assert "what was written is removed" not in program.text()


# -- leaving ----------------------------------------------------------------------------------------


async def test_leaving_the_screen_lets_it_go_on_and_its_end_is_told() -> None:
    fleet = dumpable(StepByStep("h1"))
    assert isinstance(fleet, StepByStep)
    async with planned(fleet) as program:
        await program.sees("✓ possible")
        await program.press("s")
        await program.sees("⇄ dumping")
        await program.press("escape")
        await program.sees("GUESTS  1")
        fleet.may_go_on.release()
        await program.press("D")
        await program.sees("100%")
        await program.press("escape")
        fleet.may_go_on.release()
        fleet.may_go_on.release()
        await program.sees("web-01 is dumped:")
        await program.sees("GUESTS  1")


async def test_leaving_the_program_asks_and_then_waits_until_nothing_is_left() -> None:
    fleet = dumpable(StepByStep("h1"))
    assert isinstance(fleet, StepByStep)
    fleet.may_be_removed.clear()
    async with planned(fleet) as program:
        await program.sees("✓ possible")
        await program.press("s")
        await program.sees("⇄ dumping")
        await program.press("q")
        await program.sees("a guest is being dumped")
        await program.press("enter")
        await program.no_longer_sees("a guest is being dumped")
        assert fleet.closed == 0
        await program.press("q")
        await program.sees("a guest is being dumped")
        await program.press("y")
        await program.until(lambda: fleet.closed == 1)
        assert not program.app._exit
        fleet.may_be_removed.set()
        await program.until(lambda: program.app._exit)


# -- when it cannot be ------------------------------------------------------------------------------


async def test_dumping_says_why_it_cannot_be_done() -> None:
    async with program_on(dumpable(), settings=Settings(read_only=True)) as program:
        await program.sees("web-01")
        await program.press("D")
        await program.sees("this session is read-only")
    fleet = dumpable()
    fleet.up("h1", replace(WEB, state=GuestState.OFF))
    async with program_on(fleet) as program:
        await program.sees("web-01")
        await program.press("D")
        await program.sees("web-01 is off: it has no memory to dump")
        fleet.link("h1", Link.DOWN, "no route to host")
        await program.sees("1 down")
        await program.press("D")
        await program.sees("h1 does not answer (no route to host)")


# -- on any terminal --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_small_and_large_terminals_show_form_plan_and_end(size: tuple[int, int]) -> None:
    async with choosing(dumpable(findings=(SECRETS, ROOM)), size=size) as program:
        assert "esc goes back" in program.text()
        await program.press("enter")
        await program.sees("possible, with doubts   enter starts it, e changes it, y copies the command")
        await program.press("s")
        await program.sees("2.00 GiB, ELF 64-bit LSB")


async def test_a_plain_terminal_shows_it_in_ascii() -> None:
    how: dict[str, Any] = {"size": (80, 24), "settings": Settings(theme="ansi", glyphs=ASCII)}
    async with choosing(dumpable(StepByStep("h1"), findings=(SECRETS,)), **how) as program:
        assert program.text().isascii(), program.text()
        await program.press("enter")
        await program.sees("possible")
        await program.press("s")
        await program.sees("% dumping")
        assert program.text().isascii(), program.text()


async def test_when_nothing_changes_nothing_is_sent() -> None:
    fleet = dumpable(StepByStep("h1"))
    app = FerryApp(Session(fleet, Bridge(fleet), Settings()), QuestionDesk())
    async with on_a_wire(app, (100, 30)) as (pilot, wire):
        await pilot.press("D")
        await pilot.pause(0.2)
        await pilot.press("enter")
        await pilot.pause(0.3)
        await pilot.press("s")
        await pilot.pause(0.5)
        wire.take()
        await pilot.pause(1.5)
        assert wire.take() == b""
