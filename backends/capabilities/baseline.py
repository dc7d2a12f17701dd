"""The processor that all of a set of hosts can give."""

from __future__ import annotations

from collections.abc import Sequence

from backends.fleet.supervisor import Supervisor
from backends.model.comparison import Baseline
from backends.model.fleet import FleetState


async def find_baseline(hosts: Sequence[Supervisor], state: FleetState) -> Baseline:
    """Raises ActionError when the hosts that answer have nothing in common."""
    raise NotImplementedError(len(hosts), len(state.hosts))
