"""What can be done about a move: in its plan, in flight, and afterwards. A part of the registry."""

from __future__ import annotations

from tui.actions import move_reasons, reasons
from tui.actions.action import Action, Place, action
from tui.actions.reasons import Reason
from tui.wish import Option

_MOVE_PLACES = (Place.MOVES, Place.RUN)

_MAY_START_MOVE = reasons.first_of(reasons.read_only, move_reasons.not_checked)
_IN_FLIGHT = reasons.first_of(
    reasons.no_move,
    reasons.read_only,
    move_reasons.is_over,
    move_reasons.already_stopping,
    move_reasons.too_late,
    move_reasons.in_postcopy,
)
"""What stands against stopping a move, and against each of its knobs."""


def _may_turn(*more: Reason) -> Reason:
    """A knob: of a move that is ours, and whose mode has it."""
    return reasons.first_of(_IN_FLIGHT, move_reasons.is_switching, move_reasons.not_ours, *more)


def _option(option: Option, key: str, label: str, help_text: str) -> Action:
    """Something to choose in a plan: `plan-copy-disks`."""
    return action(
        f"plan-{_OPTION_IDS[option]}",
        key,
        label,
        help_text,
        Place.PLAN,
        why_not=move_reasons.ruled_out(option),
        rank=6,
    )


_OPTION_IDS = {
    Option.COPY_DISKS: "copy-disks",
    Option.POSTCOPY: "post-copy",
    Option.LAST_RESORT: "last-resort",
    Option.BANDWIDTH: "bandwidth",
    Option.DOWNTIME: "downtime",
}

MOVE_ACTIONS: tuple[Action, ...] = (
    action(
        "start-move",
        "enter,s",
        "start",
        "Start the move, if the checks allow it.",
        Place.PLAN,
        why_not=_MAY_START_MOVE,
        rank=0,
    ),
    action(
        "plan-mode",
        "m",
        "mode",
        "The next way of moving that fits the guest: live, paused, saved, offline.",
        Place.PLAN,
        why_not=move_reasons.one_mode_only,
        rank=1,
    ),
    _option(Option.COPY_DISKS, "c", "disks", "Copy the disks that are not shared, or not."),
    _option(Option.POSTCOPY, "p", "post-copy", "Make the move ready for post-copy, or not."),
    _option(
        Option.LAST_RESORT, "l", "last resort", "The next answer to a guest that writes too much to converge."
    ),
    _option(Option.BANDWIDTH, "b", "bandwidth", "Limit the transfer, in MiB a second."),
    _option(
        Option.DOWNTIME, "d", "downtime", "The most that the guest may stand still at the switch, in ms."
    ),
    action(
        "plan-echo",
        "e",
        "echo",
        "Which address of the guest is asked, to measure from outside how long it is away.",
        Place.PLAN,
        why_not=move_reasons.no_plan,
        rank=None,
    ),
    action("check-again", "r", "check again", "Ask all the questions again.", Place.PLAN, rank=3),
    action(
        "bandwidth",
        "b",
        "bandwidth",
        "Limit the transfer from now on, in MiB a second.",
        Place.RUN,
        why_not=_may_turn(move_reasons.wrong_mode(Option.BANDWIDTH)),
        rank=0,
    ),
    action(
        "downtime",
        "d",
        "downtime",
        "Change how long the guest may stand still, in ms.",
        Place.RUN,
        why_not=_may_turn(move_reasons.wrong_mode(Option.DOWNTIME)),
        rank=0,
    ),
    action(
        "post-copy",
        "p",
        "post-copy",
        "Switch over now and fetch the rest of the memory: no way back.",
        Place.RUN,
        why_not=_may_turn(
            move_reasons.wrong_mode(Option.POSTCOPY), move_reasons.not_prepared, move_reasons.too_early
        ),
        dangerous=True,
        rank=1,
    ),
    action(
        "pause-guest",
        "z",
        "pause guest",
        "Pause the guest until it has arrived, so that the transfer comes to an end.",
        Place.RUN,
        why_not=_may_turn(move_reasons.stands_still, move_reasons.too_early),
        dangerous=True,
        rank=1,
    ),
    action(
        "abort",
        "X",
        "abort",
        "Stop the transfer: the guest stays where it runs.",
        *_MOVE_PLACES,
        why_not=reasons.first_of(_IN_FLIGHT, move_reasons.in_other_hands),
        dangerous=True,
        rank=0,
    ),
    action(
        "mend",
        "m",
        "mend",
        "Do what a move has left to do.",
        *_MOVE_PLACES,
        why_not=reasons.first_of(reasons.read_only, reasons.nothing_to_mend),
        dangerous=True,
        rank=1,
    ),
)
