"""The record of one move: each step of it replaces the picture that readers see."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime

from backends.fleet.mailbox import Board
from backends.migration.machine import Signal, step
from backends.migration.progress import extended
from backends.model.fleet import MoveChanged
from backends.model.move import Move, MoveLogLine, MoveProgress, Outcome, Phase

_log = logging.getLogger(__name__)


class MoveRecord:
    """Holds the newest Move and publishes each change of it, the first picture included."""

    def __init__(self, move: Move, board: Board) -> None:
        self.move = move
        self.cancelled = False
        """The user asked for the end."""
        self._board = board
        self._set(move, step=True)

    @property
    def phase(self) -> Phase:
        """Where the move is."""
        return self.move.phase

    def signal(self, signal: Signal) -> None:
        """Take the step that this signal means, if any."""
        if signal is Signal.ABORT_ASKED:
            self.cancelled = True
        phase = step(self.phase, signal, cancelled=self.cancelled)
        if phase is not self.phase:
            self._set(replace(self.move, phase=phase), step=True)

    def log(self, text: str) -> None:
        """Say what happened, in words."""
        line = MoveLogLine(datetime.now(UTC), text)
        request = self.move.request
        _log.info(
            "move %s of %s, %s to %s: %s",
            self.move.id,
            request.name,
            self.move.source,
            request.destination,
            text,
        )
        self._set(replace(self.move, log=(*self.move.log, line)), step=True)

    def sample(self, progress: MoveProgress) -> None:
        """A new sample: no step, readers may miss it."""
        history = extended(self.move.history, progress)
        self._set(replace(self.move, progress=progress, history=history), step=False)

    def end(self, signal: Signal, outcome: Outcome) -> None:
        """The last step, with the outcome in the same picture."""
        phase = step(self.phase, signal, cancelled=self.cancelled)
        _log.info("move %s of %s: %s: %s", self.move.id, self.move.request.name, phase.value, outcome.reason)
        self._set(replace(self.move, phase=phase, outcome=outcome), step=True)

    def _set(self, move: Move, *, step: bool) -> None:
        self.move = move
        self._board.publish(MoveChanged(move, step))
