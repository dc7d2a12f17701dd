"""Which host can take whose guests, and the processor that all of a set of hosts can give."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from backends.model.guest import GuestKey
from backends.model.host import HostName


class Fit(Enum):
    """Does it fit there?"""

    YES = "yes"
    PART = "in part"
    """Of a host: some of its guests do, or a new guest would where one of today's would not."""
    NO = "no"
    UNKNOWN = "not known"


class Hurdle(Enum):
    """What an obstacle is about."""

    CPU = "processor"
    MACHINE = "machine type"
    ARCH = "architecture"
    KIND = "kind of virtualization"
    DRIVER = "driver"
    VERSION = "version"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One reason against a destination."""

    hurdle: Hurdle
    certain: bool
    """False: a doubt, such as an older version that may do all the same, or a question that was not answered."""
    words: str
    missing: tuple[str, ...] = ()
    """The features of the processor that are missing, by name; sorted."""
    mend: str = ""


@dataclass(frozen=True, slots=True)
class GuestFit:
    """One guest, one destination."""

    guest: GuestKey
    name: str
    active: bool
    destination: HostName
    fit: Fit
    obstacles: tuple[Obstacle, ...] = ()


@dataclass(frozen=True, slots=True)
class HostFit:
    """All guests of one host, and a new guest with the processor that this host would give it (host-model)."""

    source: HostName
    destination: HostName
    fit: Fit
    obstacles: tuple[Obstacle, ...] = ()
    """Against a new guest with the source's host-model processor; and what holds for all guests (no such driver)."""
    guests: tuple[GuestFit, ...] = ()

    @property
    def fitting(self) -> int:
        """How many of today's guests can go there."""
        return sum(1 for guest in self.guests if guest.fit is Fit.YES)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Host by host: each with each other one, in both directions."""

    hosts: tuple[HostName, ...]
    at: datetime
    fits: tuple[HostFit, ...]
    left_out: tuple[tuple[HostName, str], ...] = ()
    """Hosts that could not be asked, with the reason."""

    def fit(self, source: HostName, destination: HostName) -> HostFit | None:
        """One cell of the matrix."""
        return next((f for f in self.fits if (f.source, f.destination) == (source, destination)), None)


@dataclass(frozen=True, slots=True)
class BaselineGuest:
    """What it takes to give one guest the common processor."""

    guest: GuestKey
    name: str
    fits_already: bool
    """Its processor of now can be given by all hosts of the set: it can move as it is."""
    needs_restart: bool
    """It runs, and must be shut down and started anew to get it."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The richest processor that every host of a set can give (virConnectBaselineHypervisorCPU)."""

    hosts: tuple[HostName, ...]
    arch: str
    kind: str
    """libvirt's domain type that it holds for: `kvm`, `qemu`."""
    model: str
    xml: str
    """The `<cpu>` element to paste into a guest's definition; as libvirt made it, safe to show."""
    dropped: tuple[tuple[HostName, tuple[str, ...]], ...]
    """For each host: features that it would give on its own, and that the common processor lacks."""
    guests: tuple[BaselineGuest, ...]
    left_out: tuple[tuple[HostName, str], ...] = ()
