"""Why a guest cannot be dumped, or a dump cannot be stopped, in words for the user."""

from __future__ import annotations

from tui.actions.reasons import Now


def is_off(now: Now) -> str:
    """There is no memory to dump."""
    if now.guest is None or now.guest.state.active:
        return ""
    return f"{now.guest.name} is {now.guest.state.value}: it has no memory to dump"


def no_dump_plan(now: Now) -> str:
    """The plan is not there (yet), or refuses."""
    return now.dump.plan.refusal if now.dump else "there is no plan yet"


def dump_has_begun(now: Now) -> str:
    """A plan is carried out once."""
    dump = now.dump
    if dump is None or not dump.started:
        return ""
    return "it is over: r makes a new plan" if dump.over else "it is under way"


def dump_under_way(now: Now) -> str:
    """It cannot be planned anew in the middle of it."""
    return "it is under way" if now.dump and now.dump.started and not now.dump.over else ""


def no_dump_under_way(now: Now) -> str:
    """There is nothing to stop, or it is being stopped."""
    if not dump_under_way(now):
        return "no dump of this guest is under way"
    return "it is being stopped already" if now.dump and now.dump.stopping else ""
