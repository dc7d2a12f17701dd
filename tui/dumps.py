"""`Dumps`: dumps of guests under way, owned by the app: they go on when the screen that started them is left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from textual.app import App
from textual.worker import Worker

from backends.api import FerryError, Fleet
from backends.model.dump import DumpPhase, DumpPlan, DumpProgress
from backends.model.guest import GuestKey
from tui.works import Works

STOP_S = 20.0
"""How long the program that is left waits for a dump to be broken off and what it wrote to be removed."""


@dataclass(frozen=True, slots=True)
class Dump:
    """One plan, and how far it has come."""

    plan: DumpPlan
    started: bool = False
    progress: DumpProgress | None = None
    elapsed_s: float = 0.0
    """Since its start, as of the newest word of it."""
    stopping: bool = False
    """Its end was asked for."""
    stopped: bool = False
    """It was broken off: what it had written is removed."""
    error: FerryError | None = None
    over: bool = False

    @property
    def key(self) -> GuestKey:
        """Whose memory it is."""
        return self.plan.wish.guest

    @property
    def succeeded(self) -> bool:
        """Is the dump where it is to be?"""
        is_done = self.progress is not None and self.progress.phase is DumpPhase.DONE
        return self.error is None and not self.stopped and is_done


class Dumps(Works[Dump]):
    """The newest of each guest."""

    def __init__(self) -> None:
        super().__init__()
        self._workers: dict[GuestKey, Worker[None]] = {}
        self._quiet = asyncio.Event()
        """Set while none is under way."""
        self._quiet.set()

    def start(self, app: App[None], fleet: Fleet, plan: DumpPlan, at_end: Callable[[Dump], None]) -> None:
        """Carry it out; returns without waiting. `at_end` hears of the end, whoever watches."""
        dump = Dump(plan, started=True)
        self._quiet.clear()
        self.tell(dump)
        self._workers[dump.key] = app.run_worker(self._run(fleet, dump, at_end), group="dumps")

    def stop(self, guest: GuestKey) -> None:
        """Break it off; returns without waiting. What came of it is told as its end."""
        dump, worker = self.of(guest), self._workers.get(guest)
        if dump and worker and not dump.over and not dump.stopping:
            self.tell(replace(dump, stopping=True))
            worker.cancel()

    async def stop_all(self) -> None:
        """Break all of them off, and wait until what they have written is removed."""
        for dump in self.under_way():
            self.stop(dump.key)
        try:
            async with asyncio.timeout(STOP_S):
                await self._quiet.wait()
        except TimeoutError:
            return  # a silent host keeps nobody here: what it has written by then stays on it

    async def _run(self, fleet: Fleet, dump: Dump, at_end: Callable[[Dump], None]) -> None:
        guest, begun_s = dump.key, time.monotonic()
        try:
            async with aclosing(fleet.dump(dump.plan)) as steps:
                async for progress in steps:
                    elapsed_s = time.monotonic() - begun_s
                    self.tell(replace(self._newest[guest], progress=progress, elapsed_s=elapsed_s))
            end = self._newest[guest]
        except FerryError as error:
            end = replace(self._newest[guest], error=error)
        except asyncio.CancelledError:
            if not self._newest[guest].stopping:
                raise
            end = replace(self._newest[guest], stopped=True)
        end = replace(end, over=True, elapsed_s=time.monotonic() - begun_s)
        self.tell(end)
        if not self.under_way():
            self._quiet.set()
        at_end(end)
