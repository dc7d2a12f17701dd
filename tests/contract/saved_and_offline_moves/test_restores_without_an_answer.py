"""Restores of which no answer comes: the guest never runs twice, nor from a memory older than its disks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backends.api import Fleet, LinkError
from backends.hypervisor import lifecycle, saving
from backends.hypervisor.connection import Connection
from backends.hypervisor.whereabouts import Whereabouts, whereabouts
from backends.migration.ending.verdict import STARTING_UP
from backends.migration.transfer import way_back
from backends.model.guest import GuestAction, GuestState
from backends.model.move import Result
from tests.contract.saved_and_offline_moves.on_two_hosts import (
    HERE,
    NAME,
    THERE,
    ended,
    places,
    start,
    states_in,
    words,
)
from tests.watching import guest_named, until


async def test_a_restore_that_still_reads_is_waited_for_and_is_no_arrival(
    fleet: Fleet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a paused guest, whose restore fails after all: its memory is in the source's file alone."""
    real, asked = saving.restore, 0

    async def breaks(connection: Connection, path: str, *, paused: bool) -> None:
        if connection.host == THERE:
            raise LinkError("the connection broke", host=connection.host)
        await real(connection, path, paused=paused)

    async def reads_then_fails(connection: Connection, uuid: str) -> Whereabouts:
        nonlocal asked
        seen = await whereabouts(connection, uuid)
        if connection.host == HERE:
            return seen
        asked += 1
        if asked < 3:
            return replace(seen, state=GuestState.PAUSED, reason=STARTING_UP)
        return replace(seen, state=GuestState.OFF, reason="")

    await fleet.act(guest_named(fleet.state, NAME).key, GuestAction.PAUSE)
    await until(fleet, lambda state: guest_named(state, NAME).state is GuestState.PAUSED)
    monkeypatch.setattr(saving, "restore", breaks)
    monkeypatch.setattr(way_back, "whereabouts", reads_then_fails)
    monkeypatch.setattr(way_back, "FENCE_S", 0.1)
    move = await ended(fleet, await start(fleet))
    assert move.outcome is not None and asked == 3
    assert (move.outcome.result, move.outcome.where) == (Result.FAILED, HERE)
    assert "has it all the same" not in words(move)
    assert await places(fleet) == {HERE: GuestState.PAUSED}
    assert states_in(folder) == []


async def test_a_restore_whose_answer_is_lost_is_found_out(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = saving.restore

    async def mute(connection: Connection, path: str, *, paused: bool) -> None:
        await real(connection, path, paused=paused)
        raise LinkError("the connection broke", host=connection.host)

    monkeypatch.setattr(saving, "restore", mute)
    move = await ended(fleet, await start(fleet))
    assert move.outcome is not None and move.outcome.result is Result.SUCCEEDED
    assert "test-2 has it all the same" in words(move)
    assert await places(fleet) == {THERE: GuestState.RUNNING}


async def test_a_restore_that_never_reached_the_destination_is_taken_back(
    fleet: Fleet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = saving.restore

    async def unheard(connection: Connection, path: str, *, paused: bool) -> None:
        if connection.host == THERE:
            raise LinkError("the connection broke", host=connection.host)
        await real(connection, path, paused=paused)

    monkeypatch.setattr(saving, "restore", unheard)
    move = await ended(fleet, await start(fleet))
    assert move.outcome is not None
    assert (move.outcome.result, move.outcome.where) == (Result.FAILED, HERE)
    assert await places(fleet) == {HERE: GuestState.RUNNING}
    assert states_in(folder) == []


async def test_a_guest_that_ran_on_the_destination_is_never_put_back_to_an_older_state(
    fleet: Fleet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its disks have gone on: with its memory of before they would be ruined."""
    real = saving.restore

    async def run_and_end(connection: Connection, path: str, *, paused: bool) -> None:
        await real(connection, path, paused=paused)
        await lifecycle.act(connection, key.uuid, GuestAction.FORCE_OFF)
        raise LinkError("the connection broke", host=connection.host)

    key = guest_named(fleet.state, NAME).key
    monkeypatch.setattr(saving, "restore", run_and_end)
    move = await ended(fleet, await start(fleet))
    assert move.outcome is not None and move.outcome.result is not Result.SUCCEEDED
    assert "may have run" in words(move)
    assert not any(guest.state.active for guest in fleet.state.guests() if guest.name == NAME)
    assert states_in(folder) == [f"virt-ferry-{move.id}.save"]


async def test_a_guest_that_the_destination_may_run_is_not_restored_on_the_source(
    fleet: Fleet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    async def unreachable(connection: Connection, path: str, *, paused: bool) -> None:
        raise LinkError("the connection broke", host=connection.host)

    async def silent_there(connection: Connection, uuid: str) -> Whereabouts:
        if connection.host == THERE:
            raise LinkError("no route", host=THERE)
        return await whereabouts(connection, uuid)

    monkeypatch.setattr(saving, "restore", unreachable)
    monkeypatch.setattr(way_back, "whereabouts", silent_there)
    monkeypatch.setattr(way_back, "WAIT_DEADLINE_S", 1.0)
    monkeypatch.setattr(way_back, "FENCE_S", 0.1)
    move = await ended(fleet, await start(fleet))
    assert move.outcome is not None and move.outcome.result is not Result.SUCCEEDED
    assert guest_named(fleet.state, NAME).state is GuestState.OFF
    kept = states_in(folder)
    assert kept == [f"virt-ferry-{move.id}.save"]
    assert any(kept[0] in left for left in move.outcome.left_to_do)
