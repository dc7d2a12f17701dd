"""One live move, from the start to the proof of where the guest is."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import humanize

from backends.errors import ActionError, DeadlineError, FerryError, LinkError
from backends.fleet.mailbox import Board
from backends.fleet.supervisor import Supervisor
from backends.hypervisor import jobs
from backends.hypervisor.connection import Connection
from backends.hypervisor.events import DomainEvent, DomainEventKind
from backends.hypervisor.jobs import JobStatistics
from backends.hypervisor.migrate import migrate_live
from backends.migration import machine, progress
from backends.migration.machine import Signal
from backends.migration.record import MoveRecord
from backends.migration.settle import RECONCILE_DEADLINE_S, Settlement
from backends.model.move import Move, MoveProgress, Phase

SAMPLE_INTERVAL_S = 0.25
REATTACH_INTERVAL_S = 0.5
CLOSING_WORD_S = 1.0
"""After a failed call, libvirt's own word that the connection is gone may come this much later."""
_SAMPLES_BACK = 5
"""Rates are taken over about so many samples: one alone is too jumpy to read."""


class LiveMove:
    """Runs as a task of the engine's. Commands come from other tasks on the same event loop."""

    def __init__(self, move: Move, board: Board, *, source: Supervisor, destination: Supervisor) -> None:
        self._record = MoveRecord(move, board)
        self._request = move.request
        self._uuid = move.request.guest.uuid
        self._source = source
        self._destination = destination
        self._control: Connection | None = None
        self._downtime_limit_ms: int | None = None
        self._completed: JobStatistics | None = None
        self._iteration = 1

    @property
    def move(self) -> Move:
        """The newest picture."""
        return self._record.move

    async def run(self) -> None:
        """Transfer, then find out where the guest is. Never raises FerryError: the outcome says it all."""
        started_s = time.monotonic()
        self._record.signal(Signal.STARTED)
        error = await self._transfer()
        if isinstance(error, LinkError):
            self._record.signal(Signal.LINK_LOST)
            self._record.log(
                f"the link to {self._source.name} is lost: {error.cause}; the move goes on without us"
            )
            await self._reattach()
        elif error is not None:
            self._record.signal(Signal.TRANSFER_FAILED)
            self._record.log(f"libvirt ended the transfer: {error.cause}")
        self._record.signal(Signal.TRANSFER_ENDED)
        settlement = Settlement(self._record, self._source, self._destination, started_s)
        await settlement.run(error, self._completed)

    async def _transfer(self) -> FerryError | None:
        """Run libvirt's migration on connections of its own.

        A LinkError stands for a lost link to the source, whatever libvirt called it; another error is libvirt's word
        about the transfer.
        """
        driver = self._request.guest.driver
        try:
            session = self._source.current()
            async with (
                session.another(driver, self._heard) as control,
                session.another(driver) as worker,
            ):
                try:
                    await self._prepare(control)
                    await self._migrate(control, worker)
                    await self._read_completed(control)
                except FerryError as error:
                    return await _as_lost_link(error, worker)
        except FerryError as error:
            return ActionError(error.cause, host=error.host, operation=error.operation)
        return None

    async def _prepare(self, control: Connection) -> None:
        if self._request.max_downtime_ms is not None:
            await jobs.set_max_downtime(control, self._uuid, self._request.max_downtime_ms)
        self._downtime_limit_ms = await jobs.read_max_downtime(control, self._uuid)
        self._record.log("started, peer-to-peer: it goes on if this session ends")

    async def _migrate(self, control: Connection, worker: Connection) -> None:
        """Sample the job until libvirt's call returns. Raises what that call raises, and nothing else."""
        assert self.move.preflight is not None
        async with _alongside(self._watch(control)):
            await migrate_live(
                worker,
                self._uuid,
                self.move.preflight.peer_uri,
                bandwidth_mib_s=self._request.bandwidth_mib_s,
            )

    async def _watch(self, control: Connection) -> None:
        """Until cancelled. That figures are missing ends no transfer."""
        self._control = control
        try:
            while True:
                await asyncio.sleep(SAMPLE_INTERVAL_S)
                try:
                    await self._look(control)
                except FerryError:
                    continue
        finally:
            self._control = None

    async def _look(self, control: Connection) -> bool:
        """One sample; False when no job runs. An abort that came before there was a job is asked for again."""
        if self._record.phase is Phase.CANCELLING:
            await jobs.abort(control, self._uuid)
        statistics = await jobs.read_statistics(control, self._uuid)
        if statistics.running and statistics.total:
            self._record.signal(Signal.TRANSFER_BEGAN)
            before = self.move.history[-_SAMPLES_BACK:][:1]
            self._take(progress.from_statistics(statistics, before, self._downtime_limit_ms))
        return statistics.running

    def _take(self, sample: MoveProgress) -> None:
        self._record.sample(sample)
        if sample.iteration <= self._iteration or self._record.phase not in (Phase.COPYING, Phase.CONVERGING):
            return
        skipped = sample.iteration - self._iteration > 1  # short passes, between two samples
        passes = (
            f"passes {self._iteration + 1} to {sample.iteration}" if skipped else f"pass {sample.iteration}"
        )
        self._iteration = sample.iteration
        self._record.signal(Signal.PASS_REPEATED)
        again = humanize.naturalsize(sample.remaining_bytes, binary=True)
        self._record.log(f"{passes}: {again} to send again")

    async def _reattach(self) -> None:
        """The link was lost and the job is the hosts' own: watch it again as soon as the source answers."""
        clock = asyncio.get_running_loop().time
        heard_s = clock()
        while clock() - heard_s < RECONCILE_DEADLINE_S:
            await asyncio.sleep(REATTACH_INTERVAL_S)
            try:
                async with self._source.current().another(self._request.guest.driver, self._heard) as control:
                    self._control = control
                    while await self._look(control):
                        if self._record.phase is Phase.RECONCILING:
                            self._record.signal(Signal.LINK_HEALED)
                            self._record.log(
                                f"{self._source.name} answers again, and the transfer still runs"
                            )
                        heard_s = clock()
                        await asyncio.sleep(SAMPLE_INTERVAL_S)
                    await self._read_completed(control)
                    return
            except FerryError:
                continue
            finally:
                self._control = None

    async def _read_completed(self, control: Connection) -> None:
        """Figures that are nice to have: without them a move that is done is done all the same."""
        with contextlib.suppress(FerryError):
            self._completed = await jobs.read_completed(control, self._uuid) or self._completed

    def _heard(self, event: DomainEvent) -> None:
        if event.uuid != self._uuid:
            return
        if event.kind is DomainEventKind.JOB_COMPLETED:
            self._completed = jobs.from_fields(event.statistics)
        elif event.switching and self._record.phase is not Phase.CANCELLING:
            self._record.signal(Signal.GUEST_STOPPED)
            self._record.log("the guest is stopped for the switch")

    async def abort(self) -> None:
        """Raises ActionError when it is too late."""
        if not machine.can_abort(self._record.phase):
            raise ActionError(
                f"too late: the move is {self._record.phase.value}",
                operation="abort",
                hint="wait for its outcome",
            )
        self._record.signal(Signal.ABORT_ASKED)
        self._record.log(
            f"abort asked for: the guest stays on {self.move.source} if the transfer has not won the race"
        )
        if self._control is not None:
            with contextlib.suppress(
                LinkError, DeadlineError
            ):  # it is asked for again until the transfer has ended
                await jobs.abort(self._control, self._uuid)

    async def set_bandwidth(self, mib_s: int) -> None:
        """Limit the transfer from now on. Raises FerryError."""
        await self._turn(lambda control: jobs.set_bandwidth(control, self._uuid, mib_s))
        self._record.log(f"bandwidth limited to {mib_s} MiB/s")

    async def set_max_downtime(self, milliseconds: int) -> None:
        """Set the downtime limit from now on. Raises FerryError."""
        await self._turn(lambda control: jobs.set_max_downtime(control, self._uuid, milliseconds))
        self._downtime_limit_ms = milliseconds
        self._record.log(f"downtime limit set to {milliseconds} ms")

    async def _turn(self, knob: Callable[[Connection], Coroutine[None, None, None]]) -> None:
        if self._control is None:
            raise ActionError("no transfer runs now", operation="move")
        await knob(self._control)


@asynccontextmanager
async def _alongside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Do this while the block lasts. (A TaskGroup would wrap the block's own errors.)"""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _as_lost_link(error: FerryError, worker: Connection) -> FerryError:
    """Tell libvirt's word about the transfer from the end of our own connection: both come as errors of the same call.

    libvirt also reports a broken link between the two hosts; then our connection is alive.
    """
    if not isinstance(error, (LinkError, DeadlineError)):
        return error
    try:
        async with asyncio.timeout(CLOSING_WORD_S):
            await worker.closed.wait()
    except TimeoutError:
        return ActionError(error.cause, host=error.host, operation=error.operation)
    return LinkError(worker.close_reason, host=error.host, operation=error.operation)
