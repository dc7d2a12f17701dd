"""A transfer that libvirt carries out: live or paused, by the daemons or by us, with or without its disks."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager

from backends.errors import AbortedError, ActionError, DeadlineError, FerryError, LinkError
from backends.fleet.supervisor import Supervisor
from backends.hypervisor import jobs, lifecycle, migrate
from backends.hypervisor.connection import Connection
from backends.hypervisor.events import DomainEvent, DomainEventKind
from backends.hypervisor.migrate import MigrationOptions
from backends.hypervisor.whereabouts import whereabouts
from backends.migration import policy
from backends.migration.alongside import alongside, unless
from backends.migration.machine import Signal
from backends.migration.record import MoveRecord
from backends.migration.transfer import disks, last_words
from backends.migration.transfer.steering import Steering
from backends.migration.transfer.transfer import Transfer
from backends.migration.verdict import POSTCOPY, POSTCOPY_FAILED
from backends.model.guest import GuestAction
from backends.model.move import LastResort, LogKind, MoveMode, Origin, Phase, Route, Trace, TraceKind

SAMPLE_INTERVAL_S = 0.25
REATTACH_INTERVAL_S = 0.3
REATTACH_DEADLINE_S = 180.0
"""How long a source may be silent before the settlement has to go without its word about the job."""
BROKEN_LASTS_S = 5.0
"""libvirt's call has so long to return by itself, with its own words."""
LONG_SWITCH_S = 10.0
"""Ten times what users bear, and far more than any network needs for the last pages."""
CLOSING_WORD_S = 1.0
"""After a failed call, libvirt's own word that the connection is gone may come this much later."""


class LibvirtTransfer(Transfer):
    """libvirt's blocking call runs on one connection of the source, sampling and knobs on another."""

    def __init__(self, record: MoveRecord, source: Supervisor, destination: Supervisor) -> None:
        super().__init__(record, source, destination)
        self._control: Connection | None = None
        self._usual_downtime_ms: int | None = None
        """What was in force before; None where it was not touched."""
        self._postcopy_asked = False
        self._broken = asyncio.Event()
        """Post-copy broke off, whatever libvirt's call does."""
        self._broken_s: float | None = None
        self._answered_s = 0.0
        """When the source last told of the job (the loop's clock)."""
        self._switch_s: float | None = None
        """When the guest was stopped to switch over, until that was told to take long."""
        self._steering = Steering(record, self._apply)

    # -- the transfer ------------------------------------------------------------------------------

    async def run(self) -> FerryError | None:
        """See Transfer."""
        try:
            await disks.prepare(self._record, self._destination)
            async with self._connections() as (control, worker, there):
                try:
                    await self._begin(control)
                    await self._migrate(control, worker, there)
                    await self._read_completed(control)
                except FerryError as error:
                    await self._put_limit_back(control)
                    return await self._explained(await _as_lost_link(error, worker))
        except FerryError as error:
            return ActionError(error.cause, host=error.host, operation=error.operation, hint=error.hint)
        return None

    @asynccontextmanager
    async def _connections(self) -> AsyncIterator[tuple[Connection, Connection, Connection | None]]:
        """Of the move's own: control and worker on the source; where we drive it, one on the destination."""
        driver = self._request.guest.driver
        session = self._source.current()
        async with AsyncExitStack() as stack:
            control = await stack.enter_async_context(session.another(driver, self._heard))
            worker = await stack.enter_async_context(session.another(driver))
            there = None
            if self._record.move.route is Route.DIRECT:
                destination = self._destination.current()
                there = await stack.enter_async_context(destination.another(driver))
            yield control, worker, there

    async def _begin(self, control: Connection) -> None:
        if self._request.mode is MoveMode.LIVE:
            first_ms = min(policy.FIRST_DOWNTIME_MS, self._request.max_downtime_ms)
            await self._limit_downtime(control, first_ms)
        if self._record.move.route is Route.PEER_TO_PEER:
            self._record.log("started, peer-to-peer: it goes on if this session ends")
        else:
            self._record.log("started, driven by this program: it must stay until the move has ended")

    async def _limit_downtime(self, control: Connection, milliseconds: int) -> None:
        """A hypervisor without such a limit has its own; the figure is then not shown."""
        with contextlib.suppress(ActionError):
            self._usual_downtime_ms = await jobs.read_max_downtime(control, self._uuid)
            await jobs.set_max_downtime(control, self._uuid, milliseconds)
            self._steering.downtime_limit_ms = milliseconds

    async def _put_limit_back(self, control: Connection) -> None:
        """QEMU keeps the limit of a transfer that failed: the next one, of whoever, must not inherit ours."""
        if self._usual_downtime_ms is not None:
            with contextlib.suppress(FerryError):
                await jobs.set_max_downtime(control, self._uuid, self._usual_downtime_ms)

    async def _explained(self, error: FerryError) -> FerryError:
        """With what QEMU said on the destination, which libvirt's own error often hides."""
        if isinstance(error, (LinkError, AbortedError)):
            return error
        move = self._record.move
        words = await last_words.read(self._destination, self._source, move.request.guest, since=move.started)
        if words and words not in error.cause:
            return ActionError(
                f"{error.cause} ({self._destination.name}: {words})",
                host=error.host,
                operation=error.operation,
            )
        return error

    async def _migrate(self, control: Connection, worker: Connection, there: Connection | None) -> None:
        """Sample the job until libvirt's call returns. Raises what that call raises, and nothing else."""
        preflight = self._record.move.preflight
        assert preflight is not None
        options = MigrationOptions(
            live=self._request.mode is MoveMode.LIVE,
            postcopy=self._request.wants_postcopy,
            auto_converge=self._request.last_resort is LastResort.AUTO_CONVERGE,
            bandwidth_mib_s=self._request.bandwidth_mib_s,
            copied_disks=tuple(copy.target for copy in preflight.copies),
        )
        await self._record.durable()
        if there is not None:
            work = migrate.migrate_directly(worker, there, self._uuid, options)
        else:
            work = migrate.migrate_to_peer(worker, self._uuid, preflight.peer_uri, options)
        async with alongside(self._watch(control)):
            await unless(self._broken, work)
        if self._broken.is_set():
            raise ActionError("post-copy broke off", host=self._source.name, operation="migrate")

    async def _watch(self, control: Connection) -> None:
        """Until cancelled. That figures are missing ends no transfer, and neither does a call that never returns."""
        self._control = control
        async with AsyncExitStack() as more:
            more.callback(self._let_go_of_control)
            while True:
                await asyncio.sleep(SAMPLE_INTERVAL_S)
                self._tell_long_switch()
                with contextlib.suppress(FerryError):
                    if not control.usable:
                        session = self._source.current()
                        again = session.another(self._request.guest.driver, self._heard)
                        self._control = control = await more.enter_async_context(again)
                    await self._look(control)
                    await self._look_for_a_break(control)

    def _let_go_of_control(self) -> None:
        self._control = None

    async def _look_for_a_break(self, control: Connection) -> None:
        """libvirt's call may never return when a half of post-copy is gone: then the source says so, and lastingly."""
        if self._record.phase is not Phase.POSTCOPY:
            return
        seen = await whereabouts(control, self._uuid)
        if seen.state.active and seen.reason != POSTCOPY_FAILED:
            self._broken_s = None
        elif self._broken_s is None:
            self._broken_s = time.monotonic()
        elif time.monotonic() - self._broken_s > BROKEN_LASTS_S:
            self._broken.set()

    async def _look(self, control: Connection) -> bool:
        """One sample; False when no job runs. An abort that came before there was a job is asked for again."""
        if self._record.phase is Phase.CANCELLING:
            await jobs.abort(control, self._uuid)
        statistics = await jobs.read_statistics(control, self._uuid)
        self._answered_s = asyncio.get_running_loop().time()
        if statistics.running and self._record.phase is Phase.RECONCILING:
            await self._say_healed(control)
        if self._postcopy_asked and self._record.phase is not Phase.POSTCOPY:
            await self._notice_postcopy(control)  # its event may be lost
        if statistics.running and statistics.total:
            self._record.signal(Signal.TRANSFER_BEGAN)
            await self._steering.take(statistics)
        return statistics.running

    async def _read_completed(self, control: Connection) -> None:
        """Figures that are nice to have: without them a move that is done is done all the same."""
        with contextlib.suppress(FerryError):
            self.completed = await jobs.read_completed(control, self._uuid) or self.completed

    def _heard(self, event: DomainEvent) -> None:
        if event.uuid != self._uuid:
            return
        if event.kind is DomainEventKind.JOB_COMPLETED:
            self.completed = jobs.from_fields(event.statistics)
        elif event.postcopy:
            self._say_postcopy()
        elif event.switching and self._is_the_switch() and self._record.phase is not Phase.SWITCHING:
            self._record.signal(Signal.GUEST_STOPPED)
            self._record.log("the guest is stopped for the switch")
            self._switch_s = time.monotonic()

    def _tell_long_switch(self) -> None:
        """A connection that is lost in this very moment can leave both QEMUs waiting for each other (QEMU 10)."""
        if self._record.phase is not Phase.SWITCHING or self._switch_s is None:
            return
        if time.monotonic() - self._switch_s > LONG_SWITCH_S:
            self._switch_s = None
            self._record.log(
                f"the switch takes more than {LONG_SWITCH_S:g} s: if it never ends, an abort gives the guest back to"
                f" {self._source.name}"
            )

    def _is_the_switch(self) -> bool:
        """libvirt calls every stop during a migration so, ours and that of a paused mode included."""
        is_paused = self._request.mode is not MoveMode.LIVE or bool(self._record.traces(TraceKind.PAUSE))
        return not is_paused and self._record.phase is not Phase.CANCELLING

    def _say_postcopy(self) -> None:
        if self._record.phase is not Phase.POSTCOPY:
            self._record.signal(Signal.POSTCOPY_BEGAN)
            self._record.log(
                f"post-copy: the guest runs on {self._destination.name} and fetches the rest of its memory;"
                " no way back"
            )

    # -- taking it up again ------------------------------------------------------------------------

    async def reattach(self) -> None:
        """See Transfer: the job is the hosts' own; watch it as soon as the source answers."""
        clock = asyncio.get_running_loop().time
        self._answered_s = clock()
        while clock() - self._answered_s < REATTACH_DEADLINE_S:
            try:
                session = self._source.current()
                async with session.another(self._request.guest.driver, self._heard) as control:
                    await self._attach(control)
                    return
            except FerryError:
                await asyncio.sleep(REATTACH_INTERVAL_S)
            finally:
                self._control = None

    async def _attach(self, control: Connection) -> None:
        """Watch the job to its end, if there is one. Raises FerryError."""
        self._steering.downtime_limit_ms = await jobs.read_max_downtime(control, self._uuid)
        self._control = control
        is_running = True
        while is_running:
            is_running = await self._look(control)
            await asyncio.sleep(SAMPLE_INTERVAL_S if is_running else 0)
        await self._read_completed(control)

    async def _notice_postcopy(self, control: Connection) -> bool:
        seen = await whereabouts(control, self._uuid)
        if seen.reason == POSTCOPY:
            self._say_postcopy()
        return seen.reason == POSTCOPY

    async def _say_healed(self, control: Connection) -> None:
        if await self._notice_postcopy(control):
            return
        self._record.signal(Signal.LINK_HEALED)
        word = "the transfer still runs" if self._record.move.origin is Origin.HERE else "the transfer runs"
        self._record.log(f"{self._source.name} answers, and {word}")

    # -- knobs -------------------------------------------------------------------------------------

    async def abort(self) -> None:
        """See Transfer."""
        if self._control is not None:
            with contextlib.suppress(
                LinkError, DeadlineError
            ):  # it is asked for again until the transfer has ended
                await jobs.abort(self._control, self._uuid)

    async def set_bandwidth(self, mib_s: int) -> None:
        """See Transfer."""
        await self._turn(lambda control: jobs.set_bandwidth(control, self._uuid, mib_s))
        self._steering.is_bandwidth_limited = True
        self._record.log(f"bandwidth limited to {mib_s} MiB/s", LogKind.USER)

    async def set_max_downtime(self, milliseconds: int) -> None:
        """See Transfer."""
        if self._request.mode is not MoveMode.LIVE:
            raise self._lacks("given a downtime limit: the guest stands still all the time")
        await self._turn(lambda control: jobs.set_max_downtime(control, self._uuid, milliseconds))
        self._steering.limit(milliseconds)
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
        await self._turn(lambda control: migrate.start_postcopy(control, self._uuid))
        self._postcopy_asked = True

    async def pause_guest(self) -> None:
        """See Transfer."""
        if self._request.mode is not MoveMode.LIVE:
            raise self._lacks("sped up by a pause: the guest stands still already")
        self._record.log("the guest is paused until it has arrived", LogKind.USER)
        await self._pause()

    async def _pause(self) -> None:
        trace = Trace(TraceKind.PAUSE, self._source.name)
        self._record.leave(trace)
        await self._record.kept()
        try:
            await self._turn(lambda control: lifecycle.act(control, self._uuid, GuestAction.PAUSE))
        except ActionError:
            self._record.cleared(trace)
            raise

    async def _turn(self, knob: Callable[[Connection], Coroutine[None, None, None]]) -> None:
        if self._control is None:
            raise ActionError("no transfer runs now", operation="move")
        await knob(self._control)

    async def _apply(self, decision: policy.Decision) -> None:
        """Do what the policy has decided. Raises FerryError."""
        match decision:
            case policy.RaiseDowntime(to_ms=to_ms):
                await self._turn(lambda control: jobs.set_max_downtime(control, self._uuid, to_ms))
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
