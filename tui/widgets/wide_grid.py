"""`WideGrid`: a `Grid` with a column for each of many things of one kind, such as hosts, at its right.

The grid's own columns stay; of the others as many as fit are shown, and they scroll sideways with the one that is
chosen. Columns of its own that matter least go first, until there is room for some of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from textual.geometry import Region
from textual.message import Message

from tui.widgets.grid import Grid
from tui.widgets.grid_columns import GAPS, Column, R
from tui.widgets.grid_lines import GUTTER, HEADER, THUMB
from tui.widgets.grid_viewport import Viewport

SIDES_LEAST = 3
"""Columns of the many for which columns of its own give way."""

_GAP = GAPS[-1]
_FIRST = 99
"""The priority of columns that have been found to fit."""


class WideGrid(Grid[R]):
    """See the module's docstring."""

    class SideChosen(Message):
        """Another one of the many is chosen, or others are shown."""

    def __init__(self, columns: Sequence[Column[R]], *, marker: str, **how: Any) -> None:
        super().__init__(columns, **how)
        self._own = self._columns
        self._marker = marker
        self._names: tuple[str, ...] = ()
        self._column_of: Callable[[str], Column[R]] | None = None
        self._sides = Viewport()

    def show_sides(self, names: Sequence[str], column: Callable[[str], Column[R]]) -> None:
        """What stands at the right; the chosen one stays chosen where it is still there."""
        if tuple(names) == self._names:
            return
        chosen = self.side
        self._names, self._column_of = tuple(names), column
        self._sides.count = len(names)
        self._sides.move_to(self._names.index(chosen) if chosen in self._names else 0)
        self._laid_out = None
        self.refresh()
        self.post_message(self.SideChosen())

    @property
    def side(self) -> str | None:
        """The name of the chosen one."""
        return self._names[self._sides.cursor] if self._names else None

    @property
    def sides_shown(self) -> range:
        """Which of them are on the screen."""
        self._lay_out_if_resized()
        return range(self._sides.top, min(self._sides.top + self._sides.height, len(self._names)))

    def move_side(self, by: int) -> None:
        """Choose a neighbour."""
        if not self._names:
            return
        top, cursor = self._sides.top, self._sides.cursor
        self._sides.move_to(cursor + by)
        if (top, cursor) == (self._sides.top, self._sides.cursor):
            return
        self._laid_out = None
        if top == self._sides.top:
            self.refresh(Region(0, 0, self.size.width, HEADER))
        else:
            self.refresh()
        self.post_message(self.SideChosen())

    def _lay_out_if_resized(self) -> None:
        if self._laid_out != self.size:
            self._shown = self._choose(self.size.width - GUTTER - THUMB)
        super()._lay_out_if_resized()

    def _choose(self, width: int) -> tuple[Column[R], ...]:
        """Its own columns that stay, and the many that fit beside them."""
        if self._column_of is None or not self._names:
            return self._own
        sides = [self._column_of(name) for name in self._names]
        cells = max(column.width for column in sides) + _GAP
        wanted = min(len(sides), SIDES_LEAST) * cells
        own = list(self._own)
        while len(own) > 1 and _width(own) + wanted > width:
            own.remove(min(reversed(own), key=lambda column: column.priority))
        self._sides.resize((width - _width(own)) // cells)
        shown = range(self._sides.top, min(self._sides.top + self._sides.height, len(sides)))
        return (*own, *(self._side(sides[index], index) for index in shown))

    def _side(self, column: Column[R], index: int) -> Column[R]:
        is_chosen = index == self._sides.cursor
        title = f"{self._marker}{column.title}" if is_chosen else column.title
        return replace(column, title=title, priority=_FIRST)


def _width(columns: Sequence[Column[Any]]) -> int:
    """The least that they need, side by side."""
    return sum(column.width for column in columns) + _GAP * (len(columns) - 1)
