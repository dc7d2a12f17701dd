"""A dump while it is taken, what happens when a guest crashes, and real crashes: in the list, opened, their logs."""

from __future__ import annotations

import asyncio

from backends.api import Fleet
from backends.lab.guest import Guest
from backends.lab.guest_xml import Disk, GuestSpec
from backends.lab.layout import LOCAL_IMAGES_IN_HOST
from backends.model.crash import CrashKind, CrashRecord
from backends.model.fleet import FleetState
from tests.shots.stage import LARGE, MOVE_DEADLINE_S, MOVER, SMALL, USUAL, Stage, select
from tests.watching import until

DUMPED = GuestSpec(name="cache-9", disk=Disk.NONE, memory_mib=1536, dirty_mib_s=4)
"""Large enough that its dump takes a while."""
FULL = GuestSpec(name="mail-1", disk=Disk.LOCAL, write_kib_s=512)
IMAGELESS = GuestSpec(name="wiki", disk=Disk.LOCAL)
PANICS, KILLED = "batch-3", "web-02"
IMAGES_MIB = 32
SLOW_MIB_S = 8
"""So that a transfer is under way for long enough to be broken."""
CRASH_DEADLINE_S = 60.0


async def crash_scenes(stage: Stage) -> None:
    """In this order: the dump is of a guest that has met no crash yet."""
    await stage.program.press("1")
    await stage.program.sees("GUESTS")
    await _dump(stage)
    await _setting(stage)
    await _move_that_breaks(stage)
    await _crashes(stage)


async def _dump(stage: Stage) -> None:
    """The form, the plan, the dump under way, and how it ended."""
    program = stage.program
    await asyncio.to_thread(stage.lab.guest, DUMPED)
    await program.sees(DUMPED.name)
    await select(program, DUMPED.name)
    await program.press("D")
    await program.sees(f"dump {DUMPED.name} on h1")
    await program.press("down", "right")
    await stage.shoot("dump")
    await program.press("enter")
    await program.sees("enter starts it")
    for name, size in (("dump-plan-80x24", SMALL), ("dump-plan", USUAL)):
        await stage.shoot(name, size)
    await program.press("s")
    await program.sees("% ")
    await stage.shoot("dump-progress")
    await program.sees("kdump-compressed")
    await stage.shoot("dump-done")
    await program.press("escape")
    await program.sees("GUESTS")


async def _setting(stage: Stage) -> None:
    """What is set, with a change that is not made."""
    program = stage.program
    await program.press("C")
    await program.sees("on_poweroff")
    await program.press("left")
    for name, size in (("crash-setting-80x24", SMALL), ("crash-setting", USUAL)):
        await stage.shoot(name, size)
    await program.press("escape")
    await program.no_longer_sees("on_poweroff")


async def _move_that_breaks(stage: Stage) -> None:
    """Its transfer is cut in the middle: the page links what the destination's QEMU tells."""
    program, fleet = stage.program, stage.fleet
    before = set(fleet.state.moves)
    await select(program, MOVER)
    await program.press("m")
    await program.sees("CHECKS")
    await program.press("b", *str(SLOW_MIB_S), "enter")
    await program.sees(f"{SLOW_MIB_S} MiB/s")
    await program.sees("migrate --live")  # the command: all checks are answered
    await program.press("s")
    await program.until(lambda: set(fleet.state.moves) != before or "accept" in program.text(), "a start")
    if set(fleet.state.moves) == before:
        await program.press("y")
    await until(fleet, lambda state: set(state.moves) != before)
    (move,) = set(fleet.state.moves) - before

    def flows(state: FleetState) -> bool:
        progress = state.moves[move].progress
        return progress is not None and progress.processed_bytes > 0

    state = await until(fleet, flows, MOVE_DEADLINE_S)
    await asyncio.to_thread(stage.lab.host(state.moves[move].source).faults.reset_transfers)
    await until(fleet, lambda state: state.moves[move].outcome is not None, MOVE_DEADLINE_S)
    await program.sees("crash record: incoming move failed")
    for name, size in (("move-failed-80x24", SMALL), ("move-failed", USUAL)):
        await stage.shoot(name, size)
    await program.press("escape")
    await program.sees("GUESTS")


async def _crashes(stage: Stage) -> None:
    """The time line, a record, its log, kdump, and the guests that have crashed."""
    program, h1 = stage.program, stage.lab.host("h1")
    await program.press("4")
    await program.sees("CRASHES")
    await program.no_longer_sees("looking ...")
    h1.faults.shrink_images(IMAGES_MIB)
    try:
        await _spoil(stage)
        await select(
            program, IMAGELESS.name
        )  # few words about it: a large screen full of them makes a large file
        for name, size in (("crashes-80x24", SMALL), ("crashes", USUAL), ("crashes-200x50", LARGE)):
            await stage.shoot(name, size)
        await _open_record(stage)
        await program.press("K")
        await program.sees(" KDUMP ")
        for name, size in (("kdump-80x24", SMALL), ("kdump", USUAL)):
            await stage.shoot(name, size)
        await program.press("escape", "1")
        await program.sees("GUESTS")
        await select(program, KILLED)
        for name, size in (("guests-crashed-80x24", SMALL), ("guests-crashed-200x50", LARGE)):
            await stage.shoot(name, size)
    finally:
        for guest in (FULL.name, IMAGELESS.name):
            h1.virsh(f"destroy {guest}; undefine {guest}", check=False)
        h1.faults.grow_images()


async def _spoil(stage: Stage) -> None:
    """A panic, a QEMU that is killed, a disk without room, an image that is gone."""
    lab, fleet, h1 = stage.lab, stage.fleet, stage.lab.host("h1")
    for spec in (FULL, IMAGELESS):
        await asyncio.to_thread(lab.guest, spec)
    h1.virsh(f"destroy {IMAGELESS.name}")
    h1.exec("rm", f"{LOCAL_IMAGES_IN_HOST}/{IMAGELESS.name}.img")
    await asyncio.to_thread(h1.virsh, f"start {IMAGELESS.name}", check=False)
    await _told(fleet, IMAGELESS.name, CrashKind.NOT_STARTED)
    await asyncio.to_thread(h1.faults.fill_images)
    await _told(fleet, FULL.name, CrashKind.IO_ERROR)
    await asyncio.to_thread(lab.where(KILLED).faults.kill_guest, KILLED)
    await _told(fleet, KILLED, CrashKind.ENDED)
    panicking = Guest(lab.layout, PANICS)
    await asyncio.to_thread(panicking.tell, lab.where(PANICS), "panic")
    await _told(fleet, PANICS, CrashKind.PANIC)


async def _told(fleet: Fleet, name: str, kind: CrashKind) -> None:
    """With its cause, where a rule can know it."""

    def is_told(record: CrashRecord) -> bool:
        may_be_unknown = kind is CrashKind.ENDED
        return record.name == name and record.kind is kind and (record.cause.known or may_be_unknown)

    def tells(state: FleetState) -> bool:
        return any(
            is_told(each) for view in state.hosts.values() if view.crashes for each in view.crashes.records
        )

    await until(fleet, tells, CRASH_DEADLINE_S)


async def _open_record(stage: Stage) -> None:
    """The panic: cause and evidence, and the console's log at the lines that tell."""
    program = stage.program
    await select(program, PANICS)
    await program.press("enter")
    await program.sees("EVIDENCE")
    for name, size in (("crash-80x24", SMALL), ("crash", USUAL)):
        await stage.shoot(name, size)
    await program.press("enter")
    await program.sees("Kernel panic")
    for name, size in (("log-80x24", SMALL), ("log", USUAL)):
        await stage.shoot(name, size)
    await program.press("escape", "escape")
    await program.sees("CRASHES")
