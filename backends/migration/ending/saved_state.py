"""What a host's word about a guest means for the state that it was saved into. Pure."""

from __future__ import annotations

from backends.migration.ending.verdict import MIGRATED, SAVED, STARTING_UP
from backends.model.guest import GuestState

_FAILED = "failed"
"""virDomainShutoffReason's word for a start that came to nothing."""


def is_older_than_disks(state: GuestState, reason: str) -> bool:
    """Has the guest run since it was saved, as the host says that saved it? It is off there for another reason.

    With its memory of before its disks would be ruined. A daemon that starts anew forgets the reason: none is no proof
    of anything. A start that failed counts as one that ran, as a hook may end a guest that has begun to
    (qemuProcessFinishStartup).
    """
    return not state.active and reason not in (SAVED, "")


def may_have_run_since(state: GuestState, reason: str) -> bool:
    """The same as another host says, where the guest may have been restored. A restore that failed did not let it run
    (qemuSaveImageStartVM), and one that has left by migration came here before it was saved."""
    return is_older_than_disks(state, reason) and reason not in (_FAILED, MIGRATED)


def is_being_read(state: GuestState, reason: str) -> bool:
    """Does a host still read the guest's state, or start it? That may yet fail. Not to be told from one another."""
    return state is GuestState.PAUSED and reason == STARTING_UP


def is_all_there(state: GuestState, reason: str) -> bool:
    """Does the host have the guest with all its memory?

    One that was restored paused is paused for `migration` from then on: that is how libvirt reads a state.
    """
    return state.active and not is_being_read(state, reason)
