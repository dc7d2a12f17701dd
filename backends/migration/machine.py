"""The state machine of a move: total and pure. What is not in the table changes nothing."""

from __future__ import annotations

from enum import Enum

from backends.model.move import Phase


class Signal(Enum):
    """What happens to a move."""

    CHECKS_REFUSED = "a check refuses it"
    CHECKS_PASSED = "the checks let it pass"
    STARTED = "the user starts it"
    TRANSFER_BEGAN = "memory begins to flow"
    PASS_REPEATED = "another pass over the memory begins"
    GUEST_STOPPED = "the guest is stopped to switch over"
    TRANSFER_ENDED = "libvirt says that it is done"
    TRANSFER_FAILED = "libvirt says that it failed"
    ABORT_ASKED = "the user asks for the end"
    LINK_LOST = "the link to a host is lost"
    LINK_HEALED = "the source answers again, and the transfer still runs"
    FOUND_AT_DESTINATION = "both hosts were asked: it runs on the destination"
    FOUND_AT_SOURCE = "both hosts were asked: it is still on the source"
    FOUND_NOWHERE_SURE = "nobody can say for certain"


_P, _S = Phase, Signal
_RUNNING = (_P.PREPARING, _P.COPYING, _P.CONVERGING, _P.SWITCHING)
_ABORTABLE = (_P.PREPARING, _P.COPYING, _P.CONVERGING)

_TABLE: dict[tuple[Phase, Signal], Phase] = {
    (_P.CHECKING, _S.CHECKS_REFUSED): _P.REFUSED,
    (_P.CHECKING, _S.CHECKS_PASSED): _P.READY,
    (_P.READY, _S.STARTED): _P.PREPARING,
    (_P.PREPARING, _S.TRANSFER_BEGAN): _P.COPYING,
    (_P.PREPARING, _S.PASS_REPEATED): _P.CONVERGING,
    (_P.COPYING, _S.PASS_REPEATED): _P.CONVERGING,
    **{(phase, _S.GUEST_STOPPED): _P.SWITCHING for phase in _ABORTABLE},
    **{(phase, _S.TRANSFER_ENDED): _P.VERIFYING for phase in (*_RUNNING, _P.CANCELLING)},
    **{(phase, _S.TRANSFER_FAILED): _P.ROLLING_BACK for phase in (*_RUNNING, _P.CANCELLING)},
    **{(phase, _S.ABORT_ASKED): _P.CANCELLING for phase in _ABORTABLE},
    **{
        (phase, _S.LINK_LOST): _P.RECONCILING
        for phase in (*_RUNNING, _P.CANCELLING, _P.VERIFYING, _P.ROLLING_BACK)
    },
    **{
        (phase, _S.FOUND_AT_DESTINATION): _P.SUCCEEDED
        for phase in (_P.VERIFYING, _P.RECONCILING, _P.ROLLING_BACK)
    },
    **{(phase, _S.FOUND_AT_SOURCE): _P.FAILED for phase in (_P.VERIFYING, _P.RECONCILING, _P.ROLLING_BACK)},
    (_P.RECONCILING, _S.LINK_HEALED): _P.COPYING,
    **{
        (phase, _S.FOUND_NOWHERE_SURE): _P.INDETERMINATE
        for phase in (_P.VERIFYING, _P.RECONCILING, _P.ROLLING_BACK)
    },
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
