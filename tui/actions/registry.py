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
from tui.actions import reasons
from tui.actions.action import Action, Place, action
from tui.actions.capability_actions import CAPABILITY_ACTIONS
from tui.actions.crash_actions import CRASH_ACTIONS
from tui.actions.crash_link_actions import CRASH_LINK_ACTIONS
from tui.actions.dump_actions import DUMP_ACTIONS
from tui.actions.move_actions import MOVE_ACTIONS
from tui.actions.storage_actions import STORAGE_ACTIONS

_GUEST_PLACES = (Place.GUESTS, Place.GUEST)
_JOURNAL_PLACES = (Place.HISTORY, Place.AUDIT)
_FILTER_PLACES = (Place.GUESTS, Place.HOSTS, Place.HOST, Place.POSTURE, Place.STORAGE, Place.CRASHES)
_SORT_PLACES = (Place.GUESTS, Place.HOSTS, Place.POSTURE, Place.STORAGE, Place.CRASHES, *_JOURNAL_PLACES)

_MAY_MOVE = reasons.unless_on_its_way(
    reasons.first_of(reasons.no_guest, reasons.read_only, reasons.silent_host, reasons.nowhere_to_go)
)


def _life(act: GuestAction, keys: str, help_text: str, *, rank: int, dangerous: bool = False) -> Action:
    return action(
        act.value.replace(" ", "-"),
        keys,
        act.value,
        help_text,
        *_GUEST_PLACES,
        why_not=reasons.life(act),
        dangerous=dangerous,
        rank=rank,
    )


REGISTRY: tuple[Action, ...] = (
    action(
        "migrate",
        "m",
        "move",
        "Plan a move of this guest to another host, or watch the one that is under way.",
        *_GUEST_PLACES,
        why_not=_MAY_MOVE,
        rank=0,
    ),
    action(
        "open",
        "enter",
        "open",
        "Open what the cursor is on.",
        Place.GUESTS,
        Place.HOSTS,
        Place.STORAGE,
        Place.CRASHES,
        Place.KDUMP,
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
    action(
        "filter",
        "slash",
        "filter",
        "Show only some rows: words, fields such as host:h1, !not, ~regex.",
        *_FILTER_PLACES,
        rank=2,
    ),
    action(
        "search",
        "slash",
        "filter",
        "Show only what has these words: a guest, a host, a mode, a result, who did it.",
        *_JOURNAL_PLACES,
        rank=0,
    ),
    action("read-again", "r", "read again", "Read the journal again.", *_JOURNAL_PLACES, rank=3),
    action(
        "clear-filter",
        "escape",
        "all rows",
        "Clear the filter.",
        Place.GUESTS,
        Place.HOSTS,
        Place.STORAGE,
        Place.CRASHES,
        rank=None,
    ),
    action("sort", "o", "sort", "Sort by the next column.", *_SORT_PLACES, rank=5),
    action("sort-reverse", "O", "reverse", "Turn the order round.", *_SORT_PLACES, rank=None),
    action(
        "host-pane",
        "h",
        "hosts pane",
        "Show or hide the hosts at the side.",
        Place.GUESTS,
        rank=None,
    ),
    *MOVE_ACTIONS,
    action(
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
    action(
        "back",
        "escape",
        "back",
        "Go back; a move in flight keeps moving, a disk that grows keeps growing, a dump goes on.",
        Place.GUEST,
        Place.HOST,
        Place.COMPARE,
        Place.BASELINE,
        Place.POSTURE,
        Place.STORAGE_PAGE,
        Place.ISCSI,
        Place.CHAIN,
        Place.GROWTH,
        Place.DUMP,
        Place.CRASH,
        Place.CRASH_GAPS,
        Place.LOG,
        Place.KDUMP,
        Place.PLAN,
        Place.RUN,
        Place.HISTORY,
        Place.PAST,
        Place.AUDIT,
        rank=1,
    ),
    action(
        "connect-now",
        "r",
        "connect now",
        "Try this host again at once; what was refused (a key, a password) is asked again.",
        Place.HOSTS,
        Place.HOST,
        why_not=reasons.is_connected,
        rank=1,
    ),
    *CAPABILITY_ACTIONS,
    *STORAGE_ACTIONS,
    *DUMP_ACTIONS,
    *CRASH_ACTIONS,
    *CRASH_LINK_ACTIONS,
    action("mode-guests", "1", "guests", "Go to all guests.", Place.ANYWHERE, rank=8),
    action("mode-hosts", "2", "hosts", "Go to the hosts.", Place.ANYWHERE, rank=8),
    action("mode-storage", "3", "storage", "Go to the storage.", Place.ANYWHERE, rank=9),
    action("mode-crashes", "4", "crashes", "Go to the crash logs.", Place.ANYWHERE, rank=9),
    action(
        "mode-moves",
        "5",
        "migrations",
        "Go to the moves in flight and to what they have left to do.",
        Place.ANYWHERE,
        rank=8,
    ),
    action(
        "history", "H", "history", "All moves that have ended, from the journal.", Place.ANYWHERE, rank=None
    ),
    action("audit", "A", "audit", "Who did what, when, and what came of it.", Place.ANYWHERE, rank=None),
    action("theme", "T", "theme", "Another set of colours.", Place.ANYWHERE, rank=None),
    action(
        "palette",
        "colon,ctrl+p",
        "commands",
        "Find any command by its name.",
        Place.ANYWHERE,
        rank=2,
    ),
    action("help", "question_mark", "help", "What works here, and its keys.", Place.ANYWHERE, rank=1),
    action(
        "quit",
        "q",
        "quit",
        "Leave; asks when moves are in flight, a disk grows or a guest is dumped.",
        Place.ANYWHERE,
        rank=1,
    ),
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
