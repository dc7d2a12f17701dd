"""Images of copied disks on real hosts: what a move has made goes with it or stays with the guest, and nothing else."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from backends.api import Fleet
from backends.lab.guest_xml import Disk, GuestSpec
from backends.lab.lab import Lab
from backends.model.guest import GuestState
from backends.model.host import HostName
from backends.model.move import Move, MoveRequest, Outcome, Preflight, Result
from tests.lab.moving import ended, hosts_of, make, under_way
from tests.watching import guest_named, until

H1, H2 = HostName("h1"), HostName("h2")
IMAGES = "/var/lib/libvirt/images"
SLOW_MIB_S = 8
"""So that there is time to do something while it copies."""


async def plan(fleet: Fleet, name: str, **wishes: object) -> Preflight:
    guest = guest_named(fleet.state, name)
    request = MoveRequest(guest.key, guest.name, H2, copy_disks=True)
    checked = await fleet.preflight(replace(request, **wishes))  # type: ignore[arg-type]
    assert [copy.exists for copy in checked.copies] == [False]
    return checked


async def on_h2(lab: Lab, *argv: str) -> str:
    return (await asyncio.to_thread(lab.host("h2").exec, *argv)).stdout


async def images(lab: Lab) -> list[str]:
    return sorted((await on_h2(lab, "ls", "-A", IMAGES)).splitlines())


def outcome_of(move: Move) -> Outcome:
    assert move.outcome is not None
    return move.outcome


async def test_after_a_move_exactly_the_image_is_there(lab: Lab, fleet: Fleet) -> None:
    guest = await make(lab, fleet, GuestSpec(name="settled", disk=Disk.LOCAL, write_kib_s=512))
    with guest.watch() as ticks:
        move = await ended(fleet, fleet.start_move(await plan(fleet, "settled"), accept_doubts=True))
        await asyncio.to_thread(ticks.wait_for_more)
    outcome = outcome_of(move)
    assert (outcome.result, outcome.where, outcome.state) == (Result.SUCCEEDED, H2, GuestState.RUNNING)
    assert (move.traces, outcome.left_to_do) == ((), ())
    assert await images(lab) == ["settled.img"]
    assert (await on_h2(lab, "stat", "-c", "%h", f"{IMAGES}/settled.img")).strip() == "1"


async def test_after_an_abort_neither_the_image_nor_its_mark_is_left(lab: Lab, fleet: Fleet) -> None:
    await make(lab, fleet, GuestSpec(name="undone", disk=Disk.LOCAL, disk_mib=256))
    checked = await plan(fleet, "undone", bandwidth_mib_s=SLOW_MIB_S)
    move_id = fleet.start_move(checked, accept_doubts=True)
    await under_way(fleet, move_id)
    assert len(await images(lab)) == len(("image", "mark"))
    await fleet.abort_move(move_id)
    move = await ended(fleet, move_id)
    outcome = outcome_of(move)
    assert (outcome.result, outcome.where) == (Result.CANCELLED, H1)
    assert (move.traces, outcome.left_to_do) == ((), ())
    assert await images(lab) == []


async def test_an_image_that_has_appeared_since_the_plan_is_left_alone(lab: Lab, fleet: Fleet) -> None:
    await make(lab, fleet, GuestSpec(name="taken", disk=Disk.LOCAL))
    checked = await plan(fleet, "taken")
    path = f"{IMAGES}/taken.img"
    await on_h2(lab, "qemu-img", "create", "-q", "-f", "qcow2", path, "1M")
    before = await on_h2(lab, "sha256sum", path)
    move = await ended(fleet, fleet.start_move(checked, accept_doubts=True))
    outcome = outcome_of(move)
    assert (outcome.result, outcome.where, outcome.state) == (Result.FAILED, H1, GuestState.RUNNING)
    assert "has appeared since the plan was made: it is left alone" in outcome.reason
    assert (move.traces, outcome.left_to_do) == ((), ())
    assert await on_h2(lab, "sha256sum", path) == before
    assert await images(lab) == ["taken.img"]
    await on_h2(lab, "rm", path)


async def test_a_file_system_that_is_mounted_over_the_folder_meanwhile_keeps_its_files(
    lab: Lab, fleet: Fleet
) -> None:
    """As when an admin mends what the checks have said: with that, the path is the source's own disk."""
    await make(lab, fleet, GuestSpec(name="covered", disk=Disk.LOCAL, disk_mib=256))
    h2, path = lab.host("h2"), f"{IMAGES}/covered.img"
    move_id = fleet.start_move(await plan(fleet, "covered", bandwidth_mib_s=SLOW_MIB_S), accept_doubts=True)
    await under_way(fleet, move_id)
    await asyncio.to_thread(h2.faults.shrink_images, 8)
    try:
        await on_h2(lab, "truncate", "-s", "1M", path)
        await fleet.abort_move(move_id)
        outcome = outcome_of(move := await ended(fleet, move_id))
        assert (outcome.result, outcome.where) == (Result.CANCELLED, H1)
        assert await images(lab) == ["covered.img"]
        assert [words for words in outcome.left_to_do if path in words and "no proof" in words]
        assert not any("rm " in words or "-delete" in words for words in outcome.left_to_do)
        assert [trace.path for trace in move.traces] == [path]
    finally:
        await asyncio.to_thread(h2.faults.grow_images)
    await until(fleet, lambda state: any(one.path == path and one.mend for one in state.unfinished))
    (left,) = (one for one in fleet.state.unfinished if one.path == path)
    await fleet.mend(left)
    assert await images(lab) == []
    assert await asyncio.to_thread(hosts_of, lab, "covered") == {"h1": "running"}
