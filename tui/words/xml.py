"""libvirt's XML as toned lines: what a person reads is bright, the markup steps back."""

from __future__ import annotations

import re

from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line

_PIECES = re.compile(r"""(?P<value>'[^']*'|"[^"]*")|(?P<tag></?[\w:.-]+)|(?P<rest>>|[^'"<>]+|.)""")


def xml_lines(text: str, width: int) -> list[Line]:
    """One line of XML a line, cut at the width of the pane."""
    return [_line(source[: width - 1]) for source in text.splitlines()]


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
