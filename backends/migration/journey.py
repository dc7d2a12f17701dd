"""One move, from the start (or from where it is found) to the proof of where the guest is."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from backends.errors import AbortedError, ActionError, FerryError, JournalError, LinkError
from backends.fleet.supervisor import Supervisor
from backends.migration import machine
from backends.migration.ending.settle import Settlement
from backends.migration.gap import GapWatch, watch_gap
from backends.migration.machine import Signal
from backends.migration.record import MoveRecord
from backends.migration.transfer.transfer import Transfer
from backends.model.move import LogKind, Move, MoveMode, Origin, Phase


class Journey:
    """Runs as a task of the engine's. Commands come from other tasks on the same event loop."""

    def __init__(
        self, record: MoveRecord, transfer: Transfer, *, source: Supervisor, destination: Supervisor
    ) -> None:
        self._record = record
        self._transfer = transfer
        self._source = source
        self._destination = destination

    @property
    def move(self) -> Move:
        """The newest picture."""
        return self._record.move

    async def run(self) -> None:
        """Carry the guest over, then find out where it is. Never raises FerryError: the outcome says it all."""
        started_s = time.monotonic()
        self._record.signal(Signal.STARTED)
        async with self._gap() as gap:
            error = await self._carry_over()
            if isinstance(error, LinkError):
                self._record.signal(Signal.LINK_LOST)
                goes_on = "; the move goes on without us" if self.move.outlives_us else ""
                self._record.log(
                    f"the link to {error.host or self._source.name} is lost: {error.cause}{goes_on}"
                )
                await self._transfer.reattach()
            elif error is not None:
                self._tell_failure(error)
                self._record.signal(Signal.TRANSFER_FAILED)
            self._record.signal(Signal.TRANSFER_ENDED)
            await self._settle(error, started_s, gap)

    async def _carry_over(self) -> FerryError | None:
        try:
            await self._record.durable()
        except JournalError as error:  # nothing has been done yet, and nothing will be
            self._transfer.untouched = True
            return ActionError(str(error), operation="move", hint=error.hint)
        return await self._transfer.run()

    def _tell_failure(self, error: FerryError) -> None:
        if self._record.phase is Phase.ROLLING_BACK:
            return  # told already, by a transfer that has a way back of its own
        if not isinstance(error, AbortedError):
            self._record.log(f"the transfer has failed: {error.cause}")
        elif self.move.cancelled:
            self._record.log("the transfer has ended, as asked")
        else:
            self._record.signal(Signal.ABORT_ASKED)
            self._record.log("the transfer was aborted, by somebody else")

    async def take_up(self) -> None:
        """Go on with a move that this program has not started: watch what still runs of it, then find the guest."""
        since_s = (datetime.now(UTC) - self.move.started).total_seconds()
        started_s = time.monotonic() - since_s
        self._record.signal(Signal.ADOPTED)
        if self.move.origin is Origin.EARLIER:
            self._record.log(f"taken up again: the program that had it in hand has ended ({self.move.who})")
        await self._transfer.reattach()
        self._record.signal(Signal.TRANSFER_ENDED)
        await self._settle(None, started_s, None)

    async def _settle(self, error: FerryError | None, started_s: float, gap: GapWatch | None) -> None:
        settlement = Settlement(self._record, self._source, self._destination, started_s)
        if self._transfer.untouched and error is not None:
            await settlement.untouched(error)
        else:
            await settlement.run(error, self._transfer.completed, gap)

    @asynccontextmanager
    async def _gap(self) -> AsyncIterator[GapWatch | None]:
        """A guest that is off answers nobody."""
        if self.move.request.mode is MoveMode.OFFLINE:
            yield None
            return
        async with watch_gap(self.move.request, self._source) as gap:
            self._record.when(Signal.GUEST_STOPPED, gap.switching)
            yield gap

    # -- commands ------------------------------------------------------------------------------------

    async def abort(self) -> None:
        """Raises ActionError when it is too late."""
        if not machine.can_abort(self._record.phase):
            raise ActionError(
                machine.why_no_abort(self._record.phase), operation="abort", hint="wait for its outcome"
            )
        self._record.signal(Signal.ABORT_ASKED)
        self._record.log(
            f"abort asked for: the guest stays on {self.move.source} if the transfer has not won the race",
            LogKind.USER,
        )
        await self._record.kept()
        await self._transfer.abort()

    @property
    def knobs(self) -> Transfer:
        """What can be turned while it runs."""
        return self._transfer
