"""Every way of moving a real guest between real hosts, and every knob, with the guest's own word for it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from backends.api import ActionError, Fleet
from backends.lab.guest_xml import Disk, GuestSpec
from backends.lab.lab import Lab
from backends.model.guest import GuestAction, GuestState
from backends.model.host import HostName
from backends.model.move import (
    LastResort,
    Move,
    MoveId,
    MoveMode,
    MoveRequest,
    Outcome,
    Phase,
    Preflight,
    Result,
    Route,
)
from tests.lab.moving import ended, hosts_of, make, under_way
from tests.watching import guest_named, until

H1, H2 = HostName("h1"), HostName("h2")
SLOW_MIB_S = 16
"""With this limit a guest of 128 MiB needs about 7 s."""
HOT = GuestSpec(name="hot", memory_mib=192, dirty_mib_s=60, working_set_mib=64)
"""Writes faster than SLOW_MIB_S sends."""


async def plan(fleet: Fleet, name: str, **wishes: object) -> Preflight:
    guest = guest_named(fleet.state, name)
    return await fleet.preflight(replace(MoveRequest(guest.key, guest.name, H2), **wishes))  # type: ignore[arg-type]


async def moved(fleet: Fleet, preflight: Preflight) -> Move:
    return await ended(fleet, fleet.start_move(preflight, accept_doubts=True))


def outcome_of(move: Move) -> Outcome:
    assert move.outcome is not None
    return move.outcome


def log_of(move: Move) -> str:
    return " / ".join(line.text for line in move.log)


async def test_a_guest_moved_paused_runs_on_there(lab: Lab, fleet: Fleet) -> None:
    guest = await make(lab, fleet, GuestSpec(name="calm", dirty_mib_s=8))
    with guest.watch() as ticks:
        move = await moved(fleet, await plan(fleet, "calm", mode=MoveMode.PAUSED))
        await asyncio.to_thread(ticks.wait_for_more)
    outcome = outcome_of(move)
    assert (outcome.result, outcome.where, outcome.state) == (Result.SUCCEEDED, H2, GuestState.RUNNING)
    assert outcome.left_to_do == ()
    assert ticks.report().intact
    assert await asyncio.to_thread(hosts_of, lab, "calm") == {"h2": "running"}


async def test_a_guest_that_was_paused_stays_paused(lab: Lab, fleet: Fleet) -> None:
    guest = await make(lab, fleet, GuestSpec(name="still"))
    await fleet.act(guest_named(fleet.state, "still").key, GuestAction.PAUSE)
    move = await moved(fleet, await plan(fleet, "still", mode=MoveMode.PAUSED))
    outcome = outcome_of(move)
    assert (outcome.result, outcome.where, outcome.state) == (Result.SUCCEEDED, H2, GuestState.PAUSED)
    assert outcome.left_to_do == ()
    assert await asyncio.to_thread(hosts_of, lab, "still") == {"h2": "paused"}
    state = await until(fleet, lambda state: guest_named(state, "still").key.host == H2)
    with guest.watch() as ticks:
        await fleet.act(guest_named(state, "still").key, GuestAction.RESUME)
        await asyncio.to_thread(ticks.wait_for_more)


async def test_post_copy_by_hand_brings_over_a_guest_that_would_not_converge(lab: Lab, fleet: Fleet) -> None:
    guest = await make(lab, fleet, HOT)
    with guest.watch() as ticks:
        checked = await plan(fleet, "hot", postcopy=True, bandwidth_mib_s=SLOW_MIB_S)
        move_id = fleet.start_move(checked, accept_doubts=True)
        await under_way(fleet, move_id)
        await fleet.start_postcopy(move_id)
        await until(fleet, lambda state: state.moves[move_id].phase is Phase.POSTCOPY)
        with pytest.raises(ActionError, match="lose what is left of its memory"):
            await fleet.abort_move(move_id)
        await fleet.set_bandwidth(move_id, 1000)
        move = await ended(fleet, move_id)
        await asyncio.to_thread(ticks.wait_for_more)
    assert (outcome_of(move).result, outcome_of(move).where) == (Result.SUCCEEDED, H2)
    assert ticks.report().intact
    assert await asyncio.to_thread(hosts_of, lab, "hot") == {"h2": "running"}


async def test_a_knob_that_was_not_prepared_says_why(lab: Lab, fleet: Fleet) -> None:
    await make(lab, fleet, GuestSpec(name="plain"))
    move_id = fleet.start_move(await plan(fleet, "plain", bandwidth_mib_s=SLOW_MIB_S), accept_doubts=True)
    await under_way(fleet, move_id)
    with pytest.raises(ActionError, match="not prepared"):
        await fleet.start_postcopy(move_id)
    await fleet.abort_move(move_id)
    await ended(fleet, move_id)


async def test_a_guest_paused_by_hand_arrives_and_runs_on(lab: Lab, fleet: Fleet) -> None:
    guest = await make(lab, fleet, HOT)
    with guest.watch() as ticks:
        move_id = fleet.start_move(await plan(fleet, "hot", bandwidth_mib_s=SLOW_MIB_S), accept_doubts=True)
        await under_way(fleet, move_id)
        await fleet.pause_guest(move_id)
        move = await ended(fleet, move_id)
        await asyncio.to_thread(ticks.wait_for_more)
    outcome = outcome_of(move)
    assert (outcome.result, outcome.where, outcome.state) == (Result.SUCCEEDED, H2, GuestState.RUNNING)
    assert move.traces == ()
    assert ticks.report().intact


async def test_a_guest_paused_for_a_move_that_is_aborted_runs_on_where_it_was(lab: Lab, fleet: Fleet) -> None:
    guest = await make(lab, fleet, HOT)
    with guest.watch() as ticks:
        move_id = fleet.start_move(await plan(fleet, "hot", bandwidth_mib_s=8), accept_doubts=True)
        await under_way(fleet, move_id)
        await fleet.pause_guest(move_id)
        await fleet.abort_move(move_id)
        move = await ended(fleet, move_id)
        await asyncio.to_thread(ticks.wait_for_more)
    outcome = outcome_of(move)
    assert (outcome.result, outcome.where, outcome.state) == (Result.CANCELLED, H1, GuestState.RUNNING)
    assert outcome.left_to_do == () and move.traces == ()
    assert ticks.report().intact


async def test_a_move_that_this_program_drives_works_as_well(lab: Lab, fleet: Fleet) -> None:
    guest = await make(lab, fleet, GuestSpec(name="driven"))
    checked = replace(await plan(fleet, "driven"), route=Route.DIRECT, peer_uri="")
    with guest.watch() as ticks:
        move = await moved(fleet, checked)
        await asyncio.to_thread(ticks.wait_for_more)
    assert (outcome_of(move).result, outcome_of(move).where) == (Result.SUCCEEDED, H2)
    assert "driven by this program" in log_of(move)
    assert ticks.report().intact
    assert await asyncio.to_thread(hosts_of, lab, "driven") == {"h2": "running"}


async def test_a_disk_that_is_not_shared_is_copied_while_the_guest_writes(lab: Lab, fleet: Fleet) -> None:
    guest = await make(lab, fleet, GuestSpec(name="alone", disk=Disk.LOCAL, write_kib_s=512))
    checked = await plan(fleet, "alone", copy_disks=True)
    assert [copy.target for copy in checked.copies] == ["vda"]
    with guest.watch() as ticks:
        move = await moved(fleet, checked)
        await asyncio.to_thread(ticks.wait_for_more)
    assert (outcome_of(move).result, outcome_of(move).where) == (Result.SUCCEEDED, H2), log_of(move)
    assert move.traces == ()
    assert any(sample.disk_total_bytes for sample in move.history) or move.progress is None
    assert ticks.report().intact


async def test_an_aborted_copy_leaves_no_file_on_the_destination(lab: Lab, fleet: Fleet) -> None:
    await make(lab, fleet, GuestSpec(name="half", disk=Disk.LOCAL, disk_mib=256))
    checked = await plan(fleet, "half", copy_disks=True, bandwidth_mib_s=8)
    move_id = fleet.start_move(checked, accept_doubts=True)
    await under_way(fleet, move_id)
    await fleet.abort_move(move_id)
    move = await ended(fleet, move_id)
    assert outcome_of(move).result is Result.CANCELLED
    assert move.traces == () and outcome_of(move).left_to_do == ()
    left = await asyncio.to_thread(lab.host("h2").exec, "ls", "/var/lib/libvirt/images")
    assert "half" not in left.stdout


@pytest.mark.parametrize(
    ("resort", "result", "where"),
    [
        (LastResort.POSTCOPY, Result.SUCCEEDED, H2),
        (LastResort.PAUSE, Result.SUCCEEDED, H2),
        (LastResort.ABORT, Result.CANCELLED, H1),
    ],
)
async def test_a_last_resort_ends_a_move_that_does_not_converge_as_promised(
    lab: Lab, fleet: Fleet, resort: LastResort, result: Result, where: HostName
) -> None:
    guest = await make(lab, fleet, HOT)
    with guest.watch() as ticks:
        move = await moved(
            fleet,
            await plan(fleet, "hot", last_resort=resort, bandwidth_mib_s=SLOW_MIB_S, max_downtime_ms=100),
        )
        await asyncio.to_thread(ticks.wait_for_more)
    outcome = outcome_of(move)
    assert (outcome.result, outcome.where, outcome.state) == (result, where, GuestState.RUNNING), log_of(move)
    assert ticks.report().intact
    assert await asyncio.to_thread(hosts_of, lab, "hot") == {where: "running"}


@pytest.mark.parametrize("resort", [LastResort.KEEP_TRYING, LastResort.AUTO_CONVERGE])
async def test_a_move_without_a_way_out_goes_on_and_says_so(
    lab: Lab, fleet: Fleet, resort: LastResort
) -> None:
    await make(lab, fleet, HOT)
    checked = await plan(fleet, "hot", last_resort=resort, bandwidth_mib_s=SLOW_MIB_S, max_downtime_ms=100)
    move_id = fleet.start_move(checked, accept_doubts=True)

    def is_told(move: Move) -> bool:
        words = "will not converge" if resort is LastResort.KEEP_TRYING else "slow"
        return words in log_of(move)

    state = await until(fleet, lambda state: is_told(state.moves[move_id]), 60)
    assert not state.moves[move_id].phase.final
    await fleet.abort_move(MoveId(move_id))
    move = await ended(fleet, move_id)
    assert (outcome_of(move).result, outcome_of(move).where) == (Result.CANCELLED, H1)
