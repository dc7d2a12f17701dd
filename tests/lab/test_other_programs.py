"""Moves that this program has not started: another program's, a dead program's, and those of plain virsh."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from backends.api import ActionError, Fleet
from backends.lab.guest_xml import GuestSpec
from backends.lab.lab import Lab
from backends.lab.layout import Layout
from backends.model.fleet import FleetState
from backends.model.guest import GuestAction
from backends.model.host import HostName
from backends.model.move import Move, MoveRequest, Origin, Phase, Result
from tests.lab.moving import ended, hosts_of, make
from tests.watching import guest_named, until

H1, H2 = HostName("h1"), HostName("h2")
SLOW_MIB_S = 16
FOUND_WITHIN_S = 4.0
"""The promise is 2 s of an idle machine; the tests' is busy."""


@contextmanager
def other_program(layout: Layout, guest: str) -> Iterator[subprocess.Popen[str]]:
    """`virt-ferry migrate`, once memory flows. It shares the journal with this one."""
    environment = {**os.environ, "VIRT_FERRY_LAB": str(layout.root), "VIRT_FERRY_LAB_NET": layout.subnet}
    command = [sys.executable, "-m", "tui", "migrate", guest, "--to", "h2", "--lab", "--json"]
    with subprocess.Popen(
        [*command, "--bandwidth", str(SLOW_MIB_S), "--accept-doubts"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        try:
            assert process.stdout is not None
            next(line for line in process.stdout if json.loads(line)["event"] == "progress")
            yield process
        finally:
            process.kill()


def is_shown_live(state: FleetState) -> bool:
    return any(move.progress is not None and not move.phase.final for move in state.moves.values())


def only_move(state: FleetState) -> Move:
    (move,) = state.moves.values()
    return move


async def test_the_move_of_another_program_is_shown_with_its_owner_and_left_alone(
    lab: Lab, fleet: Fleet
) -> None:
    await make(lab, fleet, GuestSpec(name="theirs", dirty_mib_s=2))
    key = guest_named(fleet.state, "theirs").key
    with other_program(lab.layout, "theirs") as process:
        move = only_move(await until(fleet, is_shown_live, FOUND_WITHIN_S))
        assert move.origin is Origin.ELSEWHERE
        assert f"process {process.pid}" in move.who
        checked = await fleet.preflight(MoveRequest(key, "theirs", H2))
        assert checked.refused
        with pytest.raises(ActionError):
            await fleet.act(key, GuestAction.PAUSE)
        with pytest.raises(ActionError, match="in other hands"):
            await fleet.set_bandwidth(move.id, 1000)
        end = await ended(fleet, move.id)
        assert process.wait(20) == 0
    assert end.outcome is not None
    assert (end.outcome.result, end.outcome.where) == (Result.SUCCEEDED, H2)
    assert len(fleet.state.moves) == 1, "the job and the journal told of one move, not of two"
    assert await asyncio.to_thread(hosts_of, lab, "theirs") == {"h2": "running"}


async def test_the_move_of_a_program_that_dies_is_taken_over(lab: Lab, fleet: Fleet) -> None:
    guest = await make(lab, fleet, GuestSpec(name="heir", dirty_mib_s=2))
    with guest.watch() as ticks:
        with other_program(lab.layout, "heir") as process:
            process.kill()
            process.wait(10)
        state = await until(
            fleet, lambda s: any(m.origin is Origin.EARLIER for m in s.moves.values()), FOUND_WITHIN_S
        )
        move = only_move(state)
        await until(
            fleet, lambda s: s.moves[move.id].phase in (Phase.COPYING, Phase.CONVERGING), FOUND_WITHIN_S
        )
        await fleet.set_bandwidth(move.id, 1000)
        end = await ended(fleet, move.id)
        await asyncio.to_thread(ticks.wait_for_more)
    assert end.outcome is not None
    assert (end.outcome.result, end.outcome.where, end.outcome.left_to_do) == (Result.SUCCEEDED, H2, ())
    assert ticks.report().intact
    assert await asyncio.to_thread(hosts_of, lab, "heir") == {"h2": "running"}


async def test_a_move_by_virsh_is_shown_live_and_its_end_told(lab: Lab, fleet: Fleet) -> None:
    await make(lab, fleet, GuestSpec(name="by-virsh", dirty_mib_s=2))
    command = ["virsh", "migrate", "--live", "--p2p", "--persistent", "--bandwidth", str(SLOW_MIB_S)]
    by_hand = asyncio.create_task(
        asyncio.to_thread(lab.host("h1").exec, *command, "by-virsh", "qemu+ssh://root@h2/system")
    )
    move = only_move(await until(fleet, is_shown_live, FOUND_WITHIN_S))
    assert (move.origin, move.source, move.request.destination) == (Origin.ELSEWHERE, H1, H2)
    end = await ended(fleet, move.id)
    await by_hand
    assert end.outcome is not None
    assert (end.outcome.result, end.outcome.where) == (Result.SUCCEEDED, H2)
    found = await asyncio.to_thread(hosts_of, lab, "by-virsh")
    assert found == {"h1": "shut off", "h2": "running"}, "what virsh leaves is not ours to remove"
    state = await until(fleet, lambda state: bool(state.unfinished))
    await fleet.mend(state.unfinished[0])
    await until(fleet, lambda state: not state.unfinished)
    assert await asyncio.to_thread(hosts_of, lab, "by-virsh") == {"h2": "running"}


async def test_a_move_by_virsh_can_be_aborted_from_here(lab: Lab, fleet: Fleet) -> None:
    await make(lab, fleet, GuestSpec(name="undone", dirty_mib_s=2))
    command = ["virsh", "migrate", "--live", "--p2p", "--bandwidth", str(SLOW_MIB_S)]
    by_hand = asyncio.create_task(
        asyncio.to_thread(lab.host("h1").exec, *command, "undone", "qemu+ssh://root@h2/system", check=False)
    )
    move = only_move(await until(fleet, is_shown_live, FOUND_WITHIN_S))
    await fleet.abort_move(move.id)
    end = await ended(fleet, move.id)
    answer = await by_hand
    assert answer.returncode != 0
    assert end.outcome is not None
    assert (end.outcome.result, end.outcome.where) == (Result.CANCELLED, H1)
    assert await asyncio.to_thread(hosts_of, lab, "undone") == {"h1": "running"}
