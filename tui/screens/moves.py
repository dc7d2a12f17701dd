"""Mode 5: moves in flight and done, what moves have left to do, and what else libvirt is busy with."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from backends.model.fleet import Topic
from backends.model.move import Move, MoveId
from backends.model.unfinished import Unfinished
from tui.actions.action import Place
from tui.actions.reasons import Now
from tui.actions.registry import bindings_for
from tui.bridge import Update
from tui.screens.crash_record import open_record
from tui.screens.move_acts import MovePlace
from tui.screens.run import RunScreen
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.grid import Grid
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, LineView, dim, line, spread
from tui.words.jobs import jobs_picture, other_jobs
from tui.words.moves import move_columns
from tui.words.unfinished import unfinished_columns, unfinished_detail

_NONE_YET = (
    "No move is in flight.\n\n"
    "m on a guest (mode 1) plans one. What an earlier session or anybody else has started is shown here by"
    " itself as soon as its host answers. H shows the moves that have ended."
)

ROWS_MOST = 6
"""Rows of what is left to do: the moves need the room."""


class MovesScreen(MovePlace):
    """A line with a bar for each move; below them what is left to do, and other jobs."""

    PLACE = Place.MOVES
    CSS_PATH = Path(__file__).with_name("moves.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.MOVES)

    def compose(self) -> ComposeResult:
        """The panes."""
        glyphs = self.session.settings.glyphs
        yield Header()
        yield LineView(id="heading")
        yield Grid(
            move_columns(glyphs),
            key=lambda move: move.id,
            sort="started",
            glyphs=glyphs,
            placeholder=_NONE_YET,
            id="moves",
        )
        yield Grid(
            unfinished_columns(), key=lambda left: left.id, sort="kind", glyphs=glyphs, id="unfinished"
        )
        yield LineView(id="left")
        yield LineView(id="others")
        yield KeyLine()

    def on_mount(self) -> None:
        """The moves have the keys."""
        self.grid.focus()

    @property
    def grid(self) -> Grid[Move]:
        """The moves."""
        return self.query_one("#moves", Grid)

    @property
    def leftovers(self) -> Grid[Unfinished]:
        """What is left to do."""
        return self.query_one("#unfinished", Grid)

    def now(self) -> Now:
        """With the move under the cursor, unless the user is in the other list, and what is left to do."""
        move = None if self.leftovers.has_focus else self.grid.highlighted
        return Now(
            self.state,
            read_only=self.session.settings.read_only,
            move=move,
            unfinished=self.leftovers.highlighted,
            crash=self.session.fleet.crash_of_move(move) if move else None,
        )

    # -- drawing ------------------------------------------------------------------------------------

    def resync(self) -> None:
        """Everything anew."""
        self.grid.show(self.state.moves.values())
        self._draw_heading()
        self._show_unfinished()
        self._draw_jobs()
        super().resync()

    def follow(self, update: Update) -> None:
        """Changed moves only."""
        moves = update.state.moves
        touched = [MoveId(str(subject)) for topic, subject in update.dirty if topic is Topic.MOVE]
        if touched:
            changed = [moves[move] for move in touched if move in moves]
            self.grid.update(changed, [move for move in touched if move not in moves])
            self._draw_heading()
            self._draw_jobs()
        if update.touches(Topic.UNFINISHED):
            self._show_unfinished()
            self._draw_heading()
        if update.touches(Topic.JOBS):
            self._draw_jobs()
        super().follow(update)

    def _draw_heading(self) -> None:
        moves, unfinished = self.state.moves.values(), self.state.unfinished
        going = sum(1 for move in moves if not move.phase.final)
        left: Line = (Cell(" MIGRATIONS ", Tone.TITLE), dim(f" {going} in flight, {len(moves) - going} done"))
        if unfinished:
            left = (*left, dim(", "), Cell(f"{len(unfinished)} left to do", Tone.DOUBT))
        keys = {action.id: action.shown_key() for action in self.actions}
        places = (("history", " history   "), ("audit", " who did what "))
        right = line(*(cell for name, words in places for cell in (Cell(keys[name], Tone.TITLE), dim(words))))
        self.query_one("#heading", LineView).draw(lambda width: [spread(left, right, width)])

    def _show_unfinished(self) -> None:
        unfinished = self.state.unfinished
        self.set_class(bool(unfinished), "-unfinished")
        if not unfinished and self.leftovers.has_focus:
            self.grid.focus()
        self.leftovers.show(unfinished)
        self.leftovers.styles.height = 2 + min(len(unfinished), ROWS_MOST)  # border and titles
        self._draw_left()

    def _draw_left(self) -> None:
        left = self.leftovers.highlighted
        key = next(action.shown_key() for action in self.actions if action.id == "mend")
        self.query_one("#left", LineView).draw(lambda width: unfinished_detail(left, key, width))

    def _draw_jobs(self) -> None:
        state = self.state
        jobs = other_jobs(state)
        self.set_class(bool(jobs), "-others")
        self.query_one("#others", LineView).draw(
            lambda width: jobs_picture(jobs, state, width) if jobs else ()
        )

    # -- what the user does --------------------------------------------------------------------------

    @on(Grid.Highlighted)
    def _highlighted(self) -> None:
        self._draw_left()
        self.redraw_keys()

    def on_descendant_focus(self) -> None:
        """Keys are about the list that has them."""
        self.redraw_keys()

    @on(Grid.Selected, "#moves")
    def do_open(self) -> None:
        """One move on its own page."""
        if move := self.grid.highlighted:
            self.app.push_screen(RunScreen(move.id))

    def do_crash_record(self) -> None:
        """What the hosts of the move under the cursor tell of it."""
        open_record(self)

    @on(Grid.Selected, "#unfinished")
    def _mend_selected(self) -> None:
        self.action_perform("mend")
