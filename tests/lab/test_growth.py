"""Disks of running guests grow, and a guest that stood for want of room goes on, on real hosts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest

from backends.api import Fleet, open_fleet
from backends.errors import ActionError
from backends.lab.guest import Guest, define
from backends.lab.guest_xml import Disk, Format, GuestSpec
from backends.lab.lab import Lab
from backends.lab.layout import LOCAL_IMAGES_IN_HOST
from backends.lab.loop_device import LoopDevice, loop_device
from backends.lab.process import wait_until
from backends.lab.storage_node import LUN_BYTES
from backends.model.guest import GuestAction, GuestState
from backends.model.storage import GrowKind, LayerKind, StepState
from tests.lab.growing import MIB, all_of, running, size_inside
from tests.lab.test_without_permission import in_the_group
from tests.watching import guest_named, until

LOCAL = str(LOCAL_IMAGES_IN_HOST)
BLOCK = 4096


async def on(lab: Lab, *command: str) -> str:
    return (await asyncio.to_thread(lab.host("h1").exec, *command)).stdout


@pytest.mark.parametrize("image", [Format.RAW, Format.QCOW2])
async def test_the_kernel_of_a_running_guest_sees_that_its_disk_has_grown(
    lab: Lab, fleet: Fleet, image: Format
) -> None:
    made, guest = await running(lab, fleet, GuestSpec(name="web", disk_format=image, write_kib_s=64))
    assert await asyncio.to_thread(size_inside, lab, made) == 64 * MIB
    plan = await fleet.plan_growth(guest.key, "vda", 96 * MIB)
    assert [step.kind for step in plan.steps] == [GrowKind.RESIZE_GUEST_DISK, GrowKind.INSIDE_GUEST]
    assert not plan.refused
    last = (await all_of(fleet, plan))[-1]
    assert (last.finished, last.succeeded) == (True, True)
    assert last.states == (StepState.DONE, StepState.LEFT)
    assert await asyncio.to_thread(size_inside, lab, made) == 96 * MIB
    chain = await fleet.chain(guest.key, "vda")
    by_kind = {link.kind: link for link in chain.links}
    assert by_kind[LayerKind.GUEST_DISK].size_bytes == by_kind[LayerKind.IMAGE].size_bytes == 96 * MIB
    assert image.value in by_kind[LayerKind.IMAGE].detail
    assert "glusterfs" in by_kind[LayerKind.FILE_SYSTEM].detail
    assert "already" in (await fleet.plan_growth(guest.key, "vda", 96 * MIB)).refused


async def test_the_command_that_a_plan_shows_does_the_same(lab: Lab, fleet: Fleet) -> None:
    made, guest = await running(lab, fleet, GuestSpec(name="web"))
    plan = await fleet.plan_growth(guest.key, "vda", 80 * MIB)
    words = plan.steps[0].command.split()
    await on(lab, "virsh", *words[words.index("blockresize") :])
    assert await asyncio.to_thread(size_inside, lab, made) == 80 * MIB
    with pytest.raises(ActionError, match=r"no longer fits.*already"):
        await all_of(fleet, plan)


@pytest.mark.parametrize("image", [Format.RAW, Format.QCOW2])
async def test_the_image_of_a_guest_that_is_off_grows_and_the_guest_finds_it_so(
    lab: Lab, fleet: Fleet, image: Format
) -> None:
    spec = GuestSpec(name="web", disk_format=image)
    made = await asyncio.to_thread(define, spec, lab.host("h1"), start=False)
    guest = guest_named(await until(fleet, lambda state: any(g.disks for g in state.guests())), "web")
    plan = await fleet.plan_growth(guest.key, "vda", 72 * MIB)
    assert [step.kind for step in plan.steps] == [GrowKind.RESIZE_IMAGE, GrowKind.INSIDE_GUEST]
    assert any("is off" in doubt for doubt in plan.doubts)
    assert (await all_of(fleet, plan))[-1].succeeded
    await fleet.act(guest.key, GuestAction.START)
    await asyncio.to_thread(made.wait_ready)
    assert await asyncio.to_thread(size_inside, lab, made) == 72 * MIB


@pytest.fixture
def lun(lab: Lab) -> Iterator[int]:
    """One that has its usual size again afterwards."""
    yield 1
    lab.storage.resize_lun(1, LUN_BYTES)


async def test_a_guest_on_a_lun_sees_more_once_the_storage_gives_more_and_not_before(
    lab: Lab, fleet: Fleet, lun: int
) -> None:
    made, guest = await running(lab, fleet, GuestSpec(name="web", disk=Disk.ISCSI, lun=lun))
    plan = await fleet.plan_growth(guest.key, "vda", 2 * LUN_BYTES)
    assert [(step.kind, step.ours) for step in plan.steps] == [
        (GrowKind.GROW_LUN, False),
        (GrowKind.RESIZE_GUEST_DISK, True),
        (GrowKind.INSIDE_GUEST, False),
    ]
    too_soon = (await all_of(fleet, plan))[-1]
    assert too_soon.states == (StepState.LEFT, StepState.FAILED, StepState.LEFT)
    assert "has to have 256.0 MiB more" in too_soon.words
    assert await asyncio.to_thread(size_inside, lab, made) == LUN_BYTES
    await asyncio.to_thread(lab.storage.resize_lun, lun, 2 * LUN_BYTES)
    last = (await all_of(fleet, plan))[-1]
    assert last.states == (StepState.DONE, StepState.DONE, StepState.LEFT)
    assert await asyncio.to_thread(size_inside, lab, made) == 2 * LUN_BYTES
    await fleet.act(guest.key, GuestAction.FORCE_OFF)


@pytest.fixture
def device(lab: Lab) -> Iterator[LoopDevice]:
    """One of 64 MiB."""
    with loop_device(lab.host("h1"), "disk", 64) as made:
        yield made
        lab.clear()


async def test_a_guest_on_a_whole_device_sees_more_once_that_has_more(
    lab: Lab, fleet: Fleet, device: LoopDevice
) -> None:
    spec = GuestSpec(name="web", disk=Disk.DEVICE, device=device.path)
    made, guest = await running(lab, fleet, spec)
    refused = await fleet.plan_growth(guest.key, "vda", 100 * MIB)
    assert device.path in refused.refused
    assert "losetup" in refused.hint
    await asyncio.to_thread(device.enlarge, 128)
    plan = await fleet.plan_growth(guest.key, "vda", 100 * MIB)
    assert (plan.before_bytes, plan.after_bytes) == (64 * MIB, 128 * MIB)
    assert any("whole device" in doubt for doubt in plan.doubts)
    assert (await all_of(fleet, plan))[-1].succeeded
    assert await asyncio.to_thread(size_inside, lab, made) == 128 * MIB


async def test_who_may_use_libvirt_and_not_the_images_lets_libvirt_grow_them(lab: Lab) -> None:
    host = lab.host("h1")
    await asyncio.to_thread(define, GuestSpec(name="web", disk=Disk.LOCAL), host, start=False)
    await on(lab, "chmod", "644", f"{LOCAL}/web.img")
    await on(lab, "virsh", "pool-refresh", "default")
    with in_the_group(lab) as spec:
        async with open_fleet([spec]) as joe:
            state = await until(joe, lambda state: any(g.disks for g in state.guests()))
            guest = guest_named(state, "web")
            plan = await joe.plan_growth(guest.key, "vda", 80 * MIB)
            assert [step.kind for step in plan.steps] == [GrowKind.RESIZE_VOLUME, GrowKind.INSIDE_GUEST]
            assert (await all_of(joe, plan))[-1].succeeded
    assert await on(lab, "stat", "-c", "%s", f"{LOCAL}/web.img") == f"{80 * MIB}\n"


async def test_snapshots_inside_keep_an_image_as_it_is(lab: Lab, fleet: Fleet) -> None:
    spec = GuestSpec(name="web", disk=Disk.LOCAL, disk_format=Format.QCOW2)
    await asyncio.to_thread(define, spec, lab.host("h1"), start=False)
    state = await until(fleet, lambda state: any(g.disks for g in state.guests()))
    guest = guest_named(state, "web")
    assert not (await fleet.plan_growth(guest.key, "vda", 72 * MIB)).refused
    await on(lab, "qemu-img", "snapshot", "-c", "monday", f"{LOCAL}/web.img")
    plan = await fleet.plan_growth(guest.key, "vda", 72 * MIB)
    assert "monday" in plan.refused
    with pytest.raises(ActionError, match="monday"):
        await all_of(fleet, plan)


async def test_an_image_that_others_are_made_on_is_left_alone_and_they_are_named(
    lab: Lab, fleet: Fleet
) -> None:
    host = lab.host("h1")
    await asyncio.to_thread(define, GuestSpec(name="base", disk=Disk.LOCAL), host, start=False)
    top = GuestSpec(name="top", disk=Disk.LOCAL, disk_format=Format.QCOW2)
    await asyncio.to_thread(define, top, host, start=False)
    over = ("-f", "qcow2", "-b", f"{LOCAL}/base.img", "-F", "raw", f"{LOCAL}/top.img")
    await on(lab, "qemu-img", "create", "-q", *over)
    await on(lab, "virsh", "start", "top")
    await until(
        fleet, lambda state: any(g.name == "top" and g.disks and g.disks[0].layers for g in state.guests())
    )
    base = await fleet.plan_growth(guest_named(fleet.state, "base").key, "vda", 96 * MIB)
    assert "top" in base.refused
    chain = await fleet.chain(guest_named(fleet.state, "top").key, "vda")
    assert [link.label for link in chain.links if link.kind is LayerKind.BACKING] == [f"{LOCAL}/base.img"]
    above = await fleet.plan_growth(guest_named(fleet.state, "top").key, "vda", 96 * MIB)
    assert (await all_of(fleet, above))[-1].succeeded


async def test_a_full_image_that_cannot_have_its_room_is_refused_and_a_sparse_one_is_a_doubt(
    lab: Lab, fleet: Fleet
) -> None:
    await asyncio.to_thread(lab.host("h1").faults.shrink_images, 24)
    spec = GuestSpec(name="web", disk=Disk.LOCAL, disk_mib=16, cache="writethrough")
    _, guest = await running(lab, fleet, spec)
    sparse = await fleet.plan_growth(guest.key, "vda", 64 * MIB)
    assert not sparse.refused
    assert any("sparse" in doubt and LOCAL in doubt for doubt in sparse.doubts)
    await on(lab, "fallocate", "-l", str(16 * MIB), f"{LOCAL}/web.img")
    full = await fleet.plan_growth(guest.key, "vda", 64 * MIB)
    assert "48.0 MiB more" in full.refused
    fits = await fleet.plan_growth(guest.key, "vda", 20 * MIB)
    assert not fits.refused


async def test_a_guest_that_stood_for_want_of_room_goes_on_and_has_lost_nothing(
    lab: Lab, fleet: Fleet
) -> None:
    faults = lab.host("h1").faults
    await asyncio.to_thread(faults.shrink_images, 16)
    spec = GuestSpec(name="web", disk=Disk.LOCAL, disk_mib=48, cache="writethrough", write_kib_s=8192)
    made, guest = await running(lab, fleet, spec)
    state = await until(fleet, lambda state: bool(guest_named(state, "web").full_disks), 60)
    stopped = guest_named(state, "web")
    assert (stopped.state, stopped.full_disks) == (GuestState.PAUSED, ("vda",))
    plan = await fleet.plan_growth(guest.key, "vda", 96 * MIB)
    assert any("sparse" in doubt for doubt in plan.doubts)
    await asyncio.to_thread(faults.enlarge_images, 192)
    grown = await fleet.plan_growth(guest.key, "vda", 96 * MIB)
    assert not grown.doubts
    assert (await all_of(fleet, grown))[-1].succeeded
    await fleet.act(guest.key, GuestAction.RESUME)
    state = await until(fleet, lambda state: guest_named(state, "web").state is GuestState.RUNNING)
    assert not guest_named(state, "web").full_disks
    assert await asyncio.to_thread(size_inside, lab, made) == 96 * MIB
    written = await asyncio.to_thread(stop_writing, lab, made)
    found = await on(lab, "grep", "-abo", "LABSEQ [0-9]*", f"{LOCAL}/web.img")
    assert blocks_in(found) == blocks_of(written, 48 * MIB // BLOCK)
    assert "disk write" not in made.console.read_text(errors="replace")


def stop_writing(lab: Lab, guest: Guest) -> int:
    """Once it is past what made it stand; how many blocks it has written by then."""
    host = lab.host("h1")

    def sequence(command: str) -> int:
        found = re.search(r"seq=(\d+)", guest.type(host, command))
        assert found
        return int(found[1])

    wait_until(lambda: sequence("status") > 16 * MIB // BLOCK, timeout_s=60, what="the guest to write on")
    sequence("diskw 0")
    wait_until(lambda: sequence("status") == sequence("status"), timeout_s=20, what="the guest to end")
    return sequence("status")


def blocks_in(found: str) -> dict[int, int]:
    """Number of the block -> what stands in it; but for the first, which is written now and then."""
    pairs = re.findall(r"^(\d+):LABSEQ (\d+)$", found, re.MULTILINE)
    return {int(offset) // BLOCK: int(number) for offset, number in pairs if int(offset) >= BLOCK}


def blocks_of(written: int, blocks: int) -> dict[int, int]:
    """What guest_init.c has written where, round and round."""
    return {1 + number % (blocks - 1): number for number in range(1, written + 1)}
