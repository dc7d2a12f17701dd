"""Drawings of a terminal."""

from __future__ import annotations

import re

from rich.segment import Segment
from rich.style import Style

from tests.shots.svg import CELL_PX, svg

PLAIN = Style.parse("#c0c0c0 on #101010")


def drawn(*segments: Segment) -> str:
    return svg([list(segments)], 20, "#101010")


def test_words_stand_where_their_cells_are_whatever_stands_before_them() -> None:
    text = drawn(Segment("ab   cd", PLAIN), Segment("  ef", Style.parse("bold #ffffff on #101010")))
    assert [(x, words) for x, words in re.findall(r'<text x="([\d.]+)".*?>(.*?)</text>', text)] == [
        ("0.0", "ab"),
        (f"{5 * CELL_PX:.1f}", "cd"),
        (f"{9 * CELL_PX:.1f}", "ef"),
    ]


def test_signs_are_placed_one_by_one_because_their_font_may_differ() -> None:
    assert re.findall(r">([^<\n]+)</text>", drawn(Segment("● up", PLAIN))) == ["●", "up"]


def test_blocks_are_areas() -> None:
    text = drawn(Segment("██▄", PLAIN))
    assert "<text" not in text
    assert f'width="{2 * CELL_PX:.2f}"' in text


def test_a_reversed_cell_swaps_its_colours() -> None:
    text = drawn(Segment("x", Style.parse("reverse #c0c0c0 on #101010")))
    assert 'fill="#c0c0c0"/>' in text
    assert 'fill="#101010">x</text>' in text


def test_text_is_escaped_and_names_no_other_host() -> None:
    text = drawn(Segment("<a>&", PLAIN))
    assert "&lt;a&gt;&amp;" in text
    assert re.findall(r"https?://[^\"']+", text) == ["http://www.w3.org/2000/svg"]
