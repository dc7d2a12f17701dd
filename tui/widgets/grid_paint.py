"""Lines of a `Grid` as strips: gutter with the cursor's marker, cells, and the thumb at the right edge.

Neighbours of one style become one segment: on a terminal each change of style costs some 40 bytes.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.glyphs import Glyphs
from tui.widgets.grid_columns import Align, Column, Placement, Tone, fit, fit_ends
from tui.widgets.grid_lines import GUTTER, THUMB, Line

COMPONENT_CLASSES = frozenset({*(f"grid--{tone}" for tone in Tone), "grid--header", "grid--cursor"})
"""The names under which a style sheet can reach the parts of a grid."""

_Piece = tuple[str, Style]


class Painter:
    """Paints with the styles that `style_of(component_class)` gives, until told to ask again."""

    def __init__(self, style_of: Callable[[str], Style], glyphs: Glyphs) -> None:
        self._style_of = style_of
        self._glyphs = glyphs
        self._styles: dict[str, Style] = {}

    def forget_styles(self) -> None:
        """The theme, the focus or the style sheet changed."""
        self._styles.clear()

    def header(
        self,
        placements: Sequence[Placement[Any]],
        width: int,
        sorted_by: Column[Any] | None,
        descending: bool,
    ) -> Strip:
        """The titles, with an arrow at the column rows are sorted by."""
        style = self._style("grid--header")
        arrow = self._glyphs.descending if descending else self._glyphs.ascending
        titles = [
            _with_arrow(column.title, arrow, cells) if column is sorted_by else column.title
            for column, _, cells in placements
        ]
        return self._strip(placements, [(title, style) for title in titles], width, style)

    def row(self, line: Line[Any], placements: Sequence[Placement[Any]], width: int) -> Strip:
        """A row's cells, or a blank line.

        The line of the cursor has one style: tones would not keep their contrast on its background, and
        whatever a tone says is said in words too.
        """
        base = self._style("grid--cursor" if line.has_cursor else "grid--normal")
        return self._strip(
            placements,
            [(text, base if line.has_cursor else self._style(f"grid--{tone}")) for text, tone in line.cells],
            width,
            base,
            marker=self._glyphs.marker if line.has_cursor else " ",
            thumb=self._glyphs.thumb if line.has_thumb else " ",
        )

    def placeholder(self, text: str, y: int, width: int) -> Strip:
        """Line `y` of the words that stand where rows would be, below one blank line."""
        room = max(1, width - 2 * GUTTER)
        lines = [piece for line in text.splitlines() for piece in textwrap.wrap(line, room) or [""]]
        words = lines[y - 1] if 0 < y <= len(lines) else ""
        text = " " * GUTTER + fit(words, max(0, width - GUTTER), Align.LEFT, self._glyphs.ellipsis)
        return _join([(text, self._style("grid--dim"))], width)

    def _strip(
        self,
        placements: Sequence[Placement[Any]],
        cells: Sequence[_Piece],
        width: int,
        base: Style,
        *,
        marker: str = " ",
        thumb: str = " ",
    ) -> Strip:
        pieces = [(marker + " ", base)]
        x = 0
        for (column, start, cell_width), (text, style) in zip(placements, cells, strict=False):
            pieces.append((" " * (start - x), base))
            ellipsis = self._glyphs.ellipsis
            fitted = (
                fit_ends(text, cell_width, ellipsis)
                if column.keeps_end
                else fit(text, cell_width, column.align, ellipsis)
            )
            pieces.append((fitted, style))
            x = start + cell_width
        pieces.append((" " * (width - GUTTER - THUMB - x) + thumb, base))
        return _join(pieces, width)

    def _style(self, name: str) -> Style:
        style = self._styles.get(name)
        if style is None:
            style = self._styles[name] = self._style_of(name)
        return style


def _with_arrow(title: str, arrow: str, width: int) -> str:
    """A title whose arrow is seen also in a column as narrow as the title."""
    return f"{title} {arrow}" if len(title) + 2 <= width else title[: width - 1] + arrow


def _join(pieces: Iterable[_Piece], width: int) -> Strip:
    """Pieces as one strip of `width` cells; blanks take the style of what stands before them."""
    segments: list[Segment] = []
    run, run_style = "", Style.null()
    for text, style in pieces:
        if run and style != run_style and text.strip(" "):
            segments.append(Segment(run, run_style))
            run, run_style = text, style
        else:
            run, run_style = run + text, run_style if run else style
    segments.append(Segment(run, run_style))
    return Strip(segments).crop(0, width)
