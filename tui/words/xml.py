"""libvirt's XML as toned lines: what a person reads is bright, the markup steps back."""

from __future__ import annotations

import re

from rich.cells import cell_len, set_cell_size

from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line

_FURTHER = 4
"""Cells by which the rest of a line that was broken stands further to the right."""

_PIECES = re.compile(r"""(?P<value>'[^']*'|"[^"]*")|(?P<tag></?[\w:.-]+)|(?P<rest>>|[^'"<>]+|.)""")


def xml_lines(text: str, width: int) -> list[Line]:
    """The lines of the XML; what is too long for the pane goes on below, further to the right."""
    return [piece for source in text.splitlines() for piece in _folded(_line(source), width - 1)]


def _folded(cells: Line, width: int) -> list[Line]:
    """Lines of at most `width` cells, broken between words where that is possible."""
    whole = "".join(cell.text for cell in cells)
    margin = min(len(whole) - len(whole.lstrip()) + _FURTHER, width // 2)
    lines: list[Line] = []
    while cell_len(whole) > width:
        kept = len(set_cell_size(whole, width).rstrip())
        space = whole.rfind(" ", margin + _FURTHER, kept)
        head, cells = _split(cells, space + 1 if space > 0 else max(1, kept))
        lines.append(head)
        cells = (Cell(" " * margin), *cells)
        whole = "".join(cell.text for cell in cells)
    return [*lines, cells]


def _split(cells: Line, at: int) -> tuple[Line, Line]:
    """A line in two, `at` characters from its start."""
    left: list[Cell] = []
    for index, cell in enumerate(cells):
        if len(cell.text) >= at:
            rest = Cell(cell.text[at:], cell.tone)
            return (*left, Cell(cell.text[:at], cell.tone)), (rest, *cells[index + 1 :])
        left.append(cell)
        at -= len(cell.text)
    return tuple(left), ()


def _line(source: str) -> Line:
    cells: list[Cell] = [Cell(" ")]
    in_tag = False
    for piece in _PIECES.finditer(source):
        shown = piece[0]
        if piece["tag"]:
            in_tag = True
            cells.append(Cell(shown, Tone.DIM))
        elif piece["value"] and in_tag:
            cells.append(Cell(shown, Tone.GOOD))
        else:
            in_tag = in_tag and shown != ">"
            cells.append(Cell(shown, Tone.DIM if in_tag or shown == ">" else Tone.NORMAL))
    return tuple(cells)
