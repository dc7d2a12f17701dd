"""Where is the guest? Decided from what both hosts say of it. Pure; "unknown" is allowed, wrong is not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from backends.hypervisor.whereabouts import Whereabouts
from backends.model.guest import GuestState

MIGRATED = "migrated"
"""virDomainShutoffReason's word for a guest that has left by migration: its memory is on the destination for good."""


class Place(Enum):
    """What the answers of both hosts add up to."""

    ARRIVED = "arrived"
    """It is on the destination: it executes there, or the source says that it has left."""
    STAYED = "stayed"
    """It is on the source."""
    UNSETTLED = "unsettled"
    """Still changing: ask again."""
    BOTH = "both"
    """It runs twice: never to be decided by a program."""
    NOWHERE = "nowhere"
    UNKNOWN = "unknown"
    """A host does not answer, and the other's word is not enough."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A place, and the state of the guest there."""

    place: Place
    state: GuestState = GuestState.UNKNOWN
    reason: str = ""


def find(source: Whereabouts | None, destination: Whereabouts | None) -> Finding:
    """None stands for a host that does not answer.

    A destination resumes the guest only when the source has stopped it for good, so a guest that executes there has
    arrived. A guest that is merely there, paused or defined, has arrived only if the source says that it migrated:
    else it is the incoming half of a transfer that may yet fail. A source that executes the guest and has no job for
    it has kept it.
    """
    if source is not None and source.job_running:
        return _finding(Place.UNSETTLED, source)
    if destination is not None and destination.state.executing:
        here = source is not None and source.state.executing
        return _finding(Place.BOTH if here else Place.ARRIVED, destination)
    if source is None:
        return Finding(Place.UNKNOWN)
    if (
        source.reason == MIGRATED and not source.state.active
    ):  # one that came by migration runs for that reason
        return _after_leaving(source, destination)
    return _without_arrival(source, destination)


def _without_arrival(source: Whereabouts, destination: Whereabouts | None) -> Finding:
    if destination is not None and destination.state.active:
        return _finding(Place.UNSETTLED, source)  # an incoming half that has not gone yet
    if source.state.executing:
        return _finding(Place.STAYED, source)
    if destination is None:
        return Finding(Place.UNKNOWN)
    if source.defined:
        return _finding(Place.STAYED, source)
    return _finding(Place.UNSETTLED, destination) if destination.defined else Finding(Place.NOWHERE)


def _after_leaving(source: Whereabouts, destination: Whereabouts | None) -> Finding:
    """The source is rid of it, so it is on the destination, in whatever state: only not without that host's word."""
    if destination is None:
        return Finding(Place.UNKNOWN)
    if destination.defined:
        return _finding(Place.ARRIVED, destination)
    return _finding(Place.UNSETTLED, source)


def _finding(place: Place, seen: Whereabouts) -> Finding:
    return Finding(place, seen.state, seen.reason)
