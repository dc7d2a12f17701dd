"""`Growths`: disks that grow, owned by the app: they go on when the screen that started them is left."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from textual.app import App

from backends.api import FerryError, Fleet
from backends.model.guest import GuestKey
from backends.model.storage import GrowPlan, GrowProgress, StepState
from tui.works import Works


@dataclass(frozen=True, slots=True)
class Growth:
    """One plan, and how far it has come."""

    plan: GrowPlan
    started: bool = False
    progress: GrowProgress | None = None
    error: FerryError | None = None
    """It ended by this, beyond what the steps tell."""
    over: bool = False

    @property
    def key(self) -> tuple[GuestKey, str]:
        """Which disk it is."""
        return self.plan.guest, self.plan.target

    @property
    def states(self) -> tuple[StepState, ...]:
        """One for each step, also before the first word of it."""
        return self.progress.states if self.progress else (StepState.WAITING,) * len(self.plan.steps)

    @property
    def succeeded(self) -> bool:
        """Is everything done that is ours to do?"""
        return self.error is None and self.progress is not None and self.progress.succeeded


class Growths(Works[Growth]):
    """The newest of each disk."""

    def of_guest(self, guest: GuestKey) -> list[Growth]:
        """Those of its disks that are not over."""
        return [growth for growth in self.under_way() if growth.plan.guest == guest]

    def start(self, app: App[None], fleet: Fleet, plan: GrowPlan, at_end: Callable[[Growth], None]) -> None:
        """Carry it out; returns without waiting. `at_end` hears of the end, whoever watches."""
        self.tell(Growth(plan, started=True))
        app.run_worker(self._run(fleet, plan, at_end), group="growths")

    async def _run(self, fleet: Fleet, plan: GrowPlan, at_end: Callable[[Growth], None]) -> None:
        growth = Growth(plan, started=True)
        try:
            async with aclosing(
                fleet.grow(plan)
            ) as steps:  # leaving the program stops it before the next step
                async for progress in steps:
                    growth = replace(growth, progress=progress)
                    self.tell(growth)
        except FerryError as error:
            growth = replace(growth, error=error)
        growth = replace(growth, over=True)
        self.tell(growth)
        at_end(growth)
