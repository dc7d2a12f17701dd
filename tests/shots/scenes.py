"""What is shown, in the order in which it happens on the lab's hosts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from backends.api import Fleet
from backends.lab.lab import Lab
from backends.model.fleet import FleetState
from backends.model.host import Link
from backends.model.move import Move
from tests.shots.crash_scenes import crash_scenes
from tests.shots.stage import LARGE, MOVE_DEADLINE_S, MOVER, SMALL, USUAL, Stage, select
from tests.tui.programs import Program, program_on
from tests.watching import link_is, until
from tui.glyphs import ASCII
from tui.settings import Settings

BANDWIDTH_MIB_S = 15
"""A little more than it writes, so that the transfer takes a while and converges in the end."""
SAMPLES_FOR_SHAPE = 8
"""Of a host's load, so that its sparkline is full."""
MOVE_S = 8.0
"""How long a transfer runs before its picture is taken."""
PASSES = 2
SILENCE_S = 5.0
"""How long a host has been silent when its picture is taken."""


async def all_scenes(lab: Lab, fleet: Fleet, tell: Callable[[str], None]) -> None:
    """The lab is populated and its hosts are up."""
    await until(fleet, _loads_have_shape, 60)
    async with program_on(fleet, size=USUAL) as program:
        stage = Stage(lab, fleet, program, tell)
        await program.sees(MOVER)
        for scene in (_guests, _capabilities, _storage, _move, _unfinished, _stale, crash_scenes):
            await scene(stage)
    for name, size, settings in (
        ("guests-ascii", SMALL, Settings(theme="ansi", glyphs=ASCII)),
        ("guests-light", USUAL, Settings(theme="ferry-light")),
        ("guests-high-contrast", USUAL, Settings(theme="high-contrast")),
    ):
        async with program_on(fleet, size=size, settings=settings) as program:
            await program.sees(MOVER)
            await Stage(lab, fleet, program, tell).shoot(name, size)


def _loads_have_shape(state: FleetState) -> bool:
    loads = [view.load for view in state.hosts.values()]
    return all(load is not None and len(load.cpu_history) >= SAMPLES_FOR_SHAPE for load in loads)


async def _guests(stage: Stage) -> None:
    """Mode 1 in three sizes, its help, and a guest's own page."""
    for name, size in (("guests-80x24", SMALL), ("guests-200x50", LARGE), ("guests", USUAL)):
        await stage.shoot(name, size)
    await stage.program.press("question_mark")
    await stage.program.sees("help: guests")
    await stage.shoot("help")
    await stage.program.press("escape")
    await select(stage.program, MOVER)
    await stage.program.press("enter")
    await stage.program.sees("<domain")
    await stage.shoot("guest")
    await stage.program.press("escape")


async def _move(stage: Stage) -> None:
    """The plan, the move while it runs, and how it ended."""
    program = stage.program
    await program.press("m")
    await program.sees("CHECKS")
    await program.press("b", *str(BANDWIDTH_MIB_S), "enter")
    await program.until(lambda: _preflight_done(program), "checks are answered")
    await stage.shoot("plan-80x24", SMALL)
    await stage.shoot("plan")
    await program.press("s")
    await program.until(lambda: bool(stage.fleet.state.moves) or "accept" in program.text(), "a start")
    if not stage.fleet.state.moves:
        await program.press("y")
    await until(stage.fleet, lambda state: any(map(_has_shape, state.moves.values())), MOVE_DEADLINE_S)
    for name, size in (("move-80x24", SMALL), ("move-200x50", LARGE), ("move", USUAL)):
        await stage.shoot(name, size)
    await program.press("escape")
    await program.sees("GUESTS")
    await stage.shoot("guests-moving")
    await program.press("5")
    await stage.shoot("moves")
    await program.press("enter")
    await until(
        stage.fleet, lambda state: all(move.outcome for move in state.moves.values()), MOVE_DEADLINE_S
    )
    await stage.shoot("outcome-80x24", SMALL)
    await stage.shoot("outcome")
    await program.press("escape", "H")
    await program.sees("PAST MOVES  1")
    for name, size in (("history-80x24", SMALL), ("history", USUAL)):
        await stage.shoot(name, size)
    await program.press("A")
    await program.sees("WHO DID WHAT")
    await stage.shoot("audit")
    await program.press("escape", "escape")
    await program.sees("MIGRATIONS")


async def _unfinished(stage: Stage) -> None:
    """What is left to do: the guest that was moved is still defined on its source, as if nobody had tidied up."""
    (move,) = stage.fleet.state.moves.values()
    source, destination = stage.lab.host(move.source), stage.lab.host(move.request.destination)
    xml = await asyncio.to_thread(destination.exec, "virsh", "dumpxml", "--inactive", MOVER)
    await asyncio.to_thread(source.exec, "virsh", "define", "/dev/stdin", stdin=xml.stdout)
    await until(stage.fleet, lambda state: bool(state.unfinished))
    await stage.program.sees("left to do")
    for name, size in (("unfinished-80x24", SMALL), ("unfinished", USUAL)):
        await stage.shoot(name, size)
    await stage.program.press("m")
    await stage.program.sees("remove the definition?")
    await stage.shoot("mend")
    await stage.program.press("y")
    await until(stage.fleet, lambda state: not state.unfinished)


async def _capabilities(stage: Stage) -> None:
    """What the hosts can do: the table, one host's page, who takes whose guests, the common processor, security."""
    program = stage.program
    await program.press("2")
    await until(stage.fleet, lambda state: all(view.capabilities for view in state.hosts.values()))
    await program.no_longer_sees("asking")
    for name, size in (("hosts-80x24", SMALL), ("hosts-200x50", LARGE), ("hosts", USUAL)):
        await stage.shoot(name, size)
    await program.press("enter")
    await program.sees("HARDWARE VIRTUALIZATION")
    await stage.shoot("host", USUAL)
    await program.press("s")
    await stage.shoot("host-sources-80x24", SMALL)
    await program.press("escape", "c")
    await program.sees("FROM \\ TO")
    for name, size in (("compare-80x24", SMALL), ("compare-200x50", LARGE), ("compare", USUAL)):
        await stage.shoot(name, size)
    await program.press("b")
    await program.sees("TO PASTE INTO A GUEST")
    await stage.shoot("baseline")
    await program.press("escape", "escape", "p")
    await program.sees(" SECURITY ")
    await program.sees("asked ")
    await program.no_longer_sees("asking")
    await stage.shoot("posture-80x24", SMALL)
    await program.press(
        "slash", *"host:h1 severity:high,medium", "enter"
    )  # a screen full of words makes a large file
    for name, size in (("posture-200x50", LARGE), ("posture", USUAL)):
        await stage.shoot(name, size)
    await program.press("escape", "escape", "1")
    await program.sees("GUESTS")


async def _storage(stage: Stage) -> None:
    """What storage the hosts see, proof that they share it, and a disk from the guest to the bytes, larger by a GiB."""
    program = stage.program
    await program.press("3")
    await program.no_longer_sees("Asking the hosts")
    await program.no_longer_sees("asking ...")
    for name, size in (("storage-80x24", SMALL), ("storage-200x50", LARGE), ("storage", USUAL)):
        await stage.shoot(name, size)
    await program.press("slash", *"shared:yes", "enter", "v")
    await program.sees("do these hosts see the same storage?")
    await stage.shoot("prove")
    await program.press("y")
    await program.sees("SEEN BY")
    await program.no_longer_sees("trying it ...")
    await stage.shoot("storage-page")
    await program.press("escape", "escape", "1")
    await program.sees("GUESTS")
    await select(program, MOVER)
    await program.press("d")
    await program.sees("DISKS")
    await program.no_longer_sees("reading")
    for name, size in (("disks-80x24", SMALL), ("disks", USUAL)):
        await stage.shoot(name, size)
    await program.press("plus")
    await program.sees("how large is it to be?")
    await program.press(*"+1G")
    await stage.shoot("grow")
    await program.press("enter")
    await program.sees("y copies the commands")
    for name, size in (("growth-plan-80x24", SMALL), ("growth-plan", USUAL)):
        await stage.shoot(name, size)
    await program.press("escape", "escape")
    await program.sees("GUESTS")


def _preflight_done(program: Program) -> bool:
    return "bandwidth" in program.text() and "checking" not in program.text()


def _has_shape(move: Move) -> bool:
    """Has the plot something to show?"""
    progress = move.progress
    return progress is not None and progress.elapsed_s >= MOVE_S and progress.iteration >= PASSES


async def _stale(stage: Stage) -> None:
    """One host frozen: its line among the hosts, and its guests."""
    await stage.program.press("2")
    await asyncio.to_thread(stage.lab.freeze, "h3")
    try:
        await until(stage.fleet, link_is("h3", Link.STALE, Link.DOWN))
        await asyncio.sleep(SILENCE_S)
        await stage.program.press("end")
        await stage.shoot("hosts-stale")
        await stage.program.press("1")
        await stage.shoot("guests-stale")
    finally:
        await asyncio.to_thread(stage.lab.thaw, "h3")
    await until(stage.fleet, link_is("h3", Link.UP), 60)
