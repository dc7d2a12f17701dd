"""What moves have put on hosts and not taken back, as far as it is still there to be dealt with. Pure."""

from __future__ import annotations

import shlex

from backends.migration.ending.own_images import removal_command
from backends.migration.ending.saved_state import is_all_there, is_older_than_disks
from backends.migration.ending.verdict import POSTCOPY_FAILED
from backends.migration.leftovers.guests import left_paused
from backends.migration.leftovers.survey import (
    Survey,
    Words,
    about,
    command_there,
    of_file,
    remove_command,
    shown,
    was_paused,
)
from backends.model.guest import Guest, GuestKey, GuestState
from backends.model.move import Move, Trace, TraceKind
from backends.model.unfinished import Mend, Unfinished, UnfinishedKind
from backends.untrusted import clean


def of_trace(survey: Survey, move: Move, trace: Trace) -> Unfinished | None:
    """What is to be done about one trace of a move that has ended; None when nothing is, or it cannot be told now."""
    key = move.request.guest._replace(host=trace.host)
    if trace.host not in survey.hosts or survey.in_hand(key):
        return None
    match trace.kind:
        case TraceKind.STATE_FILE:
            return of_file(UnfinishedKind.STATE_FILE, move, trace, _state_file(survey, move, trace))
        case TraceKind.DISK_FILE:
            words = _disk_file(survey, move, trace)
            return of_file(UnfinishedKind.DISK_FILE, move, trace, words) if words else None
        case TraceKind.PAUSE:
            return _paused_by_us(survey, key)
        case TraceKind.DEFINITION | TraceKind.DEFINED:
            return None  # where it does harm, the guest itself tells: defined twice


def _paused_by_us(survey: Survey, key: GuestKey) -> Unfinished | None:
    twins = survey.twins(key)
    paused = next((guest for guest in twins if guest.state is GuestState.PAUSED), None)
    if paused is None or paused.reason == POSTCOPY_FAILED or any(guest.state.executing for guest in twins):
        return None
    return about(survey, UnfinishedKind.PAUSED, paused, left_paused(survey, paused))


def _state_file(survey: Survey, move: Move, trace: Trace) -> Words:
    name, path, key = move.request.name, shown(trace), move.request.guest
    active = next((guest for guest in survey.twins(key) if guest.state.active), None)
    remove = remove_command(survey.spec(trace.host), path)
    if active is not None and not is_all_there(active.state, active.reason):
        text = f"{active.key.host} is starting {name}; keep its saved state on {trace.host} until it runs: {path}"
        return Words(text, "")
    if active is not None:
        text = f"{name} is on {active.key.host}; its saved state is of no more use on {trace.host}: {path}"
        return Words(text, remove, Mend.REMOVE_FILE)
    saver = next((guest for guest in survey.twins(key) if guest.key.host == move.source), None)
    if saver is not None and is_older_than_disks(saver.state, saver.reason):
        text = (
            f"{name} has been started on {move.source} since it was saved, and is off ({saver.reason}): its state on"
            f" {trace.host} is older than its disks, never restore it: {path}"
        )
        return Words(text, remove)
    if any(one.kind is TraceKind.STATE_FILE and one.host == move.source != trace.host for one in move.traces):
        text = f"a copy of the saved state of {name}, perhaps not whole, is on {trace.host}: {path}"
        return Words(f"{text}; the state itself is on {move.source}", remove)
    command = ["virsh", "-c", survey.spec(trace.host).virsh_uri(key.driver), "restore", path]
    if was_paused(move):
        command.append("--paused")
    text = f"{name} does not run; its saved state is on {trace.host}: {path}"
    return Words(text, shlex.join(command), Mend.RESTORE)


def _disk_file(survey: Survey, move: Move, trace: Trace) -> Words | None:
    copy, path = f"a copy of a disk of {move.request.name}", shown(trace)
    users = [guest for guest in survey.hosts[trace.host].guests.values() if _uses(guest, trace.path)]
    if any(guest.state.active for guest in users):
        return None  # it is a disk like any other now
    if users:
        return Words(f"{copy} on {trace.host} belongs to {users[0].name}, which is off there: {path}", "")
    others = (guest for guest in survey.twins(move.request.guest) if guest.key.host != trace.host)
    if not any(guest.state.executing for guest in others):
        return Words(f"{copy} is on {trace.host}: keep it until it is sure where the guest is: {path}", "")
    words = [clean(word, limit=1024) for word in removal_command(move.id, trace.path)]
    text = f"{copy} was left on {trace.host}: {path}"
    return Words(text, command_there(survey.spec(trace.host), words), Mend.REMOVE_FILE)


def _uses(guest: Guest, path: str) -> bool:
    """Is this file one of its disks, or below one?"""
    return any(path in (disk.path, *(layer.path for layer in disk.layers)) for disk in guest.disks)
