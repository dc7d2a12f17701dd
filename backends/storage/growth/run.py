"""A plan to grow a disk, carried out step by step."""

from __future__ import annotations

from collections.abc import AsyncIterator

from backends.fleet.supervisor import Supervisor
from backends.model.storage import GrowPlan, GrowProgress


def grow(plan: GrowPlan, host: Supervisor) -> AsyncIterator[GrowProgress]:
    """Raises ActionError for a plan that is refused, or that no longer fits what is there."""
    raise NotImplementedError(host.name, plan.name)
