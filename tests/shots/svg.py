"""Lines of a terminal as an SVG drawing. Pure.

Rich's own export leaves the placing of letters to the viewer's font and names a web site. Here every run of
letters stands where its first cell is and is as wide as its cells, and lines follow each other so closely that
the parts of boxes, bars and plots touch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from xml.sax.saxutils import escape

from rich.cells import cell_len
from rich.color import Color, blend_rgb
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import SVG_EXPORT_THEME as ANSI

FONT = '"DejaVu Sans Mono", "Liberation Mono", monospace'
FONT_PX = 20
# Advance, ascent and descent of DejaVu Sans Mono, in units of 1/2048 em (its hhea and hmtx tables).
CELL_PX = FONT_PX * 1233 / 2048
ASCENT_PX = FONT_PX * 1901 / 2048
LINE_PX = ASCENT_PX + FONT_PX * 483 / 2048
MARGIN_PX = 12
DIM = 0.4
"""How far a dim colour goes towards the background, as in Rich."""

LOWER, LEFT = "▁▂▃▄▅▆▇█", "█▉▊▋▌▍▎▏"
"""Block elements that fill 1 to 8 eighths of a cell from below, and 8 to 1 eighths from the left."""

_RUN = re.compile(rf"[!-~]+(?: [!-~]+)*|[{LOWER}{LEFT}]+|[^ -~{LOWER}{LEFT}]+")
"""Words with single blanks between them, blocks, or signs: those may come from another font of another width."""


@dataclass(frozen=True, slots=True)
class Ink:
    """How a cell is drawn; colours as #rrggbb, an empty background for the picture's own."""

    colour: str
    background: str
    bold: bool
    italic: bool
    underline: bool


def svg(lines: Sequence[Iterable[Segment]], columns: int, background: str) -> str:
    """The drawing; `background` is what shows where cells have none."""
    width, height = columns * CELL_PX + 2 * MARGIN_PX, len(lines) * LINE_PX + 2 * MARGIN_PX
    rects: list[str] = []
    texts: list[str] = []
    for y, line in enumerate(lines):
        x = 0
        for text, ink in _pieces(line, background):
            cells = cell_len(text)
            if ink.background:
                rects.append(_rect(x, y, cells, ink.background))
            for start, run in _runs(text):
                if run[0] in LOWER + LEFT:
                    rects += _blocks(x + start, y, run, ink.colour)
                else:
                    texts.append(_text(x + start, y, run, ink))
            x += cells
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.1f} {height:.1f}">',
            f'<rect width="{width:.1f}" height="{height:.1f}" rx="8" fill="{background}"/>',
            f'<g transform="translate({MARGIN_PX} {MARGIN_PX})" shape-rendering="crispEdges">',
            *rects,
            f"</g>\n<g transform=\"translate({MARGIN_PX} {MARGIN_PX})\" font-family='{FONT}'"
            f' font-size="{FONT_PX}">',
            *texts,
            "</g>\n</svg>\n",
        ]
    )


def _pieces(line: Iterable[Segment], background: str) -> Iterator[tuple[str, Ink]]:
    """Texts with their ink, neighbours of the same ink joined."""
    joined: list[tuple[str, Ink]] = []
    for text, style, control in line:
        if control:
            continue
        ink = _ink(style or Style.null(), background)
        if joined and joined[-1][1] == ink:
            joined[-1] = (joined[-1][0] + text, ink)
        else:
            joined.append((text, ink))
    yield from joined


def _ink(style: Style, background: str) -> Ink:
    fore = _hex(style.color, foreground=True)
    back = _hex(style.bgcolor, foreground=False) if style.bgcolor and not style.bgcolor.is_default else ""
    if style.reverse:
        fore, back = back or background, fore
    if style.dim:
        behind = Color.parse(back or background).get_truecolor()
        fore = blend_rgb(Color.parse(fore).get_truecolor(), behind, DIM).hex
    shown = "" if back == background else back
    return Ink(fore, shown, bool(style.bold), bool(style.italic), bool(style.underline))


def _hex(colour: Color | None, *, foreground: bool) -> str:
    return (colour or Color.default()).get_truecolor(ANSI, foreground=foreground).hex


def _runs(text: str) -> Iterator[tuple[int, str]]:
    """What is not blank, with the number of cells before it."""
    for found in _RUN.finditer(text):
        yield cell_len(text[: found.start()]), found[0]


def _rect(x: float, y: float, width: float, colour: str, height: float = 1) -> str:
    """All in cells."""
    return (
        f'<rect x="{x * CELL_PX:.2f}" y="{y * LINE_PX:.2f}" width="{width * CELL_PX:.2f}"'
        f' height="{height * LINE_PX:.2f}" fill="{colour}"/>'
    )


def _blocks(x: int, y: int, run: str, colour: str) -> Iterator[str]:
    """Bars and plots as areas: as letters they would show seams."""
    for sign, same in groupby(run):
        width = len(list(same))
        if sign in LOWER:
            height = (LOWER.index(sign) + 1) / 8
            yield _rect(x, y + 1 - height, width, colour, height)
        else:
            share = (8 - LEFT.index(sign)) / 8
            yield from (_rect(x + cell, y, share, colour) for cell in range(width))
        x += width


def _text(x: int, y: int, run: str, ink: Ink) -> str:
    more = "".join(
        attribute
        for wanted, attribute in (
            (ink.bold, ' font-weight="bold"'),
            (ink.italic, ' font-style="italic"'),
            (ink.underline, ' text-decoration="underline"'),
        )
        if wanted
    )
    return (
        f'<text x="{x * CELL_PX:.1f}" y="{y * LINE_PX + ASCENT_PX:.1f}" textLength="{cell_len(run) * CELL_PX:.1f}"'
        f' lengthAdjust="spacingAndGlyphs" fill="{ink.colour}"{more}>{escape(run)}</text>'
    )
