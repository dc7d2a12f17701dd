"""The one registry of what a user can do: keys, footer, help and palette are made from it.

A screen has a `Place`; the actions of its place and of `Place.ANYWHERE` work there. An action `shut-down`
is carried out by the method `do_shut_down` of the screen or the app. Users put other keys in the place of
the usual ones by the action's id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from textual.binding import Binding, BindingType

from backends.model.guest import GuestAction
from tui.actions import move_reasons, reasons
from tui.actions.action import Action, Place
from tui.actions.reasons import Reason
from tui.wish import Option

_GUEST_PLACES = (Place.GUESTS, Place.GUEST)
_MOVE_PLACES = (Place.MOVES, Place.RUN)
_JOURNAL_PLACES = (Place.HISTORY, Place.AUDIT)

_MAY_MOVE = reasons.unless_on_its_way(
    reasons.first_of(reasons.no_guest, reasons.read_only, reasons.silent_host, reasons.nowhere_to_go)
)
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
    return reasons.first_of(_IN_FLIGHT, move_reasons.not_ours, *more)


def _action(
    action_id: str,
    keys: str,
    label: str,
    help_text: str,
    *places: Place,
    why_not: Reason = reasons.never,
    dangerous: bool = False,
    rank: int | None = 5,
) -> Action:
    return Action(action_id, keys, label, help_text, frozenset(places), why_not, dangerous, rank)


def _life(action: GuestAction, keys: str, help_text: str, *, rank: int, dangerous: bool = False) -> Action:
    return _action(
        action.value.replace(" ", "-"),
        keys,
        action.value,
        help_text,
        *_GUEST_PLACES,
        why_not=reasons.life(action),
        dangerous=dangerous,
        rank=rank,
    )


def _option(option: Option, key: str, label: str, help_text: str) -> Action:
    """Something to choose in a plan: `plan-copy-disks`."""
    return _action(
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

REGISTRY: tuple[Action, ...] = (
    _action(
        "migrate",
        "m",
        "move",
        "Plan a move of this guest to another host, or watch the one that is under way.",
        *_GUEST_PLACES,
        why_not=_MAY_MOVE,
        rank=0,
    ),
    _action(
        "open",
        "enter",
        "open",
        "Open what the cursor is on.",
        Place.GUESTS,
        Place.MOVES,
        Place.HISTORY,
        rank=3,
    ),
    _life(GuestAction.START, "s", "Start a guest that is off.", rank=4),
    _life(
        GuestAction.SHUT_DOWN,
        "x",
        "Ask the guest to shut down, as its power button does.",
        dangerous=True,
        rank=4,
    ),
    _life(
        GuestAction.FORCE_OFF,
        "X",
        "Cut the guest's power: what it has not written is lost.",
        dangerous=True,
        rank=7,
    ),
    _life(GuestAction.REBOOT, "r", "Ask the guest to restart.", dangerous=True, rank=7),
    _life(GuestAction.PAUSE, "p", "Stop the guest's processors; its memory stays.", rank=6),
    _life(GuestAction.RESUME, "u", "Let a paused guest go on.", rank=6),
    _action(
        "filter",
        "slash",
        "filter",
        "Show only some rows: words, host:h1, state:off, !not, ~regex.",
        Place.GUESTS,
        rank=2,
    ),
    _action(
        "search",
        "slash",
        "filter",
        "Show only what has these words: a guest, a host, a mode, a result, who did it.",
        *_JOURNAL_PLACES,
        rank=0,
    ),
    _action("read-again", "r", "read again", "Read the journal again.", *_JOURNAL_PLACES, rank=3),
    _action("clear-filter", "escape", "all rows", "Clear the filter.", Place.GUESTS, rank=None),
    _action("sort", "o", "sort", "Sort by the next column.", Place.GUESTS, *_JOURNAL_PLACES, rank=5),
    _action(
        "sort-reverse", "O", "reverse", "Turn the order round.", Place.GUESTS, *_JOURNAL_PLACES, rank=None
    ),
    _action(
        "host-pane",
        "h",
        "hosts pane",
        "Show or hide the hosts at the side.",
        Place.GUESTS,
        rank=None,
    ),
    _action(
        "start-move",
        "enter,s",
        "start",
        "Start the move, if the checks allow it.",
        Place.PLAN,
        why_not=_MAY_START_MOVE,
        rank=0,
    ),
    _action(
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
    _action(
        "plan-echo",
        "e",
        "echo",
        "Which address of the guest is asked, to measure from outside how long it is away.",
        Place.PLAN,
        why_not=move_reasons.no_plan,
        rank=None,
    ),
    _action("check-again", "r", "check again", "Ask all the questions again.", Place.PLAN, rank=3),
    _action(
        "bandwidth",
        "b",
        "bandwidth",
        "Limit the transfer from now on, in MiB a second.",
        Place.RUN,
        why_not=_may_turn(move_reasons.wrong_mode(Option.BANDWIDTH)),
        rank=0,
    ),
    _action(
        "downtime",
        "d",
        "downtime",
        "Change how long the guest may stand still, in ms.",
        Place.RUN,
        why_not=_may_turn(move_reasons.wrong_mode(Option.DOWNTIME)),
        rank=0,
    ),
    _action(
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
    _action(
        "pause-guest",
        "z",
        "pause guest",
        "Pause the guest until it has arrived, so that the transfer comes to an end.",
        Place.RUN,
        why_not=_may_turn(move_reasons.stands_still, move_reasons.too_early),
        dangerous=True,
        rank=1,
    ),
    _action(
        "abort",
        "X",
        "abort",
        "Stop the transfer: the guest stays where it runs.",
        *_MOVE_PLACES,
        why_not=_IN_FLIGHT,
        dangerous=True,
        rank=0,
    ),
    _action(
        "mend",
        "m",
        "mend",
        "Do what a move has left to do.",
        *_MOVE_PLACES,
        why_not=reasons.first_of(reasons.read_only, reasons.nothing_to_mend),
        dangerous=True,
        rank=1,
    ),
    _action(
        "copy-command",
        "y",
        "copy command",
        "Copy the equivalent virsh command; after a move the one that is left to do.",
        Place.PLAN,
        Place.RUN,
        Place.MOVES,
        Place.PAST,
        why_not=reasons.nothing_to_copy,
        rank=4,
    ),
    _action(
        "back",
        "escape",
        "back",
        "Go back; a move in flight keeps moving.",
        Place.GUEST,
        Place.PLAN,
        Place.RUN,
        Place.HISTORY,
        Place.PAST,
        Place.AUDIT,
        rank=1,
    ),
    _action(
        "connect-now",
        "r",
        "connect now",
        "Try this host again at once; what was refused (a key, a password) is asked again.",
        Place.HOSTS,
        why_not=reasons.is_connected,
        rank=3,
    ),
    _action("mode-guests", "1", "guests", "Go to all guests.", Place.ANYWHERE, rank=8),
    _action("mode-hosts", "2", "hosts", "Go to the hosts.", Place.ANYWHERE, rank=8),
    _action("mode-storage", "3", "storage", "Go to the storage.", Place.ANYWHERE, rank=9),
    _action("mode-crashes", "4", "crashes", "Go to the crash logs.", Place.ANYWHERE, rank=9),
    _action(
        "mode-moves",
        "5",
        "migrations",
        "Go to the moves in flight and to what they have left to do.",
        Place.ANYWHERE,
        rank=8,
    ),
    _action(
        "history", "H", "history", "All moves that have ended, from the journal.", Place.ANYWHERE, rank=None
    ),
    _action("audit", "A", "audit", "Who did what, when, and what came of it.", Place.ANYWHERE, rank=None),
    _action("theme", "T", "theme", "Another set of colours.", Place.ANYWHERE, rank=None),
    _action(
        "palette",
        "colon,ctrl+p",
        "commands",
        "Find any command by its name.",
        Place.ANYWHERE,
        rank=2,
    ),
    _action("help", "question_mark", "help", "What works here, and its keys.", Place.ANYWHERE, rank=1),
    _action("quit", "q", "quit", "Leave; asks when moves are in flight.", Place.ANYWHERE, rank=1),
)

_BY_ID = {action.id: action for action in REGISTRY}


def bindings_for(place: Place) -> list[BindingType]:
    """The bindings of a screen; the id is what users remap by."""
    return [
        Binding(action.keys, f"perform('{action.id}')", action.label, id=action.id, show=False)
        for action in REGISTRY
        if place in action.places
    ]


def actions_at(place: Place, keys: Mapping[str, str]) -> tuple[Action, ...]:
    """What can be done at a place, the place's own first; with the user's keys instead of the usual ones."""
    own = [action for action in REGISTRY if place in action.places]
    anywhere = [action for action in REGISTRY if Place.ANYWHERE in action.places]
    return tuple(replace(action, keys=keys.get(action.id, action.keys)) for action in (*own, *anywhere))


def action_of(action_id: str) -> Action:
    """The action with this id. Raises KeyError."""
    return _BY_ID[action_id]


def unknown_ids(keys: Mapping[str, str]) -> list[str]:
    """Ids of the user's key map that name no action."""
    return [action_id for action_id in keys if action_id not in _BY_ID]
