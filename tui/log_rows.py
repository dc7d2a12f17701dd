"""A line of a log as rows of a screen: cut at its edge, or wrapped. Pure; counts cells, not letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len, get_character_cell_size


class Row(NamedTuple):
    """The letters from `first` to before `last`, after `pad` blanks."""

    first: int
    last: int
    pad: int = 0


def printable(text: str) -> str:
    """Text of hosts is clean when it comes; what slips through still never reaches a terminal."""
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)


def cells(text: str) -> int:
    """How many it covers."""
    return len(text) if text.isascii() else cell_len(text)


def cut(text: str, start: int, width: int) -> Row:
    """`width` cells from the cell `start` on; a wide letter that is cut in two is blank."""
    if text.isascii():
        return Row(min(start, len(text)), min(start + width, len(text)))
    x, first, last, pad = 0, len(text), len(text), 0
    for index, char in enumerate(text):
        wide = get_character_cell_size(char)
        if x + wide > start + width:
            last = index
            break
        if x >= start and first == len(text) and (wide or x > start or not start):
            first, pad = index, x - start
        x += wide
    return Row(min(first, last), last, pad)


def wrapped(text: str, width: int) -> Sequence[Row]:
    """All of it, `width` cells a row; at least one row."""
    if text.isascii():
        return [Row(x, min(x + width, len(text))) for x in range(0, len(text), width)] or [Row(0, 0)]
    rows: list[Row] = []
    first, x = 0, 0
    for index, char in enumerate(text):
        wide = get_character_cell_size(char)
        if x + wide > width and index > first:
            rows.append(Row(first, index))
            first, x = index, 0
        x += wide
    return [*rows, Row(first, len(text))]


def spans_of(text: str, wanted: str) -> Sequence[tuple[int, int]]:
    """Where `wanted` stands in the text, from and to, in letters; small and capital letters alike."""
    if not wanted:
        return ()
    folded, words = text.lower(), wanted.lower()
    if len(folded) != len(text):  # a letter whose small form is longer: places in one are none in the other
        return ((0, len(text)),) if words in folded else ()
    spans: list[tuple[int, int]] = []
    at = folded.find(words)
    while at >= 0:
        spans.append((at, at + len(words)))
        at = folded.find(words, at + len(words))
    return spans


def pieces(row: Row, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int, bool]]:
    """The row's letters in pieces, from and to, and whether they are in a span."""
    found: list[tuple[int, int, bool]] = []
    at = row.first
    for span in spans:
        begin, end = max(span[0], at), min(span[1], row.last)
        if begin >= end:
            continue
        if at < begin:
            found.append((at, begin, False))
        found.append((begin, end, True))
        at = end
    if at < row.last:
        found.append((at, row.last, False))
    return found
