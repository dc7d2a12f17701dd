"""Why nothing can be done about a storage or a disk now, in words for the user."""

from __future__ import annotations

from tui.actions.reasons import Now
from tui.words.host import can_be_asked
from tui.words.storage import path_of


def no_storage(now: Now) -> str:
    """Nothing is selected."""
    return "" if now.storage else "no storage is selected"


def too_few_see_it(now: Now) -> str:
    """There is nobody to compare with."""
    if now.storage is None:
        return ""
    answering = {name for name, view in now.fleet.hosts.items() if can_be_asked(view)}
    seen = now.storage.seen_by
    able = [host for host in seen if host in answering]
    if len(able) >= 2:
        return ""
    if len(seen) >= 2:
        return f"it takes two hosts that see it and answer, and {able[0] if able else 'none'} alone does now"
    if not path_of(now.storage):
        return f"it takes two hosts that see it, and {seen[0] if seen else 'none'} alone does"
    if not able:
        return f"{seen[0]} does not answer now"
    return "" if len(answering) >= 2 else "no other host answers now"


def being_proved(now: Now) -> str:
    """It is being tried."""
    return "it is being tried already" if now.proving else ""


def no_target(now: Now) -> str:
    """Nothing is selected."""
    return "" if now.iscsi else "no target is selected"


def logged_in(now: Now) -> str:
    """There is nothing to log in to."""
    return "the host is logged in to it already" if now.iscsi and now.iscsi.logged_in else ""


def not_logged_in(now: Now) -> str:
    """There is nothing to log out of."""
    return "the host is not logged in to it" if now.iscsi and now.iscsi.logged_in is False else ""


def no_disk(now: Now) -> str:
    """The guest has none that has a size of its own."""
    if now.guest is None or any(disk.source and disk.device == "disk" for disk in now.guest.disks):
        return ""
    return f"{now.guest.name} has no disk that can grow"


def no_plan(now: Now) -> str:
    """The plan is not there (yet), or refuses."""
    if now.growth is None:
        return "there is no plan yet"
    return now.growth.plan.refused


def has_begun(now: Now) -> str:
    """A plan is carried out once."""
    growth = now.growth
    if growth is None or not growth.started:
        return ""
    if not growth.over:
        return "it is under way"
    is_done = growth.progress is not None and growth.progress.succeeded
    return "it is done" if is_done else "it has been tried: r makes a new plan from what is there now"


def under_way(now: Now) -> str:
    """It cannot be planned anew in the middle of it."""
    return "it is under way" if now.growth and now.growth.started and not now.growth.over else ""


def nothing_to_copy(now: Now) -> str:
    """No command is known (yet)."""
    return "" if now.text else "there is no command to copy"
