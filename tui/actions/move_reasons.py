"""Why something cannot be planned, or cannot be done to a move in flight, in words for the user."""

from __future__ import annotations

from backends.model.guest import GuestState
from backends.model.move import MoveMode, Origin, Phase, TraceKind
from tui.actions.reasons import Now, Reason
from tui.wish import HYPERVISORS_CARRY, Option, driver_of, fitting_modes, mode_obstacles, obstacle
from tui.words.way import starter

# -- planning -----------------------------------------------------------------------------------------


def no_plan(now: Now) -> str:
    """There is no guest (any more), or nowhere to go."""
    return "" if now.request else "there is nothing to plan"


def one_mode_only(now: Now) -> str:
    """The guest's state and driver leave no choice."""
    if now.guest is None:
        return "the guest is gone"
    driver = driver_of(now.fleet, now.guest)
    fitting = fitting_modes(now.guest, driver)
    if len(fitting) > 1:
        return ""
    reasons = dict.fromkeys(mode_obstacles(now.guest, driver).values())
    return f"only {fitting[0].value} fits: {', '.join(reasons)}"


def ruled_out(option: Option) -> Reason:
    """The mode or the driver rules an option out."""

    def reason(now: Now) -> str:
        request = now.request
        if request is None:
            return "there is nothing to plan"
        found = obstacle(option, request.mode, request.guest.driver)
        return found.reason if found else ""

    return reason


def not_checked(now: Now) -> str:
    """The plan's checks are not all answered, or one of them refuses."""
    if now.preflight is None:
        return "the checks are not finished yet"
    if now.preflight.refused:
        refusal = now.preflight.checks[0]
        return f"refused: {refusal.title}: {refusal.evidence}"
    return ""


# -- in flight ----------------------------------------------------------------------------------------


def is_over(now: Now) -> str:
    """There is nothing left to turn or to stop."""
    return "the move is over" if now.move and now.move.phase.final else ""


def not_over(now: Now) -> str:
    """Its outcome is not known yet."""
    return "" if now.move and now.move.phase.final else "the move is not over yet"


def not_ours(now: Now) -> str:
    """Its own program turns its knobs: two policies on one move would turn them against each other."""
    move = now.move
    if move is None or move.origin is not Origin.ELSEWHERE:
        return ""
    return f"{starter(move)} has it in hand"


def in_other_hands(now: Now) -> str:
    """A program carries it, and it is not this one: no hypervisor has anything to stop."""
    move = now.move
    if move is None or move.origin is not Origin.ELSEWHERE or move.request.mode in HYPERVISORS_CARRY:
        return ""
    return f"only its own program can stop it: {starter(move)}"


def already_stopping(now: Now) -> str:
    """Stopping has been asked for."""
    stopping = (Phase.CANCELLING, Phase.ROLLING_BACK)
    return "it is being stopped already" if now.move and now.move.phase in stopping else ""


def too_late(now: Now) -> str:
    """The transfer is over, or the link to it is lost: too late for knobs and for an abort."""
    late = (Phase.VERIFYING, Phase.RECONCILING)
    return f"too late: {now.move.phase.value}" if now.move and now.move.phase in late else ""


def is_switching(now: Now) -> str:
    """The guest is changing hosts in this moment: no knob counts any more. (A switch that hangs can be aborted.)"""
    return f"too late: {now.move.phase.value}" if now.move and now.move.phase is Phase.SWITCHING else ""


def too_early(now: Now) -> str:
    """No byte has been sent yet."""
    early = (Phase.CHECKING, Phase.READY, Phase.PREPARING)
    return f"too early: {now.move.phase.value}" if now.move and now.move.phase in early else ""


def in_postcopy(now: Now) -> str:
    """The guest has switched hosts: no way back, and no limit counts any more."""
    if now.move is None or now.move.phase is not Phase.POSTCOPY:
        return ""
    return f"in post-copy already: it runs on {now.move.request.destination}, and there is no way back"


def wrong_mode(option: Option) -> Reason:
    """The mode or the driver of the move has no such knob."""

    def reason(now: Now) -> str:
        if now.move is None:
            return ""
        request = now.move.request
        found = obstacle(option, request.mode, request.guest.driver)
        return found.reason if found else ""

    return reason


def not_prepared(now: Now) -> str:
    """Post-copy has to be made ready before the start."""
    if now.move is None or now.move.request.wants_postcopy:
        return ""
    return "it was not started ready for post-copy: p in the plan does that"


def stands_still(now: Now) -> str:
    """The guest is paused already, or is in this mode."""
    move = now.move
    if move is None:
        return ""
    if move.request.mode is not MoveMode.LIVE:
        return f"it stands still already: the move is {move.request.mode.value}"
    guest = now.fleet.guest(move.request.guest)
    paused_by_us = any(trace.kind is TraceKind.PAUSE for trace in move.traces)
    is_paused = guest is not None and guest.state is GuestState.PAUSED
    return "it is paused already" if is_paused or paused_by_us else ""
