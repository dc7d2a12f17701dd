"""`virt-ferry compare`: who can take whose guests, and the processor that all can give."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from backends.api import Fleet
from backends.model.comparison import Baseline, BaselineGuest, Comparison, Fit, HostFit, Obstacle
from backends.model.fleet import FleetState
from backends.model.host import HostName
from tui.headless.capability_lines import baseline_line, comparison_line, guest_fit_line, host_fit_line
from tui.headless.each_host import tell_left_out
from tui.headless.exits import Exit, UsageError
from tui.headless.output import Ink, Output
from tui.headless.paragraphs import Entry, columns, tell, tell_entries
from tui.headless.session import HostOptions, settled_fleet

_INK = {Fit.YES: Ink.GOOD, Fit.PART: Ink.DOUBT, Fit.NO: Ink.ALARM, Fit.UNKNOWN: Ink.DOUBT}
_CORNER = "FROM \\ TO"
_WORD = re.compile(r"[\w-]+(?:\.[\w-]+)*")
_GAP = 2
"""Columns between two of a table."""
_OTHERS = (("must be shut down and started anew to get it:", True), ("get it at their next start:", False))
"""Of the guests that do not fit as they are, by whether a restart is needed."""


async def compare(options: HostOptions, *, baseline: bool, json: bool) -> Exit:
    """Each host with each other one. SUCCEEDED whatever the answer is; FAILED when there is none."""
    out = Output()
    async with settled_fleet(options) as (fleet, state):
        if baseline:
            return await _baseline(out, fleet, state, json=json)
        if len(state.hosts) < 2:
            raise UsageError("one host alone cannot be compared", "virt-ferry compare HOST HOST ...")
        found = await fleet.compare()
    tell_left_out(state, found.left_out)
    if json:
        tell_objects(out, found)
    else:
        tell_comparison(out, found)
    return Exit.SUCCEEDED if found.fits else Exit.FAILED


async def _baseline(out: Output, fleet: Fleet, state: FleetState, *, json: bool) -> Exit:
    """Raises ActionError when the hosts have no processor in common."""
    found = await fleet.baseline()
    tell_left_out(state, found.left_out)
    if json:
        out.json(baseline_line(found))
    else:
        tell_baseline(out, found)
    return Exit.SUCCEEDED


# Who can take whose guests ---------------------------------------------------------------------


def tell_objects(out: Output, comparison: Comparison) -> None:
    """Each pair, its guests below it; the last line says what was compared."""
    for fit in comparison.fits:
        out.json(host_fit_line(fit))
        for guest in fit.guests:
            out.json(guest_fit_line(guest))
    out.json(comparison_line(comparison))


def tell_comparison(out: Output, comparison: Comparison) -> None:
    """The matrix, then what stands against it, pair by pair."""
    if not comparison.fits:
        out.line("nothing to compare: fewer than two hosts answer")
        return
    for number, destinations in enumerate(_blocks(comparison)):
        if number:
            out.line()
        rows: list[list[str | tuple[str, Ink]]] = [
            [source, *(_cell(comparison.fit(source, to)) for to in destinations)]
            for source in comparison.hosts
        ]
        out.table((_CORNER, *destinations), rows)
    if any(fit.fit is Fit.PART for fit in comparison.fits):
        out.line()
        tell(out, "part 2/3: 2 of 3 guests can go there; or all can, and a new one could not", Ink.DIM)
    for fit in comparison.fits:
        if fit.fit is not Fit.YES or _against(fit):
            _tell_pair(out, fit)


def _blocks(comparison: Comparison) -> Iterator[list[HostName]]:
    """The destinations, as many at once as there is room for."""
    room = columns() - max(cell_len(word) for word in (_CORNER, *comparison.hosts))
    block: list[HostName] = []
    left = room
    for host in comparison.hosts:
        cells = [_cell(comparison.fit(source, host))[0] for source in comparison.hosts]
        width = _GAP + max(cell_len(word) for word in (host, *cells))
        if block and width > left:
            yield block
            block, left = [], room
        block.append(host)
        left -= width
    if block:
        yield block


def _cell(fit: HostFit | None) -> tuple[str, Ink]:
    if fit is None:
        return "-", Ink.DIM
    words = {Fit.YES: "yes", Fit.PART: "part", Fit.NO: "no", Fit.UNKNOWN: "?"}[fit.fit]
    if fit.fit is Fit.PART and fit.guests:
        words += f" {fit.fitting}/{len(fit.guests)}"
    return words, _INK[fit.fit]


def _tell_pair(out: Output, fit: HostFit) -> None:
    out.line()
    tell(out, f"{fit.source} to {fit.destination}: {fit.fit.value}; {_counted(fit)}", _INK[fit.fit])
    entries: list[Entry] = []
    for obstacle, whom in _against(fit).items():
        entries += _obstacle(obstacle, whom)
    tell_entries(out, entries)


def _counted(fit: HostFit) -> str:
    """`of its 3 guests 1 can go there, 2 cannot`."""
    if not fit.guests:
        return f"{fit.source} has no guests now"
    fits = [guest.fit for guest in fit.guests]
    words = ((Fit.YES, "can go there"), (Fit.NO, "cannot"), (Fit.UNKNOWN, "perhaps"))
    counts = ", ".join(f"{fits.count(kind)} {word}" for kind, word in words if kind in fits)
    return (
        f"of its {len(fits)} guests {counts}" if len(fits) > 1 else f"its guest: {counts.partition(' ')[2]}"
    )


def _against(fit: HostFit) -> dict[Obstacle, list[str]]:
    """Each obstacle once, with whom it stops."""
    against: dict[Obstacle, list[str]] = {obstacle: [] for obstacle in fit.obstacles}
    for guest in sorted(fit.guests, key=lambda guest: guest.name):
        for obstacle in guest.obstacles:
            against.setdefault(obstacle, []).append(guest.name)
    for obstacle, names in against.items():
        if len(names) == len(fit.guests) > 1:
            names[:] = [f"all {len(names)} guests"]
        if obstacle in fit.obstacles:
            names.insert(0, "a new guest")
    return against


def _obstacle(obstacle: Obstacle, whom: Sequence[str]) -> Iterator[Entry]:
    doubt = "" if obstacle.certain else "in doubt: "
    ink = Ink.ALARM if obstacle.certain else Ink.DOUBT
    yield (obstacle.hurdle.value, f"{doubt}{obstacle.words}", ink)
    if not set(obstacle.missing) <= set(_WORD.findall(obstacle.words)):
        yield ("", f"missing: {', '.join(obstacle.missing)}", Ink.PLAIN)
    yield ("", f"for: {', '.join(whom)}", Ink.PLAIN)
    if obstacle.mend:
        yield ("", f"mend: {obstacle.mend}", Ink.BOLD)


# The processor that all can give ---------------------------------------------------------------


def tell_baseline(out: Output, baseline: Baseline) -> None:
    """What it is and what it costs; its XML comes last and as it is, to be copied."""
    hosts = ", ".join(baseline.hosts)
    model = out.ink(baseline.model, Ink.BOLD)
    out.line(f"{model}  for {baseline.kind} guests, {baseline.arch}")
    tell_entries(out, [("on", hosts, Ink.PLAIN), *_dropped(baseline)])
    out.line()
    _tell_guests(out, baseline.guests)
    out.line()
    for line in baseline.xml.strip().splitlines():
        out.line(line)


def _tell_guests(out: Output, guests: Sequence[BaselineGuest]) -> None:
    """Who can move as it is, who will have it in time, and who must be started anew for it."""
    if not guests:
        out.line("these hosts have no guests")
        return
    fitting = sum(1 for guest in guests if guest.fits_already)
    tell(out, f"{fitting} of {len(guests)} guests can move to all of these hosts as they are")
    others = [guest for guest in guests if not guest.fits_already]
    for words, needs_restart in _OTHERS:
        entries = [_guest(guest) for guest in others if guest.needs_restart is needs_restart]
        if entries:
            tell(out, words)
            tell_entries(out, entries)


def _dropped(baseline: Baseline) -> Iterator[Entry]:
    for host, features in baseline.dropped:
        yield (f"{host} loses", ", ".join(features) or "nothing", Ink.PLAIN if features else Ink.DIM)


def _guest(guest: BaselineGuest) -> Entry:
    return (f"{guest.guest.host}/{guest.name}", guest.reason, Ink.PLAIN)
