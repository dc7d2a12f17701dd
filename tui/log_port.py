"""`LogPort`: which rows of a window of a log are on the screen, and what moves them. Reads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backends.model.log import LogLine
from tui.log_rows import Row, cells, cut, printable, wrapped
from tui.log_window import LogWindow

_MARKED_WITHIN = 500
"""So many lines from the evidence's place on its lines are looked for."""

Place = tuple[int, int]
"""Of a row: the number of its line in the window, and which row of that line."""


class LogPort:
    """A pane of `width` times `height` cells."""

    def __init__(self) -> None:
        self.window: LogWindow | None = None
        self.width = self.height = 1
        self.wraps = False
        self.marks: frozenset[int] = frozenset()
        """Where the lines begin that tell of the crash."""
        self.marked: tuple[str, ...] = ()
        """Their texts, and where the first of them begins; None: nobody knows."""
        self.marked_at: int | None = None
        self._top: Place = (0, 0)
        self._left = 0

    @property
    def lines(self) -> Sequence[LogLine]:
        """Those in memory."""
        return self.window.lines if self.window else ()

    @property
    def page(self) -> int:
        """Lines that are enough for a screen, however long they are."""
        return self.height + 1

    @property
    def lines_above(self) -> int:
        """In memory, before the screen."""
        return self._top[0]

    @property
    def at_end(self) -> bool:
        """Is the last line on the screen?"""
        return self.window is not None and self.window.has_end and self._top >= self._last_top()

    @property
    def span(self) -> tuple[int, int]:
        """The first byte on the screen, and the first after those on the screen."""
        shown = [self.lines[index] for index, _, _ in self.rows()]
        return (shown[0].begin, shown[-1].end) if shown else (0, 0)

    # -- moving -------------------------------------------------------------------------------------

    def put(self, offset: int | None) -> None:
        """The line with this byte a third below the top; None: the last line at the bottom."""
        if offset is None or self.window is None:
            self._top = self._last_top()
        else:
            self._top = (self.window.index_of(offset), 0)
            self.move(-(self.height // 3))

    def put_marks(self) -> None:
        """All lines that tell of the crash where they fit, else the last ones: what is said last explains most."""
        if not self.marks or self.window is None:
            self.put(self.marked_at)
            return
        self.put(min(self.marks))
        if max(self.marks) >= self.span[1]:
            self._top = (self.window.index_of(max(self.marks)), 0)
            self.move(-(self.height * 2 // 3))

    def put_first(self) -> None:
        """The first line in memory at the top."""
        self._top = (0, 0)

    def move(self, by: int) -> None:
        """So many rows on, or back, as far as there are lines in memory."""
        index, sub = self._top
        for _ in range(abs(by)):
            if by > 0 and sub + 1 < self._rows_of(index):
                sub += 1
            elif by > 0 and index + 1 < len(self.lines):
                index, sub = index + 1, 0
            elif by < 0 and sub > 0:
                sub -= 1
            elif by < 0 and index > 0:
                index, sub = index - 1, self._rows_of(index - 1) - 1
            else:
                break
        self._top = min((index, sub), self._last_top())

    def sideways(self, by: int) -> None:
        """Half a screen to the right, or back to the left; wrapped lines have no more there."""
        if self.wraps:
            return
        longest = max((cells(printable(self.lines[index].text)) for index, _, _ in self.rows()), default=0)
        step = max(1, self.width // 2)
        if by < 0:
            self._left = max(0, self._left - step)
        elif self._left + self.width < longest:
            self._left += step

    def wrap(self, on: bool) -> None:
        """Long lines go on in the next row, or beyond the edge."""
        self.wraps, self._left = on, 0
        self._top = min((self._top[0], 0), self._last_top())

    def resize(self, width: int, height: int) -> None:
        """Another size of the pane."""
        self.width, self.height = max(1, width), max(1, height)
        self._top = min((self._top[0], 0), self._last_top())

    def lines_came_before(self, number: int) -> None:
        """What is shown stays where it is."""
        self._top = (self._top[0] + number, self._top[1])

    def settle(self) -> None:
        """After other lines have come: forget those far away, and mark those that tell of the crash."""
        if self.window:
            first = max(0, self._top[0] - 4 * self.page)
            self.window.drop(first, self._top[0] + 8 * self.page)
            self._top = min((self._top[0] - first, self._top[1]), self._last_top())
            self.find_marks(self.window)

    def _last_top(self) -> Place:
        """The place of the first row when the last row in memory is at the bottom."""
        room = self.height
        for index in range(len(self.lines) - 1, -1, -1):
            rows = self._rows_of(index)
            if rows >= room:
                return index, rows - room
            room -= rows
        return 0, 0

    # -- marks --------------------------------------------------------------------------------------

    def mark(self, lines: Sequence[str], at: int | None) -> None:
        """Lines that tell of a crash, the first of them at this byte; None: nobody knows where."""
        self.marked, self.marked_at, self.marks = tuple(filter(None, lines)), at, frozenset()

    def misses_marks(self, window: LogWindow) -> bool:
        """Is it worth to read on for the rest of the lines that tell of the crash?"""
        self.find_marks(window)
        after = len(window.lines) - window.index_of(self.marked_at or 0)
        return len(self.marks) < len(self.marked) and not window.has_end and after < _MARKED_WITHIN

    def find_marks(self, window: LogWindow) -> None:
        """In their order from their place on; wherever they are, where no place is known."""
        if self.marked_at is None:
            told = set(self.marked)
            self.marks = frozenset(line.begin for line in window.lines if line.text in told)
            return
        if len(self.marks) >= len(self.marked) or not window.holds(self.marked_at):
            return
        rest, found = list(self.marked), set[int]()
        begin = window.index_of(self.marked_at)
        for line in window.lines[begin : begin + _MARKED_WITHIN]:
            if rest and line.text.startswith(rest[0].rstrip("…")):
                found.add(line.begin)
                rest.pop(0)
        self.marks |= found

    # -- rows ---------------------------------------------------------------------------------------

    def rows(self) -> Iterator[tuple[int, int, Row]]:
        """What is on the screen: the number of the line, which row of it, and its letters."""
        index, sub = self._top
        left = self.height
        while left > 0 and index < len(self.lines):
            every = self._split(index)
            for number in range(sub, min(len(every), sub + left)):
                yield index, number, every[number]
                left -= 1
            index, sub = index + 1, 0

    def _split(self, index: int) -> Sequence[Row]:
        text = printable(self.lines[index].text)
        return wrapped(text, self.width) if self.wraps else [cut(text, self._left, self.width)]

    def _rows_of(self, index: int) -> int:
        return len(self._split(index)) if self.wraps and 0 <= index < len(self.lines) else 1
