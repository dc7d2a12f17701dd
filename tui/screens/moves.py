"""Mode 5: the moves of this session, in flight and done."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from backends.api import FerryError
from backends.model.fleet import Topic
from backends.model.move import Move, MoveId
from tui.actions.action import Place
from tui.actions.reasons import Now
from tui.actions.registry import bindings_for
from tui.bridge import Update
from tui.dialogs.abort import abort_dialog
from tui.screens.place import PlaceScreen
from tui.screens.run import RunScreen
from tui.toasts import complain
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.grid import Grid
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import LineView, dim
from tui.words.jobs import foreign_jobs, jobs_picture
from tui.words.moves import move_columns

_NONE_YET = (
    "No move yet in this session.\n\n"
    "m on a guest (mode 1) plans one. A move goes on when virt-ferry ends; what still runs of an earlier"
    " session, or of anybody, is then shown below."
)

JOBS_GAP_S = 2.0
"""How often libvirt's jobs are asked for, while this screen is in front."""


class MovesScreen(PlaceScreen):
    """A line with a bar for each; below them the jobs that others started."""

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
        )
        yield LineView(id="others")
        yield KeyLine()

    def on_mount(self) -> None:
        """The table has the keys."""
        self.grid.focus()
        self.set_interval(JOBS_GAP_S, self._look_for_others)
        self._look_for_others()

    def on_screen_resume(self) -> None:
        """Not only after the next interval."""
        super().on_screen_resume()
        self._look_for_others()

    @property
    def grid(self) -> Grid[Move]:
        """The table."""
        return self.query_one(Grid)

    def now(self) -> Now:
        """With the move under the cursor."""
        return Now(self.state, read_only=self.session.settings.read_only, move=self.grid.highlighted)

    def resync(self) -> None:
        """Everything anew."""
        self.grid.show(self.state.moves.values())
        self._draw_heading()
        super().resync()

    def follow(self, update: Update) -> None:
        """Changed moves only."""
        moves = update.state.moves
        changed = [MoveId(str(subject)) for topic, subject in update.dirty if topic is Topic.MOVE]
        if changed:
            self.grid.update([moves[move] for move in changed if move in moves])
            self._draw_heading()
        super().follow(update)

    def _look_for_others(self) -> None:
        """Only while somebody looks, and never two questions at once: a host may take long."""
        is_asking = any(worker.group == "jobs" and not worker.is_finished for worker in self.workers)
        if self.is_current and not is_asking:
            self.run_worker(self._draw_others(), group="jobs")

    async def _draw_others(self) -> None:
        jobs = foreign_jobs(await self.session.fleet.running_jobs(), self.state)
        self.set_class(bool(jobs), "-others")
        if jobs:
            state = self.state
            self.query_one("#others", LineView).draw(lambda width: jobs_picture(jobs, state, width))

    def _draw_heading(self) -> None:
        moves = self.state.moves.values()
        going = sum(1 for move in moves if not move.phase.final)
        cells = (Cell(" MIGRATIONS ", Tone.TITLE), dim(f" {going} in flight, {len(moves) - going} done"))
        self.query_one("#heading", LineView).draw(lambda _: [cells])

    @on(Grid.Highlighted)
    def _highlighted(self) -> None:
        self.redraw_keys()

    @on(Grid.Selected)
    def do_open(self) -> None:
        """One move on its own page."""
        move = self.grid.highlighted
        if move:
            self.app.push_screen(RunScreen(move.id))

    def do_abort(self) -> None:
        """Stop it, after a confirmation."""
        move = self.grid.highlighted
        if move:
            self.app.run_worker(self._abort(move))

    async def _abort(self, move: Move) -> None:
        if not await self.app.push_screen_wait(abort_dialog(move)):
            return
        try:
            await self.session.fleet.abort_move(move.id)
        except FerryError as error:
            complain(self.app, error)
