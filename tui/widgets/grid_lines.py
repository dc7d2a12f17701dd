"""What a `Grid` has on the screen, line by line, and which cells differ from what should be there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple

from textual.geometry import Region

from tui.widgets.grid_columns import Cell, Column, Placement, R, place
from tui.widgets.grid_model import GridModel
from tui.widgets.grid_viewport import Viewport

HEADER = 1
"""Lines above the first row."""

GUTTER = 2
"""Cells left of the first column: the cursor's marker and a blank."""

THUMB = 1
"""Cells right of the last column, where long tables show which part is on the screen."""


class Line(NamedTuple, Generic[R]):
    """What is on one line: a row's cells, or nothing below the last row."""

    row: R | None
    cells: tuple[Cell, ...]
    has_cursor: bool
    has_thumb: bool


class Lines(Generic[R]):
    """The lines below the header. Empty when there is no row to show.

    Cells are computed once for each row that gets onto the screen; rows are frozen, so that the same
    object means the same cells.
    """

    def __init__(self, model: GridModel[R], viewport: Viewport) -> None:
        self._model = model
        self._viewport = viewport
        self._width = 0
        self._height = 0
        self._lines: list[Line[R]] = []
        self.placements: tuple[Placement[R], ...] = ()

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, y: int) -> Line[R]:
        return self._lines[y]

    def lay_out(self, columns: Sequence[Column[R]], width: int, height: int) -> None:
        """Fit the columns into a pane of this size, header included."""
        self._width, self._height = width, max(0, height - HEADER)
        self.placements = place(columns, width - GUTTER - THUMB)
        self._viewport.resize(self._height)
        self._lines = []

    def forget_cells(self) -> None:
        """Compute every cell anew at the next `sync`."""
        self._lines = [line._replace(row=None) for line in self._lines]

    def sync(self) -> list[Region] | None:
        """Bring the lines up to date; the regions of the pane that changed, or None for all of it."""
        old = self._lines
        thumb = self._viewport.thumb()
        height = self._height if len(self._model) else 0
        self._lines = [self._line(y, y in thumb, old[y] if y < len(old) else None) for y in range(height)]
        if len(old) != height:
            return None
        regions: list[Region] = []
        for y, (before, after) in enumerate(zip(old, self._lines, strict=True), HEADER):
            if before is not after and (span := self._difference(before, after)):
                regions.append(Region(span[0], y, span[1] - span[0], 1))
        return regions

    def _line(self, y: int, has_thumb: bool, old: Line[R] | None) -> Line[R]:
        index = self._viewport.top + y
        key = self._model.key_at(index)
        row = None if key is None else self._model.row(key)
        has_cursor = row is not None and index == self._viewport.cursor
        if old is None or row is not old.row:
            cells = () if row is None else tuple(placement.cell(row) for placement in self.placements)
            return Line(row, cells, has_cursor, has_thumb)
        if has_cursor == old.has_cursor and has_thumb == old.has_thumb:
            return old
        return Line(row, old.cells, has_cursor, has_thumb)

    def _difference(self, old: Line[R], new: Line[R]) -> tuple[int, int] | None:
        """The span of cells, from and to, in which two states of one line differ.

        One span for a line: to jump over cells that are the same costs as many bytes as to send them.
        """
        if old.has_cursor != new.has_cursor or len(old.cells) != len(new.cells):
            return 0, self._width
        pairs = zip(self.placements, old.cells, new.cells, strict=False)
        changed = [placement for placement, before, after in pairs if before != after]
        starts = [GUTTER + placement.x for placement in changed[:1]]
        ends = [GUTTER + placement.x + placement.width for placement in changed[-1:]]
        if old.has_thumb != new.has_thumb:
            starts.append(self._width - THUMB)
            ends.append(self._width)
        return (min(starts), max(ends)) if starts else None
