"""All moves of this program. Each is a task of the engine's, never of a screen; readers see it in the fleet's state."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime

from backends.errors import ActionError, FerryError, JournalError
from backends.fleet.mailbox import Board
from backends.fleet.supervisor import Supervisor
from backends.hypervisor import jobs
from backends.hypervisor.inventory import read_guest
from backends.journal.journal import Journal
from backends.migration import preflight
from backends.migration.checks.context import Context
from backends.migration.elsewhere import Elsewhere
from backends.migration.journey import Journey
from backends.migration.leftovers.mend import mend
from backends.migration.leftovers.unfinished import without_trace
from backends.migration.leftovers.watch import watch_unfinished
from backends.migration.preflight import OnCheck
from backends.migration.record import MoveRecord
from backends.migration.transfer.choice import transfer_for
from backends.migration.transfer.transfer import Transfer
from backends.model.fleet import MoveGone
from backends.model.history import AuditLine
from backends.model.host import HostName
from backends.model.move import (
    Check,
    Move,
    MoveId,
    MoveMode,
    MoveRequest,
    Origin,
    Phase,
    Preflight,
    Verdict,
)
from backends.model.unfinished import Mend, Unfinished

_log = logging.getLogger(__name__)


class Engine:
    """Starts moves, takes up those that it finds, and hands commands to them. On the event loop's thread.

    Without a journal nothing is started: what cannot be found again after a crash must not begin.
    """

    def __init__(
        self,
        supervisors: Mapping[HostName, Supervisor],
        board: Board,
        journal: Journal | JournalError,
    ) -> None:
        self._supervisors = supervisors
        self._board = board
        self._journal = journal if isinstance(journal, Journal) else None
        self._no_journal = journal if isinstance(journal, JournalError) else None
        self._journeys: dict[MoveId, Journey] = {}
        self._tasks: dict[MoveId, asyncio.Task[None]] = {}
        self._mending: dict[str, asyncio.Lock] = {}
        """Of each guest one mend at a time: each rests on what it asked right before. By UUID."""
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Own the moves' tasks until cancelled. What libvirt does for them goes on without us."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            elsewhere = Elsewhere(self._supervisors, self._board, self._journal, self._take_up)
            group.create_task(elsewhere.run())
            group.create_task(watch_unfinished(self._board, self._journal))
            await asyncio.Event().wait()

    async def preflight(self, request: MoveRequest, on_check: OnCheck | None) -> Preflight:
        """Ask all questions. Where a host cannot be asked at all, that is the one answer."""

        def refuse(id_: str, title: str, evidence: str, mend: str = "") -> Preflight:
            check = Check(id_, title, Verdict.REFUSE, evidence, mend)
            if on_check is not None:
                on_check(check)
            return preflight.refused(request, check)

        if request.guest.host == request.destination:
            return refuse(
                "host.identity", "two different hosts", "the guest is there already", "choose another host"
            )
        try:
            source = self._supervisor(request.guest.host).current()
            guest = await read_guest(source.connection(request.guest.driver), request.guest)
        except FerryError as error:
            return refuse("host.source", "the source answers", str(error), error.hint)
        if guest is None:
            return refuse("guest.state", "guest state", f"{request.guest.host} does not know this guest")
        try:
            destination = self._supervisor(request.destination).current()
            destination.connection(request.guest.driver)
        except FerryError as error:
            return refuse("host.destination", "the destination answers", str(error), error.hint)
        hosts = self._board.state.hosts
        context = Context(
            request, guest, hosts[request.guest.host], hosts[request.destination], source, destination
        )
        return await preflight.run(context, on_check)

    # -- the beginning of a move ---------------------------------------------------------------------

    def start(self, checked: Preflight, *, accept_doubts: bool) -> MoveId:
        """Raises ActionError when the checks refuse it, when doubts were not accepted, or when it moves already;
        JournalError when there is no journal."""
        request = checked.request
        self._must_be_free(checked, accept_doubts=accept_doubts)
        who = self._journal.who if self._journal else ""
        id_ = MoveId(secrets.token_hex(4))
        record = self._record(Move(id_, request, Phase.READY, datetime.now(UTC), checked, who=who))
        journey = self._journey(record)
        self._spawn(journey.run(), record)
        return id_

    def _must_be_free(self, checked: Preflight, *, accept_doubts: bool) -> None:
        request = checked.request
        if self._no_journal is not None:
            raise self._no_journal
        if checked.refused:
            worst = checked.checks[0]
            raise ActionError(f"{worst.title}: {worst.evidence}", operation="move", hint=worst.mend)
        if checked.doubtful and not accept_doubts:
            raise ActionError(
                "the checks leave doubts that were not accepted",
                operation="move",
                hint="read them, then accept them",
            )
        if self._board.state.move_of(request.guest) is not None:
            raise ActionError(f"{request.name} is being moved already", operation="move")
        job = next((job for job in self._board.state.jobs if job.guest == request.guest), None)
        if job is not None:
            raise ActionError(f"another job runs on {request.name}: {job.operation}", operation="move")

    def _take_up(self, move: Move) -> None:
        """One that was found: in the journal, where its program has died, or on a host, where somebody started it."""
        if move.origin is not Origin.ELSEWHERE:
            self._let_go_of(move)
        record = self._record(move)
        self._spawn(self._journey(record).take_up(), record)

    def _let_go_of(self, found: Move) -> None:
        """A job whose owner the journal names only now: it was watched as a stranger's, and is one move, not two."""
        for move in tuple(self._board.state.moves.values()):
            is_same = move.request.guest == found.request.guest and not move.phase.final
            if is_same and move.origin is Origin.ELSEWHERE and move.id != found.id:
                if task := self._tasks.pop(move.id, None):
                    task.cancel()
                self._journeys.pop(move.id, None)
                self._board.publish(MoveGone(move.id))

    def _record(self, move: Move) -> MoveRecord:
        return MoveRecord(move, self._board, None if move.origin is Origin.ELSEWHERE else self._journal)

    def _journey(self, record: MoveRecord) -> Journey:
        source = self._supervisor(record.move.source)
        destination = self._supervisor(record.move.request.destination)
        transfer = transfer_for(record, source, destination)
        journey = Journey(record, transfer, source=source, destination=destination)
        self._journeys[record.id] = journey
        return journey

    def _spawn(self, work: Coroutine[None, None, None], record: MoveRecord) -> None:
        assert self._group is not None, "the engine runs as long as the fleet is open"
        task = self._group.create_task(self._to_the_end(work, record), name=f"move-{record.id}")
        self._tasks[record.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(record.id, None))

    async def _to_the_end(self, work: Coroutine[None, None, None], record: MoveRecord) -> None:
        try:
            await work
        except Exception:  # noqa: BLE001 - a bug in one move: the others go on, and the next start is not handed it again
            _log.exception("move %s ended by a bug", record.id)
            record.end_by_bug()
        outcome = record.move.outcome
        if outcome is not None and record.move.origin is not Origin.ELSEWHERE:
            self.note(
                f"end of {act_of(record.move.request)}",
                f"{outcome.result.value}: {outcome.reason}",
                record.id,
            )

    # -- commands ------------------------------------------------------------------------------------

    async def abort(self, move: MoveId) -> None:
        """Ask for the end of a transfer."""
        journey = self._journeys.get(move)
        if journey is not None and not journey.move.phase.final:
            await journey.abort()
        else:
            await self._abort_elsewhere(self._running(move))

    async def _abort_elsewhere(self, move: Move) -> None:
        """Another program has it in hand, and libvirt carries it out: it can be stopped on its source."""
        request = move.request
        if request.mode not in (MoveMode.LIVE, MoveMode.PAUSED):
            raise ActionError(f"only its own program can stop it: {move.who}", operation="abort")
        connection = self._supervisor(move.source).current().connection(request.guest.driver)
        if not await jobs.abort(connection, request.guest.uuid, jobs.MIGRATION_OUT):
            raise ActionError("no transfer runs now", host=move.source, operation="abort")

    def knobs(self, move: MoveId) -> Transfer:
        """What can be turned on a move under way. Raises ActionError where it is not ours."""
        journey = self._journeys.get(move)
        if journey is not None and not journey.move.phase.final:
            return journey.knobs
        raise ActionError(f"this move is in other hands: {self._running(move).who}", operation="move")

    def _running(self, id_: MoveId) -> Move:
        move = self._board.state.moves.get(id_)
        if move is None or move.phase.final:
            raise ActionError("this move has ended", operation="move")
        return move

    async def mend(self, unfinished: Unfinished) -> str:
        """Do what mends it, after a proof that it is still right to do so. Says what was done."""
        lock = self._mending.setdefault(unfinished.guest.uuid, asyncio.Lock())
        async with lock:
            done = await mend(unfinished, self._could_have(unfinished))
        is_gone = unfinished.mend is Mend.REMOVE_FILE
        if self._journal is not None and unfinished.move is not None and is_gone:
            move = await self._journal.past_move(unfinished.move)
            if move is not None:
                self._journal.put(without_trace(move, unfinished))
        return done

    def _could_have(self, unfinished: Unfinished) -> Mapping[HostName, Supervisor]:
        """The hosts to ask before: all that answer, and of the silent ones those that may have the guest."""
        key = unfinished.guest
        views = self._board.state.hosts
        return {
            name: supervisor
            for name, supervisor in self._supervisors.items()
            if views[name].link.answers
            or views[name].heard is None  # it may have anything
            or key._replace(host=name) in views[name].guests
        }

    def note(self, act: str, result: str, move: MoveId | None = None) -> None:
        """For the audit."""
        if self._journal is not None:
            self._journal.note(AuditLine(datetime.now(UTC), self._journal.who, act, result, move or ""))

    def _supervisor(self, host: HostName) -> Supervisor:
        supervisor = self._supervisors.get(host)
        if supervisor is None:
            raise ActionError("no such host in this fleet", host=host)
        return supervisor


def act_of(request: MoveRequest) -> str:
    """A move as the audit calls it. Pure."""
    hosts = f"from {request.guest.host} to {request.destination}"
    return f"move {request.name} {hosts} ({request.mode.value})"
