"""The moves that have ended, as the journal keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar

from textual import on
from textual.binding import BindingType

from backends.model.fleet import Topic
from backends.model.move import Move, MoveId
from tui.actions.action import Place
from tui.actions.reasons import Now
from tui.actions.registry import bindings_for
from tui.bridge import Update
from tui.screens.crash_record import open_record
from tui.screens.journal import LIMIT, JournalScreen
from tui.screens.past import PastScreen
from tui.widgets.grid import Grid
from tui.widgets.grid_columns import Column
from tui.widgets.lines import Line
from tui.words.moves import history_columns
from tui.words.past import past_detail


class HistoryScreen(JournalScreen[Move]):
    """Newest first; enter opens one with its samples and its log."""

    PLACE = Place.HISTORY
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.HISTORY)
    HEADING = "PAST MOVES"
    SORT = "when"
    NOTHING = (
        "No move has ended yet.\n\nEach move of this program is kept here, with its samples and its log."
    )
    FILTER_HINT = "a guest, a host, a mode, a result, or words of the outcome"

    def columns(self) -> Sequence[Column[Move]]:
        """How a move is shown."""
        return history_columns(self.session.settings.glyphs, lambda: datetime.now(UTC))

    def key_of(self, row: Move) -> MoveId:
        """Its id."""
        return row.id

    def detail(self, row: Move, width: int) -> Sequence[Line]:
        """When, by whom, and how it ended."""
        crash = self.session.fleet.crash_of_move(row)
        return past_detail(row, width, crash, self.key_for("crash-record"))

    async def read(self, text: str) -> Sequence[Move]:
        """Those that have the words."""
        return await self.session.fleet.history(text, limit=LIMIT)

    def now(self) -> Now:
        """With the move under the cursor."""
        move = self.grid.highlighted
        crash = self.session.fleet.crash_of_move(move) if move else None
        return Now(self.state, read_only=self.session.settings.read_only, move=move, crash=crash)

    def follow(self, update: Update) -> None:
        """A move that has just ended is in the journal now."""
        touched = (update.state.moves.get(MoveId(str(s))) for topic, s in update.dirty if topic is Topic.MOVE)
        if any(move and move.phase.final for move in touched):
            self.do_read_again()
        super().follow(update)

    def do_crash_record(self) -> None:
        """What the hosts of the move under the cursor tell of it."""
        open_record(self)

    @on(Grid.Selected)
    def do_open(self) -> None:
        """One on its own page."""
        if move := self.grid.highlighted:
            self.app.push_screen(PastScreen(move))
