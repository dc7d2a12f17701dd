"""`LogWindow`: a run of lines of a log: what is on the screen, and as much around it as the next key may ask for.

Of a log of any size no more than this is in memory, and no more than this is asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from enum import Enum

from backends.api import Log
from backends.model.log import LogLine


class Growth(Enum):
    """What a log has done since it was looked at last."""

    NONE = "nothing"
    GROWN = "grown"
    ANEW = "begun anew"
    """It is shorter than it was: truncated, or another file has taken its place."""


class LogWindow:
    """Lines that follow each other without a gap. All reading raises FerryError and then changes nothing."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.lines: list[LogLine] = []
        self._is_first = False
        self._is_last = False
        self.size_bytes = log.size_bytes

    @property
    def has_begin(self) -> bool:
        """Nothing is before these lines."""
        return self._is_first or bool(self.lines and self.lines[0].begin == 0)

    @property
    def has_end(self) -> bool:
        """Nothing is after them, as far as is known."""
        return self._is_last

    def index_of(self, offset: int) -> int:
        """Of the line in which this byte is, or of the nearest."""
        found = bisect_right(self.lines, offset, key=lambda line: line.begin) - 1
        return min(max(0, found), max(0, len(self.lines) - 1))

    def holds(self, offset: int) -> bool:
        """Is this byte in one of them?"""
        return bool(self.lines) and self.lines[0].begin <= offset < self.lines[-1].end

    async def read_around(self, offset: int, count: int) -> None:
        """`count` lines before this byte, and twice as many from the line on that it is in."""
        before = await self.log.before(offset, count) if offset > 0 else ()
        start = before[-1].end if before else 0
        after = await self.log.after(start, 2 * count)
        self._is_first = len(before) < count
        self._take([*before, *after], is_last=len(after) < 2 * count)

    async def read_end(self, count: int) -> None:
        """The last ones."""
        self.size_bytes = await self.log.refresh()
        before = await self.log.before(self.size_bytes, count)
        self._is_first = len(before) < count
        self._take(list(before), is_last=True)

    async def read_before(self, count: int) -> int:
        """More at the beginning; how many."""
        more = await self.log.before(self.lines[0].begin, count) if self.lines else ()
        self._is_first = len(more) < count
        self.lines = [*more, *self.lines]
        return len(more)

    async def read_after(self, count: int) -> int:
        """More at the end; how many."""
        more = await self.log.after(self.lines[-1].end if self.lines else 0, count)
        self._take([*self.lines, *more], is_last=len(more) < count)
        return len(more)

    async def read_grown(self, count: int) -> Growth:
        """Ask whether it has grown, and for what has come where its end is here; the last line may have gone on."""
        before = self.size_bytes
        size = await self.log.refresh()
        if size < before:
            self.size_bytes = size
            return Growth.ANEW
        if size == before:
            return Growth.NONE
        if self._is_last:
            kept, start = (self.lines[:-1], self.lines[-1].begin) if self.lines else ([], 0)
            more = await self.log.after(start, count)
            self._take([*kept, *more], is_last=len(more) < count)
        self.size_bytes = max(size, self.lines[-1].end if self.lines else 0)
        return Growth.GROWN

    def drop(self, first: int, last: int) -> None:
        """Keep only the lines from `first` to before `last`."""
        if first > 0:
            self._is_first = False
        if last < len(self.lines):
            self._is_last = False
        self.lines = self.lines[first:last]

    def _take(self, lines: list[LogLine], *, is_last: bool) -> None:
        self.lines, self._is_last = lines, is_last
        self.size_bytes = max(self.size_bytes, self.log.size_bytes, lines[-1].end if lines else 0)
