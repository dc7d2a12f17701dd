"""One live move, from the start to the proof of where the guest is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine

import humanize

from backends.errors import ActionError, DeadlineError, FerryError
from backends.fleet.mailbox import Board
from backends.fleet.supervisor import Supervisor
from backends.hypervisor import jobs
from backends.hypervisor.connection import Connection, DomainEvent, DomainEventKind
from backends.hypervisor.jobs import JobStatistics
from backends.hypervisor.migrate import migrate_live
from backends.migration import machine, progress
from backends.migration.machine import Signal
from backends.migration.record import MoveRecord
from backends.migration.settle import Settlement
from backends.model.move import Move, Phase

SAMPLE_INTERVAL_S = 0.25
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
        if error is None:
            self._record.signal(Signal.TRANSFER_ENDED)
        else:
            self._record.signal(Signal.TRANSFER_FAILED)
            self._record.log(f"libvirt ended the transfer: {error.cause}")
        settlement = Settlement(self._record, self._source, self._destination, started_s)
        await settlement.run(error, self._completed)

    async def _transfer(self) -> FerryError | None:
        """Run libvirt's migration on connections of its own; the error is what libvirt or the link said."""
        driver = self._request.guest.driver
        try:
            session = self._source.current()
            async with (
                session.another(driver, self._heard) as control,
                session.another(driver) as worker,
            ):
                await self._prepare(control)
                self._control = control
                try:
                    await self._watch(control, worker)
                finally:
                    self._control = None
                self._completed = await jobs.read_completed(control, self._uuid) or self._completed
        except FerryError as error:
            return error
        return None

    async def _prepare(self, control: Connection) -> None:
        if self._request.max_downtime_ms is not None:
            await jobs.set_max_downtime(control, self._uuid, self._request.max_downtime_ms)
        self._downtime_limit_ms = await jobs.read_max_downtime(control, self._uuid)
        self._record.log("started, peer-to-peer: it goes on if this session ends")

    async def _watch(self, control: Connection, worker: Connection) -> None:
        """Sample the job until libvirt's call returns. Raises what that call raises."""
        assert self.move.preflight is not None
        transfer = asyncio.ensure_future(
            migrate_live(
                worker,
                self._uuid,
                self.move.preflight.peer_uri,
                bandwidth_mib_s=self._request.bandwidth_mib_s,
            )
        )
        try:
            while not (await asyncio.wait({transfer}, timeout=SAMPLE_INTERVAL_S))[0]:
                if self._record.phase is Phase.CANCELLING:
                    await jobs.abort(control, self._uuid)  # again: there may have been no job yet to abort
                await self._sample(control)
            transfer.result()
        finally:
            transfer.cancel()

    async def _sample(self, control: Connection) -> None:
        statistics = await jobs.read_statistics(control, self._uuid)
        if not statistics.running or not statistics.total:
            return
        self._record.signal(Signal.TRANSFER_BEGAN)
        before = self.move.history[-_SAMPLES_BACK:][:1]
        sample = progress.from_statistics(statistics, before, self._downtime_limit_ms)
        self._record.sample(sample)
        if sample.iteration > self._iteration and self._record.phase in (Phase.COPYING, Phase.CONVERGING):
            skipped = sample.iteration - self._iteration > 1  # short passes, between two samples
            passes = (
                f"passes {self._iteration + 1} to {sample.iteration}"
                if skipped
                else f"pass {sample.iteration}"
            )
            self._iteration = sample.iteration
            self._record.signal(Signal.PASS_REPEATED)
            again = humanize.naturalsize(sample.remaining_bytes, binary=True)
            self._record.log(f"{passes}: {again} to send again")

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
        try:
            await knob(self._control)
        except DeadlineError as error:
            raise ActionError(error.cause, host=error.host, operation=error.operation) from error
