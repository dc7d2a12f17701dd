"""What a `Grid` shows: cells, their tones, columns, and how columns share the width of a pane.

Pure: nothing here draws, so that the layout can be tested without a terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import lru_cache
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from rich.cells import cell_len, set_cell_size

R = TypeVar("R")

_ENDS_LEAST = 8
"""Cells below which two ends of a text tell less than its beginning."""

GAPS = (2, 1)
"""Blank cells between two columns: the airy one when everything fits, else the tight one."""


class Tone(StrEnum):
    """What a cell says by its look. Each has the component class ``grid--<tone>``."""

    NORMAL = "normal"
    DIM = "dim"
    GOOD = "good"
    BUSY = "busy"
    DOUBT = "doubt"
    ALARM = "alarm"
    TITLE = "title"


class Cell(NamedTuple):
    """Plain text (never parsed as markup) and its tone."""

    text: str
    tone: Tone = Tone.NORMAL


class Sortable(Protocol):
    """A value that has an order among its kind."""

    def __lt__(self, other: Any, /) -> bool: ...


class Align(Enum):
    """The side of the column its text leans on: numbers go to the right."""

    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, kw_only=True)
class Column(Generic[R]):
    """One column of a grid of rows `R`.

    `width` is the width in cells, or the least width when `flex` is set: columns share what is left
    over in proportion to `flex`, each up to `max_width`. In a pane too narrow for all, the column of
    the lowest `priority` vanishes first, of equals the rightmost. `sort` gives the value to sort by;
    rows for which it is None come last in both directions. `wide_cell` says more, and is shown where the
    width of the column has room for all of it. With `keeps_end`, text that is too long loses its
    middle: ends tell paths and IQNs apart.
    """

    id: str
    title: str
    cell: Callable[[R], Cell]
    width: int
    sort: Callable[[R], Sortable | None] | None = None
    align: Align = Align.LEFT
    flex: int = 0
    max_width: int | None = None
    priority: int = 0
    descending_first: bool = False
    keeps_end: bool = False
    wide_cell: Callable[[R], Cell] | None = None


class Placement(NamedTuple, Generic[R]):
    """A column that is shown, and the cells it covers, counted from the left edge of the columns."""

    column: Column[R]
    x: int
    width: int

    def cell(self, row: R) -> Cell:
        """What it shows of a row."""
        if self.column.wide_cell is not None:
            wide = self.column.wide_cell(row)
            if cell_len(wide.text) <= self.width:
                return wide
        return self.column.cell(row)


def place(columns: Sequence[Column[R]], width: int) -> tuple[Placement[R], ...]:
    """Choose the columns that fit into `width` cells and give each its place.

    At least one column is always shown, cut to `width`.
    """
    kept = list(columns)
    while len(kept) > 1 and _least(kept, GAPS[-1]) > width:
        kept.remove(min(reversed(kept), key=lambda column: column.priority))
    gap = next((gap for gap in GAPS if _least(kept, gap) <= width), GAPS[-1])
    placements: list[Placement[R]] = []
    x = 0
    for column, extra in zip(kept, _shares(kept, width - _least(kept, gap)), strict=True):
        placements.append(Placement(column, x, min(column.width + extra, width)))
        x += column.width + extra + gap
    return tuple(placements)


def _least(columns: Sequence[Column[R]], gap: int) -> int:
    return sum(column.width for column in columns) + gap * (len(columns) - 1)


def _shares(columns: Sequence[Column[R]], spare: int) -> list[int]:
    """How many of the `spare` cells each column gets, one cell at a time to the neediest."""
    shares = [0] * len(columns)

    def may_grow(index: int) -> bool:
        column = columns[index]
        limit = column.max_width
        return column.flex > 0 and (limit is None or column.width + shares[index] < limit)

    for _ in range(spare):
        growable = [index for index in range(len(columns)) if may_grow(index)]
        if not growable:
            break
        shares[min(growable, key=lambda index: shares[index] / columns[index].flex)] += 1
    return shares


@lru_cache(maxsize=4096)
def fit(text: str, width: int, align: Align, ellipsis: str) -> str:
    """`text` in exactly `width` cells: padded, or cut with `ellipsis` (one cell) at its end.

    Text from hosts is cleaned where it enters the program; a character that slipped through and
    cannot be printed is still never sent to the terminal.
    """
    if not text.isprintable():
        text = "".join(char if char.isprintable() else "?" for char in text)
    length = len(text) if text.isascii() else cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + ellipsis if width > 0 else ""
    padding = " " * (width - length)
    return padding + text if align is Align.RIGHT else text + padding


def fit_ends(text: str, width: int, ellipsis: str) -> str:
    """As `fit`, on the left; text that is too long loses its middle: `iqn.2…disks/1`."""
    if cell_len(text) <= width or width < _ENDS_LEAST or not text.isascii():
        return fit(text, width, Align.LEFT, ellipsis)
    head = (width - 1) // 3
    return fit(
        f"{text[:head]}{ellipsis}{text[len(text) - (width - 1 - head) :]}", width, Align.LEFT, ellipsis
    )
