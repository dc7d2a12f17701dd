"""The record of one move: each step of it replaces the picture that readers see, and goes into the journal."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from backends.errors import JournalError
from backends.fleet.mailbox import Board
from backends.journal.journal import Journal
from backends.migration.convergence.progress import extended
from backends.migration.machine import Signal, step
from backends.model.fleet import MoveChanged
from backends.model.guest import GuestState, virsh_name
from backends.model.move import (
    LogKind,
    Move,
    MoveId,
    MoveLogLine,
    MoveProgress,
    Outcome,
    Phase,
    Result,
    Trace,
    TraceKind,
)

_log = logging.getLogger(__name__)

MAX_LOG_LINES = 600
"""Of one move: it is written to the journal as a whole with each step."""
FIRST_LOG_LINES = 50
"""The beginning is kept when the middle of a long log is let go."""


class MoveRecord:
    """Holds the newest Move, publishes each change of it and queues it for the journal, the first picture included.

    Changes are told at once; whoever is about to do something to a host awaits `durable` first, so that the journal
    knows of every effect before it happens.
    """

    def __init__(self, move: Move, board: Board, journal: Journal | None) -> None:
        self.move = move
        self._board = board
        self._journal = journal
        """None for a move that is somebody else's."""
        self._hooks: dict[Signal, Callable[[], None]] = {}
        self._set(move)

    @property
    def id(self) -> MoveId:
        """The move's."""
        return self.move.id

    @property
    def phase(self) -> Phase:
        """Where the move is."""
        return self.move.phase

    def when(self, signal: Signal, act: Callable[[], None]) -> None:
        """Do this in the moment in which that happens."""
        self._hooks[signal] = act

    def signal(self, signal: Signal) -> None:
        """Take the step that this signal means, if any."""
        if hook := self._hooks.get(signal):
            hook()
        cancelled = self.move.cancelled or signal is Signal.ABORT_ASKED
        phase = step(self.phase, signal, cancelled=cancelled)
        if (phase, cancelled) != (self.phase, self.move.cancelled):
            self._set(replace(self.move, phase=phase, cancelled=cancelled))

    def log(self, text: str, kind: LogKind = LogKind.STEP) -> None:
        """Say what happened, in words."""
        line = MoveLogLine(datetime.now(UTC), text, kind)
        request = self.move.request
        _log.info(
            "move %s of %s, %s to %s: %s", self.id, request.name, self.move.source, request.destination, text
        )
        log = (*self.move.log, line)
        if len(log) > MAX_LOG_LINES:
            log = (*log[:FIRST_LOG_LINES], *log[-MAX_LOG_LINES // 2 :])
        self._set(replace(self.move, log=log))

    def sample(self, progress: MoveProgress) -> None:
        """A new sample: no step, readers may miss it."""
        history = extended(self.move.history, progress)
        self.move = replace(self.move, progress=progress, history=history)
        if self._journal is not None:
            self._journal.sample(self.id, progress)
        self._board.publish(MoveChanged(self.move, step=False))

    def leave(self, trace: Trace) -> None:
        """Something is about to be put on a host: await `durable` before it is."""
        if trace not in self.move.traces:
            self._set(replace(self.move, traces=(*self.move.traces, trace)))

    def cleared(self, trace: Trace) -> None:
        """It is gone again, or is to stay for good."""
        self._set(replace(self.move, traces=tuple(each for each in self.move.traces if each != trace)))

    def was_paused(self, is_so: bool) -> None:
        """The guest's state at the start, which may not be what it was when the plan was made."""
        preflight = self.move.preflight
        if preflight is not None and preflight.was_paused is not is_so:
            self._set(replace(self.move, preflight=replace(preflight, was_paused=is_so)))

    def traces(self, kind: TraceKind) -> tuple[Trace, ...]:
        """What is left of this kind."""
        return tuple(trace for trace in self.move.traces if trace.kind is kind)

    async def durable(self) -> None:
        """Wait until the journal has all of this on the disk. Raises JournalError."""
        if self._journal is not None:
            await self._journal.durable()

    async def kept(self) -> None:
        """As `durable`, for a move under way: a journal that fails now must not stop it, and is told."""
        try:
            await self.durable()
        except JournalError as error:
            self.log(f"this step could not be journalled: {error.cause}")

    def end(self, signal: Signal, outcome: Outcome) -> None:
        """The last step, with the outcome in the same picture."""
        phase = step(self.phase, signal, cancelled=self.move.cancelled)
        _log.info("move %s of %s: %s: %s", self.id, self.move.request.name, phase.value, outcome.reason)
        self._set(replace(self.move, phase=phase, outcome=outcome))

    def end_by_bug(self) -> None:
        """The end of a move that a fault of this program has stopped: nobody has asked where the guest is."""
        request = self.move.request
        hosts = f"{self.move.source} and {request.destination}"
        outcome = Outcome(
            Result.INDETERMINATE,
            where=None,
            state=GuestState.UNKNOWN,
            reason="a fault of this program has ended the watching of this move; the log tells which",
            total_s=(datetime.now(UTC) - self.move.started).total_seconds(),
            left_to_do=(
                f"ask {hosts} where it is: virsh domstate --reason {virsh_name(request.name, request.guest)}",
            ),
        )
        self.signal(Signal.ADOPTED)
        self.end(Signal.FOUND_NOWHERE_SURE, outcome)

    def _set(self, move: Move) -> None:
        self.move = move
        if self._journal is not None:
            self._journal.put(move)
        self._board.publish(MoveChanged(move, step=True))
