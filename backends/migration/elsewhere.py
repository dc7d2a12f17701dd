"""Moves that this program has not started: those of dead programs, of other programs, and jobs that hosts report."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from backends.errors import JournalError
from backends.fleet.jobs import watch_jobs
from backends.fleet.mailbox import Board
from backends.fleet.supervisor import Supervisor
from backends.hypervisor.jobs import MIGRATION_OUT
from backends.journal.journal import Journal
from backends.migration.ending.verdict import INCOMING
from backends.model.fleet import JobsChanged, MoveChanged
from backends.model.host import HostName
from backends.model.move import Move, MoveId, MoveRequest, Origin, Phase, RunningJob

LOOK_INTERVAL_S = 1.0
"""Between two looks into the journal for moves that other programs began, or died over."""
OLD_NEWS = timedelta(seconds=1)
"""What a host said so soon after the end of a move may have been asked before it."""


class Elsewhere:
    """Finds them and has them taken up. `take_up` makes a journey of a move."""

    def __init__(
        self,
        supervisors: Mapping[HostName, Supervisor],
        board: Board,
        journal: Journal | None,
        take_up: Callable[[Move], None],
    ) -> None:
        self._supervisors = supervisors
        self._board = board
        self._journal = journal
        self._take_up = take_up
        self._jobs: dict[HostName, tuple[RunningJob, ...]] = {}
        self._heard_at: dict[HostName, datetime] = {}
        self._others: set[MoveId] = set()
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for supervisor in self._supervisors.values():
                group.create_task(watch_jobs(supervisor, self._board, self._heard))
            while True:
                await self._look()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_INTERVAL_S):
                        await self._news.wait()
                self._news.clear()

    def _heard(self, host: HostName, jobs: tuple[RunningJob, ...]) -> None:
        self._heard_at[host] = datetime.now(UTC)
        if jobs != self._jobs.get(host, ()):
            self._jobs[host] = jobs
            self._news.set()

    async def _look(self) -> None:
        """The journal first: it knows whose a job is."""
        if self._journal is not None:
            with contextlib.suppress(
                JournalError
            ):  # told where a move is started; hosts are shown all the same
                await self._look_into(self._journal)
        rest = tuple(job for jobs in self._jobs.values() for job in jobs if not self._is_known(job))
        self._board.publish(JobsChanged(tuple(job for job in rest if not self._adopt(job))))

    async def _look_into(self, journal: Journal) -> None:
        for move in await journal.claim_orphans(self._supervisors.keys()):
            self._others.discard(move.id)
            self._take_up(move)
        self._others |= {
            move.id
            for move in await journal.others()
            if {move.source, move.request.destination} <= self._supervisors.keys()
        }
        for id_ in tuple(self._others):
            newest = await journal.past_move(id_)
            if newest is not None:
                self._show(newest)
            if newest is None or newest.phase.final:
                self._others.discard(id_)

    def _show(self, move: Move) -> None:
        """As the other program tells it."""
        old = self._board.state.moves.get(move.id)
        if old is not None and old.origin is not Origin.ELSEWHERE:
            return  # taken up meanwhile
        progress = move.history[-1] if move.history and not move.phase.final else move.progress
        shown = replace(move, progress=progress, origin=Origin.ELSEWHERE)
        if shown != old:
            self._board.publish(MoveChanged(shown, step=old is None or old.phase is not move.phase))

    def _is_known(self, job: RunningJob) -> bool:
        """Does it belong to a move that is shown, or to one that ended after the host was asked?"""
        if self._board.state.move_of(job.guest) is not None:
            return True
        heard = self._heard_at[job.guest.host]
        return any(
            move.request.guest == job.guest
            and move.outcome is not None
            and move.phase is not Phase.INDETERMINATE  # it may still be this one's
            and heard < move.started + timedelta(seconds=move.outcome.total_s) + OLD_NEWS
            for move in self._board.state.moves.values()
        )

    def _adopt(self, job: RunningJob) -> bool:
        """A guest that leaves for one of our hosts is a move like ours. False: it is shown as a mere job."""
        destination = self._destination(job) if job.operation == MIGRATION_OUT else None
        if destination is None:
            return False
        request = MoveRequest(job.guest, job.name, destination)
        began = datetime.now(UTC) - timedelta(seconds=job.elapsed_s)
        id_ = MoveId(secrets.token_hex(4))
        self._take_up(Move(id_, request, Phase.READY, began, origin=Origin.ELSEWHERE))
        return True

    def _destination(self, job: RunningJob) -> HostName | None:
        """Where its other half waits. (Only the source tells of the job itself.)"""
        for host, view in self._board.state.hosts.items():
            twin = view.guests.get(job.guest._replace(host=host))
            if host != job.guest.host and twin is not None and twin.state.active and twin.reason == INCOMING:
                return host
        return None
