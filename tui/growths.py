"""`Growths`: disks that grow, owned by the app: they go on when the screen that started them is left."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from textual.app import App

from backends.api import FerryError, Fleet
from backends.model.guest import GuestKey
from backends.model.storage import GrowPlan, GrowProgress, StepState


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
    def states(self) -> tuple[StepState, ...]:
        """One for each step, also before the first word of it."""
        return self.progress.states if self.progress else (StepState.WAITING,) * len(self.plan.steps)

    @property
    def succeeded(self) -> bool:
        """Is everything done that is ours to do?"""
        return self.error is None and self.progress is not None and self.progress.succeeded


class Growths:
    """Those of this session, the newest of each disk. Belongs to the thread of the app."""

    def __init__(self) -> None:
        self._growths: dict[tuple[GuestKey, str], Growth] = {}
        self._listeners: list[Callable[[Growth], None]] = []

    def listen(self, listener: Callable[[Growth], None]) -> Callable[[], None]:
        """Hear of each step; the result ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def of(self, guest: GuestKey, target: str) -> Growth | None:
        """The newest of this disk."""
        return self._growths.get((guest, target))

    def under_way(self, guest: GuestKey | None = None) -> list[Growth]:
        """Those that are not over: of one guest, or all."""
        mine = (each for each in self._growths.values() if guest is None or each.plan.guest == guest)
        return [growth for growth in mine if not growth.over]

    def start(self, app: App[None], fleet: Fleet, plan: GrowPlan, at_end: Callable[[Growth], None]) -> None:
        """Carry it out; returns without waiting. `at_end` hears of the end, whoever watches."""
        self._tell(Growth(plan, started=True))
        app.run_worker(self._run(fleet, plan, at_end), group="growths")

    async def _run(self, fleet: Fleet, plan: GrowPlan, at_end: Callable[[Growth], None]) -> None:
        growth = Growth(plan, started=True)
        try:
            async with aclosing(
                fleet.grow(plan)
            ) as steps:  # leaving the program stops it before the next step
                async for progress in steps:
                    growth = replace(growth, progress=progress)
                    self._tell(growth)
        except FerryError as error:
            growth = replace(growth, error=error)
        growth = replace(growth, over=True)
        self._tell(growth)
        at_end(growth)

    def _tell(self, growth: Growth) -> None:
        self._growths[(growth.plan.guest, growth.plan.target)] = growth
        for listener in tuple(self._listeners):
            listener(growth)
