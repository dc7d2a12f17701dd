"""The keys that users put in the place of the usual ones: what is wrong with them, said at the start.

A key that is no key would make an action unreachable, and a key with two actions would do the wrong one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from textual.keys import Keys

from tui.actions.action import Place
from tui.actions.registry import actions_at, unknown_ids

_MODIFIERS = ("ctrl+", "shift+", "alt+", "meta+", "super+", "hyper+")
_NAMED = frozenset(key.value for key in Keys)


def trouble_with_keys(keys: Mapping[str, str]) -> str:
    """The first thing that is wrong with the user's keys; empty when nothing is."""
    if unknown := unknown_ids(keys):
        return f"{unknown[0]}: there is no such action"
    for action_id, value in keys.items():
        for key in value.split(","):
            if not _is_key(key.strip()):
                return f"{action_id}: {key.strip()!r} is no key (m, f5, ctrl+a, question_mark, ...)"
    return next((trouble for place in Place if (trouble := _twice(place, keys))), "")


def _twice(place: Place, keys: Mapping[str, str]) -> str:
    """A key with two actions where both work, one of them by the user's choice."""
    owners: dict[str, str] = {}
    for action in actions_at(place, keys):
        for key in (part.strip() for part in action.keys.split(",")):
            other = owners.setdefault(key, action.id)
            if other != action.id and (action.id in keys or other in keys):
                return f"{key!r} is the key of {other} and of {action.id}"
    return ""


def _is_key(text: str) -> bool:
    """Textual's names: a sign, a key's name, or a sign's name in Unicode with underscores."""
    for modifier in _MODIFIERS:
        text = text.removeprefix(modifier)
    if len(text) == 1:
        return text.isprintable() and not text.isspace()
    return text in _NAMED or _is_sign(text)


def _is_sign(name: str) -> bool:
    try:
        unicodedata.lookup(name.replace("_", " "))
    except KeyError:
        return name in {"minus", "plus"}
    return True
