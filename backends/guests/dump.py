"""Takes a dump of a guest: thought through first, then carried out with progress."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from backends.errors import ActionError
from backends.fleet.supervisor import Supervisor
from backends.model.dump import DumpPlan, DumpProgress, DumpWish
from backends.model.guest import Guest


async def plan_dump(supervisor: Supervisor, guest: Guest, wish: DumpWish) -> DumpPlan:
    """Nothing is done. Raises FerryError."""
    raise ActionError("not built yet", host=supervisor.name)


async def take_dump(plan: DumpPlan, supervisor: Supervisor) -> AsyncGenerator[DumpProgress, None]:
    """Raises FerryError."""
    raise ActionError("not built yet", host=supervisor.name)
    yield
