"""A move through a file that failed: the guest is given back to its source, unless the destination may have it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from backends.errors import ActionError, DeadlineError, FerryError, LinkError
from backends.fleet.supervisor import Supervisor
from backends.hypervisor import jobs, saving
from backends.hypervisor.connection import Connection
from backends.hypervisor.whereabouts import Whereabouts, whereabouts
from backends.migration.ending.saved_state import is_all_there, is_being_read, is_older_than_disks
from backends.migration.ending.verdict import SAVED
from backends.migration.host_files import files_of
from backends.migration.machine import Signal
from backends.migration.record import MoveRecord
from backends.migration.transfer.state_file import file_at
from backends.model.move import Trace, TraceKind

WAIT_DEADLINE_S = 180.0
"""How long a host may be silent before the guest stays off until a person looks after it."""
ASK_INTERVAL_S = 0.5
_START_TIME = 19
"""starttime in /proc/PID/stat, counted from after the name in brackets."""
FENCE_S = 2.0
"""A restore that its host has begun with is seen after so long: libvirt counts the guest as active before it reads."""


@dataclass(slots=True)
class Attempt:
    """How far a move through a file has come. Paths are to be used, never to be shown uncleaned."""

    departure: str
    """What libvirt saves into, on the source."""
    arrival: str
    """What is carried over, on the destination; empty where nothing was."""
    paused: bool
    """The guest stood still before: it is to stay so."""
    save_asked: bool = False
    saved: bool = False
    restore_asked: bool = False
    """The destination may run the guest from here on."""
    restore_refused: bool = False
    """The destination has answered that it does not."""
    life: str = ""
    """The destination's, when it was asked: see `life_of`."""
    size_bytes: int = 0


def found(record: MoveRecord) -> Attempt | None:
    """The attempt of a program that has ended, as far as its journal tells; None where it has put nothing anywhere.

    A definition is journalled right before the destination is asked to run the guest: no earlier than that it may.
    """
    paths = {trace.host: trace.path for trace in record.traces(TraceKind.STATE_FILE)}
    departure = paths.get(record.move.source)
    if departure is None:
        return None
    preflight = record.move.preflight
    return Attempt(
        departure,
        paths.get(record.move.request.destination, ""),
        paused=preflight is not None and preflight.was_paused,
        save_asked=True,
        restore_asked=bool(record.traces(TraceKind.DEFINITION)),
    )


async def life_of(host: Supervisor) -> str:
    """Different after each start of the host: the kernel's boot_id (random(4)), and when process 1 began (proc(5)).

    Empty where the host does not say.
    """
    try:
        answer = await files_of(host).run(("cat", "/proc/sys/kernel/random/boot_id", "/proc/1/stat"))
    except FerryError:
        return ""
    boot_id, _, stat = answer.out.partition("\n")
    after_name = stat.rpartition(")")[2].split()
    return f"{boot_id} {after_name[_START_TIME]}" if len(after_name) > _START_TIME else ""


class WayBack:
    """Of one move. Both hosts are asked as long as there is sense in waiting for them."""

    def __init__(
        self, record: MoveRecord, source: Supervisor, destination: Supervisor, attempt: Attempt
    ) -> None:
        self._record = record
        self._source = source
        self._destination = destination
        self._attempt = attempt
        self._key = record.move.request.guest
        self._waits = False

    async def take(self, error: FerryError) -> FerryError | None:
        """Returns what the transfer is to return for the `error` that stopped it. None: it went through all the same.

        LinkError: a host does not say what it has, and the guest was left as it is.
        """
        self._record.signal(Signal.TRANSFER_FAILED)
        self._record.log(f"not carried over: {error}")
        await self._record.kept()
        if self._attempt.restore_asked:
            there = await self._ask_destination()
            if there is None:
                return _unknown(self._destination, error)
            if there.state.executing or (self._attempt.paused and is_all_there(there.state, there.reason)):
                self._record.log(f"{self._destination.name} has it all the same")
                return None
            if there.state.active:
                return _as_final(error)
            if not await self._never_ran(there):
                return self._may_have_run()
        await self._drop_copy()
        if not self._attempt.save_asked:
            return _as_final(error)
        return await self._restore_here(error)

    async def _ask_destination(self) -> Whereabouts | None:
        """What it has for good, after a restore was asked for there; None where it does not answer.

        Without the file a restore that still waits for its turn will fail, and one that has begun is seen, and waited
        for: it reads what it has open, and may yet fail.
        """
        deadline_s = _now_s() + WAIT_DEADLINE_S
        latest_s = _now_s() + saving.RESTORE_DEADLINE_S
        seen: Whereabouts | None = None
        while _now_s() < deadline_s:
            try:
                await file_at(self._destination, self._attempt.arrival).remove()
                await asyncio.sleep(FENCE_S)
                seen = await whereabouts(self._connection(self._destination), self._key.uuid)
                if not is_being_read(seen.state, seen.reason):
                    return seen
                deadline_s = min(_now_s() + WAIT_DEADLINE_S, latest_s)
            except FerryError:
                seen = None
            await asyncio.sleep(ASK_INTERVAL_S)
        return seen

    async def _never_ran(self, there: Whereabouts) -> bool:
        """Is it sure that the guest, off there now, has not run there meanwhile, and written to its disks?

        libvirt says why a guest is off if it ran since the daemon began to know of it; a restart of the daemon with a
        guest that ends at that very time counts as one that ran (qemuProcessReconnect), that of the host does not.
        """
        if self._attempt.restore_refused:
            return True
        fresh = there.defined and not there.reason
        return fresh and self._attempt.life != "" and await life_of(self._destination) == self._attempt.life

    def _may_have_run(self) -> ActionError:
        host = self._destination.name
        cause = f"{host} was asked to run it, and its answer was lost: it is off there now, but may have run"
        self._record.log(cause)
        return ActionError(
            cause,
            host=host,
            operation="restore the guest",
            hint=f"its saved state is older than its disks if it ran: look at the logs of {host} before you restore it",
        )

    async def _drop_copy(self) -> None:
        """A part of a state must not be taken for one."""
        copy = Trace(TraceKind.STATE_FILE, self._destination.name, self._attempt.arrival)
        if copy not in self._record.move.traces:
            return
        with contextlib.suppress(
            FerryError
        ):  # it stays in the books, and is removed when the move is settled
            await file_at(self._destination, self._attempt.arrival).remove()
            self._record.cleared(copy)

    async def _restore_here(self, error: FerryError) -> FerryError:
        deadline_s = _now_s() + WAIT_DEADLINE_S
        while _now_s() < deadline_s:
            try:
                connection = self._connection(self._source)
                if await self._is_back(connection):
                    return _as_final(error)
            except (LinkError, DeadlineError) as silence:
                self._tell_wait(silence)
            except ActionError as trouble:
                self._record.log(f"it could not be restored on {self._source.name}: {trouble.cause}")
                return _as_final(error)
            await asyncio.sleep(ASK_INTERVAL_S)
        return _unknown(self._source, error)

    def _tell_wait(self, silence: FerryError) -> None:
        if not self._waits:
            self._waits = True
            self._record.log(
                f"{self._source.name} does not answer ({silence.cause}): waiting, to restore it there"
            )

    async def _is_back(self, connection: Connection) -> bool:
        """One attempt; False when it must be asked again. Raises FerryError."""
        here = await whereabouts(connection, self._key.uuid)
        if here.job_running:  # our link was lost, and the daemon goes on saving
            await jobs.abort(connection, self._key.uuid, jobs.SAVE)
            return False
        if here.state.active:
            self._record.log(f"it is {here.state.value} on {self._source.name}, as before")
            return True
        if self._attempt.saved and is_older_than_disks(here.state, here.reason):
            self._record.log(
                f"it is off on {self._source.name} ({here.reason}), and has run since it was saved:"
                " its state is older than its disks, and is not restored"
            )
            return True
        if not (self._attempt.saved or here.reason == SAVED or not here.defined):
            self._record.log(
                f"it is off on {self._source.name}, and was not saved: {here.reason or 'no reason'}"
            )
            return True
        self._record.log(f"restoring it on {self._source.name} from its own file")
        await saving.restore(connection, self._attempt.departure, paused=self._attempt.paused)
        self._record.log(f"{'paused' if self._attempt.paused else 'running'} again on {self._source.name}")
        return True

    def _connection(self, host: Supervisor) -> Connection:
        return host.current().connection(self._key.driver)


def _as_final(error: FerryError) -> FerryError:
    """The hosts have answered: whatever stopped the move, this is no lost link any more."""
    if isinstance(error, ActionError):
        return error
    return ActionError(error.cause, host=error.host, operation=error.operation, hint=error.hint)


def _unknown(host: Supervisor, error: FerryError) -> LinkError:
    cause = f"{host.name} does not say whether it has the guest: it was left as it is"
    return LinkError(cause, host=host.name, operation=error.operation, hint=error.hint)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
