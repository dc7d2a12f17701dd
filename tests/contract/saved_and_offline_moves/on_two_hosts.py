"""Moves between two of libvirt's test hosts, how they can be hindered, and what is left after them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from backends.api import Fleet
from backends.migration import host_files
from backends.model.fleet import FleetState
from backends.model.guest import GuestState
from backends.model.host import HostName
from backends.model.move import Move, MoveId, MoveMode, MoveRequest
from backends.remote.local import LocalShell
from backends.remote.shell import STALL_DEADLINE_S, Stream
from tests.watching import guest_named, until

HERE, THERE = HostName("test-1"), HostName("test-2")
NAME = "web-100"


async def start(fleet: Fleet, mode: MoveMode = MoveMode.SAVED) -> MoveId:
    guest = guest_named(fleet.state, NAME)
    checked = await fleet.preflight(MoveRequest(guest.key, guest.name, THERE, mode))
    assert not checked.refused, checked.checks
    return fleet.start_move(checked, accept_doubts=True)


async def ended(fleet: Fleet, move: MoveId) -> Move:
    return (await until(fleet, lambda state: state.moves[move].phase.final, 60)).moves[move]


def at_stage(move: MoveId, stage: str) -> Callable[[FleetState], bool]:
    def holds(state: FleetState) -> bool:
        progress = state.moves[move].progress
        return progress is not None and progress.stage == stage

    return holds


async def places(fleet: Fleet) -> dict[str, GuestState]:
    """Which hosts know the guest, once the fleet has read it again after the move."""

    def agreed(state: FleetState) -> bool:
        hosts = {guest.key.host for guest in state.guests() if guest.name == NAME}
        return len(hosts) == 1

    state = await until(fleet, agreed)
    return {guest.key.host: guest.state for guest in state.guests() if guest.name == NAME}


def states_in(folder: Path) -> list[str]:
    return [file.name for file in folder.glob("*.save")]


def words(move: Move) -> str:
    return " / ".join(line.text for line in move.log)


class Hindered(LocalShell):
    """A shell of both hosts that does something else at one point."""

    def __init__(
        self,
        *,
        before_hash: Callable[[Path], object] | None = None,
        after_hash: Callable[[Path], object] | None = None,
        gate: asyncio.Event | None = None,
    ) -> None:
        super().__init__()
        self.before_hash, self.after_hash, self.gate = before_hash, after_hash, gate

    @asynccontextmanager
    async def open_process(
        self, argv: Sequence[str], *, stall_s: float = STALL_DEADLINE_S
    ) -> AsyncIterator[Stream]:
        arrived = Path(argv[-1]) if "sha256sum" in argv and argv[-1].endswith(".arrived.save") else None
        if "cat" in argv and self.gate:
            await self.gate.wait()
        if arrived and self.before_hash:
            self.before_hash(arrived)
        async with super().open_process(argv, stall_s=stall_s) as stream:
            yield stream
        if arrived and self.after_hash:
            self.after_hash(arrived)


def hinder(monkeypatch: pytest.MonkeyPatch, shell: LocalShell) -> None:
    monkeypatch.setattr(host_files, "LocalShell", lambda: shell)
