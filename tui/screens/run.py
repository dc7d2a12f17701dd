"""One move: how it goes, and how it ended."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from backends.api import FerryError
from backends.model.fleet import Topic
from backends.model.move import Move, MoveId
from tui.actions.action import Action, Place
from tui.actions.reasons import Now
from tui.actions.registry import bindings_for
from tui.bridge import Update
from tui.dialogs.abort import abort_dialog
from tui.dialogs.limits import bandwidth_dialog, downtime_dialog, number_in
from tui.screens.place import PlaceScreen
from tui.toasts import complain, copy
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.lines import LineView, ReadView
from tui.words.move import command_to_copy, log_lines, move_title, outcome_card
from tui.words.run import bar_picture, plot_picture

_BAND_HEIGHTS = ((46, 6), (38, 4), (30, 3), (0, 2))
"""From how many lines of a screen on each band of the plot gets how many of them."""

_KNOBS = frozenset({"bandwidth", "downtime", "abort"})
"""Actions that mean nothing once the move is over: their keys then only say so."""


class RunScreen(PlaceScreen):
    """Lives as long as the user looks at it; the move does not depend on it."""

    PLACE = Place.RUN
    CSS_PATH = Path(__file__).with_name("run.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.RUN)

    def __init__(self, move: MoveId) -> None:
        super().__init__()
        self._move = move

    def compose(self) -> ComposeResult:
        """The panes."""
        yield Header()
        yield LineView(id="title")
        yield LineView(id="card")
        yield LineView(id="bar")
        yield LineView(id="plot")
        yield ReadView(id="log")
        yield KeyLine()

    def on_mount(self) -> None:
        """The log has the keys for scrolling."""
        self.query_one("#log").focus()

    def move(self) -> Move | None:
        """The move as it stands; None for a moment after its start."""
        return self.session.fleet.state.moves.get(self._move)

    def now(self) -> Now:
        """With the move."""
        return Now(self.state, read_only=self.session.settings.read_only, move=self.move())

    @property
    def shown_actions(self) -> tuple[Action, ...]:
        """Without the knobs of a move that is over."""
        move = self.move()
        is_over = move is not None and move.phase.final
        return tuple(a for a in self.actions if not (is_over and a.id in _KNOBS))

    def resync(self) -> None:
        """Everything anew."""
        self._draw()
        super().resync()

    def follow(self, update: Update) -> None:
        """A step or a sample of this move."""
        if (Topic.MOVE, self._move) in update.dirty:
            self._draw()
        super().follow(update)

    def on_resize(self) -> None:
        """The plot's height depends on the screen's."""
        self._draw()

    def _draw(self) -> None:
        move = self.move()
        if move is None:
            return
        glyphs = self.session.settings.glyphs
        band_height = next(band for lines, band in _BAND_HEIGHTS if self.size.height >= lines)
        self.query_one("#title", LineView).draw(
            lambda width: move_title(move, glyphs, datetime.now(UTC), width)
        )
        self.query_one("#bar", LineView).draw(lambda width: bar_picture(move, glyphs, width))
        self.query_one("#plot", LineView).draw(
            lambda width: plot_picture(move, glyphs, width, band_height=band_height)
        )
        self.set_class(move.outcome is not None, "-over")
        if outcome := move.outcome:
            self.query_one("#card", LineView).draw(lambda width: outcome_card(move, outcome, glyphs, width))
        self._draw_log(move)

    def _draw_log(self, move: Move) -> None:
        log = self.query_one("#log", ReadView)
        at_the_end = log.is_vertical_scroll_end
        log.draw(lambda width: log_lines(move, width))
        if at_the_end:
            log.scroll_end(animate=False)

    # -- what the user does --------------------------------------------------------------------------

    def do_bandwidth(self) -> None:
        """Another limit, from now on."""
        self.app.run_worker(self._change_bandwidth())

    async def _change_bandwidth(self) -> None:
        move = self.move()
        answer = await self.app.push_screen_wait(
            bandwidth_dialog(move.request.bandwidth_mib_s if move else None)
        )
        if (limit := number_in(answer)) is not None:
            await self._ask_host(self.session.fleet.set_bandwidth(self._move, limit))

    def do_downtime(self) -> None:
        """Another limit, from now on."""
        self.app.run_worker(self._change_downtime())

    async def _change_downtime(self) -> None:
        move = self.move()
        progress = move.progress if move else None
        answer = await self.app.push_screen_wait(
            downtime_dialog(progress.downtime_limit_ms if progress else None)
        )
        if (limit := number_in(answer)) is not None:
            await self._ask_host(self.session.fleet.set_max_downtime(self._move, limit))

    def do_abort(self) -> None:
        """Stop it, after a confirmation."""
        self.app.run_worker(self._abort())

    async def _abort(self) -> None:
        move = self.move()
        if move is None:
            return
        if await self.app.push_screen_wait(abort_dialog(move)):
            await self._ask_host(self.session.fleet.abort_move(self._move))

    async def _ask_host(self, call: Awaitable[None]) -> None:
        try:
            await call
        except FerryError as error:
            complain(self.app, error)

    def do_copy_command(self) -> None:
        """The virsh command of the move; after its end the one that is left to do."""
        move = self.move()
        if move and (command := command_to_copy(move)):
            copy(self.app, command)

    def do_back(self) -> None:
        """The move goes on."""
        self.app.pop_screen()
