"""Taking a dump of a guest's memory: what is wished for, whether it can be done, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from backends.model.guest import GuestKey
from backends.model.posture import Finding


class DumpFormat(Enum):
    """virDomainCoreDumpFormat (libvirt-domain.html)."""

    RAW = "elf"
    KDUMP_ZLIB = "kdump-zlib"
    KDUMP_LZO = "kdump-lzo"
    KDUMP_SNAPPY = "kdump-snappy"
    WINDOWS = "win-dmp"


class WhileDumping(Enum):
    """What becomes of the guest."""

    PAUSED = "paused while it is dumped"
    LIVE = "goes on while it is dumped: the dump may not be consistent"
    CRASH = "is ended as crashed, after the dump"
    RESET = "is reset after the dump"


@dataclass(frozen=True, slots=True)
class DumpWish:
    """What somebody wants."""

    guest: GuestKey
    memory_only: bool = True
    """Its memory and processors as ELF or kdump-compressed, for crash(8) and gdb; else all of its state, as a save."""
    format: DumpFormat = DumpFormat.RAW
    """Other than RAW only with `memory_only`."""
    then: WhileDumping = WhileDumping.PAUSED
    folder: str = ""
    """On the host; empty: where libvirt puts its own dumps."""
    bring_to: str = ""
    """A folder of this machine: the dump is fetched there, and then removed on the host. Empty: it stays."""


@dataclass(frozen=True, slots=True)
class DumpPlan:
    """A dump that is thought through. Nothing has been done yet."""

    wish: DumpWish
    name: str
    """Of the guest, safe to show."""
    path: str
    """The file to be, on the host."""
    local_path: str
    """The file to be on this machine; empty where it stays on the host."""
    needed_bytes: int
    """The most that it can take."""
    free_bytes: int | None
    """On the host's file system."""
    local_free_bytes: int | None
    findings: tuple[Finding, ...]
    """HIGH: it is refused for this reason."""
    command: str
    """The virsh command that does the same."""
    refusal: str = ""
    """Why it cannot be done, and what to do; empty where it can."""


class DumpPhase(Enum):
    """Where it is."""

    DUMPING = "dumping"
    BRINGING = "bringing it here"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class DumpProgress:
    """How far it is; the last one has the phase DONE."""

    plan: DumpPlan
    phase: DumpPhase
    done_bytes: int = 0
    total_bytes: int = 0
    """0: not known (yet)."""
    words: str = ""
    """What was found at the end: path, size, format as the file itself tells it."""
