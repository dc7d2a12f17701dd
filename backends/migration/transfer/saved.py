"""A move through a file: saved on the source, carried over by this program, restored on the destination."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import humanize

from backends.errors import ActionError, DeadlineError, FerryError, LinkError, UnsupportedError
from backends.fleet.supervisor import Supervisor
from backends.hypervisor import jobs, saving
from backends.hypervisor.connection import Connection
from backends.hypervisor.inventory import read_guest
from backends.hypervisor.saving import WholeDefinition
from backends.hypervisor.whereabouts import whereabouts
from backends.migration.alongside import alongside, unless
from backends.migration.ending.saved_state import is_older_than_disks
from backends.migration.machine import Signal
from backends.migration.record import MoveRecord
from backends.migration.transfer import state_file
from backends.migration.transfer.stage import SAMPLE_INTERVAL_S, Stage
from backends.migration.transfer.state_file import file_at
from backends.migration.transfer.transfer import Transfer
from backends.migration.transfer.way_back import Attempt, WayBack, found, life_of
from backends.model.guest import GuestState
from backends.model.move import LogKind, Trace, TraceKind
from backends.remote.carry import Pace, carry_file

_MIB = 2**20


class SavedTransfer(Transfer):
    """For hypervisors that cannot migrate to each other. The guest stands still from the first step to the last."""

    def __init__(self, record: MoveRecord, source: Supervisor, destination: Supervisor) -> None:
        super().__init__(record, source, destination)
        self._driver = self._request.guest.driver
        self._pace = Pace(_bytes_s(self._request.bandwidth_mib_s))
        self._stop = asyncio.Event()
        self._control: Connection | None = None
        self._is_mine = False
        """Run by this program, which then has left nothing undone."""
        self._began_s = 0.0
        self._paused = False
        """As it was when the move began, which may be long after the plan was made."""

    async def run(self) -> FerryError | None:
        """See Transfer. On any failure before the destination runs the guest, it is restored on the source."""
        self._is_mine = True
        self._began_s = asyncio.get_running_loop().time()
        try:
            definition, attempt = await self._prepare()
        except FerryError as error:  # nothing was done yet
            return ActionError(error.cause, host=error.host, operation=error.operation, hint=error.hint)
        try:
            await self._save(attempt)
            await self._carry(attempt)
            await self._define(definition)
            await self._restore(attempt)
        except FerryError as error:
            way_back = WayBack(self._record, self._source, self._destination, attempt)
            failure = await way_back.take(error)
            if failure is not None:
                return failure
        await self._set_autostart(definition)
        return None

    async def reattach(self) -> None:
        """See Transfer. Nothing of it goes on without the program that has ended: the guest goes back to its source."""
        attempt = None if self._is_mine else found(self._record)
        if attempt is not None:
            way_back = WayBack(self._record, self._source, self._destination, attempt)
            await way_back.take(ActionError("the program that carried it has ended", operation="move"))

    # -- its steps, in order -----------------------------------------------------------------------

    async def _prepare(self) -> tuple[WholeDefinition, Attempt]:
        here = self._source.current().connection(self._driver)
        guest = await read_guest(here, self._request.guest)
        needed_bytes = guest.memory_bytes if guest else 0
        self._paused = guest is not None and guest.state is GuestState.PAUSED
        self._record.was_paused(self._paused)
        definition = await saving.read_whole_definition(here, self._uuid)
        move = self._record.id
        departure = await state_file.to_leave_from(self._source, self._driver, move, needed_bytes)
        arrival = await state_file.to_arrive_in(self._destination, self._driver, move, needed_bytes)
        return definition, Attempt(departure, arrival, self._paused)

    async def _save(self, attempt: Attempt) -> None:
        await self._leave(TraceKind.STATE_FILE, self._source, attempt.departure)
        self._record.log(f"saving the guest on {self._source.name}: it stands still until it is restored")
        self._record.signal(Signal.TRANSFER_BEGAN)
        async with _own(self._source, self._driver) as control, _own(self._source, self._driver) as worker:
            self._control = control
            attempt.save_asked = True
            try:
                async with alongside(self._watch_saving(control)):
                    await saving.save(worker, self._uuid, attempt.departure)
            finally:
                self._control = None
        attempt.saved = True

    async def _watch_saving(self, control: Connection) -> None:
        """Until cancelled. An abort that came before there was a job is asked for again."""
        stage = Stage(self._record, "saving", self._began_s)
        while True:
            try:
                if self._stop.is_set():
                    await jobs.abort(control, self._uuid, jobs.SAVE)
                statistics = await jobs.read_statistics(control, self._uuid)
                if statistics.running and statistics.total:
                    stage.take(statistics.total, statistics.total - statistics.remaining)
            except UnsupportedError:
                return  # neither figures nor an abort: such a save is waited for
            except FerryError:
                pass  # that figures are missing ends no save
            await asyncio.sleep(SAMPLE_INTERVAL_S)

    async def _carry(self, attempt: Attempt) -> None:
        await self._leave(TraceKind.STATE_FILE, self._destination, attempt.arrival)
        origin = file_at(self._source, attempt.departure)
        target = file_at(self._destination, attempt.arrival)
        size = await origin.size_bytes()
        shown = humanize.naturalsize(size, binary=True)
        self._record.log(f"carrying {shown} of saved state to {self._destination.name}")
        stage = Stage(self._record, "carrying the state over", self._began_s, size)
        work = carry_file(
            origin,
            target,
            on_progress=lambda carried: stage.take(size, carried),
            pace=self._pace,
        )
        digest = await unless(self._stop, work)
        self._must_go_on()
        assert digest is not None, "only a stop ends the work without it"
        self._record.log(f"both hosts read the same state: SHA-256 {digest[:16]}…")
        attempt.size_bytes = size

    async def _define(self, definition: WholeDefinition) -> None:
        """A restored guest knows only how it ran; how it is to be started again is its definition."""
        there = await whereabouts(self._destination.current().connection(self._driver), self._uuid)
        # a transient guest's too: it is to be found there
        await self._leave(TraceKind.DEFINITION, self._destination, was_there=there.defined)
        if definition.persistent:
            await saving.define(self._destination.current().connection(self._driver), definition.xml)

    async def _restore(self, attempt: Attempt) -> None:
        here = await whereabouts(self._source.current().connection(self._driver), self._uuid)
        if here.state.active:
            raise ActionError(
                f"the guest is {here.state.value} on {self._source.name}: somebody has started it meanwhile",
                host=self._source.name,
                operation="restore the guest",
            )
        if is_older_than_disks(here.state, here.reason):
            raise ActionError(
                f"somebody has started it on {self._source.name} meanwhile, and it is off again ({here.reason}):"
                " its saved state is older than its disks",
                host=self._source.name,
                operation="restore the guest",
            )
        self._must_go_on()
        self._record.signal(Signal.GUEST_STOPPED)
        await self._record.durable()
        Stage(self._record, "restoring", self._began_s).take(attempt.size_bytes, attempt.size_bytes)
        attempt.life = await life_of(self._destination)
        async with _own(self._destination, self._driver) as there:
            attempt.restore_asked = True
            try:
                await saving.restore(there, attempt.arrival, paused=self._paused)
            except ActionError:
                attempt.restore_refused = True
                raise
        self._complete(attempt.size_bytes)
        self._record.log(f"restored on {self._destination.name}")

    def _complete(self, size: int) -> None:
        elapsed_ms = round((asyncio.get_running_loop().time() - self._began_s) * 1000)
        downtime_ms = None if self._paused else elapsed_ms
        figures = jobs.from_fields({})
        self.completed = replace(
            figures, elapsed_ms=elapsed_ms, downtime_ms=downtime_ms, total=size, processed=size
        )

    async def _set_autostart(self, definition: WholeDefinition) -> None:
        """Not before: a destination that starts meanwhile would start the guest without its memory."""
        if not definition.autostart:
            return
        try:
            await saving.set_autostart(self._destination.current().connection(self._driver), self._uuid)
        except FerryError as error:
            self._record.log(f"{self._destination.name} will not start it by itself: {error.cause}")

    async def _leave(
        self, kind: TraceKind, host: Supervisor, path: str = "", *, was_there: bool = False
    ) -> None:
        """Journalled before it is put there."""
        self._must_go_on()
        self._record.leave(Trace(kind, host.name, path, was_there))
        await self._record.durable()
        self._must_go_on()

    def _must_go_on(self) -> None:
        if self._stop.is_set() or self._record.move.cancelled:
            raise ActionError("stopped by the user", operation="move")

    # -- knobs -------------------------------------------------------------------------------------

    async def abort(self) -> None:
        """See Transfer."""
        self._stop.set()
        if self._control is not None:
            with contextlib.suppress(LinkError, DeadlineError, UnsupportedError):
                await jobs.abort(self._control, self._uuid, jobs.SAVE)

    async def set_bandwidth(self, mib_s: int) -> None:
        """See Transfer. How fast the state is written and read on the hosts is their own affair."""
        self._pace.limit_bytes_s = _bytes_s(mib_s)
        self._record.log(f"bandwidth limited to {mib_s} MiB/s", LogKind.USER)


@asynccontextmanager
async def _own(host: Supervisor, driver: str) -> AsyncIterator[Connection]:
    """A connection for long calls. A second one to libvirt's test driver would lead to another host: it has its own."""
    session = host.current()
    if session.spec.target.startswith("test:"):
        yield session.connection(driver)
        return
    async with session.another(driver) as connection:
        yield connection


def _bytes_s(mib_s: int | None) -> float | None:
    return None if mib_s is None else float(mib_s * _MIB)
