"""The one place where text from a host becomes safe to show.

A guest's name, an XML definition or a log line may hold anything: an escape sequence that rewrites the
clipboard, a mark that turns the text around, a hundred accents on one letter, ten thousand letters.
After `clean` it holds none of that, and nothing was hidden on the way: what cannot be shown as it is has
a visible stand-in.

- C0 controls and DEL become their control pictures: ESC is ``␛``, a newline in a name is ``␊``.
- Blanks other than the plain one become ``␣``.
- Everything else without a picture of its own becomes its escape, as in ``\\x9b`` or ``\\u202e``: C1
  controls, bidirectional marks, overrides and isolates, zero-width and other format characters, line and
  paragraph separators, variation selectors and fillers, tags, lone surrogates, private use, unassigned.
- Of combining marks in a row four stay, the rest becomes one ``…``; a mark with nothing before it gets
  a ``◌`` to stand on.

The stand-ins are for people to read, not to be turned back: text may hold a backslash of its own.
Cleaning what is clean changes nothing. No markup is escaped here; the terminal parses none.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

LINE_LIMIT = 4096
"""Cells of a line of a log or of XML that are worth showing."""

_MARKS_IN_A_ROW = 4
"""More than any living script stacks on one letter (Vietnamese and Thai need two, Hebrew three)."""

_ELLIPSIS = "…"
_DOTTED_CIRCLE = "◌"
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""General categories (Unicode, chapter 4.5) of which nothing is to be seen."""

_HIDDEN_LETTERS = frozenset(
    chr(code)
    for span in (
        range(0x034F, 0x0350),  # combining grapheme joiner
        range(0x115F, 0x1161),  # Hangul fillers
        range(0x17B4, 0x17B6),  # Khmer inherent vowels
        range(0x180B, 0x1810),  # Mongolian variation selectors
        range(0x2800, 0x2801),  # Braille blank
        range(0x3164, 0x3165),  # Hangul filler
        range(0xFE00, 0xFE10),  # variation selectors
        range(0xFFA0, 0xFFA1),  # halfwidth Hangul filler
        range(0xE0100, 0xE01F0),  # variation selectors
    )
    for code in span
)
"""Letters, marks and symbols that show nothing: Default_Ignorable_Code_Point, and the Braille blank."""

_JOINING_JAMO = (range(0x1160, 0x1200), range(0xD7B0, 0xD800))
"""Vowels and finals of Hangul, drawn into the cell of the letter before them."""


def clean(text: str, *, limit: int = 256) -> str:
    """`text` as one line of at most `limit` (at least 1) cells, safe for any terminal.

    Wide characters count as two cells. Text that is longer is cut and ends in ``…``.
    """
    if len(text) <= limit and text.isascii():  # each character is one cell, also its stand-in
        return text if text.isprintable() else text.translate(_ascii_stand_ins())
    taken: list[tuple[str, int]] = []
    used = 0
    for piece, width in _pieces(text):
        if used + width > limit:
            while used > limit - 1:
                used -= taken.pop()[1]
            taken.append((_ELLIPSIS, 1))
            break
        taken.append((piece, width))
        used += width
    return "".join(piece for piece, _ in taken)


def clean_multiline(text: str, *, limit: int = LINE_LIMIT) -> str:
    """`text` with its lines kept and each made safe and at most `limit` cells long; tabs become blanks."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(clean(line.expandtabs(8), limit=limit) for line in lines)


def _pieces(text: str) -> Iterator[tuple[str, int]]:
    """What is shown for each character, and the cells it takes."""
    marks = 0
    is_first = True
    for char in text:
        shown, width, joins = _look(char)
        marks = marks + 1 if joins else 0
        if joins and is_first:
            yield _DOTTED_CIRCLE, 1
        is_first = False
        if marks <= _MARKS_IN_A_ROW:
            yield shown, width
        elif marks == _MARKS_IN_A_ROW + 1:
            yield _ELLIPSIS, 1


@lru_cache(maxsize=4096)
def _look(char: str) -> tuple[str, int, bool]:
    """What is shown for a character, the cells it takes, and whether it joins the one before it."""
    if stand_in := _stand_in(char):
        return stand_in, len(stand_in), False
    category = unicodedata.category(char)
    if category in {"Mn", "Me"} or any(ord(char) in span for span in _JOINING_JAMO):
        return char, 0, True
    is_wide = unicodedata.east_asian_width(char) in {"W", "F"}
    return char, 2 if is_wide else 1, category == "Mc"


@lru_cache(maxsize=1)
def _ascii_stand_ins() -> dict[int, str]:
    return {code: shown for code in range(0x80) if (shown := _stand_in(chr(code)))}


def _stand_in(char: str) -> str:
    """What is shown in place of a character that cannot be shown; empty for all others."""
    code = ord(char)
    category = unicodedata.category(char)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if category == "Zs" and char != " ":
        return "␣"
    if category in _HIDDEN or char in _HIDDEN_LETTERS:
        return _escape(code)
    return ""


def _escape(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
