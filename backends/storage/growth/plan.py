"""How a disk would grow: each layer that needs it, before anything is done."""

from __future__ import annotations

from backends.fleet.supervisor import Supervisor
from backends.model.guest import Guest
from backends.model.storage import GrowPlan


async def plan_growth(host: Supervisor, guest: Guest, target: str, size_bytes: int) -> GrowPlan:
    """Raises FerryError where the host does not tell; what cannot be done is a plan that is refused."""
    raise NotImplementedError(host.name, guest.name, target, size_bytes)
