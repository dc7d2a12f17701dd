"""A transfer that libvirt carries out: live or paused, by the daemons or by us, with or without its disks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager

from backends.errors import AbortedError, ActionError, DeadlineError, FerryError, LinkError
from backends.fleet.supervisor import Supervisor
from backends.hypervisor import jobs, lifecycle, migrate
from backends.hypervisor.connection import Connection
from backends.hypervisor.migrate import MigrationOptions
from backends.hypervisor.whereabouts import whereabouts
from backends.migration.alongside import alongside, unless
from backends.migration.convergence import policy
from backends.migration.machine import Signal
from backends.migration.record import MoveRecord
from backends.migration.transfer import disks, last_words
from backends.migration.transfer.job_watch import JobWatch
from backends.migration.transfer.transfer import Transfer
from backends.model.guest import GuestAction, GuestState
from backends.model.move import LastResort, LogKind, MoveMode, Phase, Route, Trace, TraceKind

CLOSING_WORD_S = 1.0
"""After a failed call, libvirt's own word that the connection is gone may come this much later."""
FAREWELL_S = 2.0
"""For the last knob that is turned when this program ends and the move goes on."""


class LibvirtTransfer(Transfer):
    """libvirt's blocking call runs on one connection of the source, sampling and knobs on another."""

    def __init__(self, record: MoveRecord, source: Supervisor, destination: Supervisor) -> None:
        super().__init__(record, source, destination)
        self._usual_downtime_ms: int | None = None
        """The limit that was in force before; None where it was not touched."""
        self._watch = JobWatch(record, source, destination.name, self._apply)

    # -- the transfer ------------------------------------------------------------------------------

    async def run(self) -> FerryError | None:
        """See Transfer."""
        error = await self._carry_over()
        self.completed = self._watch.completed
        return error

    async def _carry_over(self) -> FerryError | None:
        try:
            await disks.prepare(self._record, self._destination)
            async with self._connections() as (control, worker, there):
                try:
                    await self._begin(control)
                    await self._migrate(control, worker, there)
                    await self._watch.read_completed(control)
                except FerryError as error:
                    await self._put_limit_back(control)
                    return await self._explained(await _as_lost_link(error, worker))
        except AbortedError as error:
            return error
        except FerryError as error:
            return ActionError(error.cause, host=error.host, operation=error.operation, hint=error.hint)
        return None

    @asynccontextmanager
    async def _connections(self) -> AsyncIterator[tuple[Connection, Connection, Connection | None]]:
        """Of the move's own: control and worker on the source; where we drive it, one on the destination."""
        driver = self._request.guest.driver
        session = self._source.current()
        async with AsyncExitStack() as stack:
            control = await stack.enter_async_context(session.another(driver, self._watch.heard))
            worker = await stack.enter_async_context(session.another(driver))
            there = None
            if self._record.move.route is Route.DIRECT:
                destination = self._destination.current()
                there = await stack.enter_async_context(destination.another(driver))
            yield control, worker, there

    async def _begin(self, control: Connection) -> None:
        """Last questions, and what has to be set before the start. Raises FerryError."""
        job = await jobs.read_statistics(control, self._uuid)
        if job.running:
            self.untouched = True
            raise ActionError(
                f"another job runs on it: {job.operation}", host=self._source.name, operation="migrate"
            )
        seen = await whereabouts(control, self._uuid)
        self._record.was_paused(seen.state is GuestState.PAUSED)
        await self._record.durable()
        self._must_go_on()
        if self._request.mode is MoveMode.LIVE:
            await self._limit_downtime(control, min(policy.FIRST_DOWNTIME_MS, self._request.max_downtime_ms))
        if self._record.move.route is Route.PEER_TO_PEER:
            self._record.log("started, peer-to-peer: it goes on if this session ends")
        else:
            self._record.log("started, driven by this program: it must stay until the move has ended")

    def _must_go_on(self) -> None:
        if self._record.move.cancelled:
            raise AbortedError("stopped before it began", host=self._source.name, operation="migrate")

    async def _limit_downtime(self, control: Connection, milliseconds: int) -> None:
        """A hypervisor without such a limit has its own; the figure is then not shown."""
        with contextlib.suppress(ActionError):
            self._usual_downtime_ms = await jobs.read_max_downtime(control, self._uuid)
            await jobs.set_max_downtime(control, self._uuid, milliseconds)
            self._watch.steering.downtime_limit_ms = milliseconds

    async def _put_limit_back(self, control: Connection) -> None:
        """QEMU keeps the limit of a transfer that failed: the next one, of whoever, must not inherit ours."""
        if self._usual_downtime_ms is not None:
            with contextlib.suppress(FerryError):
                await jobs.set_max_downtime(control, self._uuid, self._usual_downtime_ms)

    async def _explained(self, error: FerryError) -> FerryError:
        """With what QEMU said on the destination, which libvirt's own error often hides."""
        if self.untouched or isinstance(error, (LinkError, AbortedError)):
            return error
        move = self._record.move
        words = await last_words.read(self._destination, self._source, move.request.guest, since=move.started)
        if not words or words in error.cause:
            return error
        cause = f"{error.cause} ({self._destination.name}: {words})"
        return ActionError(cause, host=error.host, operation=error.operation)

    async def _migrate(self, control: Connection, worker: Connection, there: Connection | None) -> None:
        """Sample the job until libvirt's call returns. Raises what that call raises, and nothing else."""
        await self._record.durable()
        self._must_go_on()
        try:
            async with alongside(self._watch.follow(control)):
                await unless(self._watch.broken, self._work(worker, there))
        except asyncio.CancelledError:
            await self._leave_it_to_itself(control)
            raise
        if self._watch.broken.is_set():
            raise ActionError("post-copy broke off", host=self._source.name, operation="migrate")

    def _work(self, worker: Connection, there: Connection | None) -> Coroutine[None, None, None]:
        preflight = self._record.move.preflight
        assert preflight is not None, "what is started here was checked"
        options = MigrationOptions(
            live=self._request.mode is MoveMode.LIVE,
            postcopy=self._request.wants_postcopy,
            auto_converge=self._request.last_resort is LastResort.AUTO_CONVERGE,
            bandwidth_mib_s=self._request.bandwidth_mib_s,
            copied_disks=tuple(copy.target for copy in preflight.copies),
        )
        if there is not None:
            return migrate.migrate_directly(worker, there, self._uuid, options)
        return migrate.migrate_to_peer(worker, self._uuid, preflight.peer_uri, options)

    async def _leave_it_to_itself(self, control: Connection) -> None:
        """This program ends, and nobody raises the limit any more: let the move have all that the user allows."""
        if self._request.mode is MoveMode.LIVE and self._record.move.outlives_us:
            with contextlib.suppress(FerryError, TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    await jobs.set_max_downtime(control, self._uuid, self._request.max_downtime_ms)

    async def reattach(self) -> None:
        """See Transfer."""
        await self._watch.to_the_end()
        self.completed = self._watch.completed

    # -- knobs -------------------------------------------------------------------------------------

    async def abort(self) -> None:
        """See Transfer."""
        await self._watch.abort()

    async def set_bandwidth(self, mib_s: int) -> None:
        """See Transfer."""
        await self._watch.turn(lambda control: jobs.set_bandwidth(control, self._uuid, mib_s))
        self._watch.steering.is_bandwidth_limited = True
        self._record.log(f"bandwidth limited to {mib_s} MiB/s", LogKind.USER)

    async def set_max_downtime(self, milliseconds: int) -> None:
        """See Transfer."""
        if self._request.mode is not MoveMode.LIVE:
            raise self._lacks("given a downtime limit: the guest stands still all the time")
        await self._watch.turn(lambda control: jobs.set_max_downtime(control, self._uuid, milliseconds))
        self._watch.steering.limit(milliseconds)
        self._record.log(f"downtime limit set to {milliseconds} ms", LogKind.USER)

    async def start_postcopy(self) -> None:
        """See Transfer."""
        if not self._request.wants_postcopy:
            raise self._lacks("switched to post-copy: it was not prepared for it at the start")
        self._record.log("post-copy asked for", LogKind.USER)
        await self._switch_to_postcopy()

    async def _switch_to_postcopy(self) -> None:
        """That it is asked for is not that it has begun: until then the source can still go on."""
        await self._record.kept()
        self._watch.postcopy_asked = True
        await self._watch.turn(lambda control: migrate.start_postcopy(control, self._uuid))

    async def pause_guest(self) -> None:
        """See Transfer."""
        if self._request.mode is not MoveMode.LIVE or self._record.traces(TraceKind.PAUSE):
            raise self._lacks("sped up by a pause: the guest stands still already")
        if self._record.phase is Phase.POSTCOPY:
            raise self._lacks(f"sped up by a pause: the guest runs on {self._destination.name} already")
        self._record.log("the guest is paused until it has arrived", LogKind.USER)
        await self._pause()

    async def _pause(self) -> None:
        if self._record.traces(TraceKind.PAUSE):
            return
        trace = Trace(TraceKind.PAUSE, self._source.name)
        self._record.leave(trace)
        await self._record.kept()
        try:
            await self._watch.turn(lambda control: lifecycle.act(control, self._uuid, GuestAction.PAUSE))
        except ActionError:
            self._record.cleared(trace)
            raise

    async def _apply(self, decision: policy.Decision) -> None:
        """Do what the policy has decided. Raises FerryError."""
        match decision:
            case policy.RaiseDowntime(to_ms=to_ms):
                await self._watch.turn(lambda control: jobs.set_max_downtime(control, self._uuid, to_ms))
            case policy.StartPostcopy():
                await self._switch_to_postcopy()
            case policy.PauseGuest():
                await self._pause()
            case policy.Abort():
                self._record.signal(Signal.ABORT_ASKED)
                await self.abort()
            case policy.Say():
                return


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
