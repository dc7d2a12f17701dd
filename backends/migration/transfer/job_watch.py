"""What the source tells of the job that carries a guest over: samples for the policy, phases, and that it is broken."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager

from backends.errors import ActionError, FerryError
from backends.fleet.supervisor import Supervisor
from backends.hypervisor import jobs
from backends.hypervisor.connection import Connection
from backends.hypervisor.events import DomainEvent, DomainEventKind
from backends.hypervisor.jobs import JobStatistics
from backends.hypervisor.whereabouts import whereabouts
from backends.migration.convergence.policy import Decision
from backends.migration.ending.verdict import MIGRATED, POSTCOPY, POSTCOPY_FAILED
from backends.migration.machine import Signal
from backends.migration.record import MoveRecord
from backends.migration.transfer.steering import Steering
from backends.model.move import MoveMode, Origin, Phase, TraceKind

SAMPLE_INTERVAL_S = 0.25
REOPEN_FIRST_S, REOPEN_MOST_S = 0.3, 20.0
"""Between two attempts to open a connection anew: a call that never returns holds a thread here and there."""
REATTACH_DEADLINE_S = 180.0
"""How long a source may be silent before the settlement has to go without its word about the job."""
BROKEN_LASTS_S = 5.0
"""libvirt's own call has so long to return by itself, with its own words."""
LONG_SWITCH_S = 10.0
"""Ten times what users bear, and far more than any network needs for the last pages."""


class JobWatch:
    """Of one transfer. Its connection is opened anew where a call on it never returned."""

    def __init__(
        self,
        record: MoveRecord,
        source: Supervisor,
        destination: str,
        apply: Callable[[Decision], Awaitable[None]],
    ) -> None:
        self.steering = Steering(record, apply)
        self.completed: JobStatistics | None = None
        """The figures of the whole, once libvirt has told them."""
        self.broken = asyncio.Event()
        """Post-copy broke off, whatever libvirt's call does."""
        self.postcopy_asked = False
        self._record = record
        self._key = record.move.request.guest
        self._source = source
        self._destination = destination
        self._control: Connection | None = None
        self._broken_s: float | None = None
        self._switch_s: float | None = None
        """When the guest was stopped to switch over, until that was told to take long."""
        self._answered_s = 0.0
        """When the source last told of the job (the loop's clock)."""

    # -- following ---------------------------------------------------------------------------------

    async def follow(self, control: Connection) -> None:
        """Until cancelled. Missing figures end no transfer, and neither does a call that never returns."""
        with self._over(control):
            await self._sample(control, ends=False)
        delay_s = REOPEN_FIRST_S
        while True:
            before_s = self._answered_s
            await self._sample_anew(ends=False)
            delay_s = REOPEN_FIRST_S if self._answered_s > before_s else min(REOPEN_MOST_S, delay_s * 2)
            await asyncio.sleep(delay_s)

    async def to_the_end(self) -> None:
        """Of a job that runs without our call: as soon as the source answers, and as long as the job runs."""
        self._answered_s = _now_s()
        while _now_s() - self._answered_s < REATTACH_DEADLINE_S:
            if await self._sample_anew(ends=True):
                return
            await asyncio.sleep(REOPEN_FIRST_S)

    async def _sample_anew(self, *, ends: bool) -> bool:
        """Over a new connection, while that is of use; True when the job has ended."""
        with contextlib.suppress(FerryError):
            session = self._source.current()
            async with session.another(self._key.driver, self.heard) as control:
                with self._over(control):
                    return await self._sample(control, ends=ends)
        return False

    @contextmanager
    def _over(self, control: Connection) -> Iterator[None]:
        """Knobs are turned over the connection that is sampled over."""
        self._control = control
        try:
            yield
        finally:
            self._control = None

    async def _sample(self, control: Connection, *, ends: bool) -> bool:
        """While the connection is of use. `ends`: return True when no job runs any more, or post-copy is broken."""
        if self.steering.downtime_limit_ms is None:
            with contextlib.suppress(FerryError):
                self.steering.downtime_limit_ms = await jobs.read_max_downtime(control, self._key.uuid)
        while control.usable:
            self._tell_long_switch()
            try:
                is_running = await self._look(control)
                await self._look_for_a_break(control)
            except FerryError:
                is_running = True  # nothing is known
            if ends and (self.broken.is_set() or not is_running):
                await self.read_completed(control)
                return True
            await asyncio.sleep(SAMPLE_INTERVAL_S)
        return False

    async def _look(self, control: Connection) -> bool:
        """One sample; False when no job runs. An abort that came before there was a job is asked for again."""
        statistics = await jobs.read_statistics(control, self._key.uuid)
        self._answered_s = _now_s()
        if not statistics.running:
            return False
        if not statistics.runs(jobs.MIGRATION_OUT):
            return True  # somebody else's: waited for, and left alone
        if self._record.phase is Phase.CANCELLING:
            await jobs.abort(control, self._key.uuid, jobs.MIGRATION_OUT)
        if self._record.phase is Phase.RECONCILING:
            await self._say_healed(control)
        if self.postcopy_asked and self._record.phase is not Phase.POSTCOPY:
            await self._notice_postcopy(control)  # its event may be lost
        if statistics.total:
            self._record.signal(Signal.TRANSFER_BEGAN)
            await self.steering.take(statistics)
        return True

    async def read_completed(self, control: Connection) -> None:
        """Figures that are nice to have: without them a move that is done is done all the same."""
        with contextlib.suppress(FerryError):
            self.completed = await jobs.read_completed(control, self._key.uuid) or self.completed

    # -- phases ------------------------------------------------------------------------------------

    def heard(self, event: DomainEvent) -> None:
        """An event of the source."""
        if event.uuid != self._key.uuid:
            return
        if event.kind is DomainEventKind.JOB_COMPLETED:
            self.completed = jobs.from_fields(event.statistics)
        elif event.postcopy:
            self._say_postcopy()
        elif event.switching and self._is_the_switch():
            self._record.signal(Signal.GUEST_STOPPED)
            self._record.log("the guest is stopped for the switch")
            self._switch_s = _now_s()

    def _is_the_switch(self) -> bool:
        """libvirt calls every stop during a migration so, ours and that of a paused mode included."""
        is_paused = self._record.move.request.mode is not MoveMode.LIVE or self._record.traces(
            TraceKind.PAUSE
        )
        return not is_paused and self._record.phase not in (Phase.CANCELLING, Phase.SWITCHING)

    def _tell_long_switch(self) -> None:
        """A connection that is lost in this very moment can leave both QEMUs waiting for each other (QEMU 10)."""
        if self._record.phase is not Phase.SWITCHING or self._switch_s is None:
            return
        if _now_s() - self._switch_s > LONG_SWITCH_S:
            self._switch_s = None
            self._record.log(
                f"the switch takes more than {LONG_SWITCH_S:g} s: if it never ends, an abort gives the guest back to"
                f" {self._source.name}"
            )

    def _say_postcopy(self) -> None:
        if self._record.phase is not Phase.POSTCOPY:
            self._record.signal(Signal.POSTCOPY_BEGAN)
            self._record.log(
                f"post-copy: the guest runs on {self._destination} and fetches the rest of its memory; no way back"
            )

    async def _notice_postcopy(self, control: Connection) -> bool:
        seen = await whereabouts(control, self._key.uuid)
        if seen.reason == POSTCOPY:
            self._say_postcopy()
        return seen.reason == POSTCOPY

    async def _say_healed(self, control: Connection) -> None:
        if await self._notice_postcopy(control):
            return
        self._record.signal(Signal.LINK_HEALED)
        word = "the transfer still runs" if self._record.move.origin is Origin.HERE else "the transfer runs"
        self._record.log(f"{self._source.name} answers, and {word}")

    async def _look_for_a_break(self, control: Connection) -> None:
        """libvirt's call may never return when a half of post-copy is gone: then the source says so, and lastingly."""
        if self._record.phase not in (Phase.POSTCOPY, Phase.RECONCILING):
            return
        seen = await whereabouts(control, self._key.uuid)
        is_whole = seen.state.active and seen.reason != POSTCOPY_FAILED
        if is_whole or seen.reason == MIGRATED:
            self._broken_s = None
        elif self._broken_s is None:
            self._broken_s = _now_s()
        elif _now_s() - self._broken_s > BROKEN_LASTS_S:
            self.broken.set()

    # -- knobs -------------------------------------------------------------------------------------

    async def turn(self, knob: Callable[[Connection], Coroutine[None, None, None]]) -> None:
        """On the connection of now. Raises FerryError."""
        if self._control is None:
            raise ActionError("no transfer runs now", operation="move")
        await knob(self._control)

    async def abort(self) -> None:
        """Ask for the end of our own job; where that cannot be told now, it is asked for with the next sample."""
        if self._control is None:
            return
        with contextlib.suppress(FerryError):
            await jobs.abort(self._control, self._key.uuid, jobs.MIGRATION_OUT)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
