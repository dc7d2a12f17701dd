"""Who can take whose guests."""

from __future__ import annotations

from collections.abc import Sequence

from backends.fleet.supervisor import Supervisor
from backends.model.comparison import Comparison
from backends.model.fleet import FleetState


async def compare_hosts(hosts: Sequence[Supervisor], state: FleetState) -> Comparison:
    """Each host with each other. One that does not answer is left out, with the reason."""
    raise NotImplementedError(len(hosts), len(state.hosts))
