"""`Matrix`: names by names, a word in each cell; the head line and the names at the left stay while it scrolls.

Only lines on the screen are computed; a cursor that moves without scrolling repaints the cells it left and entered.
Rows and columns are the same names, from the top and from the left in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.glyphs import UNICODE, Glyphs
from tui.widgets.grid_columns import Align, Cell, Tone, fit
from tui.widgets.grid_viewport import Viewport

HEADER = 1
"""Lines above the first row."""

_GUTTER = 4
"""Cells left of the names: the cursor's marker and the mark."""

_NAME_LEAST, _NAME_MOST = 8, 24
_CELL_LEAST, _CELL_MOST = 9, 16
_GAP = 1

CellOf = Callable[[str, str], Cell]
"""(row, column) -> what stands there."""


class Matrix(Widget, can_focus=True):
    """See the module's docstring."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *(f"matrix--{tone}" for tone in Tone), "matrix--header", "matrix--cursor", "matrix--here",
    }  # fmt: skip
    DEFAULT_CSS = """
    Matrix {
        height: 1fr;
        & > .matrix--normal { color: $foreground; }
        & > .matrix--dim { color: $foreground 55%; }
        & > .matrix--good { color: $text-success; }
        & > .matrix--busy { color: $text-accent; }
        & > .matrix--doubt { color: $text-warning; }
        & > .matrix--alarm { color: $text-error; text-style: bold; }
        & > .matrix--title { color: $foreground; text-style: bold; }
        & > .matrix--header { color: $foreground 55%; text-style: bold; }
        & > .matrix--here { color: $foreground; text-style: bold; }
        & > .matrix--cursor { color: $foreground; background: $foreground 10%; text-style: bold; }
        &:focus > .matrix--cursor { background: $primary 40%; }
        &:nocolor > .matrix--cursor { text-style: bold reverse; }
        &:ansi > .matrix--cursor { background: ansi_default; text-style: bold reverse; }
        &:ansi > .matrix--dim { color: $foreground; text-style: dim; }
        &:ansi > .matrix--header { color: $foreground; text-style: bold; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1, 0)", "Up", show=False, id="matrix.up"),
        Binding("down,j", "move(1, 0)", "Down", show=False, id="matrix.down"),
        Binding("left,h", "move(0, -1)", "Left", show=False, id="matrix.left"),
        Binding("right,l", "move(0, 1)", "Right", show=False, id="matrix.right"),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False, id="matrix.page_up"),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False, id="matrix.page_down"),
        Binding("home,g", "row_end(0)", "First column", show=False, id="matrix.home"),
        Binding("end,G", "row_end(1)", "Last column", show=False, id="matrix.end"),
    ]

    class Highlighted(Message):
        """The cursor is on another cell."""

    def __init__(self, *, glyphs: Glyphs = UNICODE, corner: str = "", placeholder: str = "") -> None:
        super().__init__()
        self._glyphs = glyphs
        self._corner = corner
        self._placeholder = placeholder
        self._names: tuple[str, ...] = ()
        self._cell: CellOf = lambda _, __: Cell("")
        self._marked: frozenset[str] = frozenset()
        self._down, self._right = Viewport(), Viewport()
        self._laid_out: Size | None = None
        self._styles: dict[str, Style] = {}

    # -- what is shown ------------------------------------------------------------------------------

    def show(self, names: Sequence[str], cell: CellOf, placeholder: str = "") -> None:
        """Replace everything; the cursor stays on its names where they are still there."""
        row, column = self.row, self.column
        self._names, self._cell, self._placeholder = tuple(names), cell, placeholder
        for axis, name in ((self._down, row), (self._right, column)):
            axis.count = len(names)
            axis.move_to(self._names.index(name) if name in self._names else axis.cursor)
        if row is None and len(names) > 1:
            self._right.move_to(1)  # the first cell that says something
            self._right.top = 0
        self._laid_out = None
        self.refresh(layout=True)
        self.post_message(self.Highlighted())

    def mark(self, names: Collection[str]) -> None:
        """These rows are marked, and no others."""
        self._marked = frozenset(names)
        self.refresh()

    @property
    def row(self) -> str | None:
        """The name at the left of the cursor's cell."""
        return self._names[self._down.cursor] if self._names else None

    @property
    def column(self) -> str | None:
        """The name above it."""
        return self._names[self._right.cursor] if self._names else None

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002  (Textual's)
        """All rows, as far as there is room."""
        return HEADER + max(len(self._names), 1 + len(self._placeholder.splitlines()))

    # -- cursor -------------------------------------------------------------------------------------

    def action_move(self, down: int, right: int) -> None:
        """To a neighbour."""
        self._move_to(self._down.cursor + down, self._right.cursor + right)

    def action_page(self, pages: int) -> None:
        """A screenful up or down."""
        self._move_to(self._down.cursor + pages * self._down.height, self._right.cursor)

    def action_row_end(self, last: int) -> None:
        """The first or the last column."""
        self._move_to(self._down.cursor, len(self._names) - 1 if last else 0)

    def _move_to(self, row: int, column: int) -> None:
        if not self._names:
            return
        self._lay_out_if_resized()
        before = self._place()
        self._down.move_to(row)
        self._right.move_to(column)
        after = self._place()
        if after == before:
            return
        if after[:2] != before[:2]:
            self.refresh()
        else:
            self.refresh(*self._touched(*before[2:]), *self._touched(*after[2:]))
        self.post_message(self.Highlighted())

    def _place(self) -> tuple[int, int, int, int]:
        return self._down.top, self._right.top, self._down.cursor, self._right.cursor

    def _touched(self, row: int, column: int) -> tuple[Region, Region, Region]:
        """What a cursor in a cell changes: the cell, its name at the left, its name above."""
        y = HEADER + row - self._down.top
        x = self._left + (column - self._right.top) * (self._width + _GAP)
        return Region(x, y, self._width, 1), Region(0, y, self._left, 1), Region(x, 0, self._width, 1)

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor there."""
        offset = event.get_content_offset(self)
        if offset and offset.y >= HEADER and offset.x >= self._left:
            column = self._right.top + (offset.x - self._left) // (self._width + _GAP)
            self._move_to(self._down.top + offset.y - HEADER, column)

    # -- painting -----------------------------------------------------------------------------------

    @property
    def _longest(self) -> int:
        return max((len(name) for name in self._names), default=0)

    @property
    def _left(self) -> int:
        """Cells left of the first column."""
        return _GUTTER + max(_NAME_LEAST, len(self._corner) + _GAP, min(self._longest, _NAME_MOST)) + _GAP

    @property
    def _width(self) -> int:
        """Of a column."""
        return max(_CELL_LEAST, min(self._longest, _CELL_MOST))

    def _lay_out_if_resized(self) -> None:
        if self._laid_out != self.size:
            self._laid_out = self.size
            self._down.resize(self.size.height - HEADER)
            self._right.resize((self.size.width - self._left + _GAP) // (self._width + _GAP))

    def render_line(self, y: int) -> Strip:
        """One line of the pane (Textual's line API)."""
        self._lay_out_if_resized()
        if not self._names:
            lines = self._placeholder.splitlines()
            words = lines[y - 1] if 0 < y <= len(lines) else ""
            return self._strip([(f"  {words}", self._style(Tone.DIM))])
        index = self._down.top + y - HEADER
        if y < HEADER:
            return self._strip(self._header())
        return self._strip(self._row(index) if index < len(self._names) else [])

    def _shown(self) -> range:
        """The columns on the screen."""
        return range(self._right.top, min(self._right.top + self._right.height, len(self._names)))

    def _header(self) -> list[tuple[str, Style]]:
        header, here = self._style("header"), self._style("here")
        corner = fit(self._corner, self._left - _GUTTER - _GAP, Align.LEFT, self._glyphs.ellipsis)
        pieces = [(" " * _GUTTER + corner + " " * _GAP, header)]
        for index in self._shown():
            text = fit(self._names[index], self._width, Align.LEFT, self._glyphs.ellipsis)
            pieces += [(text, here if index == self._right.cursor else header), (" " * _GAP, header)]
        return pieces

    def _row(self, index: int) -> list[tuple[str, Style]]:
        name, is_here = self._names[index], index == self._down.cursor
        marker = self._glyphs.marker if is_here else " "
        mark = self._glyphs.ok if name in self._marked else " "
        text = fit(name, self._left - _GUTTER - _GAP, Align.LEFT, self._glyphs.ellipsis)
        style = self._style("here" if is_here else Tone.NORMAL)
        pieces = [(f"{marker} {mark} {text}{' ' * _GAP}", style)]
        for column in self._shown():
            words, tone = self._cell(name, self._names[column])
            has_cursor = is_here and column == self._right.cursor
            pieces.append(
                (
                    fit(words, self._width, Align.LEFT, self._glyphs.ellipsis),
                    self._style("cursor" if has_cursor else tone),
                )
            )
            pieces.append((" " * _GAP, self._style(Tone.NORMAL)))
        return pieces

    def _strip(self, pieces: Sequence[tuple[str, Style]]) -> Strip:
        segments = [Segment(text, style) for text, style in pieces if text]
        width = self.size.width
        return Strip(segments).adjust_cell_length(width, self._style(Tone.NORMAL)).crop(0, width)

    def _style(self, part: str) -> Style:
        style = self._styles.get(part)
        if style is None:
            style = self._styles[part] = self.get_component_rich_style(f"matrix--{part}")
        return style

    def notify_style_update(self) -> None:
        """Another theme or the focus: ask for the styles again."""
        self._styles.clear()
        super().notify_style_update()
