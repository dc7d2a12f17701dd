"""The whole fleet as the search for unfinished business sees it, and how such business is told. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from backends.migration.ending.verdict import POSTCOPY_FAILED
from backends.model.fleet import FleetState, HostView
from backends.model.guest import Guest, GuestKey, GuestState, virsh_name
from backends.model.host import HostName, HostSpec, Reach
from backends.model.move import Move, Trace
from backends.model.unfinished import Mend, Unfinished, UnfinishedKind
from backends.untrusted import clean

SURE_AFTER_S = 3.0
"""Events of two hosts come at different times: a state that is younger than this may be half of a switch-over."""
_PATH_CELLS = 1024


class Survey:
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

    def suspects(self) -> Iterator[list[Guest]]:
        """The guests of which something may be left to do: those that run on one host are in order, as most are."""
        for same in self.guests.values():
            if len(same) > 1 or same[0].state is GuestState.PAUSED or same[0].reason == POSTCOPY_FAILED:
                yield same

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
class Words:
    """What is told of one unfinished business."""

    text: str
    command: str
    mend: Mend | None = None


def about(survey: Survey, kind: UnfinishedKind, guest: Guest, words: Words) -> Unfinished:
    """Told of a guest as it is."""
    move = survey.newest_move(guest.key)
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


def of_file(kind: UnfinishedKind, move: Move, trace: Trace, words: Words) -> Unfinished:
    """Told of a file that a move has left."""
    key = move.request.guest._replace(host=trace.host)
    return Unfinished(
        id=f"{_id(kind, key)}/{move.id}{shown(trace)}",
        kind=kind,
        guest=key,
        name=move.request.name,
        text=words.text,
        mend=words.mend,
        command=words.command,
        move=move.id,
        path=trace.path,
        was_paused=was_paused(move),
    )


def _id(kind: UnfinishedKind, key: GuestKey) -> str:
    return "/".join((kind.name.lower().replace("_", "-"), *key))


def was_paused(move: Move) -> bool:
    """Did the guest stand still before the move?"""
    return move.preflight is not None and move.preflight.was_paused


def shown(trace: Trace) -> str:
    """The path of its file, safe to show."""
    return clean(trace.path, limit=_PATH_CELLS)


def virsh(survey: Survey, guest: Guest, *verb: str, after: Sequence[str] = ()) -> str:
    """What does it by hand, with the guest's name behind the verb."""
    uri = survey.spec(guest.key.host).virsh_uri(guest.key.driver)
    return shlex.join(["virsh", "-c", uri, *verb, virsh_name(guest.name, guest.key), *after])


def remove_command(spec: HostSpec, path: str) -> str:
    """What removes a file, as a user types it."""
    return command_there(spec, ("rm", "--", path))


def command_there(spec: HostSpec, words: Sequence[str]) -> str:
    """A command of that host's, as a user types it; empty where there is no way to it."""
    command = shlex.join(words)
    match spec.reach:
        case Reach.SSH:  # ssh(1) hands its words to a shell there, which parses them again
            return f"{spec.ssh_command} {shlex.quote(command)}"
        case Reach.LOCAL:
            return command
        case Reach.URI:
            return ""
