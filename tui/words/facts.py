"""A host's page: the verdicts first, then fact by fact, each with its source on demand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from backends.model.capability import Fact, HostCapabilities, Section
from tui.glyphs import Glyphs
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, dim, length, line, wrap
from tui.words.capabilities import KIND_MEANINGS, support_cell, verdict_cell, width_cell

_LABEL_LEAST, _LABEL_MOST = 18, 30
"""Cells that labels get."""

_SOURCES_MOST = 90
"""Where the column of sources begins on a wide screen: not too far from what they belong to."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One labelled line of the page, with what stands below it."""

    heading: str
    label: str
    value: Cell
    below: str = ""
    mend: str = ""
    source: str = ""
    id: str = ""

    def has(self, words: Sequence[str]) -> bool:
        """Are all of these in it? Lower case."""
        texts = (self.heading, self.label, self.value.text, self.below, self.mend, self.id)
        text = " ".join(texts).casefold()
        return all(word in text for word in words)


def entries_of(capabilities: HostCapabilities, glyphs: Glyphs) -> Iterator[Entry]:
    """All of a survey, in the order of the page."""
    hardware = capabilities.hardware
    verdict = verdict_cell(hardware, glyphs)
    yield Entry(
        "hardware virtualization", "verdict", verdict, hardware.evidence, hardware.mend, hardware.source
    )
    for kind in capabilities.kinds:
        value = support_cell(kind, glyphs)
        below = " - ".join(part for part in (KIND_MEANINGS[kind.kind], kind.detail) if part)
        yield Entry("guests that it takes", kind.kind.value, value, below, source=kind.source)
    for width in capabilities.widths:
        value = width_cell(width, glyphs)
        yield Entry("guests that it takes", width.label, value, width.reason, source=width.source)
    for section in Section:
        for fact in capabilities.of(section):
            yield _fact(fact, glyphs)


def _fact(fact: Fact, glyphs: Glyphs) -> Entry:
    if fact.known:
        value = Cell(fact.value or glyphs.dash, Tone.NORMAL)
    else:
        value = Cell(f"{glyphs.unknown} not known: {fact.trouble}", Tone.DIM)
    return Entry(fact.section.value, fact.label, value, mend=fact.mend, source=fact.source, id=fact.id)


def facts_page(
    capabilities: HostCapabilities, glyphs: Glyphs, width: int, *, sources: bool, query: str = ""
) -> list[Line]:
    """The entries that have the words of `query`, under their headings."""
    words = query.casefold().split()
    every = list(entries_of(capabilities, glyphs))
    found = [entry for entry in every if entry.has(words)]
    labels = max((len(entry.label) for entry in every), default=0) + 2
    label_width = min(max(labels, _LABEL_LEAST), _LABEL_MOST, max(8, width // 3))
    lines: list[Line] = []
    for heading, entries in groupby(found, key=lambda entry: entry.heading):
        lines += [EMPTY] if lines else []
        lines.append(line(Cell(f" {heading.upper()}", Tone.TITLE)))
        for entry in entries:
            lines += _entry(entry, glyphs, width, label_width, sources=sources)
    return lines or [line(dim(" No fact has these words: esc shows all."))]


def _entry(entry: Entry, glyphs: Glyphs, width: int, label_width: int, *, sources: bool) -> list[Line]:
    margin = " " * (label_width + 3)
    head = wrap(entry.label, label_width + 2, Tone.DIM, indent="   ", first=line("   "))
    *before, last = head
    gap = Cell(" " * max(1, len(margin) - length(last)))
    lines = [*before, *wrap(entry.value.text, width - 1, entry.value.tone, indent=margin, first=(*last, gap))]
    beside = length(lines[-1]) + len(entry.below) + 2 < width
    if entry.below and beside and len(lines) == 1:
        lines[-1] = (*lines[-1], dim(f"  {entry.below}"))
    elif entry.below:
        lines += wrap(entry.below, width - 1, Tone.DIM, indent=margin, first=line(margin))
    if entry.mend:
        arrow = line(margin, Cell(f"{glyphs.arrow} ", Tone.DOUBT))
        lines += wrap(entry.mend, width - 1, indent=margin + "  ", first=arrow)
    if sources and entry.source:
        lines += _source(entry.source, lines, width, margin)
    return lines


def _source(source: str, lines: list[Line], width: int, margin: str) -> list[Line]:
    """In a column of its own where there is room, else at the right of a short value, else below it."""
    words = f"from {source}"
    taken, most = length(lines[0]), width - 1 - len(words)
    column = min(width // 2, _SOURCES_MOST)
    start = column if taken + 2 <= column <= most else most
    if len(lines) == 1 and taken + 2 <= start:
        lines[0] = (*lines[0], dim(" " * (start - taken) + words))
        return []
    return wrap(words, width - 1, Tone.DIM, indent=margin + "  ", first=line(margin))
