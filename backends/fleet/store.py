"""What is known, as a pure function of what happened: (state, event) -> (state, what differs)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from backends.model.fleet import (
    CrashesChanged,
    Dirty,
    FleetEvent,
    FleetState,
    GuestGone,
    GuestsChanged,
    HostEvent,
    HostView,
    JobsChanged,
    LinkChanged,
    MoveChanged,
    MoveGone,
    Sampled,
    Snapshot,
    Surveyed,
    Topic,
    UnfinishedChanged,
)
from backends.model.guest import Guest, GuestKey
from backends.model.host import HostName

Reduced = tuple[FleetState, frozenset[Dirty]]
_Changed = tuple[HostView, frozenset[Dirty]]
_Change = Callable[[HostView], _Changed]
_NOTHING: frozenset[Dirty] = frozenset()


def reduce(state: FleetState, event: FleetEvent) -> Reduced:
    """Apply one event. An event of an older epoch, or of a host that is not in the fleet, changes nothing."""
    match event:
        case MoveChanged():
            moves = {**state.moves, event.move.id: event.move}
            return replace(state, moves=moves), frozenset({(Topic.MOVE, event.move.id)})
        case MoveGone():
            moves = {id_: move for id_, move in state.moves.items() if id_ != event.move}
            return replace(state, moves=moves), frozenset({(Topic.MOVE, event.move)})
        case JobsChanged():
            differs = event.jobs != state.jobs
            return replace(state, jobs=event.jobs), frozenset({(Topic.JOBS, None)} if differs else ())
        case UnfinishedChanged():
            differs = event.unfinished != state.unfinished
            new = replace(state, unfinished=event.unfinished)
            return new, frozenset({(Topic.UNFINISHED, None)} if differs else ())
        case _:
            return _of_host(state, event)


def _of_host(state: FleetState, event: HostEvent) -> Reduced:
    match event:
        case LinkChanged():
            return _with_host(state, event.host, lambda view: _link(view, event))
        case Snapshot():
            return _with_host(state, event.host, lambda view: _snapshot(view, event))
        case Sampled():
            return _with_host(state, event.host, lambda view: _sampled(view, event))
        case GuestsChanged():
            return _with_host(state, event.host, lambda view: _guests_changed(view, event))
        case GuestGone():
            return _with_host(state, event.host, lambda view: _guest_gone(view, event))
        case Surveyed():
            return _with_host(state, event.host, lambda view: _surveyed(view, event))
        case CrashesChanged():
            return _with_host(state, event.host, lambda view: _crashes_changed(view, event))


def _with_host(state: FleetState, name: HostName, change: _Change) -> Reduced:
    view = state.hosts.get(name)
    if view is None:
        return state, _NOTHING
    new, dirty = change(view)
    if new is view:
        return state, _NOTHING
    return replace(state, hosts={**state.hosts, name: new}), dirty


def _link(view: HostView, event: LinkChanged) -> _Changed:
    return replace(view, link=event.status), frozenset({(Topic.LINK, event.host)})


def _snapshot(view: HostView, event: Snapshot) -> _Changed:
    if event.epoch < view.epoch:
        return view, _NOTHING
    guests = {guest.key: guest for guest in event.guests}
    samples = {key: sample for key, sample in view.samples.items() if key in guests}
    dirty = {(Topic.GUEST, key) for key in _differing(view.guests, guests)}
    new = replace(view, epoch=event.epoch, facts=event.facts, guests=guests, samples=samples, heard=event.at)
    return new, frozenset({(Topic.LINK, event.host), *dirty})


def _differing(old: Mapping[GuestKey, Guest], new: Mapping[GuestKey, Guest]) -> set[GuestKey]:
    return {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}


def _sampled(view: HostView, event: Sampled) -> _Changed:
    if event.epoch != view.epoch:
        return view, _NOTHING
    dirty: set[Dirty] = set()
    samples = {key: sample for key, sample in event.samples.items() if key in view.guests}
    for key in samples.keys() | view.samples.keys():
        if samples.get(key) != view.samples.get(key):
            dirty.add((Topic.SAMPLE, key))
    if event.load != view.load:
        dirty.add((Topic.LOAD, event.host))
    new = replace(view, load=event.load, samples=samples, heard=event.at)
    return new, frozenset(dirty)


def _guests_changed(view: HostView, event: GuestsChanged) -> _Changed:
    changed = {guest.key: guest for guest in event.guests if view.guests.get(guest.key) != guest}
    if event.epoch != view.epoch or not changed:
        return view, _NOTHING
    new = replace(view, guests={**view.guests, **changed}, heard=event.at)
    return new, frozenset((Topic.GUEST, key) for key in changed)


def _surveyed(view: HostView, event: Surveyed) -> _Changed:
    if view.capabilities is not None and view.capabilities.at > event.capabilities.at:
        return view, _NOTHING
    return replace(view, capabilities=event.capabilities), frozenset({(Topic.CAPABILITIES, event.host)})


def _crashes_changed(view: HostView, event: CrashesChanged) -> _Changed:
    return replace(view, crashes=event.crashes), frozenset({(Topic.CRASHES, event.host)})


def _guest_gone(view: HostView, event: GuestGone) -> _Changed:
    if event.epoch != view.epoch or event.key not in view.guests:
        return view, _NOTHING
    guests = {key: guest for key, guest in view.guests.items() if key != event.key}
    samples = {key: sample for key, sample in view.samples.items() if key != event.key}
    new = replace(view, guests=guests, samples=samples, heard=event.at)
    return new, frozenset({(Topic.GUEST, event.key)})
