"""Growing what is on LVM, with real volume groups on a real host. No volume can be active there: its guest is off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from backends.api import Fleet
from backends.errors import ActionError
from backends.lab.guest import define
from backends.lab.guest_xml import Disk, GuestSpec
from backends.lab.lab import Lab
from backends.lab.volume_group import VolumeGroup, volume_group
from backends.model.guest import Guest
from backends.model.storage import GrowKind, LayerKind, StepState
from backends.probes.storage import lvm
from tests.lab.growing import MIB, all_of
from tests.watching import guest_named, until


@pytest.fixture
def group(lab: Lab) -> Iterator[VolumeGroup]:
    """One of 60 MiB, of which a volume `web` has 16."""
    with volume_group(lab.host("h1"), "vg", 61) as made:
        made.create("web", 16)
        yield made


@pytest.fixture
async def guest(lab: Lab, fleet: Fleet, group: VolumeGroup) -> AsyncIterator[Guest]:
    """One that is off, with that volume as its disk."""
    spec = GuestSpec(name="web", disk=Disk.DEVICE, device=f"/dev/{group.name}/web")
    await asyncio.to_thread(define, spec, lab.host("h1"), start=False)
    state = await until(fleet, lambda state: any(g.name == "web" and g.disks for g in state.guests()))
    yield guest_named(state, "web")


def test_what_vgs_lvs_and_pvs_really_tell_is_understood(group: VolumeGroup) -> None:
    as_json = ("--reportformat", "json", "--units", "b", "--nosuffix")
    groups = lvm.parse(group.lvm("vgs", *as_json, "-o", "vg_all"))
    assert groups is not None
    assert [(each.name, each.size_bytes, each.free_bytes) for each in groups.groups] == [
        ("vg", 60 * MIB, 44 * MIB)
    ]
    physical = lvm.parse(group.lvm("pvs", *as_json, "-o", "pv_all"))
    assert physical is not None
    assert [(each.device, each.size_bytes) for each in physical.unused] == [(group.device.path, 60 * MIB)]
    assert '"lv_name":"web"' in group.lvm("lvs", *as_json)


async def test_the_chain_leads_from_the_guest_through_lvm_to_the_device(
    fleet: Fleet, group: VolumeGroup, guest: Guest
) -> None:
    chain = await fleet.chain(guest.key, "vda")
    assert [(link.kind, link.label, link.size_bytes) for link in chain.links] == [
        (LayerKind.GUEST_DISK, "vda of web", 16 * MIB),
        (LayerKind.LOGICAL_VOLUME, "vg/web", 16 * MIB),
        (LayerKind.VOLUME_GROUP, "vg", 60 * MIB),
        (LayerKind.PHYSICAL_VOLUME, group.device.path, 60 * MIB),
        (LayerKind.DEVICE, group.device.path, 61 * MIB),
    ]
    assert not any(link.trouble for link in chain.links)


async def test_a_volume_is_really_extended_by_the_plan(
    fleet: Fleet, group: VolumeGroup, guest: Guest
) -> None:
    plan = await fleet.plan_growth(guest.key, "vda", 22 * MIB)
    assert [step.kind for step in plan.steps] == [GrowKind.EXTEND_LV, GrowKind.INSIDE_GUEST]
    assert (plan.before_bytes, plan.after_bytes) == (16 * MIB, 24 * MIB)
    assert any("extents of 4.0 MiB" in doubt for doubt in plan.doubts)
    assert f"lvextend -L {24 * MIB}b vg/web" in plan.steps[0].command
    assert (await all_of(fleet, plan))[-1].succeeded
    assert group.bytes_of("web") == 24 * MIB
    assert "already" in (await fleet.plan_growth(guest.key, "vda", 24 * MIB)).refused


async def test_a_group_without_room_is_refused_until_its_device_has_more(
    fleet: Fleet, group: VolumeGroup, guest: Guest
) -> None:
    plan = await fleet.plan_growth(guest.key, "vda", 100 * MIB)
    assert "lacks 40.0 MiB" in plan.refused
    assert "vgextend vg" in plan.hint
    group.device.enlarge(121)
    plan = await fleet.plan_growth(guest.key, "vda", 100 * MIB)
    assert [(step.kind, step.before_bytes, step.after_bytes) for step in plan.steps] == [
        (GrowKind.RESIZE_PV, 60 * MIB, 120 * MIB),
        (GrowKind.EXTEND_LV, 16 * MIB, 100 * MIB),
        (GrowKind.INSIDE_GUEST, 16 * MIB, 100 * MIB),
    ]
    assert (await all_of(fleet, plan))[-1].succeeded
    assert group.bytes_of("web") == 100 * MIB


async def test_a_plan_that_somebody_has_overtaken_is_not_carried_out(
    fleet: Fleet, group: VolumeGroup, guest: Guest
) -> None:
    plan = await fleet.plan_growth(guest.key, "vda", 24 * MIB)
    group.lvm("lvextend", "-q", "-L", "20m", "vg/web")
    with pytest.raises(ActionError, match="no longer fits"):
        await all_of(fleet, plan)
    assert group.bytes_of("web") == 20 * MIB
    again = await fleet.plan_growth(guest.key, "vda", 24 * MIB)
    assert (await all_of(fleet, again))[-1].succeeded
    assert group.bytes_of("web") == 24 * MIB


async def test_a_plan_stops_at_the_step_that_fails_and_a_new_one_does_the_rest(
    fleet: Fleet, group: VolumeGroup, guest: Guest
) -> None:
    group.device.enlarge(121)
    plan = await fleet.plan_growth(guest.key, "vda", 100 * MIB)
    told = []
    async for progress in fleet.grow(plan):
        told.append(progress)
        if progress.words.startswith("done"):
            group.create("other", 60)  # another administrator was quicker
    assert told[-1].states == (StepState.DONE, StepState.FAILED, StepState.LEFT)
    assert not told[-1].succeeded
    assert "lacks" in told[-1].words
    assert "done before: resize the physical volume" in told[-1].words
    (line,) = await fleet.audit("grow vda of web")
    assert "extend the logical volume" in line.result
    assert "lacks" in line.result
    assert group.bytes_of("web") == 16 * MIB
    group.lvm("lvremove", "-q", "-f", "vg/other")
    rest = await fleet.plan_growth(guest.key, "vda", 100 * MIB)
    assert [step.kind for step in rest.steps] == [GrowKind.EXTEND_LV, GrowKind.INSIDE_GUEST]
    assert (await all_of(fleet, rest))[-1].succeeded
    assert group.bytes_of("web") == 100 * MIB
