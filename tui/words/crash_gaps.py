"""What could not be looked at for crashes, in words: never silently left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from backends.model.fleet import HostView
from backends.model.host import HostName
from tui.crashes import Crashes
from tui.format import clock_time
from tui.glyphs import Glyphs
from tui.widgets.grid_columns import Align, Cell, Tone, fit
from tui.widgets.lines import EMPTY, Line, dim, line, wrap
from tui.words.host import can_be_asked


@dataclass(frozen=True, slots=True)
class Blank:
    """Something that is missing in the time line."""

    host: HostName
    what: str
    mend: str = ""
    is_host: bool = False
    """It is all of the host that is missing, or old."""


def blanks_of(views: Iterable[HostView], crashes: Crashes, now: datetime) -> list[Blank]:
    """Of each host: that it was not asked, or what it did not let us read. Hosts that are missing come first."""
    every = [blank for view in views for blank in _of_host(view, crashes, now)]
    return sorted(every, key=lambda blank: not blank.is_host)


def _of_host(view: HostView, crashes: Crashes, now: datetime) -> Iterator[Blank]:
    name, known = view.spec.name, view.crashes
    if not can_be_asked(view):
        why = view.link.reason or f"it is {view.link.link.value}"
        if known:
            yield Blank(
                name, f"silent, what it told at {clock_time(known.at, now)} stands: {why}", is_host=True
            )
        else:
            yield Blank(name, f"not asked: {why}", view.link.hint, is_host=True)
    elif (error := crashes.troubles.get(name)) and name not in crashes.asking:
        yield Blank(
            name, f"{'not asked anew' if known else 'not asked'}: {error.cause}", error.hint, is_host=True
        )
    for gap in known.gaps if known else ():
        yield Blank(name, f"{gap.what} not read: {gap.why}", gap.mend)


def short_lines(blanks: list[Blank], glyphs: Glyphs, width: int, most: int) -> list[Line]:
    """One line each, and how many more there are."""
    shown = blanks if len(blanks) <= most else blanks[: most - 1]
    lines = [_short(blank, glyphs, width) for blank in shown]
    if more := len(blanks) - len(shown):
        lines.append(line(dim(f"   and {more} more: u tells all")))
    return lines


def _short(blank: Blank, glyphs: Glyphs, width: int) -> Line:
    head = line(Cell(f" {glyphs.warning} ", Tone.DOUBT), Cell(f"{blank.host}: "))
    room = max(1, width - 4 - len(blank.host) - 2)
    mend = f" ({blank.mend})" if blank.mend else ""
    text = fit(f"{blank.what}{mend}", room, Align.LEFT, glyphs.ellipsis).rstrip()
    return line(*head, dim(text))


def gap_page(blanks: list[Blank], glyphs: Glyphs, width: int) -> list[Line]:
    """All of them in full, by host, each with what mends it."""
    if not blanks:
        return [line(dim(" All that was looked for could be read, on all hosts."))]
    lines: list[Line] = []
    for host in dict.fromkeys(blank.host for blank in blanks):
        lines += (
            [EMPTY, line(Cell(f" {host}", Tone.TITLE))] if lines else [line(Cell(f" {host}", Tone.TITLE))]
        )
        for blank in blanks:
            if blank.host == host:
                first = line("   ", Cell(f"{glyphs.warning} ", Tone.DOUBT))
                lines += wrap(blank.what, width - 1, indent="     ", first=first)
            if blank.host == host and blank.mend:
                arrow = line("     ", Cell(f"{glyphs.arrow} ", Tone.BUSY))
                lines += wrap(blank.mend, width - 1, indent="       ", first=arrow)
    return lines
