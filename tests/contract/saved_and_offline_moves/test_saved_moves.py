"""Guests that are moved through a saved state, on two of libvirt's test hosts: whole, or back where they were."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from backends.api import ActionError, Fleet
from backends.hypervisor import lifecycle, saving
from backends.migration.record import MoveRecord
from backends.migration.transfer import saved
from backends.model.guest import GuestAction, GuestState
from backends.model.move import MoveMode, MoveRequest, Result, TraceKind
from backends.service.fleet import FleetService
from tests.contract.saved_and_offline_moves.on_two_hosts import (
    HERE,
    NAME,
    THERE,
    Hindered,
    at_stage,
    ended,
    hinder,
    places,
    start,
    states_in,
    words,
)
from tests.watching import guest_named, until


async def test_a_guest_is_saved_carried_and_restored_and_nothing_is_left(fleet: Fleet, folder: Path) -> None:
    move = await ended(fleet, await start(fleet))
    outcome = move.outcome
    assert outcome is not None
    assert (outcome.result, outcome.where, outcome.state) == (Result.SUCCEEDED, THERE, GuestState.RUNNING)
    assert outcome.downtime_ms is not None and outcome.transferred_bytes
    assert await places(fleet) == {THERE: GuestState.RUNNING}
    assert guest_named(fleet.state, NAME).persistent
    assert states_in(folder) == []
    assert move.traces == () and outcome.left_to_do == ()
    stages = list(dict.fromkeys(sample.stage for sample in move.history))
    assert stages == ["saving", "carrying the state over", "restoring"]
    assert move.history[-1].fraction == 1.0


async def test_a_paused_guest_stays_paused(fleet: Fleet) -> None:
    key = guest_named(fleet.state, NAME).key
    await fleet.act(key, GuestAction.PAUSE)
    await until(fleet, lambda state: guest_named(state, NAME).state is GuestState.PAUSED)
    move = await ended(fleet, await start(fleet))
    assert move.outcome is not None and move.outcome.result is Result.SUCCEEDED
    assert await places(fleet) == {THERE: GuestState.PAUSED}


async def test_a_state_that_was_damaged_on_the_way_is_never_restored(
    fleet: Fleet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hinder(monkeypatch, Hindered(before_hash=lambda file: file.write_bytes(file.read_bytes()[::-1])))
    move = await ended(fleet, await start(fleet))
    assert move.outcome is not None and move.outcome.result is Result.FAILED
    assert "not what was carried" in move.outcome.reason
    assert await places(fleet) == {HERE: GuestState.RUNNING}
    assert states_in(folder) == []


async def test_a_destination_that_cannot_restore_it_leaves_it_to_the_source(
    fleet: Fleet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hinder(monkeypatch, Hindered(after_hash=lambda file: file.write_bytes(b"no state at all")))
    move = await ended(fleet, await start(fleet))
    assert move.outcome is not None
    assert (move.outcome.result, move.outcome.where) == (Result.FAILED, HERE)
    assert "restoring it on test-1 from its own file" in words(move)
    assert await places(fleet) == {HERE: GuestState.RUNNING}
    assert states_in(folder) == []


async def test_an_abort_while_the_state_is_carried_lets_it_go_on_where_it_was(
    fleet: Fleet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hinder(monkeypatch, Hindered(gate=asyncio.Event()))
    move_id = await start(fleet)
    await until(fleet, at_stage(move_id, "carrying the state over"))
    await until(fleet, lambda state: guest_named(state, NAME).state is GuestState.OFF)
    await fleet.abort_move(move_id)
    move = await ended(fleet, move_id)
    assert move.outcome is not None
    assert (move.outcome.result, move.outcome.where) == (Result.CANCELLED, HERE)
    assert await places(fleet) == {HERE: GuestState.RUNNING}
    assert states_in(folder) == []


async def test_a_guest_that_somebody_starts_meanwhile_is_not_started_twice(
    fleet: Fleet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = asyncio.Event()
    hinder(monkeypatch, Hindered(gate=gate))
    key = guest_named(fleet.state, NAME).key
    move_id = await start(fleet)
    await until(fleet, at_stage(move_id, "carrying the state over"))
    assert isinstance(fleet, FleetService)
    connection = fleet._supervisors[HERE].current().connection(key.driver)
    await lifecycle.act(connection, key.uuid, GuestAction.START)  # as another program would
    gate.set()
    move = await ended(fleet, move_id)
    assert move.outcome is not None
    assert (move.outcome.result, move.outcome.where) == (Result.FAILED, HERE)
    assert "somebody has started it" in words(move)
    assert await places(fleet) == {HERE: GuestState.RUNNING}


async def test_a_guest_that_ran_meanwhile_is_never_put_back_to_an_older_state(
    fleet: Fleet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started from its disks on its source, and ended again: they are newer than the memory that is carried."""
    gate = asyncio.Event()
    hinder(monkeypatch, Hindered(gate=gate))
    key = guest_named(fleet.state, NAME).key
    move_id = await start(fleet)
    await until(fleet, at_stage(move_id, "carrying the state over"))
    assert isinstance(fleet, FleetService)
    connection = fleet._supervisors[HERE].current().connection(key.driver)
    for action in (GuestAction.START, GuestAction.FORCE_OFF):
        await lifecycle.act(connection, key.uuid, action)
    gate.set()
    move = await ended(fleet, move_id)
    assert move.outcome is not None and move.outcome.result is Result.FAILED
    assert "is older than its disks, and is not restored" in words(move)
    assert not any(guest.state.active for guest in fleet.state.guests() if guest.name == NAME)
    assert states_in(folder) == [f"virt-ferry-{move.id}.save"]


@pytest.mark.parametrize(
    ("before", "since", "then"),
    [
        (GuestAction.PAUSE, GuestAction.RESUME, GuestState.RUNNING),
        (None, GuestAction.PAUSE, GuestState.PAUSED),
    ],
)
async def test_it_goes_on_as_it_was_when_the_move_began_and_not_when_it_was_planned(
    fleet: Fleet, before: GuestAction | None, since: GuestAction, then: GuestState
) -> None:
    guest = guest_named(fleet.state, NAME)
    assert isinstance(fleet, FleetService)
    connection = fleet._supervisors[HERE].current().connection(guest.key.driver)
    if before is not None:
        await lifecycle.act(connection, guest.key.uuid, before)
    checked = await fleet.preflight(MoveRequest(guest.key, guest.name, THERE, MoveMode.SAVED))
    await lifecycle.act(connection, guest.key.uuid, since)
    move = await ended(fleet, fleet.start_move(checked, accept_doubts=True))
    assert move.outcome is not None
    assert (move.outcome.result, move.outcome.state) == (Result.SUCCEEDED, then)
    assert move.preflight is not None
    assert move.preflight.was_paused is (then is GuestState.PAUSED)  # as the next program is to find it


async def test_everything_is_journalled_before_it_is_done(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was journalled is compared with what was about to be done, at each step."""
    journalled: set[tuple[TraceKind, str]] = set()
    seen: list[str] = []
    real_durable = MoveRecord.durable

    async def durable(record: MoveRecord) -> None:
        await real_durable(record)
        journalled.update((trace.kind, trace.host) for trace in record.move.traces)

    def watched(name: str, owner: object, needs: tuple[TraceKind, str]) -> None:
        real = getattr(owner, name)

        async def step(*arguments: object, **options: object) -> object:
            assert needs in journalled, name
            seen.append(name)
            return await real(*arguments, **options)

        monkeypatch.setattr(owner, name, step)

    monkeypatch.setattr(MoveRecord, "durable", durable)
    watched("save", saving, (TraceKind.STATE_FILE, HERE))
    watched("carry_file", saved, (TraceKind.STATE_FILE, THERE))
    watched("define", saving, (TraceKind.DEFINITION, THERE))
    watched("restore", saving, (TraceKind.STATE_FILE, THERE))
    await ended(fleet, await start(fleet))
    assert seen == ["save", "carry_file", "define", "restore"]


async def test_a_limit_on_the_downtime_makes_no_sense_and_is_refused(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = asyncio.Event()
    hinder(monkeypatch, Hindered(gate=gate))
    move_id = await start(fleet)
    await until(fleet, at_stage(move_id, "carrying the state over"))
    with pytest.raises(ActionError, match="downtime"):
        await fleet.set_max_downtime(move_id, 100)
    await fleet.set_bandwidth(move_id, 7)
    gate.set()
    assert "bandwidth limited to 7 MiB/s" in words(await ended(fleet, move_id))
