"""What tests of moves between real hosts do again and again."""

from __future__ import annotations

import asyncio

from backends.api import Fleet
from backends.lab.guest import Guest
from backends.lab.guest_xml import GuestSpec
from backends.lab.lab import Lab
from backends.model.fleet import FleetState
from backends.model.move import Move, MoveId
from tests.watching import until


async def make(lab: Lab, fleet: Fleet, spec: GuestSpec) -> Guest:
    """A guest on h1 that runs and that the fleet knows."""
    guest = await asyncio.to_thread(lab.guest, spec)
    await until(fleet, lambda state: any(g.name == spec.name for g in state.guests()))
    return guest


async def ended(fleet: Fleet, move: MoveId, timeout_s: float = 90) -> Move:
    """The move with its outcome."""
    state = await until(fleet, lambda state: state.moves[move].phase.final, timeout_s)
    return state.moves[move]


async def under_way(fleet: Fleet, move: MoveId) -> Move:
    """The move once memory flows."""

    def flows(state: FleetState) -> bool:
        progress = state.moves[move].progress
        return progress is not None and progress.processed_bytes > 0

    return (await until(fleet, flows)).moves[move]


def hosts_of(lab: Lab, name: str) -> dict[str, str]:
    """Which hosts know the guest, and its state there, as virsh says: the engine is not asked."""
    found = {}
    for host in ("h1", "h2", "h3"):
        answer = lab.host(host).exec("virsh", "domstate", name, check=False)
        if answer.returncode == 0:
            found[host] = answer.stdout.strip()
    return found
