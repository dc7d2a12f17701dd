"""The whole fleet as one immutable value, and the events that change it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TypeAlias

from backends.model.capability import HostCapabilities
from backends.model.crash import HostCrashes
from backends.model.guest import Guest, GuestKey, GuestSample
from backends.model.host import HostFacts, HostLoad, HostName, HostSpec, LinkStatus
from backends.model.move import Move, MoveId, RunningJob
from backends.model.unfinished import Unfinished


@dataclass(frozen=True, slots=True)
class HostView:
    """One host with all that is known of it. When `link.answers` is False, guests are the last known."""

    spec: HostSpec
    link: LinkStatus
    epoch: int = 0
    """Counts connections: facts of an older epoch are dropped."""
    facts: HostFacts | None = None
    load: HostLoad | None = None
    heard: datetime | None = None
    """When the host last answered."""
    guests: Mapping[GuestKey, Guest] = field(default_factory=dict)
    samples: Mapping[GuestKey, GuestSample] = field(default_factory=dict)
    capabilities: HostCapabilities | None = None
    """As of the newest survey, which is made when somebody wants to know; its `at` tells how old it is."""
    crashes: HostCrashes | None = None
    """What is known of crashes there; None before anybody has looked, and nothing has happened."""

    @property
    def memory_bytes(self) -> int | None:
        """All of the host's memory, counted as what is used of it is counted; None where nothing tells."""
        if self.load is not None and self.load.memory_total_bytes is not None:
            return self.load.memory_total_bytes
        return self.facts.memory_bytes if self.facts else None


@dataclass(frozen=True, slots=True)
class FleetState:
    """Everything, now. Hosts in the order of the configuration."""

    hosts: Mapping[HostName, HostView] = field(default_factory=dict)
    moves: Mapping[MoveId, Move] = field(default_factory=dict)
    """Those of this program, and those that were found on the hosts or in the journal (see Move.origin)."""
    jobs: tuple[RunningJob, ...] = ()
    """Jobs that libvirt reports and that are no moves: saves, dumps, ... ."""
    unfinished: tuple[Unfinished, ...] = ()
    """What moves have left behind, most urgent first."""

    def guests(self) -> Iterator[Guest]:
        """All guests of all hosts."""
        for host in self.hosts.values():
            yield from host.guests.values()

    def guest(self, key: GuestKey) -> Guest | None:
        """The guest with this key, or None."""
        host = self.hosts.get(key.host)
        return host.guests.get(key) if host else None

    def sample(self, key: GuestKey) -> GuestSample | None:
        """The newest sample of a guest, or None."""
        host = self.hosts.get(key.host)
        return host.samples.get(key) if host else None

    def move_of(self, key: GuestKey) -> Move | None:
        """The move in flight that takes this guest away, if any."""
        for move in self.moves.values():
            if move.request.guest == key and not move.phase.final:
                return move
        return None


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """A host's link went into another state."""

    host: HostName
    status: LinkStatus


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of one host, as of one moment: the first thing said in each epoch."""

    host: HostName
    epoch: int
    facts: HostFacts
    guests: tuple[Guest, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class GuestsChanged:
    """Guests appeared or are different now: many at once where many were read at once."""

    host: HostName
    epoch: int
    guests: tuple[Guest, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class GuestGone:
    """A guest is no longer defined on this host."""

    host: HostName
    epoch: int
    key: GuestKey
    at: datetime


@dataclass(frozen=True, slots=True)
class Sampled:
    """New figures of a host and of all its running guests."""

    host: HostName
    epoch: int
    load: HostLoad | None
    samples: Mapping[GuestKey, GuestSample]
    at: datetime


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A host was asked what it can do."""

    host: HostName
    capabilities: HostCapabilities


@dataclass(frozen=True, slots=True)
class CrashesChanged:
    """What is known of the crashes on a host, as of now."""

    host: HostName
    crashes: HostCrashes


@dataclass(frozen=True, slots=True)
class MoveChanged:
    """A move has taken a step or has a new sample."""

    move: Move
    step: bool
    """True for a transition, which no reader may miss; False for a mere sample."""


@dataclass(frozen=True, slots=True)
class MoveGone:
    """A move is no longer watched: it was somebody else's, and is over."""

    move: MoveId


@dataclass(frozen=True, slots=True)
class JobsChanged:
    """All jobs that are no moves, as of now."""

    jobs: tuple[RunningJob, ...]


@dataclass(frozen=True, slots=True)
class UnfinishedChanged:
    """All unfinished business, as of now."""

    unfinished: tuple[Unfinished, ...]


HostEvent: TypeAlias = (
    LinkChanged | Snapshot | GuestsChanged | GuestGone | Sampled | Surveyed | CrashesChanged
)
FleetEvent: TypeAlias = HostEvent | MoveChanged | MoveGone | JobsChanged | UnfinishedChanged


class Topic(Enum):
    """What a reader can be told about."""

    LINK = "link"
    LOAD = "load"
    GUEST = "guest"
    SAMPLE = "sample"
    CAPABILITIES = "capabilities"
    CRASHES = "crashes"
    MOVE = "move"
    JOBS = "jobs"
    UNFINISHED = "unfinished"


Dirty: TypeAlias = tuple[Topic, HostName | GuestKey | MoveId | None]
"""A subject that changed: `(LINK|LOAD|CAPABILITIES|CRASHES, host)`, `(GUEST|SAMPLE, guest key)`, `(MOVE, move id)`,
`(JOBS|UNFINISHED, None)`."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a reader gets: the newest state, what differs since it last looked, and each transition between."""

    state: FleetState
    dirty: frozenset[Dirty]
    transitions: tuple[FleetEvent, ...]
