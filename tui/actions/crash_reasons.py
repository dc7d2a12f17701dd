"""Why nothing can be done about a crash, its evidence or a log now, in words for the user."""

from __future__ import annotations

from tui.actions.reasons import Now
from tui.words.host import can_be_asked


def no_crash_selected(now: Now) -> str:
    """Nothing is selected."""
    return "" if now.crash else "no crash is selected"


def reaches_all(now: Now) -> str:
    """There is nothing further back."""
    return "" if now.reach.further else "all that the hosts have is asked for already"


def no_move_met(now: Now) -> str:
    """It belongs to no move that is known."""
    return "" if now.move else "no move is known that has met this crash"


def no_evidence(now: Now) -> str:
    """Nothing tells of it."""
    return "" if now.evidence else "there is no evidence"


def no_file(now: Now) -> str:
    """The evidence is in no file."""
    each = now.evidence
    if each is None or each.path:
        return ""
    return f"{each.source.value} is no file: what it tells is all here"


def no_text(now: Now) -> str:
    """There is nothing to read in it."""
    each = now.evidence
    return "" if each is None or each.is_text else f"a {each.source.value} is no text: S brings it here"


def silent_host(now: Now) -> str:
    """The host of the crash does not answer."""
    view = now.host
    if view is None or can_be_asked(view):
        return ""
    return f"{view.spec.name} does not answer ({view.link.reason or view.link.link.value})"


def nothing_found(now: Now) -> str:
    """No search has found anything (yet)."""
    return "" if now.found else "nothing is searched for, or nothing was found: / searches"


def not_open(now: Now) -> str:
    """The log is not open (yet)."""
    return "it is being opened" if now.asking else ""
