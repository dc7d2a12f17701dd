"""Where is the guest? Decided from what both hosts say of it. Pure; "unknown" is allowed, wrong is not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from backends.hypervisor.whereabouts import Whereabouts
from backends.model.guest import GuestState
from backends.model.move import MoveMode

MIGRATED = "migrated"
"""virDomainShutoffReason's word for a guest that has left by migration: its memory is on the destination for good."""
SAVED = "saved"
"""The same for a guest whose memory is in a file."""
INCOMING = "migration"
"""virDomainPausedReason's word for a guest whose memory is still coming, or leaving."""
STARTING_UP = "starting up"
"""The same for a guest that is being started, or restored from its state."""
POSTCOPY = "post-copy"
POSTCOPY_FAILED = "post-copy failed"
_POSTCOPY = (POSTCOPY, POSTCOPY_FAILED)
"""virDomainPausedReason's and virDomainRunningReason's words for a guest whose memory is on two hosts."""


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
    SPLIT = "split"
    """A post-copy transfer broke off: a part of its memory is on each host, and neither alone can go on."""
    LOST = "memory lost"
    """The transfer broke off after the source had handed over, and one of its two halves is gone."""
    NOWHERE = "nowhere"
    UNKNOWN = "unknown"
    """A host does not answer, and the other's word is not enough."""


ALARMING = (Place.BOTH, Place.SPLIT, Place.LOST, Place.NOWHERE)
"""Found only when several rounds of questions agree: one answer may be older than what it is compared with."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A place, and the state of the guest there."""

    place: Place
    state: GuestState = GuestState.UNKNOWN
    reason: str = ""


def find(
    source: Whereabouts | None,
    destination: Whereabouts | None,
    mode: MoveMode = MoveMode.LIVE,
    *,
    defined: bool = False,
) -> Finding:
    """None stands for a host that does not answer.

    A destination resumes the guest only when the source has stopped it for good, so a guest that executes there has
    arrived. A guest that is merely there, paused or defined, has arrived only if the source says that it left: else it
    is the incoming half of a transfer that may yet fail. A source that executes the guest and has no job for it has
    kept it. `defined`: the destination is known to have our definition of a guest that is off, and not an older one.
    """
    if source is not None and source.job_running and source.reason != POSTCOPY_FAILED:
        return _finding(Place.UNSETTLED, source)
    if mode is MoveMode.OFFLINE:
        return _find_definition(source, destination, defined=defined)
    if destination is not None and destination.state.active and destination.reason in _POSTCOPY:
        return _in_postcopy(source, destination)
    if destination is not None and destination.state.executing:
        here = source is not None and source.state.executing
        return _finding(Place.BOTH if here else Place.ARRIVED, destination)
    if source is None:
        return Finding(Place.UNKNOWN)
    return _on_the_word_of_the_source(source, destination, mode)


def _on_the_word_of_the_source(
    source: Whereabouts, destination: Whereabouts | None, mode: MoveMode
) -> Finding:
    """The guest does not execute on the destination, as far as that is known."""
    if source.state.active and source.reason in _POSTCOPY:
        return _left_in_postcopy(destination)
    if (
        not source.state.active and source.reason == MIGRATED
    ):  # one that came by migration runs for that reason
        return _after_leaving(source, destination)
    if (
        mode is MoveMode.SAVED
        and not source.state.active
        and destination is not None
        and destination.state.active
    ):
        coming = (
            destination.reason == STARTING_UP
        )  # a restore reads the state, and may yet fail; then it is INCOMING
        return _finding(Place.UNSETTLED if coming else Place.ARRIVED, destination)  # paused as it was before
    return _without_arrival(source, destination)


def settled_for_good(source: Whereabouts | None, destination: Whereabouts | None) -> Finding | None:
    """The finding when nothing has changed for long, of a guest whose incoming half never ran on the destination.

    While the source executes the guest, that half was forgotten there; once the source is rid of it, it is all there
    is; and where there is none either, its memory is gone.
    """
    if source is None or destination is None or source.job_running:
        return None
    if not destination.defined and not source.state.active and source.reason == MIGRATED:
        return _finding(Place.LOST, source)  # the source has let go of it, and its other half was thrown away
    if destination.state.executing or destination.reason != INCOMING:
        return None
    if source.state.executing:
        return _finding(Place.STAYED, source)
    has_left = not source.state.active and source.reason == MIGRATED
    return _finding(Place.ARRIVED, destination) if has_left else None


def _find_definition(
    source: Whereabouts | None, destination: Whereabouts | None, *, defined: bool
) -> Finding:
    """Of a guest that was off before the move; somebody may have started it meanwhile."""
    if source is None or destination is None:
        return Finding(Place.UNKNOWN)
    if source.state.active:
        return _finding(Place.BOTH if destination.state.executing else Place.STAYED, source)
    if destination.defined and (defined or not source.defined):
        return _finding(Place.ARRIVED, destination)
    return _finding(Place.STAYED, source) if source.defined else Finding(Place.NOWHERE)


def _in_postcopy(source: Whereabouts | None, destination: Whereabouts) -> Finding:
    """The destination has switched over, and its memory was not complete when it last said so."""
    if source is None:
        return Finding(Place.UNKNOWN, destination.state, destination.reason)
    if source.state.executing:
        return _finding(Place.BOTH if destination.state.executing else Place.UNSETTLED, source)
    if not source.state.active:
        arrived = source.reason == MIGRATED
        return _finding(Place.UNSETTLED if arrived else Place.LOST, destination)
    if POSTCOPY_FAILED in (source.reason, destination.reason):
        return _finding(Place.SPLIT, destination)  # libvirt calls a guest that waits for its memory running
    return _finding(Place.UNSETTLED, destination)


def _left_in_postcopy(destination: Whereabouts | None) -> Finding:
    """The source has handed over, and the destination does not say that it is in post-copy."""
    if destination is None:
        return Finding(Place.UNKNOWN)
    if destination.state.active:
        return _finding(Place.UNSETTLED, destination)
    return _finding(Place.LOST, destination)


def _without_arrival(source: Whereabouts, destination: Whereabouts | None) -> Finding:
    if destination is not None and destination.state.active:
        if not source.defined and destination.reason != INCOMING:
            return _finding(
                Place.ARRIVED, destination
            )  # a transient guest that was paused, and left nothing behind
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
    if destination.state.active and destination.reason == INCOMING:
        return _finding(
            Place.UNSETTLED, destination
        )  # its daemon has yet to let it run, or may throw it away
    if destination.defined:
        return _finding(Place.ARRIVED, destination)
    return _finding(Place.UNSETTLED, source)


def _finding(place: Place, seen: Whereabouts) -> Finding:
    return Finding(place, seen.state, seen.reason)
