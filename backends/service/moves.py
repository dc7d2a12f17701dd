"""Moves: asked about, started, steered, mended and remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager

from backends.errors import FerryError, JournalError
from backends.fleet.supervisor import Supervisor
from backends.hypervisor import jobs
from backends.journal.journal import Journal
from backends.migration.engine import act_of
from backends.model.history import AuditLine
from backends.model.move import Check, Move, MoveId, MoveRequest, Preflight, RunningJob
from backends.model.unfinished import Unfinished
from backends.service.desk import Desk


class MoveService(Desk):
    """See backends.api.Fleet."""

    async def preflight(
        self, request: MoveRequest, on_check: Callable[[Check], None] | None = None
    ) -> Preflight:
        """Ask before moving."""
        return await self._engine.preflight(request, on_check)

    def start_move(self, preflight: Preflight, *, accept_doubts: bool = False) -> MoveId:
        """Start it."""
        with self._audited(act_of(preflight.request)):
            return self._engine.start(preflight, accept_doubts=accept_doubts)

    async def abort_move(self, move: MoveId) -> None:
        """Ask for the end of the transfer."""
        with self._audited_move("abort", move):
            await self._engine.abort(move)

    async def set_bandwidth(self, move: MoveId, mib_s: int) -> None:
        """Limit the transfer."""
        with self._audited_move(f"limit to {mib_s} MiB/s", move):
            await self._engine.knobs(move).set_bandwidth(mib_s)

    async def set_max_downtime(self, move: MoveId, downtime_ms: int) -> None:
        """Change the downtime limit."""
        with self._audited_move(f"allow {downtime_ms} ms of downtime to", move):
            await self._engine.knobs(move).set_max_downtime(downtime_ms)

    async def start_postcopy(self, move: MoveId) -> None:
        """No way back from then on."""
        with self._audited_move("switch to post-copy", move):
            await self._engine.knobs(move).start_postcopy()

    async def pause_guest(self, move: MoveId) -> None:
        """So that the transfer ends soon."""
        with self._audited_move("pause the guest of", move):
            await self._engine.knobs(move).pause_guest()

    async def mend(self, unfinished: Unfinished) -> None:
        """Do what mends it."""
        what = unfinished.mend.value if unfinished.mend else unfinished.kind.value
        act = f"{what}: {unfinished.name} on {unfinished.guest.host}"
        try:
            done = await self._engine.mend(unfinished)
        except FerryError as error:
            self._engine.note(act, str(error), unfinished.move)
            raise
        self._engine.note(act, done, unfinished.move)

    async def history(self, text: str = "", *, limit: int = 200) -> tuple[Move, ...]:
        """Of the journal."""
        return await self._the_journal().history(text, limit=limit)

    async def past_move(self, move: MoveId) -> Move | None:
        """Of the journal."""
        return await self._the_journal().past_move(move)

    async def audit(self, text: str = "", *, limit: int = 200) -> tuple[AuditLine, ...]:
        """Of the journal."""
        return await self._the_journal().audit(text, limit=limit)

    async def running_jobs(self) -> tuple[RunningJob, ...]:
        """All hosts that answer are asked at once; one that fails meanwhile counts as not answering."""

        async def of(supervisor: Supervisor) -> tuple[RunningJob, ...]:
            if supervisor.session is None:
                return ()
            guests = self.state.hosts[supervisor.name].guests.values()
            found: tuple[RunningJob, ...] = ()
            try:
                for driver, connection in supervisor.session.connections.items():
                    active = [g for g in guests if g.state.active and g.key.driver == driver]
                    found += await jobs.running(connection, active)
            except FerryError:
                return found
            return found

        found = await asyncio.gather(*(of(supervisor) for supervisor in self._supervisors.values()))
        return tuple(job for host in found for job in host)

    def _the_journal(self) -> Journal:
        if isinstance(self._journal, JournalError):
            raise self._journal
        return self._journal

    def _audited_move(self, act: str, id_: MoveId) -> AbstractContextManager[None]:
        move = self.state.moves.get(id_)
        return self._audited(f"{act} the move of {move.request.name}" if move else f"{act} move {id_}", id_)
