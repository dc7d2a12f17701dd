"""The header: the whole fleet in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from backends.model.fleet import FleetState
from backends.model.guest import Guest, GuestState
from backends.model.host import Link
from backends.model.move import Phase
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, dim, length
from tui.words.crash_link import needs_somebody, newest_crashes
from tui.words.guest import arriving
from tui.words.twin import is_arriving, twin_of
from tui.words.unfinished import ALARMS

_LINK_TONES = {Link.DEGRADED: Tone.DOUBT, Link.STALE: Tone.DOUBT, Link.DOWN: Tone.ALARM}
_LINK_ORDER = (Link.UP, Link.CONNECTING, Link.DEGRADED, Link.STALE, Link.DOWN)


def fleet_line(state: FleetState, width: int) -> Line:
    """Hosts up and not, guests running and not, moves in flight, alarms; what is urgent is dropped last."""
    title = (Cell(" virt-ferry ", Tone.TITLE),)
    hosts, guests = tuple(_hosts(state)), tuple(_guests(state))
    urgent = tuple(_urgent(state))
    forms: tuple[Line, ...] = (
        (*title, *hosts, *guests, *urgent),
        (*hosts, *guests, *urgent),
        (*hosts, *urgent),
    )
    return next((form for form in forms if length(form) <= width), urgent)


def _urgent(state: FleetState) -> Iterable[Cell]:
    moving = sum(1 for move in state.moves.values() if not move.phase.final)
    if moving:
        yield dim("   moving ")
        yield Cell(str(moving), Tone.BUSY)
    if alarms := alarm_count(state):
        yield dim("   alarms ")
        yield Cell(str(alarms), Tone.ALARM)
    if calm := sum(1 for left in state.unfinished if left.kind not in ALARMS):
        yield dim("   left to do ")
        yield Cell(str(calm), Tone.DOUBT)


def alarm_count(state: FleetState) -> int:
    """What needs a person now: hosts that say no, crashed guests, moves without a known end or with a bad one."""
    down = sum(1 for view in state.hosts.values() if view.link.link is Link.DOWN)
    newest = newest_crashes(state)
    crashed = sum(1 for guest in state.guests() if needs_somebody(state, guest, newest.get(guest.key)))
    lost = sum(1 for move in state.moves.values() if move.phase is Phase.INDETERMINATE)
    urgent = sum(1 for left in state.unfinished if left.kind in ALARMS)
    return down + crashed + lost + urgent


def _hosts(state: FleetState) -> Iterable[Cell]:
    counts = Counter(view.link.link for view in state.hosts.values())
    yield dim("  hosts")
    for link in _LINK_ORDER:
        if counts[link]:
            yield Cell(f" {counts[link]} ", _LINK_TONES.get(link, Tone.NORMAL))
            yield Cell(link.value, _LINK_TONES.get(link, Tone.DIM))


def _half_built(state: FleetState, guest: Guest) -> bool:
    """A copy that a move of somebody else is building is no guest of its own."""
    return guest.state is GuestState.PAUSED and is_arriving(guest, twin_of(state, guest))


def _guests(state: FleetState) -> Iterable[Cell]:
    """Guests of silent hosts are neither running nor off: nobody knows."""
    running = waiting = off = stale = 0
    twins = arriving(state)
    for view in state.hosts.values():
        if not view.link.answers:
            stale += len(view.guests)
            continue
        for guest in view.guests.values():
            if guest.key in twins:
                continue
            running += guest.state.executing
            waiting += guest.state.active and not guest.state.executing and not _half_built(state, guest)
            off += not guest.state.active
    yield dim("   guests ")
    yield Cell(str(running))
    yield dim(" running")
    for number, word in ((waiting, "paused"), (off, "off")):
        if number:
            yield Cell(f" {number}")
            yield dim(f" {word}")
    if stale:
        yield Cell(f" {stale} stale", Tone.DOUBT)
