"""The state machine of a move: total and pure. What is not in the table changes nothing."""

from __future__ import annotations

from enum import Enum

from backends.model.move import Phase


class Signal(Enum):
    """What happens to a move."""

    CHECKS_REFUSED = "a check refuses it"
    CHECKS_PASSED = "the checks let it pass"
    STARTED = "the user starts it"
    ADOPTED = "a program finds it that has not started it"
    TRANSFER_BEGAN = "bytes begin to flow"
    PASS_REPEATED = "another pass over the memory begins"
    GUEST_STOPPED = "the guest is stopped to switch over"
    POSTCOPY_BEGAN = "the guest runs on the destination while its memory still comes"
    TRANSFER_ENDED = "libvirt says that it is done"
    TRANSFER_FAILED = "libvirt says that it failed"
    ABORT_ASKED = "the user asks for the end"
    LINK_LOST = "the link to a host is lost"
    LINK_HEALED = "the source answers again, and the transfer still runs"
    FOUND_AT_DESTINATION = "both hosts were asked: it is on the destination"
    FOUND_AT_SOURCE = "both hosts were asked: it is on the source"
    FOUND_NOWHERE_SURE = "nobody can say for certain, or it is on no host whole"


_P, _S = Phase, Signal
_BEFORE_SWITCH = (_P.PREPARING, _P.COPYING, _P.CONVERGING)
_ABORTABLE = (*_BEFORE_SWITCH, _P.SWITCHING)
"""A switch may hang: until libvirt says that it is done, the source can still go on."""
_BEFORE_POSTCOPY = (*_ABORTABLE, _P.CANCELLING)
"""Phases in which the source can go on: a failure there is rolled back."""
_ASKING = (_P.VERIFYING, _P.RECONCILING, _P.ROLLING_BACK)
"""Phases in which both hosts are asked where the guest is."""

_TABLE: dict[tuple[Phase, Signal], Phase] = {
    (_P.CHECKING, _S.CHECKS_REFUSED): _P.REFUSED,
    (_P.CHECKING, _S.CHECKS_PASSED): _P.READY,
    (_P.READY, _S.STARTED): _P.PREPARING,
    **{(phase, _S.ADOPTED): _P.RECONCILING for phase in Phase if not phase.final},
    (_P.PREPARING, _S.TRANSFER_BEGAN): _P.COPYING,
    (_P.PREPARING, _S.PASS_REPEATED): _P.CONVERGING,
    (_P.COPYING, _S.PASS_REPEATED): _P.CONVERGING,
    **{(phase, _S.GUEST_STOPPED): _P.SWITCHING for phase in _BEFORE_SWITCH},
    **{(phase, _S.POSTCOPY_BEGAN): _P.POSTCOPY for phase in (*_BEFORE_POSTCOPY, _P.RECONCILING)},
    **{(phase, _S.TRANSFER_ENDED): _P.VERIFYING for phase in (*_BEFORE_POSTCOPY, _P.POSTCOPY)},
    **{(phase, _S.TRANSFER_FAILED): _P.ROLLING_BACK for phase in _BEFORE_POSTCOPY},
    (
        _P.POSTCOPY,
        _S.TRANSFER_FAILED,
    ): _P.RECONCILING,  # the source cannot go on: there is nothing to roll back
    **{(phase, _S.ABORT_ASKED): _P.CANCELLING for phase in _ABORTABLE},
    **{
        (phase, _S.LINK_LOST): _P.RECONCILING
        for phase in (*_BEFORE_POSTCOPY, _P.POSTCOPY, _P.VERIFYING, _P.ROLLING_BACK)
    },
    (_P.RECONCILING, _S.LINK_HEALED): _P.COPYING,
    **{(phase, _S.FOUND_AT_DESTINATION): _P.SUCCEEDED for phase in _ASKING},
    **{(phase, _S.FOUND_AT_SOURCE): _P.FAILED for phase in _ASKING},
    **{(phase, _S.FOUND_NOWHERE_SURE): _P.INDETERMINATE for phase in _ASKING},
}


def step(phase: Phase, signal: Signal, *, cancelled: bool = False) -> Phase:
    """The phase after `signal`.

    `cancelled`: the user asked for the end, so a guest that stayed is no failure, and a transfer that is found still
    running is to be stopped.
    """
    after = _TABLE.get((phase, signal))
    if after is None:
        return phase
    if cancelled and after is Phase.FAILED:
        return Phase.CANCELLED
    if cancelled and signal is Signal.LINK_HEALED:
        return Phase.CANCELLING
    return after


def can_abort(phase: Phase) -> bool:
    """Can the user still ask for the end?"""
    return phase in _ABORTABLE


def why_no_abort(phase: Phase) -> str:
    """For the user who asks for the end too late."""
    if phase is Phase.POSTCOPY:
        return "the guest runs on the destination already: to stop now would lose what is left of its memory"
    return f"too late: the move is {phase.value}"
