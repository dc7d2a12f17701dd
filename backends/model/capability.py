"""What a host can do, fact by fact, each with where it was read; and the verdicts that follow from the facts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from backends.model.host import HostName


class Section(Enum):
    """What a fact is about. The value is the heading on a host's page, which shows them in this order."""

    MACHINE = "machine"
    PROCESSOR = "processor"
    MEMORY = "memory"
    VIRTUALIZATION = "virtualization"
    DEVICES = "devices"
    KERNEL = "kernel"
    LIBVIRT = "libvirt"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is known of a host, or the reason why it is not. All texts are safe to show."""

    id: str
    """`processor.model`: stable, for scripts."""
    section: Section
    label: str
    """`CPU model`."""
    value: str = ""
    """In words; empty: not known, and `trouble` says why."""
    source: str = ""
    """Where it was read: `/proc/cpuinfo: model name`, `libvirt capabilities: host/cpu/model`."""
    trouble: str = ""
    """Why it is not known: `permission denied`, `this kernel does not tell`."""
    mend: str = ""
    """What would tell it: which permission is needed, what to install. Empty where there is nothing to do."""
    number: float | None = None
    """The same as a number where it is one (bytes, counts, seconds), for sorting and for scripts."""

    @property
    def known(self) -> bool:
        """Is there an answer?"""
        return not self.trouble


class HardwareVerdict(Enum):
    """Can guests use the processor's virtualization extension on this host?"""

    USABLE = "usable"
    NESTED = "usable, inside another guest"
    LOCKED = "switched off by the firmware"
    NO_MODULE = "kernel module not loaded"
    TAKEN = "taken by another hypervisor"
    NONE = "none"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class HardwareVirtualization:
    """The processor's extension for full virtualization: VT-x, AMD-V, and what other architectures call it."""

    verdict: HardwareVerdict
    technology: str = ""
    """`VT-x`, `AMD-V`, `POWER HV`, `SIE`, `EL2`, `H extension`; empty where none is known."""
    evidence: str = ""
    """How it was seen: the flag, the feature-control bit, the kernel's message."""
    mend: str = ""
    """What to switch on, load or change; empty where nothing can be done or need be."""
    source: str = ""


class GuestKind(Enum):
    """The ways in which a guest can live on a host, as an operator tells them apart."""

    FULL = "full"
    """A whole machine (hvm): any system runs in it unchanged."""
    PARA = "para-virtual"
    """A system that knows it is a guest (Xen PV, PVH)."""
    CONTAINER = "single kernel image"
    """Processes set apart, on the host's own kernel (LXC, OpenVZ)."""


class Support(Enum):
    """Does a host take guests of a kind?"""

    HARDWARE = "by hardware"
    EMULATED = "emulated only"
    YES = "yes"
    NO = "no"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class KindSupport:
    """One kind of guests on one host."""

    kind: GuestKind
    support: Support
    detail: str = ""
    """By which driver and form (`qemu: kvm, qemu`; `xen: PV, PVH`), or why not."""
    source: str = ""


@dataclass(frozen=True, slots=True)
class GuestWidth:
    """Guests of one width: may they run, and with how much memory."""

    label: str
    """`32-bit`, `32-bit with PAE`, `64-bit`."""
    allowed: bool | None
    """None: not known."""
    memory_limit_bytes: int | None = None
    """The most memory that one can address on this host; None where nothing tells."""
    reason: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class HostCapabilities:
    """All that one round of questions told about a host."""

    host: HostName
    at: datetime
    took_s: float
    commands: int
    """How many commands ran on the host for it; 0 for one that is reached by libvirt alone."""
    hardware: HardwareVirtualization
    kinds: tuple[KindSupport, ...]
    """One for each GuestKind, in its order."""
    widths: tuple[GuestWidth, ...]
    facts: tuple[Fact, ...]
    """By section, in the order of Section."""

    def fact(self, id_: str) -> Fact | None:
        """The fact with this id, if it was asked for."""
        return next((fact for fact in self.facts if fact.id == id_), None)

    def words(self, id_: str) -> str:
        """A fact's value; empty where it is not known."""
        fact = self.fact(id_)
        return fact.value if fact else ""

    def support(self, kind: GuestKind) -> KindSupport:
        """How the host takes guests of this kind."""
        found = (each for each in self.kinds if each.kind is kind)
        return next(found, KindSupport(kind, Support.UNKNOWN))

    def of(self, section: Section) -> Iterator[Fact]:
        """The facts about one thing."""
        return (fact for fact in self.facts if fact.section is section)
