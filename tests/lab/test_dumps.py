"""Dumps of running guests on a real host: recognised by file(1) and readelf(1), refused, broken off, brought here."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from backends.api import Fleet, open_fleet
from backends.errors import ActionError
from backends.lab.guest_xml import Disk, GuestSpec
from backends.lab.lab import Lab
from backends.lab.layout import LOCAL_IMAGES_IN_HOST
from backends.model.crash_setting import CrashWish, OnCrash
from backends.model.dump import DumpFormat, DumpPhase, DumpPlan, DumpProgress, DumpWish, WhileDumping
from backends.model.guest import Guest
from tests.lab.test_without_permission import in_the_group
from tests.watching import guest_named, until

MIB = 2**20
SPEC = GuestSpec(name="web", disk=Disk.NONE, memory_mib=320)
FOLDER = str(LOCAL_IMAGES_IN_HOST)


async def running(lab: Lab, fleet: Fleet, *, booted: bool = True) -> Guest:
    await asyncio.to_thread(lab.guest, SPEC, wait=booted)
    state = await until(fleet, lambda state: any(g.name == SPEC.name for g in state.guests()))
    return guest_named(state, SPEC.name)


async def on(lab: Lab, *command: str) -> str:
    return (await asyncio.to_thread(lab.host("h1").exec, *command)).stdout.strip()


async def plan_of(fleet: Fleet, guest: Guest, **wish: Any) -> DumpPlan:
    return await fleet.plan_dump(DumpWish(guest.key, **{"folder": FOLDER} | wish))


async def all_of(fleet: Fleet, plan: DumpPlan) -> list[DumpProgress]:
    return [progress async for progress in fleet.dump(plan)]


async def files(lab: Lab) -> str:
    return await on(lab, "find", FOLDER, "-name", "web-*")


async def runs(lab: Lab) -> bool:
    return (await on(lab, "virsh", "domstate", "web")) == "running"


async def test_a_running_guest_is_dumped_as_what_tools_read(lab: Lab, fleet: Fleet) -> None:
    guest = await running(lab, fleet)
    plan = await plan_of(fleet, guest)
    told = await all_of(fleet, plan)
    assert await runs(lab)
    figures = [each.done_bytes for each in told if each.phase is DumpPhase.DUMPING and each.total_bytes]
    assert len(figures) >= 2
    assert figures == sorted(figures)
    assert plan.needed_bytes >= told[-1].done_bytes >= SPEC.memory_mib * MIB
    assert "ELF 64-bit core of x86-64" in told[-1].words
    assert "ELF 64-bit LSB core file, x86-64" in await on(lab, "file", "-b", plan.path)
    header = await on(lab, "readelf", "-h", plan.path)
    assert "CORE (Core file)" in header
    assert "X86-64" in header

    zlib = await plan_of(fleet, guest, format=DumpFormat.KDUMP_ZLIB)
    told = await all_of(fleet, zlib)
    assert len([each for each in told if each.phase is DumpPhase.DUMPING and each.total_bytes]) >= 3
    assert "kdump-compressed" in told[-1].words
    assert "kdump compressed dump" in await on(lab, "file", "-b", zlib.path)
    assert told[-1].done_bytes < zlib.needed_bytes / 2

    with pytest.raises(ActionError, match="kdump-lzo"):  # what the distribution's QEMU was built without
        await all_of(fleet, await plan_of(fleet, guest, format=DumpFormat.KDUMP_LZO))
    assert await runs(lab)


async def test_a_dump_without_room_is_refused_before_the_guest_stands_still(lab: Lab, fleet: Fleet) -> None:
    guest = await running(lab, fleet, booted=False)
    faults = lab.host("h1").faults
    await asyncio.to_thread(faults.shrink_images, 300)
    since = await on(lab, "virsh", "domstate", "--reason", "web")
    plan = await plan_of(fleet, guest)
    assert "no room" in plan.refusal
    assert plan.free_bytes == 300 * MIB
    with pytest.raises(ActionError, match="no room"):
        await all_of(fleet, plan)
    assert not await files(lab)
    assert await on(lab, "virsh", "domstate", "--reason", "web") == since

    # what was planned with room enough, and filled up since
    await asyncio.to_thread(faults.enlarge_images, 2048)
    later = await plan_of(fleet, guest)
    assert not later.refusal
    await asyncio.to_thread(faults.enlarge_images, 100)
    with pytest.raises(ActionError, match="no room"):
        await all_of(fleet, later)
    assert not await files(lab)


async def test_a_dump_that_is_closed_leaves_no_file_and_a_guest_that_runs(lab: Lab, fleet: Fleet) -> None:
    guest = await running(lab, fleet)
    for memory_only, form in ((True, DumpFormat.KDUMP_ZLIB), (False, DumpFormat.RAW)):
        plan = await plan_of(fleet, guest, memory_only=memory_only, format=form)
        async with aclosing(fleet.dump(plan)) as steps:
            async for progress in steps:
                assert progress.phase is DumpPhase.DUMPING
                if progress.total_bytes:
                    break
        assert not await files(lab)
        assert await runs(lab)


async def test_a_dump_is_brought_here_byte_for_byte(lab: Lab, fleet: Fleet, tmp_path: Path) -> None:
    guest = await running(lab, fleet)
    plan = await plan_of(fleet, guest, bring_to=str(tmp_path), then=WhileDumping.LIVE, memory_only=False)
    sums: list[str] = []
    phases = set()
    async for progress in fleet.dump(plan):
        if progress.phase is DumpPhase.BRINGING and not sums:
            sums.append((await on(lab, "sha256sum", plan.path)).split()[0])
        phases.add(progress.phase)
    assert phases == set(DumpPhase)
    assert sums == [hashlib.sha256(Path(plan.local_path).read_bytes()).hexdigest()]  # noqa: ASYNC240 - a test may wait
    assert not await files(lab)
    assert await runs(lab)


async def test_what_happens_at_a_crash_is_changed_for_the_guest_that_runs(lab: Lab, fleet: Fleet) -> None:
    guest = await running(lab, fleet, booted=False)
    setting = await fleet.crash_setting(guest.key)
    assert (setting.on_crash, setting.panic_devices) == ("destroy", ("isa",))
    before = await on(lab, "virsh", "dumpxml", "--inactive", "--security-info", "web")
    done = await fleet.change_crash_setting(
        guest.key, CrashWish(on_crash=OnCrash.COREDUMP_DESTROY, panic_device=False)
    )
    assert "on_crash is coredump-destroy, from now on" in done
    assert "from the next start" in done
    for which in ((), ("--inactive",)):
        assert "<on_crash>coredump-destroy<" in await on(lab, "virsh", "dumpxml", *which, "web")
    assert "<panic" in await on(lab, "virsh", "dumpxml", "web")
    assert "<panic" not in await on(lab, "virsh", "dumpxml", "--inactive", "web")
    await fleet.change_crash_setting(guest.key, CrashWish(on_crash=OnCrash.DESTROY, panic_device=True))
    assert await on(lab, "virsh", "dumpxml", "--inactive", "--security-info", "web") == before


async def test_who_may_use_libvirt_and_is_not_root_dumps_and_cannot_have_it(lab: Lab, tmp_path: Path) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="web", disk=Disk.NONE), wait=False)
    with in_the_group(lab) as spec:
        async with open_fleet([spec]) as joe:
            state = await until(joe, lambda state: any(state.guests()))
            guest = guest_named(state, "web")
            assert "root" in (await plan_of(joe, guest, bring_to=str(tmp_path))).refusal
            plan = await plan_of(joe, guest)
            assert any("root's alone" in finding.evidence for finding in plan.findings)
            told = await all_of(joe, plan)
    assert "this account cannot" in told[-1].words
    assert "ELF" in await on(lab, "file", "-b", plan.path)
