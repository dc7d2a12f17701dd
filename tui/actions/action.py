"""What an action is: an id, keys, words, and the reason why it cannot be done now."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tui.actions.reasons import Reason, never


class Place(Enum):
    """Where the user is. The value is the heading of its help."""

    ANYWHERE = "Everywhere"
    GUESTS = "Guests"
    GUEST = "One guest"
    HOSTS = "Hosts"
    HOST = "One host"
    COMPARE = "Who takes whose guests"
    BASELINE = "A common processor"
    POSTURE = "Security"
    STORAGE = "Storage"
    STORAGE_PAGE = "One storage"
    ISCSI = "iSCSI targets"
    CHAIN = "What lies under a guest's disks"
    GROWTH = "Growing a disk"
    DUMP = "Dumping a guest's memory"
    CRASHES = "Crashes"
    CRASH = "One crash"
    CRASH_GAPS = "What could not be looked at"
    LOG = "A log of a host"
    KDUMP = "kdump"
    MOVES = "Migrations"
    PLAN = "Planning a move"
    RUN = "A move in flight"
    HISTORY = "Past moves"
    PAST = "A past move"
    AUDIT = "Who did what"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a user can do.

    `keys` are Textual's key names, comma separated. `why_not` gives the reason why it cannot be done now,
    or nothing. A smaller `rank` is dropped later from a footer that is too narrow; None is never there.
    """

    id: str
    keys: str
    label: str
    help: str
    places: frozenset[Place]
    why_not: Reason = never
    dangerous: bool = False
    rank: int | None = 5

    @property
    def method(self) -> str:
        """The name of the method that carries it out."""
        return f"do_{self.id.replace('-', '_')}"

    def shown_key(self) -> str:
        """Its first key as a user would write it."""
        return shown_key(self.keys.split(",")[0])


_SHOWN = {
    "question_mark": "?",
    "slash": "/",
    "colon": ":",
    "escape": "esc",
    "greater_than_sign": ">",
    "less_than_sign": "<",
    "plus": "+",
}


def shown_key(key: str) -> str:
    """`ctrl+p` -> `^p`, `question_mark` -> `?`."""
    key = key.strip()
    return _SHOWN.get(key, key.replace("ctrl+", "^"))


def action(
    action_id: str,
    keys: str,
    label: str,
    help_text: str,
    *places: Place,
    why_not: Reason = never,
    dangerous: bool = False,
    rank: int | None = 5,
) -> Action:
    """An action with the usual values."""
    return Action(action_id, keys, label, help_text, frozenset(places), why_not, dangerous, rank)
