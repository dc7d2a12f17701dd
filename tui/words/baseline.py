"""The processor that a set of hosts has in common, in words: what to paste, what is given up, who restarts."""

from __future__ import annotations

from collections.abc import Sequence

from backends.model.comparison import Baseline, BaselineGuest
from tui.glyphs import Glyphs
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, dim, line, wrap
from tui.words.comparison import left_out_lines
from tui.words.xml import xml_lines


def baseline_page(baseline: Baseline, glyphs: Glyphs, width: int) -> list[Line]:
    """Model, XML, what each host gives up, what becomes of the guests."""
    names = ", ".join(baseline.hosts)
    head = [
        *wrap(names, width - 1, indent=" " * 10, first=line(dim(" hosts    "))),
        line(
            dim(" model    "),
            Cell(baseline.model or glyphs.unknown, Tone.TITLE),
            dim(f"   {baseline.arch} {baseline.kind}"),
        ),
        *left_out_lines(baseline.left_out, width),
    ]
    xml = [line(Cell(" TO PASTE INTO A GUEST", Tone.TITLE)), *xml_lines(baseline.xml, width)]
    return [
        *head,
        EMPTY,
        *xml,
        EMPTY,
        *_dropped(baseline, glyphs, width),
        EMPTY,
        *_guests(baseline, glyphs, width),
    ]


def _dropped(baseline: Baseline, glyphs: Glyphs, width: int) -> list[Line]:
    lines = [line(Cell(" WHAT IT LACKS", Tone.TITLE), dim("  that a host would give on its own"))]
    margin = 2 + max((len(host) for host, _ in baseline.dropped), default=0) + 2
    for host, features in baseline.dropped:
        words = ", ".join(features) or "nothing"
        tone = Tone.NORMAL if features else Tone.DIM
        first = line(f" {host:<{margin - 1}}")
        lines += wrap(words, width - 1, tone, indent=" " * margin, first=first)
    return lines if baseline.dropped else [*lines, line(dim(f" {glyphs.unknown} not known"))]


def _guests(baseline: Baseline, glyphs: Glyphs, width: int) -> list[Line]:
    if not baseline.guests:
        return [line(Cell(" GUESTS", Tone.TITLE), dim("  these hosts have none"))]
    restart = [guest for guest in baseline.guests if guest.needs_restart and not guest.fits_already]
    fits = [guest for guest in baseline.guests if guest.fits_already]
    later = [guest for guest in baseline.guests if not guest.needs_restart and not guest.fits_already]
    return [
        line(Cell(" GUESTS", Tone.TITLE)),
        *_group(f"{glyphs.warning} must be restarted to get it", Tone.DOUBT, restart, width),
        *_group(f"{glyphs.note} get it at their next start", Tone.NORMAL, later, width),
        *_group(f"{glyphs.ok} can move to all of these hosts as they are", Tone.GOOD, fits, width),
    ]


def _group(title: str, tone: Tone, guests: Sequence[BaselineGuest], width: int) -> list[Line]:
    lines: list[Line] = [line(Cell(f" {title}", tone), dim(f"  {len(guests)}"))] if guests else []
    for guest in guests:
        first = line(f"   {guest.name}", dim(f" on {guest.guest.host}  "))
        lines += wrap(guest.reason, width - 1, Tone.DIM, indent="     ", first=first)
    return lines
