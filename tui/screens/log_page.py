"""A log of a host, opened where it tells of a crash: read, searched, followed, saved."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from backends.api import FerryError, Log
from backends.model.crash import Evidence
from backends.model.fleet import Topic
from backends.model.host import HostName
from tui.actions.action import Place
from tui.actions.reasons import Now
from tui.actions.registry import bindings_for
from tui.bridge import Update
from tui.screens.crash_acts import CrashPlace
from tui.toasts import copy
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.filter_line import FilterLine
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, LineView, dim, line, spread
from tui.widgets.log_view import LogView
from tui.words.crash_page import log_command
from tui.words.log import Search, placeholder, position, search_line, trouble_line

_SEARCH_KEYS: Line = (
    Cell(" enter", Tone.TITLE),
    Cell(" searches "),
    Cell(" esc", Tone.TITLE),
    Cell(" goes back "),
)


_ROOMY = 110
"""Columns from which there is room for what is searched for beside the bytes."""


class LogScreen(CrashPlace):
    """Holds the log open as long as it is looked at."""

    PLACE = Place.LOG
    CSS_PATH = Path(__file__).with_name("log_page.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.LOG)

    def __init__(self, host: HostName, evidence: Evidence) -> None:
        super().__init__()
        self._host = host
        self._evidence = evidence
        self._log: Log | None = None
        self._search = Search()
        self._current: int | None = None
        """Where the line begins that was found last."""
        self._error: FerryError | None = None

    def compose(self) -> ComposeResult:
        """The panes."""
        yield Header()
        yield LineView(id="heading")
        yield FilterLine("words to find, small and capital letters alike", id="filter")
        yield LogView(self.session.settings.glyphs, id="log")
        yield LineView(id="position")
        yield KeyLine()

    def on_mount(self) -> None:
        """The log has the keys."""
        self.view.placeholder = placeholder(self._evidence.place, None)
        self.view.focus()
        self._open(None)

    @property
    def view(self) -> LogView:
        """The lines."""
        return self.query_one(LogView)

    @property
    def search_field(self) -> FilterLine:
        """Where words are typed."""
        return self.query_one(FilterLine)

    def hosts(self) -> Sequence[HostName]:
        """The one that has it."""
        return [self._host] if self._host in self.state.hosts else []

    def now(self) -> Now:
        """With the log."""
        view = self.state.hosts.get(self._host)
        at = self.view.port.span[0]
        return Now(
            self.state,
            read_only=self.session.settings.read_only,
            host=view,
            evidence=self._evidence,
            asking=self._log is None and self._error is None,
            text=log_command(view.spec, self._evidence.path, at) if view else "",
            found=len(self._search.matches.begins) if self._search.matches else 0,
        )

    # -- the log ------------------------------------------------------------------------------------

    def _open(self, at: int | None) -> None:
        """In place of the one that is open."""
        self._log = self._error = None
        self.run_worker(self._hold(at), group="log", exclusive=True)

    async def _hold(self, at: int | None) -> None:
        """Until the screen is left. `at`: what is shown first; None: what tells of the crash."""
        evidence = self._evidence
        try:
            async with self.session.fleet.open_log(self._host, evidence.path) as log:
                self._log = log
                self.view.show(log, at, evidence.lines, evidence.offset)
                self.redraw_keys()
                await asyncio.Event().wait()
        except FerryError as error:
            self._error = error
            self._draw_position()
            self.redraw_keys()

    # -- drawing ------------------------------------------------------------------------------------

    def draw_all(self) -> None:
        """All panes."""
        left = line(Cell(f" {self._host}  ", Tone.TITLE), Cell(self._evidence.place))
        right = (dim(f"{self._evidence.source.value} "),)
        self.query_one("#heading", LineView).draw(lambda width: [spread(left, right, width)])
        self._draw_position()

    def follow(self, update: Update) -> None:
        """Something has happened on the host: the log may have grown."""
        if (Topic.CRASHES, self._host) in update.dirty:
            self.view.look_for_more()
        super().follow(update)

    @on(LogView.Changed)
    def _changed(self) -> None:
        self._draw_position()

    def _draw_position(self) -> None:
        view, error = self.view, self._error or self.view.error
        if not view.port.lines:
            view.placeholder = placeholder(self._evidence.place, error)
            if not error and view.port.window and not view.reading:
                view.placeholder = "The log is empty."
            view.refresh()
        if error and view.port.lines:
            left: Line = trouble_line(error)
        else:
            roomy = not self._search.text or self.size.width >= _ROOMY
            left = position(view.port.span[1], view.size_bytes, at_end=view.port.at_end, roomy=roomy)
            left = (*left, *search_line(self._search, self._current))
        right: Line = ()
        if view.began_anew:
            right = (Cell("it began anew: truncated or rotated ", Tone.DOUBT),)
        if view.follows:
            right = (*right, Cell("following ", Tone.BUSY))
        if view.reading:
            right = (Cell("reading ... ", Tone.BUSY),)
        self.query_one("#position", LineView).draw(lambda width: [spread(left, right, width)])

    def redraw_keys(self) -> None:
        """While words are typed, keys do other things."""
        if self.search_field.is_open:
            self.query_one(KeyLine).show_line(_SEARCH_KEYS)
        else:
            super().redraw_keys()

    # -- searching ----------------------------------------------------------------------------------

    def do_search_log(self) -> None:
        """Type words."""
        self.search_field.open()
        self.redraw_keys()

    @on(FilterLine.Closed)
    def _typed(self) -> None:
        self.view.focus()
        self.redraw_keys()
        text = self.search_field.value
        if text and self._log:
            self._search = Search(text, under_way=True)
            self._current = None
            self.view.mark_found(text, None)
            self.run_worker(
                self._find(self._log, text, self.view.port.span[0]), group="search", exclusive=True
            )
        elif not text:
            self._stop_search()
        self._draw_position()

    async def _find(self, log: Log, text: str, start: int) -> None:
        """The first one from what is on the screen on is shown as soon as it is found."""
        try:
            async with aclosing(log.search(text)) as steps:
                async for matches in steps:
                    self._search = replace(self._search, matches=matches)
                    if self._current is None:
                        self._show_first(matches.begins, start, whole=matches.finished)
                    self._draw_position()
        except FerryError as error:
            self._search = replace(self._search, error=error)
        self._search = replace(self._search, under_way=False)
        if self._current is None and self._search.matches:
            self._show_first(self._search.matches.begins, start, whole=True)
        self._draw_position()
        self.redraw_keys()

    def _show_first(self, begins: Sequence[int], start: int, *, whole: bool) -> None:
        index = bisect_left(begins, start)
        if index < len(begins):
            self._show_match(begins[index], "")
        elif begins and whole:
            self._show_match(begins[0], "from the beginning on")

    def _show_match(self, begin: int, told: str) -> None:
        self._current = begin
        self._search = replace(self._search, told=told)
        self.view.mark_found(self._search.text, begin)
        self.view.go_to(begin)
        self.redraw_keys()

    def do_next_match(self) -> None:
        """The line after this one."""
        begins = self._begins
        at = self._current if self._current is not None else self.view.port.span[0] - 1
        index = bisect_right(begins, at)
        if index < len(begins):
            self._show_match(begins[index], "")
        elif not self._search.under_way:
            self._show_match(begins[0], "from the beginning on")

    def do_previous_match(self) -> None:
        """The line before this one."""
        begins = self._begins
        at = self._current if self._current is not None else self.view.port.span[0]
        index = bisect_left(begins, at) - 1
        if index >= 0:
            self._show_match(begins[index], "")
        elif not self._search.under_way:
            self._show_match(begins[-1], "from the end on")

    @property
    def _begins(self) -> tuple[int, ...]:
        return self._search.matches.begins if self._search.matches else ()

    def _stop_search(self) -> None:
        self.workers.cancel_group(self, "search")
        self._search, self._current = Search(), None
        self.search_field.value = ""
        self.view.mark_found("", None)
        self._draw_position()
        self.redraw_keys()

    # -- what else the user does ---------------------------------------------------------------------

    def do_back(self) -> None:
        """What is searched for goes first; then to the record."""
        if self._search.text:
            self._stop_search()
        else:
            self.app.pop_screen()

    def do_follow_log(self) -> None:
        """New lines as they are written, or no longer."""
        self.view.follow(not self.view.follows)

    def do_wrap_log(self) -> None:
        """Long lines in several rows, or cut."""
        self.view.wrap_lines(not self.view.port.wraps)

    def do_to_evidence(self) -> None:
        """Where it tells of the crash; the end where that is not known."""
        self.view.show_marks()

    def do_save_log(self) -> None:
        """All of it."""
        self.save(self._host, replace(self._evidence, size_bytes=self.view.size_bytes or None))

    def do_read_log_again(self) -> None:
        """At the same place."""
        lines = self.view.port.lines
        self.view.error, self.view.began_anew = None, False
        self._open(self.view.port.span[0] if lines else None)

    def do_copy_log_command(self) -> None:
        """What shows it on its host."""
        copy(self.app, self.now().text)
