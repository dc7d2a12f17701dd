"""Who can take whose guests, in words: a cell of the matrix, and what stands behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from backends.model.comparison import Comparison, Fit, GuestFit, HostFit, Obstacle
from backends.model.host import HostName
from tui.glyphs import Glyphs
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, dim, line, wrap

PART = "~"
"""The sign of what fits in part."""

_TONES = {Fit.YES: Tone.GOOD, Fit.PART: Tone.DOUBT, Fit.NO: Tone.ALARM, Fit.UNKNOWN: Tone.DIM}

_NO_GUESTS = {Fit.YES: "fits", Fit.PART: "in part", Fit.NO: "no", Fit.UNKNOWN: "unknown"}
"""For a host that has no guests: what becomes of a new one."""


def fit_sign(fit: Fit, glyphs: Glyphs) -> str:
    """The sign before what fits, or not."""
    match fit:
        case Fit.YES:
            return glyphs.ok
        case Fit.PART:
            return PART
        case Fit.NO:
            return glyphs.refuse
        case Fit.UNKNOWN:
            return glyphs.unknown


def fit_cell(fit: HostFit | None, glyphs: Glyphs) -> Cell:
    """`✓ 5/5`: how many of the guests can go there. None: the host itself, or a host that was not compared."""
    if fit is None:
        return Cell(glyphs.dash, Tone.DIM)
    is_counted = fit.guests and (fit.fitting or fit.fit is not Fit.UNKNOWN)
    words = f"{fit.fitting}/{len(fit.guests)}" if is_counted else _NO_GUESTS[fit.fit]
    return Cell(f"{fit_sign(fit.fit, glyphs)} {words}", _TONES[fit.fit])


def comparison_heading(comparison: Comparison) -> Line:
    """How many cells are of which kind."""
    counts = Counter(fit.fit for fit in comparison.fits)
    cells = [dim(f" {len(comparison.hosts)} hosts, pairs:")]
    for fit in Fit:
        if counts[fit]:
            cells += [Cell(f"  {counts[fit]} ", _TONES[fit]), dim(fit.value)]
    return tuple(cells)


def left_out_lines(left_out: Sequence[tuple[HostName, str]], width: int) -> list[Line]:
    """Hosts that could not be asked, each with the reason."""
    return [
        piece
        for host, reason in left_out
        for piece in wrap(
            reason, width - 1, Tone.DOUBT, indent="   ", first=line(Cell(f" {host} is left out: "))
        )
    ]


def fit_lines(fit: HostFit, glyphs: Glyphs, width: int) -> list[Line]:
    """One cell in full: what is against a new guest, then each guest that cannot go, then those that can."""
    title = line(Cell(f" {fit.source} {glyphs.arrow} {fit.destination}  ", Tone.TITLE), _summary(fit, glyphs))
    lines = [title]
    if fit.obstacles:
        lines.append(line(dim(f" a new guest with the processor of {fit.source}:")))
        lines += _obstacles(fit.obstacles, glyphs, width, "   ")
    for guests in _alike(fit.guests):
        lines += [EMPTY, *_guests(guests, fit.obstacles, glyphs, width)]
    going = [guest.name for guest in fit.guests if guest.fit is Fit.YES]
    if going:
        first = line(Cell(f" {glyphs.ok} can go: ", Tone.GOOD))
        lines += [EMPTY, *wrap(", ".join(going), width - 1, indent="   ", first=first)]
    return lines


def row_lines(comparison: Comparison, source: HostName, glyphs: Glyphs, width: int) -> list[Line]:
    """Where the guests of one host can go."""
    lines = [line(Cell(f" {source}  ", Tone.TITLE), dim("where its guests can go:"))]
    for host in comparison.hosts:
        fit = comparison.fit(source, host)
        if fit:
            first = line(f"   {host:<12} ", fit_cell(fit, glyphs), "  ")
            missing = sorted({name for each in _all_obstacles(fit) for name in each.missing})
            lines += wrap(_lacks(missing), width - 1, Tone.DIM, indent=" " * 16, first=first)
    return lines


def _lacks(missing: Sequence[str]) -> str:
    return f"lacks {', '.join(missing)}" if missing else ""


def _all_obstacles(fit: HostFit) -> list[Obstacle]:
    return [*fit.obstacles, *(each for guest in fit.guests for each in guest.obstacles)]


def _summary(fit: HostFit, glyphs: Glyphs) -> Cell:
    sign, tone = fit_sign(fit.fit, glyphs), _TONES[fit.fit]
    if not fit.guests:
        words = {
            Fit.YES: f"no guests now; one made for {fit.source} would run there",
            Fit.PART: f"no guests now; one made for {fit.source} would meet doubts there",
            Fit.NO: f"no guests now; one made for {fit.source} would not run there",
            Fit.UNKNOWN: "no guests now; not known what becomes of a new one",
        }[fit.fit]
        return Cell(f"{sign} {words}", tone)
    number = len(fit.guests)
    if fit.fit is Fit.UNKNOWN and not fit.fitting:
        whose = "its guest" if number == 1 else f"any of its {number} guests"
        return Cell(f"{sign} not known whether {whose} can go there", tone)
    if fit.fitting == number:
        return Cell(f"{sign} {'its guest' if number == 1 else f'all {number} guests'} can go there", tone)
    return Cell(f"{sign} {fit.fitting} of {number} guests can go there", tone)


def _alike(guests: Sequence[GuestFit]) -> list[list[GuestFit]]:
    """Those that cannot go, or perhaps not, by what stands against them."""
    groups: dict[tuple[Fit, tuple[Obstacle, ...]], list[GuestFit]] = {}
    for guest in guests:
        if guest.fit is not Fit.YES:
            groups.setdefault((guest.fit, guest.obstacles), []).append(guest)
    return list(groups.values())


def _guests(guests: Sequence[GuestFit], said: Sequence[Obstacle], glyphs: Glyphs, width: int) -> list[Line]:
    """Names, then what stands against them; what holds for a new guest as well is said above already."""
    fit, obstacles = guests[0].fit, guests[0].obstacles
    first = line(Cell(f" {fit_sign(fit, glyphs)} ", _TONES[fit]))
    names = ", ".join(guest.name if guest.active else f"{guest.name} (off)" for guest in guests)
    lines = wrap(names, width - 1, Tone.TITLE, indent="   ", first=first)
    own = [each for each in obstacles if each not in said]
    if len(own) < len(obstacles):
        lines.append(line(dim("   for what is said above" + (", and:" if own else ""))))
    return lines + _obstacles(own, glyphs, width, "   ")


def _obstacles(obstacles: Sequence[Obstacle], glyphs: Glyphs, width: int, indent: str) -> list[Line]:
    lines: list[Line] = []
    for each in obstacles:
        sign = glyphs.refuse if each.certain else glyphs.warning
        tone = Tone.ALARM if each.certain else Tone.DOUBT
        first = line(indent, Cell(f"{sign} ", tone), Cell(f"{each.hurdle.value}: "))
        margin = indent + "  "
        lines += wrap(each.words, width - 1, indent=margin, first=first)
        unsaid = [name for name in each.missing if name not in each.words]
        if unsaid:
            lines += wrap(", ".join(unsaid), width - 1, indent=margin, first=line(margin, dim("missing: ")))
        if each.mend:
            arrow = line(margin, Cell(f"{glyphs.arrow} ", tone))
            lines += wrap(each.mend, width - 1, indent=margin + "  ", first=arrow)
    return lines
