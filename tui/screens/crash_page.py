"""One crash record: cause and mend first, then what is known of it, then each piece of evidence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from backends.model.crash import CrashRecord, Evidence
from backends.model.fleet import HostView, Topic
from backends.model.host import HostName
from backends.model.move import Move
from tui.actions.action import Place
from tui.actions.reasons import Now
from tui.actions.registry import bindings_for
from tui.bridge import Update
from tui.format import clock_time
from tui.screens.crash_acts import CrashPlace
from tui.screens.log_page import LogScreen
from tui.toasts import copy
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, LineView, ReadView, dim, line, spread
from tui.words.crash import CrashRow, ago_words, crash_title, row_of
from tui.words.crash_page import About, Page, crash_page, log_command

AGE_TICK_S = 60.0
"""How often its age is read anew; what reads the same is not painted."""


class CrashPageScreen(CrashPlace):
    """Follows what is known of the record it was opened with."""

    PLACE = Place.CRASH
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.CRASH)

    def __init__(self, record: CrashRecord) -> None:
        super().__init__()
        self._row = CrashRow(record)
        self._is_gone = False
        self._move: Move | None = None
        self._selected = 0
        self._begins: tuple[int, ...] = ()

    def compose(self) -> ComposeResult:
        """The panes."""
        yield Header()
        yield LineView(id="heading")
        yield ReadView(id="crash-page")
        yield KeyLine()

    def on_mount(self) -> None:
        """The page has the keys for scrolling; its age grows."""
        self.page.focus()
        self.set_interval(AGE_TICK_S, self._grow_older)

    @property
    def page(self) -> ReadView:
        """The record."""
        return self.query_one("#crash-page", ReadView)

    @property
    def record(self) -> CrashRecord:
        """As it was known last."""
        return self._row.record

    @property
    def _view(self) -> HostView | None:
        return self.state.hosts.get(self.record.host)

    def hosts(self) -> Sequence[HostName]:
        """The one of the record."""
        return [self.record.host] if self._view else []

    def evidence(self) -> Evidence | None:
        """The piece that has the marker."""
        pieces = self.record.evidence
        return pieces[self._selected] if self._selected < len(pieces) else None

    def now(self) -> Now:
        """With the record, and the piece that has the marker."""
        each, view = self.evidence(), self._view
        return Now(
            self.state,
            read_only=self.session.settings.read_only,
            host=view,
            move=self._move,
            crash=self.record,
            evidence=each,
            asking=bool(self.asking),
            text=log_command(view.spec, each.path, each.offset) if view and each and each.is_text else "",
        )

    # -- drawing ------------------------------------------------------------------------------------

    def follow(self, update: Update) -> None:
        """What is told of it, whether its host answers, its guest, and the move that has met it."""
        if update.touches(Topic.MOVE) or self.record.guest in update.guests():
            self.draw_all()
        super().follow(update)

    def draw_all(self) -> None:
        """All panes."""
        newest = row_of(self.state, self.record)
        view = self._view
        self._row = newest or CrashRow(self.record, current=False)
        self._is_gone = newest is None and view is not None and view.crashes is not None
        self._selected = min(self._selected, max(0, len(self.record.evidence) - 1))
        self._move = self._find_move()
        self._draw_heading()
        self.page.draw(self._picture)

    def _find_move(self) -> Move | None:
        """The newest that has met it."""
        fleet, record = self.session.fleet, self.record
        met = [
            move
            for move in self.state.moves.values()
            if (crash := fleet.crash_of_move(move)) and (crash.host, crash.id) == (record.host, record.id)
        ]
        return max(met, key=lambda move: move.started, default=None)

    def _draw_heading(self) -> None:
        now, glyphs = datetime.now(UTC), self.session.settings.glyphs
        left = line(*crash_title(self._row, glyphs), dim(f"   {ago_words(self.record, now)}"))
        right: Line = ()
        known = self._view.crashes if self._view else None
        if self.asking:
            right = (Cell("looking ... ", Tone.BUSY),)
        elif not self._row.current and not self._is_gone:
            right = (Cell(f"{self.record.host} is silent ", Tone.DOUBT),)
        elif known:
            right = (dim(f"looked {clock_time(known.at, now)} "),)
        self.query_one("#heading", LineView).draw(lambda width: [spread(left, right, width)])

    def _grow_older(self) -> None:
        if self.is_current:
            self._draw_heading()

    def _picture(self, width: int) -> Sequence[Line]:
        page = self._page(width)
        self._begins = page.begins
        return page.lines

    def _page(self, width: int) -> Page:
        known = self._view.crashes if self._view else None
        guest = self.state.guest(self.record.guest) if self.record.guest else None
        about = About(
            self._row, known.clock_ahead_s if known else None, guest, self._move, is_gone=self._is_gone
        )
        return crash_page(about, self._selected, self.session.settings.glyphs, width)

    # -- what the user does --------------------------------------------------------------------------

    def do_next_evidence(self) -> None:
        """What the next place tells."""
        self._select(1)

    def do_previous_evidence(self) -> None:
        """What the place before tells."""
        self._select(-1)

    def _select(self, by: int) -> None:
        if many := len(self.record.evidence):
            self._selected = (self._selected + by) % many
            self.page.draw()
            self._show_selected()
            self.redraw_keys()

    def _show_selected(self) -> None:
        """All of the piece where it fits, else its beginning."""
        page, begin = self.page, self._begins[self._selected]
        ends = (*self._begins[1:], len(page.lines))
        top, height = page.scroll_offset.y, page.size.height
        if begin < top or ends[self._selected] > top + height:
            whole = ends[self._selected] - height
            page.scroll_to(y=min(begin, max(0, whole)), animate=False)

    def do_open_evidence(self) -> None:
        """Its log, where it tells of the crash."""
        if each := self.evidence():
            self.app.push_screen(LogScreen(self.record.host, each))

    def do_save_evidence(self) -> None:
        """Into a file of this machine."""
        if each := self.evidence():
            self.save(self.record.host, each)

    def do_copy_log_command(self) -> None:
        """What shows the log on its host."""
        copy(self.app, self.now().text)
