"""Guests that are not as a move should leave them: twice, in halves, paused. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backends.migration.ending.verdict import INCOMING, POSTCOPY, POSTCOPY_FAILED
from backends.migration.leftovers.survey import Survey, Words, about, virsh, was_paused
from backends.migration.virsh import peer_uris
from backends.model.guest import Guest, GuestState
from backends.model.move import MoveMode
from backends.model.unfinished import Mend, Unfinished, UnfinishedKind


def of_guest(survey: Survey, same: list[Guest]) -> Iterator[Unfinished]:
    """`same`: the guest on all hosts that have it. What post-copy broke off is `broken_postcopy`'s."""
    if any(guest.reason == POSTCOPY_FAILED for guest in same):
        return
    if survey.in_hand(same[0].key) or not all(survey.sure(guest) for guest in same):
        return
    executing = [guest for guest in same if guest.state.executing]
    if len(executing) > 1:
        yield about(survey, UnfinishedKind.RUNS_TWICE, executing[0], _runs_twice(survey, executing))
        return
    for guest in same:
        if (
            guest.state is GuestState.PAUSED
            and guest.reason == INCOMING
            and not _restored_paused(survey, guest)
        ):
            yield about(survey, UnfinishedKind.PAUSED, guest, left_paused(survey, guest))
    active = next((guest for guest in same if guest.state.active), None)
    if active is not None and _is_half_lost(same, active):
        yield about(survey, UnfinishedKind.POSTCOPY_BROKEN, active, _half_lost(survey, active))
    elif active is not None:
        for guest in same:
            if not guest.state.active and guest.persistent:
                words = _defined_twice(survey, guest, active)
                yield about(survey, UnfinishedKind.DEFINED_TWICE, guest, words)


def _restored_paused(survey: Survey, guest: Guest) -> bool:
    """Does it stand still as it did before it was saved? libvirt calls that by the word for an incoming half."""
    move = survey.newest_move(guest.key)
    if move is None or move.request.mode is not MoveMode.SAVED or move.outcome is None:
        return False
    return was_paused(move) and move.outcome.where == guest.key.host


def _runs_twice(survey: Survey, executing: list[Guest]) -> Words:
    hosts = " and on ".join(one.key.host for one in executing)
    ask = " && ".join(virsh(survey, one, "domstate", "--reason") for one in executing)
    name = executing[0].name
    return Words(f"{name} runs on {hosts}: its disks are in danger; decide which one is to live", ask)


def left_paused(survey: Survey, guest: Guest) -> Words:
    """Of a guest that a move has left paused on this host."""
    name, host = guest.name, guest.key.host
    others = [one for one in survey.twins(guest.key) if one.key != guest.key]
    runs = next((one.key.host for one in others if one.state.executing), None)
    if runs is not None:
        text = f"{name} runs on {runs}, and a half of it is left paused on {host}"
        return Words(text, virsh(survey, guest, "destroy"))
    paused = [one.key.host for one in others if one.state is GuestState.PAUSED]
    also = f" (and on {', '.join(paused)}: resume one of them only)" if paused else ""
    text = f"a move has left {name} paused on {host}{also}, and no transfer runs any more"
    return Words(text, virsh(survey, guest, "resume"), Mend.RESUME)


def _is_half_lost(same: list[Guest], active: Guest) -> bool:
    """It has handed over, nothing flows any more, and nobody has the other half."""
    is_half = active.state is GuestState.PAUSED and active.reason == POSTCOPY
    return is_half and sum(guest.state.active for guest in same) == 1


def _half_lost(survey: Survey, guest: Guest) -> Words:
    text = (
        f"post-copy broke off: {guest.key.host} has a half of {guest.name}, and no host that answers has the other;"
        " where that one is gone, so is its memory: end this one, then start it from its disks"
    )
    return Words(text, virsh(survey, guest, "destroy"))


def _defined_twice(survey: Survey, guest: Guest, active: Guest) -> Words:
    here, there = guest.key.host, active.key.host
    text = f"{guest.name} is on {there}, and still defined on {here}: never start it here"
    if not active.persistent:
        text += f"; {there} has no definition of it, so this is the only one"
    is_proved = active.state.executing and active.persistent
    command = virsh(survey, guest, "undefine", "--keep-nvram")
    return Words(text, command, Mend.UNDEFINE if is_proved else None)


def broken_postcopy(survey: Survey, same: list[Guest]) -> Iterator[Unfinished]:
    """Also while libvirt still counts it as a job: nothing flows."""
    halves = [guest for guest in same if guest.state.active and guest.reason == POSTCOPY_FAILED]
    if not halves:
        return
    ends = _ends_of_postcopy(survey, halves)
    guest = ends.source if ends else halves[0]
    others = [one.key.host for one in halves if one is not guest]
    place = f"between {guest.key.host} and {others[0]}" if others else f"and one part is on {guest.key.host}"
    text = f"post-copy broke off: the memory of {guest.name} is split {place}; destroy neither"
    if ends is None:
        words = Words(text, virsh(survey, guest, "domstate", "--reason"))
    else:
        command = virsh(survey, guest, *_RESUME_POSTCOPY, after=(ends.peer_uri,))
        words = Words(text, command, Mend.RESUME_POSTCOPY)
    yield about(survey, UnfinishedKind.POSTCOPY_BROKEN, guest, words)


_RESUME_POSTCOPY = ("migrate", "--live", "--p2p", "--postcopy", "--postcopy-resume")


@dataclass(frozen=True, slots=True)
class _Ends:
    """Of a broken post-copy: from where it is to be resumed, and how that host reaches the other one."""

    source: Guest
    peer_uri: str


def _ends_of_postcopy(survey: Survey, halves: list[Guest]) -> _Ends | None:
    """libvirt counts the destination's half as running until it wants a page; where it does not, a move that we know
    tells which is which."""
    move = survey.newest_move(halves[0].key)
    if move is not None and {move.source, move.request.destination} != {one.key.host for one in halves}:
        move = None
    running = [one for one in halves if one.state.executing]
    paused = [one for one in halves if not one.state.executing]
    if len(running) == len(paused) == 1:
        source, there = paused[0], running[0].key.host
    elif move is not None:
        source = next(one for one in halves if one.key.host == move.source)
        there = move.request.destination
    else:
        return None
    if move is not None and move.preflight is not None and move.preflight.peer_uri:
        return _Ends(source, move.preflight.peer_uri)
    return _Ends(source, peer_uris(survey.spec(there), survey.hosts[there].facts, source.key.driver)[0])
