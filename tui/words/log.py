"""Where one is in a log, in words: position, search, trouble."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from backends.api import FerryError
from backends.model.log import LogMatches
from tui.format import count, long_size, percent
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, dim, line


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for in a log, and how far that is."""

    text: str = ""
    matches: LogMatches | None = None
    under_way: bool = False
    error: FerryError | None = None
    told: str = ""
    """What the last step from one line to the next met."""


def position(last: int, size: int, *, at_end: bool, roomy: bool) -> Line:
    """How far down the last row on the screen is."""
    share = 1.0 if at_end or not size else min(last / size, 0.99)
    at = f"byte {count(last)} of {count(size)}  " if roomy else ""
    return line(" ", Cell(f"{percent(share):>4}"), dim(f"  {at}{long_size(size)}"))


def search_line(search: Search, current: int | None) -> Line:
    """What is searched for, which of those found this is, and how far the search has come."""
    if not search.text:
        return ()
    shown = search.text if len(search.text) <= 24 else f"{search.text[:23]}~"
    cells = [dim("  "), Cell(f'"{shown}" ', Tone.DOUBT)]
    if search.error:
        return (*cells, Cell(f"not searched: {search.error}", Tone.ALARM))
    found = search.matches
    begins = found.begins if found else ()
    if begins:
        number = bisect_left(begins, current) + 1 if current is not None else 0
        many = f"{len(begins):,}" + (" or more" if found and found.cut else "")
        cells.append(Cell(f"{number:,} of {many}" if number else f"{many} found"))
    elif not search.under_way:
        cells.append(Cell("in no line", Tone.DOUBT))
    if search.under_way:
        share = found.searched_bytes / found.total_bytes if found and found.total_bytes else 0.0
        cells.append(Cell(f"  searching {percent(min(share, 0.99))} ...", Tone.BUSY))
    return (*cells, dim(f"  {search.told}")) if search.told else tuple(cells)


def trouble_line(error: FerryError) -> Line:
    """Why there is no more to read, and what to do."""
    hint = f" ({error.hint})" if error.hint else ""
    return line(Cell(f" not read: {error}{hint}; r opens it anew", Tone.DOUBT))


def placeholder(place: str, error: FerryError | None) -> str:
    """In an empty pane."""
    if error is None:
        return f"Reading {place} ..."
    hint = f"\n{error.hint}" if error.hint else ""
    return f"It cannot be read: {error}{hint}\n\nr tries again."
