"""Do hosts see one storage? Tried, not believed."""

from __future__ import annotations

from collections.abc import Sequence

from backends.fleet.supervisor import Supervisor
from backends.model.fleet import FleetState
from backends.model.storage import SharingProof


async def prove(subject: str, hosts: Sequence[Supervisor], state: FleetState) -> SharingProof:
    """Raises ActionError when nothing of that name is there."""
    raise NotImplementedError(subject, len(hosts), len(state.hosts))
