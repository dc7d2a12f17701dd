"""A user grows a guest's disk: which and how large, the plan, its steps, and how it ended (a scripted fleet)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from backends.errors import ActionError, LinkError
from backends.model.guest import Disk, DiskKind, GuestKey, GuestState
from backends.model.host import Link
from backends.model.storage import Chain, GrowPlan, GrowProgress
from tests.tui.programs import Program, program_on
from tests.tui.scripted import ScriptedFleet, guest
from tests.tui.stored import GIB, chain, growing, growth_plan
from tests.tui.terminal_bytes import on_a_wire
from tui.app import FerryApp
from tui.bridge import Bridge
from tui.dialogs.questions import QuestionDesk
from tui.glyphs import ASCII
from tui.session import Session
from tui.settings import Settings

WEB = guest("h1", "web-01")
LVEXTEND = "lvextend --resizefs -L 405g vg_guests/images"


class StepByStep(ScriptedFleet):
    """Its growths go on when the test lets them, and may break off."""

    def __init__(self, *hosts: str) -> None:
        super().__init__(*hosts)
        self.may_go_on = asyncio.Semaphore(0)
        self.breaks: ActionError | LinkError | None = None

    async def grow(self, plan: GrowPlan) -> AsyncGenerator[GrowProgress, None]:
        """A step for each release."""
        self.asked.append(("grow", plan))
        for progress in self.growing:
            yield progress
            await self.may_go_on.acquire()
            if self.breaks:
                raise self.breaks


def growable(fleet: ScriptedFleet | None = None, **plan: Any) -> ScriptedFleet:
    """web-01 has a disk of 20 GiB that can have 25."""
    fleet = fleet or ScriptedFleet("h1", "h2")
    fleet.up("h1", WEB)
    fleet.disk_chain = chain(WEB.key)
    fleet.growth = growth_plan(WEB.key, **plan)
    fleet.growing = growing(fleet.growth)
    return fleet


@asynccontextmanager
async def choosing(fleet: ScriptedFleet, **how: Any) -> AsyncIterator[Program]:
    """The dialog."""
    async with program_on(fleet, **how) as program:
        await program.sees("web-01")
        await program.press("plus")
        await program.sees("grow a disk of web-01 on h1")
        yield program


@asynccontextmanager
async def planned(fleet: ScriptedFleet, **how: Any) -> AsyncIterator[Program]:
    """The plan for five GiB more."""
    async with choosing(fleet, **how) as program:
        await program.sees("20.0 GiB now")
        await program.press(*"+5G", "enter")
        await program.sees("GROW  vda of web-01 on h1")
        yield program


async def start(program: Program) -> None:
    """From the plan on."""
    await program.sees("enter start")
    await program.press("s")
    await program.sees("yes, grow vda of web-01 on h1")
    await program.press("y")
    await program.no_longer_sees("yes, grow vda")


def has_grown(fleet: ScriptedFleet) -> bool:
    """Was anything done?"""
    return any(what[0] == "grow" for what in fleet.asked)


# -- which disk, and how large ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "size", "told"),
    [
        ("25G", 25 * GIB, "vda is to have 25.0 GiB, 5.00 GiB more"),
        ("+5G", 25 * GIB, "vda is to have 25.0 GiB, 5.00 GiB more"),
        ("25 GiB", 25 * GIB, "vda is to have 25.0 GiB, 5.00 GiB more"),
        ("+512m", 20 * GIB + GIB // 2, "512 MiB more"),
    ],
)
async def test_sizes_are_taken_as_people_write_them(typed: str, size: int, told: str) -> None:
    fleet = growable()
    async with choosing(fleet) as program:
        await program.sees("vda has 20.0 GiB now; how large is it to be?")
        await program.press(*("space" if key == " " else key for key in typed))
        await program.sees(told)
        await program.press("enter")
        await program.until(lambda: ("plan growth", WEB.key, "vda", size) in fleet.asked)


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ("20G", "it has 20.0 GiB already"),
        ("10G", "it has 20.0 GiB already: a disk can only grow"),
        ("25", "25 of what?"),
        ("25X", "'X' is no unit"),
        ("big", "'big' is no size: write 20G, 20 GiB, or +5G for 5 GiB more"),
    ],
)
async def test_what_is_wrong_with_a_size_is_told_while_it_is_typed_and_enter_does_nothing(
    typed: str, wrong: str
) -> None:
    fleet = growable()
    async with choosing(fleet) as program:
        await program.sees("20.0 GiB now")
        await program.press(*typed)
        await program.sees(wrong)
        await program.press("enter")
        await program.sees(wrong)
        await program.press("escape")
        await program.no_longer_sees("grow a disk of web-01 on h1")
        assert not any(what[0] == "plan growth" for what in fleet.asked)


class TwoDisks(ScriptedFleet):
    """The size of vdb is not told."""

    async def chain(self, guest: GuestKey, target: str) -> Chain:
        """Of vda only."""
        if target == "vdb":
            raise ActionError("blockinfo: no such path")
        return chain(guest, target=target)


async def test_the_disk_is_chosen_and_one_of_unknown_size_takes_the_whole_size_only() -> None:
    fleet = growable(TwoDisks("h1"))
    disks = (
        *WEB.disks,
        Disk("vdb", DiskKind.BLOCK, "/dev/sdb"),
        Disk("sda", DiskKind.FILE, "/a.iso", "cdrom"),
    )
    fleet.up("h1", replace(WEB, disks=disks))
    async with choosing(fleet) as program:
        await program.sees("20.0 GiB now")
        assert "sda" not in program.text().partition("grow a disk")[2].partition("choose the disk")[0]
        await program.press("down")
        await program.sees("how large it is now is not known: blockinfo: no such path")
        await program.press(*"+5G")
        await program.sees("write the whole size, without a")
        await program.press("backspace", "backspace", "backspace", *"40G", "enter")
        await program.until(lambda: ("plan growth", WEB.key, "vdb", 40 * GIB) in fleet.asked)


# -- the plan ---------------------------------------------------------------------------------------


async def test_the_plan_has_each_step_with_sizes_and_command_and_nothing_is_done_yet() -> None:
    fleet = growable(doubts=("vg_guests has 50 GiB free: after this 45 GiB are left",))
    async with planned(fleet) as program:
        await program.sees("extend the logical volume on h1   400 GiB → 405 GiB")
        text = program.text()
        assert "20.0 GiB → 25.0 GiB   5.00 GiB more" in text
        assert f"$ {LVEXTEND}" in text
        assert "i left to do  inside the guest on h1   not done by virt-ferry" in text
        assert "! vg_guests has 50 GiB free" in text
        assert "possible, with doubts" in text
        assert not has_grown(fleet)


async def test_the_commands_are_copied_one_a_line() -> None:
    async with planned(growable()) as program:
        await program.sees("✓ possible")
        await program.press("y")
        await program.until(lambda: program.app.clipboard.splitlines()[:1] == [LVEXTEND])
        assert len(program.app.clipboard.splitlines()) == 3


async def test_a_refused_plan_says_why_and_cannot_be_started() -> None:
    fleet = growable(
        refused="vg_guests has 2 GiB free, and 5 GiB are needed", hint="add a physical volume first"
    )
    async with planned(fleet) as program:
        await program.sees("it cannot be done: vg_guests has 2 GiB free, and 5 GiB are needed")
        assert "→ add a physical volume first" in program.text()
        await program.press("s")
        await program.sees("not now: start: vg_guests has 2 GiB free")
        assert not has_grown(fleet)


async def test_a_plan_that_cannot_be_made_says_why_and_is_made_again_by_a_key() -> None:
    fleet = growable()
    plan, fleet.growth = fleet.growth, ActionError("h1 hangs", hint="look at its NFS server")
    async with planned(fleet) as program:
        await program.sees("no plan: h1 hangs")
        assert "look at its NFS server" in program.text()
        await program.press("s")
        await program.sees("there is no plan yet")
        fleet.growth = plan
        await program.press("r")
        await program.sees("✓ possible")


# -- growing ----------------------------------------------------------------------------------------


async def test_starting_asks_and_the_default_is_no() -> None:
    fleet = growable()
    async with planned(fleet) as program:
        await program.sees("✓ possible")
        await program.press("enter")
        await program.sees("A disk cannot be made")
        await program.press("enter")
        await program.no_longer_sees("A disk cannot be made")
        assert not has_grown(fleet)


async def test_each_step_is_seen_as_it_is_done() -> None:
    fleet = growable(StepByStep("h1"))
    assert isinstance(fleet, StepByStep)
    async with planned(fleet) as program:
        await start(program)
        await program.sees("⇄ doing       extend the logical volume")
        await program.press("r")
        await program.sees("it is under way")
        fleet.may_go_on.release()
        await program.sees("✓ done        extend the logical volume")
        await program.sees("⇄ doing       tell the guest")
        assert "the logical volume has 405 GiB now" in program.text()
        fleet.may_go_on.release()
        fleet.may_go_on.release()
        await program.sees("✓ vda of web-01 has 25.0 GiB now.")
        assert (
            "done: extend the logical volume, tell the guest; left to do: inside the guest" in program.text()
        )
        await program.press("s")
        await program.sees("it is done")


async def test_a_failure_says_what_is_done_and_what_is_left() -> None:
    fleet = growable()
    assert isinstance(fleet.growth, GrowPlan)
    fleet.growing = growing(fleet.growth, fails="blockresize: the monitor does not answer; try it once more")
    async with planned(fleet) as program:
        await start(program)
        await program.sees("not done to the end: blockresize: the monitor does not answer; try it once more")
        assert "✘ failed      tell the guest" in program.text()
        assert (
            "done: extend the logical volume; left to do: tell the guest, inside the guest" in program.text()
        )
        await program.press("s")
        await program.sees("it has been tried: r makes a new plan")
        await program.press("r")
        await program.sees("✓ possible")


async def test_a_link_that_breaks_in_the_middle_says_so() -> None:
    fleet = growable(StepByStep("h1"))
    assert isinstance(fleet, StepByStep)
    fleet.breaks = LinkError("keepalive lost", host="h1", hint="see what is done when it is back")
    async with planned(fleet) as program:
        await start(program)
        await program.sees("⇄ doing")
        fleet.may_go_on.release()
        await program.sees("not done to the end: h1: keepalive lost")
        assert "see what is done when it is back" in program.text()
        assert "done: nothing; left to do: extend the logical volume" in program.text()


async def test_leaving_the_screen_lets_it_go_on_and_its_end_is_told() -> None:
    fleet = growable(StepByStep("h1"))
    assert isinstance(fleet, StepByStep)
    async with planned(fleet) as program:
        await start(program)
        await program.sees("⇄ doing")
        await program.press("escape")
        await program.sees("GUESTS  1")
        fleet.may_go_on.release()
        await program.press("plus")
        await program.sees("⇄ doing       tell the guest")
        await program.press("escape")
        fleet.may_go_on.release()
        fleet.may_go_on.release()
        await program.sees("vda of web-01 has 25.0 GiB now")
        await program.sees("GUESTS  1")


async def test_leaving_the_program_in_the_middle_asks() -> None:
    fleet = growable(StepByStep("h1"))
    assert isinstance(fleet, StepByStep)
    async with planned(fleet) as program:
        await start(program)
        await program.sees("⇄ doing")
        await program.press("q")
        await program.sees("a disk is growing")
        assert "vda of web-01: the step under way comes to its" in program.text()
        await program.press("enter")
        await program.no_longer_sees("a disk is growing")
        await program.press("q")
        await program.sees("a disk is growing")
        await program.press("y")
        await program.until(lambda: program.app._exit)


# -- when it cannot be ------------------------------------------------------------------------------


async def test_growing_says_why_it_cannot_be_done() -> None:
    async with program_on(growable(), settings=Settings(read_only=True)) as program:
        await program.sees("web-01")
        await program.press("plus")
        await program.sees("this session is read-only")
        await program.press("d")
        await program.sees("guest disk")
        await program.press("plus")
        await program.sees("this session is read-only")
    fleet = growable()
    fleet.up("h1", replace(WEB, disks=()))
    async with program_on(fleet) as program:
        await program.sees("web-01")
        await program.press("plus")
        await program.sees("web-01 has no disk that can grow")
        fleet.link("h1", Link.DOWN, "no route to host")
        await program.sees("1 down")
        await program.press("plus")
        await program.sees("h1 does not answer (no route to host)")


async def test_a_guest_that_was_paused_for_want_of_room_says_what_to_do() -> None:
    fleet = growable()
    stuck = replace(
        WEB, state=GuestState.PAUSED, reason="I/O error; no space left for vda", full_disks=("vda",)
    )
    fleet.up("h1", stuck)
    async with program_on(fleet) as program:
        await program.sees("‖ no space")
        await program.sees("→     grow the storage of vda, or make room on it, then resume (u)")
        await program.press("enter")
        await program.sees("<domain")
        assert "no space left for vda" in program.text()
        assert "then resume (u)" in program.text()


# -- on any terminal --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_small_and_large_terminals_show_plan_and_end(size: tuple[int, int]) -> None:
    async with planned(growable(), size=size) as program:
        await program.sees("✓ possible   enter starts it, y copies the commands")
        await start(program)
        await program.sees("✓ vda of web-01 has 25.0 GiB now.")


async def test_a_plain_terminal_shows_it_in_ascii() -> None:
    async with planned(growable(), size=(80, 24), settings=Settings(theme="ansi", glyphs=ASCII)) as program:
        await program.sees("400 GiB -> 405 GiB")
        assert program.text().isascii(), program.text()


async def test_when_nothing_changes_nothing_is_sent() -> None:
    fleet = growable()
    app = FerryApp(Session(fleet, Bridge(fleet), Settings()), QuestionDesk())
    async with on_a_wire(app, (100, 30)) as (pilot, wire):
        await pilot.press("plus")
        await pilot.pause(0.2)
        await pilot.press(*"25G", "enter")
        await pilot.pause(0.5)
        wire.take()
        await pilot.pause(1.5)
        assert wire.take() == b""
