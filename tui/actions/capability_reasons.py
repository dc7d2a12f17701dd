"""Why hosts cannot be asked what they can do, in words for the user."""

from __future__ import annotations

from tui.actions.reasons import Now
from tui.words.host import can_be_asked


def none_answers(now: Now) -> str:
    """There is nobody to ask."""
    return "" if any(map(can_be_asked, now.fleet.hosts.values())) else "no host answers now"


def silent(now: Now) -> str:
    """The host in front of the user does not answer."""
    if now.host is None:
        return "no host is selected"
    if can_be_asked(now.host):
        return ""
    return f"{now.host.spec.name} does not answer ({now.host.link.reason or now.host.link.link.value})"


def no_host(now: Now) -> str:
    """Nothing is selected."""
    return "" if now.host else "no host is selected"


def being_asked(now: Now) -> str:
    """The answer is under way."""
    return "it is being asked already" if now.asking else ""


def too_few(now: Now) -> str:
    """There is nothing to compare with."""
    if len(now.fleet.hosts) < 2:
        return "there is no other host: name two hosts or more when starting virt-ferry"
    answering = sum(1 for view in now.fleet.hosts.values() if view.link.answers)
    if answering >= 2:
        return ""
    return f"it takes two hosts that answer, and {answering or 'none'} does now"


def nothing_to_paste(now: Now) -> str:
    """The common processor is not known (yet)."""
    return "" if now.text else "there is nothing to copy yet"
