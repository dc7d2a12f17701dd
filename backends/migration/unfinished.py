"""What moves have left behind on the hosts, seen from all of them at once. Pure.

A guest that a move or a job has in hand is no unfinished business, and neither is what a host shows that does not
answer: that may be different by now.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from backends.migration.verdict import INCOMING, POSTCOPY_FAILED
from backends.migration.virsh import peer_uris
from backends.model.fleet import FleetState, HostView
from backends.model.guest import Guest, GuestKey, GuestState, virsh_name
from backends.model.host import HostName, HostSpec, Reach
from backends.model.move import Move, Trace, TraceKind
from backends.model.unfinished import Mend, Unfinished, UnfinishedKind
from backends.untrusted import clean

SURE_AFTER_S = 3.0
"""Events of two hosts come at different times: a state that is younger than this may be half of a switch-over."""
_PATH_CELLS = 1024
_URGENCY = {kind: number for number, kind in enumerate(UnfinishedKind)}


def unfinished(state: FleetState, ended_with_traces: Sequence[Move]) -> tuple[Unfinished, ...]:
    """All of it, most urgent first. To be called again as samples come: time alone makes a doubt certain."""
    picture = _Picture(state, ended_with_traces)
    found = {
        one.id: one
        for same in picture.guests.values()
        for one in (*_of_guest(picture, same), *_broken_postcopy(picture, same))
    }
    for move in ended_with_traces:
        for trace in move.traces:
            one = _of_trace(picture, move, trace)
            if one is not None:
                found.setdefault(one.id, one)
    return tuple(sorted(found.values(), key=lambda one: (_URGENCY[one.kind], one.name, one.guest)))


def without_trace(move: Move, done: Unfinished) -> Move:
    """The move once the file of this unfinished business is gone."""
    kept = (trace for trace in move.traces if (trace.host, trace.path) != (done.guest.host, done.path))
    return replace(move, traces=tuple(kept))


class _Picture:
    """The fleet, with what is asked of it here."""

    def __init__(self, state: FleetState, ended: Sequence[Move]) -> None:
        self._state = state
        self.hosts = _different(view for view in state.hosts.values() if view.link.answers)
        self.guests: dict[tuple[str, str], list[Guest]] = {}
        """The same guest on several hosts, by driver and UUID."""
        for view in self.hosts.values():
            for guest in view.guests.values():
                self.guests.setdefault((guest.key.driver, guest.key.uuid), []).append(guest)
        self._moves = {move.id: move for move in (*ended, *state.moves.values())}
        self._in_hand = {
            *((move.request.guest.driver, move.request.guest.uuid) for move in self._open_moves()),
            *((job.guest.driver, job.guest.uuid) for job in state.jobs),
        }

    def _open_moves(self) -> Iterator[Move]:
        return (move for move in self._state.moves.values() if not move.phase.final)

    def in_hand(self, key: GuestKey) -> bool:
        """Does a move or a job take it anywhere?"""
        return (key.driver, key.uuid) in self._in_hand

    def sure(self, guest: Guest) -> bool:
        """Has it been so for long enough? A clock of the host's that runs ahead is no reason to wait."""
        heard = self.hosts[guest.key.host].heard
        if guest.since is None or heard is None:
            return True
        return not 0 <= (heard - guest.since).total_seconds() < SURE_AFTER_S

    def newest_move(self, key: GuestKey) -> Move | None:
        """The last one that took this guest from or to any host."""
        of_guest = (
            move
            for move in self._moves.values()
            if (move.request.guest.driver, move.request.guest.uuid) == (key.driver, key.uuid)
        )
        return max(of_guest, key=lambda move: move.started, default=None)

    def twins(self, key: GuestKey) -> list[Guest]:
        """This guest on every host that has it."""
        return self.guests.get((key.driver, key.uuid), [])

    def spec(self, host: HostName) -> HostSpec:
        """How it is reached."""
        return self.hosts[host].spec


def _different(views: Iterator[HostView]) -> Mapping[HostName, HostView]:
    """One machine under two names is one host: its guests do not run twice."""
    found: dict[HostName, HostView] = {}
    machines: set[tuple[str, str]] = set()
    for view in views:
        machine = (view.facts.uuid, view.facts.hostname) if view.facts and view.facts.uuid else None
        if machine is None or machine not in machines:
            found[view.spec.name] = view
        if machine is not None:
            machines.add(machine)
    return found


@dataclass(frozen=True, slots=True)
class _Words:
    """What is told of one unfinished business."""

    text: str
    command: str
    mend: Mend | None = None


# -- guests that are not as they should be --------------------------------------------------------------


def _of_guest(picture: _Picture, same: list[Guest]) -> Iterator[Unfinished]:
    if picture.in_hand(same[0].key) or not all(picture.sure(guest) for guest in same):
        return
    executing = [guest for guest in same if guest.state.executing]
    if len(executing) > 1:
        yield _about(picture, UnfinishedKind.RUNS_TWICE, executing[0], _runs_twice(picture, executing))
        return
    for guest in same:
        if guest.state is GuestState.PAUSED and guest.reason == INCOMING:
            yield _about(picture, UnfinishedKind.PAUSED, guest, _left_paused(picture, guest))
    active = next((guest for guest in same if guest.state.active), None)
    if active is not None:
        for guest in same:
            if not guest.state.active and guest.persistent:
                words = _defined_twice(picture, guest, active)
                yield _about(picture, UnfinishedKind.DEFINED_TWICE, guest, words)


def _runs_twice(picture: _Picture, executing: list[Guest]) -> _Words:
    hosts = " and on ".join(one.key.host for one in executing)
    ask = " && ".join(_virsh(picture, one, "domstate", "--reason") for one in executing)
    name = executing[0].name
    return _Words(f"{name} runs on {hosts}: its disks are in danger; decide which one is to live", ask)


def _left_paused(picture: _Picture, guest: Guest) -> _Words:
    name, host = guest.name, guest.key.host
    others = [one for one in picture.twins(guest.key) if one.key != guest.key]
    runs = next((one.key.host for one in others if one.state.executing), None)
    if runs is not None:
        text = f"{name} runs on {runs}, and a half of it is left paused on {host}"
        return _Words(text, _virsh(picture, guest, "destroy"))
    paused = [one.key.host for one in others if one.state is GuestState.PAUSED]
    also = f" (and on {', '.join(paused)}: resume one of them only)" if paused else ""
    text = f"a move has left {name} paused on {host}{also}, and no transfer runs any more"
    return _Words(text, _virsh(picture, guest, "resume"), Mend.RESUME)


def _defined_twice(picture: _Picture, guest: Guest, active: Guest) -> _Words:
    here, there = guest.key.host, active.key.host
    text = f"{guest.name} is on {there}, and still defined on {here}: never start it here"
    if not active.persistent:
        text += f"; {there} has no definition of it, so this is the only one"
    is_proved = active.state.executing and active.persistent
    command = _virsh(picture, guest, "undefine", "--keep-nvram")
    return _Words(text, command, Mend.UNDEFINE if is_proved else None)


def _broken_postcopy(picture: _Picture, same: list[Guest]) -> Iterator[Unfinished]:
    """Also while libvirt still counts it as a job: nothing flows."""
    halves = [g for g in same if g.state is GuestState.PAUSED and g.reason == POSTCOPY_FAILED]
    if not halves:
        return
    ends = _ends_of_postcopy(picture, halves)
    guest = ends.source if ends else halves[0]
    others = [one.key.host for one in halves if one is not guest]
    place = f"between {guest.key.host} and {others[0]}" if others else f"and one part is on {guest.key.host}"
    text = f"post-copy broke off: the memory of {guest.name} is split {place}; destroy neither"
    if ends is None:
        words = _Words(text, _virsh(picture, guest, "domstate", "--reason"))
    else:
        command = _virsh(picture, guest, *_RESUME_POSTCOPY, after=(ends.peer_uri,))
        words = _Words(text, command, Mend.RESUME_POSTCOPY)
    yield _about(picture, UnfinishedKind.POSTCOPY_BROKEN, guest, words)


_RESUME_POSTCOPY = ("migrate", "--live", "--p2p", "--postcopy", "--postcopy-resume")


@dataclass(frozen=True, slots=True)
class _Ends:
    """Of a broken post-copy: from where it is to be resumed, and how that host reaches the other one."""

    source: Guest
    peer_uri: str


def _ends_of_postcopy(picture: _Picture, halves: list[Guest]) -> _Ends | None:
    """Both halves look alike: only a move that we know tells which one is the source."""
    move = picture.newest_move(halves[0].key)
    by_host = {guest.key.host: guest for guest in halves}
    if move is None or not {move.source, move.request.destination} <= by_host.keys():
        return None
    source, destination = by_host[move.source], picture.hosts[move.request.destination]
    uris = peer_uris(destination.spec, destination.facts, source.key.driver)
    known = move.preflight.peer_uri if move.preflight else ""
    return _Ends(source, known or uris[0])


# -- what moves have put on hosts -----------------------------------------------------------------------


def _of_trace(picture: _Picture, move: Move, trace: Trace) -> Unfinished | None:
    key = move.request.guest._replace(host=trace.host)
    if trace.host not in picture.hosts or picture.in_hand(key):
        return None
    match trace.kind:
        case TraceKind.STATE_FILE:
            return _file(UnfinishedKind.STATE_FILE, move, trace, _state_file(picture, move, trace))
        case TraceKind.DISK_FILE:
            words = _disk_file(picture, move, trace)
            return _file(UnfinishedKind.DISK_FILE, move, trace, words) if words else None
        case TraceKind.PAUSE:
            return _paused_by_us(picture, key)
        case TraceKind.DEFINITION:
            return None  # where it does harm, the guest itself tells: defined twice


def _paused_by_us(picture: _Picture, key: GuestKey) -> Unfinished | None:
    twins = picture.twins(key)
    paused = next((guest for guest in twins if guest.state is GuestState.PAUSED), None)
    if paused is None or paused.reason == POSTCOPY_FAILED or any(guest.state.executing for guest in twins):
        return None
    return _about(picture, UnfinishedKind.PAUSED, paused, _left_paused(picture, paused))


def _state_file(picture: _Picture, move: Move, trace: Trace) -> _Words:
    name, path, key = move.request.name, _shown(trace), move.request.guest
    active = next((guest for guest in picture.twins(key) if guest.state.active), None)
    if active is None:
        uri = picture.spec(trace.host).virsh_uri(key.driver)
        text = f"{name} does not run; its saved state is on {trace.host}: {path}"
        return _Words(text, shlex.join(["virsh", "-c", uri, "restore", path]), Mend.RESTORE)
    text = f"{name} is on {active.key.host}; its saved state is of no more use on {trace.host}: {path}"
    return _Words(text, _remove(picture.spec(trace.host), path), Mend.REMOVE_FILE)


def _disk_file(picture: _Picture, move: Move, trace: Trace) -> _Words | None:
    copy, path = f"a copy of a disk of {move.request.name}", _shown(trace)
    users = [guest for guest in picture.hosts[trace.host].guests.values() if _uses(guest, trace.path)]
    if any(guest.state.active for guest in users):
        return None  # it is a disk like any other now
    if users:
        return _Words(f"{copy} on {trace.host} belongs to {users[0].name}, which is off there: {path}", "")
    text = f"{copy} was left on {trace.host}: {path}"
    return _Words(text, _remove(picture.spec(trace.host), path), Mend.REMOVE_FILE)


def _uses(guest: Guest, path: str) -> bool:
    """Is this file one of its disks, or below one?"""
    return any(path in (disk.path, *(layer.path for layer in disk.layers)) for disk in guest.disks)


# -- words ----------------------------------------------------------------------------------------------


def _about(picture: _Picture, kind: UnfinishedKind, guest: Guest, words: _Words) -> Unfinished:
    move = picture.newest_move(guest.key)
    return Unfinished(
        id=_id(kind, guest.key),
        kind=kind,
        guest=guest.key,
        name=guest.name,
        text=words.text,
        mend=words.mend,
        command=words.command,
        move=move.id if move else None,
    )


def _file(kind: UnfinishedKind, move: Move, trace: Trace, words: _Words) -> Unfinished:
    key = move.request.guest._replace(host=trace.host)
    return Unfinished(
        id=f"{_id(kind, key)}/{move.id}{_shown(trace)}",
        kind=kind,
        guest=key,
        name=move.request.name,
        text=words.text,
        mend=words.mend,
        command=words.command,
        move=move.id,
        path=trace.path,
    )


def _id(kind: UnfinishedKind, key: GuestKey) -> str:
    return "/".join((kind.name.lower().replace("_", "-"), *key))


def _shown(trace: Trace) -> str:
    return clean(trace.path, limit=_PATH_CELLS)


def _virsh(picture: _Picture, guest: Guest, *verb: str, after: Sequence[str] = ()) -> str:
    uri = picture.spec(guest.key.host).virsh_uri(guest.key.driver)
    return shlex.join(["virsh", "-c", uri, *verb, virsh_name(guest.name, guest.key), *after])


def _remove(spec: HostSpec, path: str) -> str:
    """As a user types it; ssh(1) hands its words to a shell there, which takes them apart once more."""
    command = shlex.join(["rm", "--", path])
    match spec.reach:
        case Reach.SSH:
            return f"{spec.ssh_command} {shlex.quote(command)}"
        case Reach.LOCAL:
            return command
        case Reach.URI:
            return ""
