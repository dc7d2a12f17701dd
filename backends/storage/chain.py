"""From a guest's disk down to the bytes."""

from __future__ import annotations

from backends.fleet.supervisor import Supervisor
from backends.model.guest import Guest
from backends.model.storage import Chain


async def read_chain(host: Supervisor, guest: Guest, target: str) -> Chain:
    """Raises FerryError."""
    raise NotImplementedError(host.name, guest.name, target)
