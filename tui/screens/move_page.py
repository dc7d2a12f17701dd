"""`MovePage`: one move on a page of its own, in flight or long ago."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from textual.app import ComposeResult

from backends.model.crash import CrashRecord
from backends.model.fleet import Topic
from backends.model.move import Move, Result
from backends.model.unfinished import Unfinished
from tui.actions.reasons import Now
from tui.bridge import Update
from tui.screens.crash_record import open_record
from tui.screens.move_acts import MovePlace
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.lines import Line, LineView, ReadView, dim, line, wrap
from tui.words.crash_link import move_crash_lines
from tui.words.host import can_be_asked
from tui.words.move import log_lines, move_title
from tui.words.outcome import left_by, outcome_card
from tui.words.run import bar_picture, plot_picture

_BAND_HEIGHTS = ((46, 6), (38, 4), (30, 3), (0, 2))
"""From how many lines of a screen on each band of the plot gets how many of them."""


class MovePage(MovePlace):
    """Title, bar or outcome, plot, log. Screens say by `move` which move it is."""

    CSS_PATH = Path(__file__).with_name("move_page.tcss")
    _unlisten: Callable[[], None] | None = None

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
        self._unlisten = self.session.crashes.listen(self._crashes_heard)

    def on_unmount(self) -> None:
        """Listen no longer."""
        if self._unlisten:
            self._unlisten()

    def move(self) -> Move | None:
        """The move as it stands; None where it is not known (yet, or any more)."""
        raise NotImplementedError

    def nothing_known(self) -> str:
        """What is said in the place of a move that is not known."""
        raise NotImplementedError

    def left(self) -> tuple[Unfinished, ...]:
        """What it has left behind."""
        move = self.move()
        return left_by(move, self.state.unfinished) if move else ()

    def now(self) -> Now:
        """With the move, and the first thing that it has left to do."""
        return Now(
            self.state,
            read_only=self.session.settings.read_only,
            move=self.move(),
            unfinished=next(iter(self.left()), None),
            crash=self.crash(),
        )

    def crash(self) -> CrashRecord | None:
        """What it has met, as far as its hosts have told."""
        move = self.move()
        return self.session.fleet.crash_of_move(move) if move else None

    def follow(self, update: Update) -> None:
        """What hosts tell of crashes. Screens extend it."""
        if update.touches(Topic.CRASHES):
            self.draw_move()
        super().follow(update)

    def _crashes_heard(self) -> None:
        if self.is_attached and self.is_current and self.app.is_running:
            self.draw_move()

    def _ask_for_crash(self, move: Move) -> None:
        """Of a move that has failed its two hosts are asked once what crashes have left there."""
        session = self.session
        if not _has_failed(move) or move.id in session.asked_for_crash or self.crash():
            return
        views = [self.state.hosts.get(host) for host in (move.source, move.request.destination)]
        if able := [view.spec.name for view in views if view and can_be_asked(view)]:
            session.asked_for_crash.add(move.id)
            session.crashes.ask(self.app, session.fleet, able)

    def resync(self) -> None:
        """Everything anew."""
        self.draw_move()
        super().resync()

    def on_resize(self) -> None:
        """The plot's height depends on the screen's."""
        self.draw_move()

    def draw_move(self) -> None:
        """All panes."""
        move = self.move()
        if move is None:
            self._draw_nothing(self.nothing_known())
            return
        self._ask_for_crash(move)
        glyphs = self.session.settings.glyphs
        band_height = next(band for lines, band in _BAND_HEIGHTS if self.size.height >= lines)
        now = datetime.now(UTC)
        self.query_one("#title", LineView).draw(lambda width: move_title(move, glyphs, now, width))
        self.query_one("#bar", LineView).draw(lambda width: bar_picture(move, glyphs, width))
        self.query_one("#plot", LineView).draw(
            lambda width: plot_picture(move, glyphs, width, band_height=band_height)
        )
        self.set_class(move.outcome is not None, "-over")
        self.query_one("#card", LineView).draw(lambda width: self._card(move, width))
        self._draw_log(move)

    def _draw_nothing(self, words: str) -> None:
        lines = ("#card", "#bar", "#plot", "#log")
        for pane in lines:
            self.query_one(pane, LineView).draw(lambda _: ())
        self.query_one("#title", LineView).draw(
            lambda width: wrap(words, min(76, width - 2), indent=" ", first=())
        )

    def _card(self, move: Move, width: int) -> Sequence[Line]:
        if move.outcome is None:
            return ()
        glyphs, left = self.session.settings.glyphs, self.left()
        lines = outcome_card(move, move.outcome, left, glyphs, width, mend_key=self.key_for("mend"))
        return [*lines, *self._crash_lines(move, width)]

    def _crash_lines(self, move: Move, width: int) -> list[Line]:
        if not _has_failed(move):
            return []
        if crash := self.crash():
            return move_crash_lines(crash, self.key_for("crash-record"), width)
        hosts = [h for h in (move.source, move.request.destination) if h in self.session.crashes.asking]
        return [line(dim(f"   asking {' and '.join(hosts)} for a crash record ..."))] if hosts else []

    def _draw_log(self, move: Move) -> None:
        log = self.query_one("#log", ReadView)
        at_the_end = log.is_vertical_scroll_end
        log.draw(lambda width: log_lines(move, width))
        if at_the_end:
            log.scroll_end(animate=False)

    def do_crash_record(self) -> None:
        """What its hosts tell of it."""
        open_record(self)

    def do_back(self) -> None:
        """To where the user came from; a move in flight goes on."""
        self.app.pop_screen()


def _has_failed(move: Move) -> bool:
    """Has it begun, and not ended as it should?"""
    outcome = move.outcome
    return outcome is not None and outcome.result in (Result.FAILED, Result.INDETERMINATE)
