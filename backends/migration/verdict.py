"""Where is the guest? Decided from what both hosts say of it. Pure; "unknown" is allowed, wrong is not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from backends.hypervisor.migrate import Whereabouts
from backends.model.guest import GuestState


class Place(Enum):
    """What the answers of both hosts add up to."""

    DESTINATION = "destination"
    SOURCE = "source"
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
    arrived, whatever the source says. A source without a running job that executes the guest has kept it.
    """
    here = source is not None and source.state.executing
    if destination is not None and destination.state.executing:
        if here:
            return Finding(Place.BOTH, GuestState.RUNNING)
        return Finding(Place.DESTINATION, destination.state, destination.reason)
    if source is None or destination is None:
        return _half_known(source)
    if source.job_running or destination.job_running:
        return Finding(Place.UNSETTLED, source.state, source.reason)
    if here:
        if destination.state.active:
            return Finding(Place.UNSETTLED, source.state, source.reason)  # its incoming half has not gone yet
        return Finding(Place.SOURCE, source.state, source.reason)
    return _not_executing(source, destination)


def _half_known(source: Whereabouts | None) -> Finding:
    if source is not None and source.state.executing and not source.job_running:
        return Finding(Place.SOURCE, source.state, source.reason)
    if source is not None and source.job_running:
        return Finding(Place.UNSETTLED, source.state, source.reason)
    return Finding(Place.UNKNOWN)


def _not_executing(source: Whereabouts, destination: Whereabouts) -> Finding:
    if source.state.active and destination.state.active:
        return Finding(
            Place.UNSETTLED, source.state, source.reason
        )  # paused on both: in the middle of the switch
    if destination.state.active:
        return Finding(Place.DESTINATION, destination.state, destination.reason)
    if source.state.active or source.defined:
        if source.reason == MIGRATED:
            return Finding(Place.UNSETTLED, source.state, source.reason)  # it left, and is not there yet
        return Finding(Place.SOURCE, source.state, source.reason)
    if destination.defined:
        return Finding(Place.DESTINATION, destination.state, destination.reason)
    return Finding(Place.NOWHERE)


MIGRATED = "migrated"
"""virDomainShutoffReason's word for a guest that has left by migration."""
