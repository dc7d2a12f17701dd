"""`LogView`: a log of a host of any size. Only what is on the screen, and a screenful around it, is ever asked for.

The host may be slow: what was read stays on the screen, keys work on it, and `reading` says that more is awaited.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from backends.api import FerryError, Log
from backends.model.log import LogLine
from tui.glyphs import Glyphs
from tui.log_port import LogPort
from tui.log_rows import Row, pieces, printable, spans_of
from tui.log_window import Growth, LogWindow

GUTTER = 2
"""Cells at the left: the mark of the lines that tell of a crash, or of the line that was found."""

FOLLOW_S = 0.5
"""Between two questions whether a log has grown."""

_WHEEL_ROWS = 3

Question = Callable[[], Awaitable[object]]


class LogView(Widget, can_focus=True):
    """Scrolls by rows, pages and to both ends; long lines are cut, or wrapped."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"log--{name}" for name in ("normal", "dim", "evidence", "mark", "match")
    }
    DEFAULT_CSS = """
    LogView {
        height: 1fr;
        & > .log--normal { color: $foreground; }
        & > .log--dim { color: $foreground 55%; }
        & > .log--evidence { color: $foreground; text-style: bold; }
        & > .log--mark { color: $text-accent; text-style: bold; }
        & > .log--match { color: $foreground; background: $warning 45%; text-style: bold; }
        &:nocolor > .log--match { text-style: bold reverse; }
        &:ansi > .log--dim { color: $foreground; text-style: dim; }
        &:ansi > .log--match { background: ansi_default; text-style: bold reverse; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "rows(-1)", show=False, id="log.up"),
        Binding("down,j", "rows(1)", show=False, id="log.down"),
        Binding("pageup,ctrl+b", "page(-1)", show=False, id="log.page_up"),
        Binding("pagedown,ctrl+f,space", "page(1)", show=False, id="log.page_down"),
        Binding("home,g", "home", show=False, id="log.home"),
        Binding("end,G", "end", show=False, id="log.end"),
        Binding("left,h", "sideways(-1)", show=False, id="log.left"),
        Binding("right,l", "sideways(1)", show=False, id="log.right"),
    ]

    class Changed(Message):
        """Another place, other lines, reading or not, trouble or not."""

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:  # noqa: A002  (the name Textual gives it)
        super().__init__(id=id)
        self.port = LogPort()
        self._glyphs = glyphs
        self._lock = asyncio.Lock()
        self._styles: dict[str, Style] = {}
        self._painted: list[tuple[int, int, Row]] = []
        self._wanted = ""
        self._current: int | None = None
        self._is_filling = False
        self.follows = False
        self.reading = False
        self.began_anew = False
        """The log was truncated or rotated while it was open."""
        self.error: FerryError | None = None
        self.placeholder = ""
        """What stands here before there are lines."""

    def show(
        self, log: Log, at: int | None, marked: Sequence[str] = (), marked_at: int | None = None
    ) -> None:
        """Show a log from this byte on; None: where the lines `marked` tell of a crash, the first at `marked_at`.

        Where it cannot be read, what was shown before stays.
        """
        window, port = LogWindow(log), self.port
        start = marked_at if at is None else at
        marks = LogPort()
        marks.mark(marked, marked_at)

        async def read() -> None:
            if start is None:
                await window.read_end(2 * port.page)
                return
            await window.read_around(start, port.page)
            while at is None and marks.misses_marks(window):
                await window.read_after(2 * port.page)

        def enter() -> None:
            port.window = window
            port.mark(marked, marked_at)
            port.find_marks(window)
            if at is None:
                port.put_marks()
            else:
                port.put(at)

        self._read(read, enter)

    def show_marks(self) -> None:
        """The lines that tell of the crash; where nobody knows their place, the end."""
        at = self.port.marked_at
        if at is None:
            self.action_end()
        elif self.port.window:
            self.show(self.port.window.log, None, self.port.marked, at)

    @property
    def size_bytes(self) -> int:
        """Of the log, as far as it is known."""
        return self.port.window.size_bytes if self.port.window else 0

    def go_to(self, offset: int) -> None:
        """Show the line that this byte is in."""
        if (window := self.port.window) is None:
            return
        if window.holds(offset):
            self.port.put(offset)
            self._after_move()
        else:
            self._read(lambda: window.read_around(offset, self.port.page), lambda: self.port.put(offset))

    def mark_found(self, wanted: str, current: int | None) -> None:
        """Mark these words wherever they are on the screen, and the line that begins here."""
        self._wanted, self._current = wanted, current
        self.refresh()

    def wrap_lines(self, on: bool) -> None:
        """Long lines go on in the next row, or beyond the edge."""
        self.port.wrap(on)
        self._after_move()

    # -- reading ------------------------------------------------------------------------------------

    def _read(self, read: Question, then: Callable[[], None]) -> None:
        """In place of whatever is being read; what is on the screen stays until the answer is there."""
        self.run_worker(self._reading(read, then), group="reading", exclusive=True)

    async def _reading(self, read: Question, then: Callable[[], None]) -> None:
        if await self._ask(read):
            then()
            self._settle()
            await self._fill()

    async def _ask(self, read: Question) -> bool:
        """False where the host did not answer: then `error` tells."""
        self.reading = True
        self.post_message(self.Changed())
        try:
            async with self._lock:
                await read()
        except FerryError as error:
            self.error = error
            return False
        else:
            self.error = None
            return True
        finally:
            self.reading = False
            self.post_message(self.Changed())

    def _fill_soon(self) -> None:
        if not self.reading and not self._is_filling and self._missing():
            self.run_worker(self._fill(), group="reading", exclusive=True)

    async def _fill(self) -> None:
        """Have a screenful before and after what is shown."""
        self._is_filling = True
        try:
            while missing := self._missing():
                if not await self._ask(missing):
                    return
                self._settle()
        finally:
            self._is_filling = False

    def _missing(self) -> Question | None:
        port, window = self.port, self.port.window
        if window is None or not window.lines:
            return None
        if not window.has_end and len(window.lines) - port.lines_above < 2 * port.page:
            return lambda: window.read_after(2 * port.page)
        if not window.has_begin and port.lines_above < port.page:
            return self._read_before
        return None

    async def _read_before(self) -> None:
        if self.port.window:
            self.port.lines_came_before(await self.port.window.read_before(2 * self.port.page))

    def _settle(self) -> None:
        self.port.settle()
        self._paint()

    # -- following ----------------------------------------------------------------------------------

    def follow(self, on: bool) -> None:
        """Go to the end and stay there as it grows, or no longer."""
        self.follows = on
        if on:
            self.action_end()
            self.run_worker(self._following(), group="following", exclusive=True)
        else:
            self.workers.cancel_group(self, "following")
        self.post_message(self.Changed())

    async def _following(self) -> None:
        while self.error is None:
            await asyncio.sleep(FOLLOW_S)
            await self._grow()
        self.follows = False
        self.post_message(self.Changed())

    def look_for_more(self) -> None:
        """Something was written on the host: ask once whether this log has grown."""
        if not self.follows and not self.reading:
            self.run_worker(self._grow(), group="growing", exclusive=True)

    async def _grow(self) -> None:
        """Quietly: a question that is asked twice a second is not told of."""
        port, window = self.port, self.port.window
        if window is None:
            return
        was_at_end = port.at_end
        try:
            async with self._lock:
                growth = await window.read_grown(2 * port.page)
                if growth is Growth.ANEW or (growth is Growth.GROWN and was_at_end and not window.has_end):
                    await window.read_end(2 * port.page)
        except FerryError as error:
            self.error = error
            self.post_message(self.Changed())
            return
        if growth is Growth.NONE or window is not port.window:
            return
        if growth is Growth.ANEW:
            self.began_anew = True
            port.mark((), None)
        if was_at_end or growth is Growth.ANEW:
            port.put(None)
        self._settle()

    # -- moving -------------------------------------------------------------------------------------

    def action_rows(self, by: int) -> None:
        """So many rows on, or back."""
        self.port.move(by)
        self._after_move()

    def action_page(self, by: int) -> None:
        """A page on, or back; one row stays."""
        self.action_rows(by * max(1, self.port.height - 1))

    def action_home(self) -> None:
        """The first line."""
        window = self.port.window
        if window and not window.has_begin:
            self._read(lambda: window.read_around(0, self.port.page), self.port.put_first)
        else:
            self.port.put_first()
            self._after_move()

    def action_end(self) -> None:
        """The last line."""
        window = self.port.window
        if window and not window.has_end:
            self._read(lambda: window.read_end(2 * self.port.page), lambda: self.port.put(None))
        else:
            self.port.put(None)
            self._after_move()

    def action_sideways(self, by: int) -> None:
        """Half a screen to the right, or back to the left."""
        self.port.sideways(by)
        self._paint()

    def _after_move(self) -> None:
        self._paint()
        self._fill_soon()

    def _paint(self) -> None:
        self.refresh()
        self.post_message(self.Changed())

    # -- painting -----------------------------------------------------------------------------------

    def render_lines(self, crop: Region) -> list[Strip]:
        """Which rows are on the screen follows from the first one (Textual's line API)."""
        self._painted = list(self.port.rows())
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One row (Textual's line API)."""
        width, lines = self.size.width, self.port.lines
        if not lines:
            words = self.placeholder.splitlines()
            shown = printable(words[y - 1]) if 0 < y <= len(words) else ""
            return Strip([Segment(f" {shown}", self._style("dim"))]).adjust_cell_length(width).crop(0, width)
        if y >= len(self._painted):
            return Strip.blank(width, self._style("normal"))
        index, number, row = self._painted[y]
        return self._row(lines[index], number, row, width)

    def _row(self, line: LogLine, number: int, row: Row, width: int) -> Strip:
        text, is_evidence = printable(line.text), line.begin in self.port.marks
        style = self._style("evidence" if is_evidence else "normal")
        sign = self._glyphs.vertical if is_evidence else " "
        if line.begin == self._current and number == 0:
            sign = self._glyphs.marker
        segments = [Segment(f"{sign} ", self._style("mark")), Segment(" " * row.pad, style)]
        for first, last, is_match in pieces(row, spans_of(text, self._wanted)):
            segments.append(Segment(text[first:last], self._style("match") if is_match else style))
        strip = Strip(segments).adjust_cell_length(width, style).crop(0, width)
        if row.last < len(text) and not self.port.wraps:
            more = Strip([Segment(self._glyphs.ellipsis, self._style("mark"))])
            return Strip.join([strip.crop(0, width - 1), more])
        return strip

    def _style(self, name: str) -> Style:
        style = self._styles.get(name)
        if style is None:
            style = self._styles[name] = self.get_component_rich_style(f"log--{name}")
        return style

    def notify_style_update(self) -> None:
        """Another theme: ask for the styles again."""
        self._styles.clear()
        super().notify_style_update()

    # -- events -------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        """Rows depend on the width, and a taller pane needs more lines."""
        self.port.resize(event.size.width - GUTTER, event.size.height)
        self._after_move()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel."""
        event.stop()
        self.action_rows(_WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel."""
        event.stop()
        self.action_rows(-_WHEEL_ROWS)
