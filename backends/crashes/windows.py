"""Where lines begin and end in a piece of a log, without having to know the rest of it. Pure.

A line that is longer than MAX_LINE_BYTES is cut at the multiples of that in the text, so that it is cut in the same
places whichever way one comes to it; not inside of a character in UTF-8, though: then before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backends.model.log import MAX_LINE_BYTES, LogLine
from backends.untrusted import clean

CONTEXT_BYTES = MAX_LINE_BYTES + 8
"""So much before and after an offset is enough to know whether a line begins or ends there."""
_MOST_CELLS = 10
"""That one byte of a text takes, at most, when it is shown: nothing of a line is left out."""
_SEQUENCE_BYTES = 4
"""Of one character in UTF-8, at most (RFC 3629)."""


@dataclass(frozen=True, slots=True)
class Window:
    """Bytes of a text from an offset on."""

    begin: int
    data: bytes
    at_end: bool
    """It reaches to the end of the text."""

    @property
    def end(self) -> int:
        """The first byte after it."""
        return self.begin + len(self.data)


def pieces(window: Window) -> Iterator[tuple[int, int]]:
    """Beginnings and ends, newlines included, of all lines of which the window is enough to know them."""
    at, known = window.begin, window.begin == 0
    while at < window.end:
        found = window.data.find(b"\n", at - window.begin)
        end = window.begin + found + 1 if found >= 0 else window.end
        is_whole = found >= 0 or window.at_end
        if end - at > MAX_LINE_BYTES:
            yield from _cut(window, at if known else None, end, is_whole=is_whole)
        elif known and is_whole:
            yield at, end
        at, known = end, True


def _cut(window: Window, begin: int | None, end: int, *, is_whole: bool) -> Iterator[tuple[int, int]]:
    """The pieces of a long line. `begin` is None where it lies before the window."""
    low = window.begin + _SEQUENCE_BYTES if begin is None else begin + 1
    first = -(-low // MAX_LINE_BYTES) * MAX_LINE_BYTES
    for multiple in range(first, end, MAX_LINE_BYTES):
        cut = cut_at(window.data, multiple - window.begin) + window.begin
        if begin is not None:
            if cut <= begin:
                continue
            yield begin, cut
        begin = cut
    if begin is not None and is_whole:
        yield begin, end


def cut_at(data: bytes, index: int) -> int:
    """Where to cut for `index`: there, or before the character that it lies in."""
    for back in range(1, min(_SEQUENCE_BYTES, index + 1)):
        byte = data[index - back]
        if 0x80 <= byte < 0xC0:
            continue
        length = 2 + (byte >= 0xE0) + (byte >= 0xF0) if byte >= 0xC0 else 1
        return index - back if length > back else index
    return index


def line_of(raw: bytes, begin: int) -> LogLine:
    """To be shown. Tabs become blanks, carriage returns before the newline are dropped, nothing else is hidden."""
    bare = raw.removesuffix(b"\n")
    if len(bare) < len(raw):
        bare = bare.removesuffix(b"\r")
    text = bare.decode(errors="backslashreplace").expandtabs(8)
    return LogLine(begin, begin + len(raw), clean(text, limit=_MOST_CELLS * MAX_LINE_BYTES))
