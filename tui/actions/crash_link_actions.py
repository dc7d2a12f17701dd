"""From a guest or a move to its crash record, and what happens when a guest crashes. A part of the registry."""

from __future__ import annotations

from tui.actions import reasons
from tui.actions.action import Action, Place, action
from tui.actions.reasons import Now, first_of

_GUEST_PLACES = (Place.GUESTS, Place.GUEST)
_MOVE_PLACES = (Place.MOVES, Place.RUN, Place.HISTORY, Place.PAST)


def no_crash(now: Now) -> str:
    """Nothing has told of one."""
    if now.crash:
        return ""
    if now.move:
        return f"no crash is known that the move of {now.move.request.name} has met"
    return f"no crash of {now.guest.name} is known" if now.guest else "nothing is selected"


CRASH_LINK_ACTIONS: tuple[Action, ...] = (
    action(
        "crash-record",
        "L",
        "crash record",
        "Open the newest crash record of this guest, or of what this move has met: cause, evidence, logs.",
        *_GUEST_PLACES,
        *_MOVE_PLACES,
        why_not=no_crash,
        rank=7,
    ),
    action(
        "crash-setting",
        "C",
        "on crash",
        "What happens when this guest crashes, what would be left of it, and another setting.",
        *_GUEST_PLACES,
        why_not=first_of(reasons.no_guest, reasons.silent_host),
        rank=8,
    ),
)
