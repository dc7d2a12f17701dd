"""Crash records: what went wrong on which host, joined from all the places that tell of it, and how kdump stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from backends.model.guest import GuestKey
from backends.model.host import HostName
from backends.model.posture import Finding


class CrashKind(Enum):
    """What happened. The value is what a list shows."""

    PANIC = "guest panicked"
    """The guest's kernel gave up, and a panic device or its console told."""
    ENDED = "guest ended"
    """Its process, or its Xen domain, ended without having been asked to."""
    NOT_STARTED = "did not start"
    INCOMING = "incoming move failed"
    """The destination's hypervisor could not take the guest over."""
    IO_ERROR = "stopped by I/O error"
    """The guest stands still since its disk could not be read or written."""
    DUMP = "memory dump"
    """A dump of a guest that belongs to no crash that is known: somebody took it."""
    PROCESS = "daemon crashed"
    """A process of the host that guests depend on (libvirtd, xenstored, ...)."""
    HOST_PANIC = "host kernel crashed"
    HOST_UNCLEAN = "host went down"
    """It started again without having been shut down: power, a reset, a crash that left nothing."""

    @property
    def of_host(self) -> bool:
        """Did it hit the host, and so all of its guests?"""
        return self in (CrashKind.PROCESS, CrashKind.HOST_PANIC, CrashKind.HOST_UNCLEAN)


class Source(Enum):
    """Where a piece of evidence was read. Those that tell more come first."""

    CONSOLE = "console of the guest"
    QEMU_LOG = "QEMU's log"
    LIBXL_LOG = "libxl's log"
    XEN_LOG = "Xen's log"
    LXC_LOG = "LXC's log"
    KERNEL = "the host's kernel"
    DAEMON_LOG = "libvirt's log"
    JOURNAL = "journal"
    KDUMP = "kdump"
    PSTORE = "pstore"
    CORE_DUMP = "core dump"
    GUEST_DUMP = "memory dump"
    BOOTS = "list of boots"
    EVENT = "libvirt event"
    STATE = "libvirt's state"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why, by a rule that knows the text; never a guess."""

    words: str
    """One line, safe to show. Where no rule knows: the last error line, or that nothing was said."""
    id: str = ""
    """Of the rule (`no-space`), stable, for scripts; empty where no rule knows."""
    mend: str = ""
    """What to do about it; empty where that is not known."""

    @property
    def known(self) -> bool:
        """Has a rule recognised it?"""
        return bool(self.id)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one place tells of a crash."""

    source: Source
    place: str
    """Safe to show: the file's path, or the command that tells it."""
    lines: tuple[str, ...] = ()
    """The lines that tell it, oldest first. Safe to show."""
    path: str = ""
    """As the host has it: to be opened, never to be shown. Empty where there is no file."""
    offset: int | None = None
    """Where the first of `lines` begins in the file (in its text, if it is compressed), in bytes; None: not known."""
    size_bytes: int | None = None
    """Of the file."""
    is_text: bool = True
    """A log that can be opened and read. A dump or a core cannot: it can only be brought here."""
    trouble: str = ""
    """Why it tells less than it might: `unreadable: permission denied`, `truncated`. Safe to show."""
    mend: str = ""


@dataclass(frozen=True, slots=True)
class CrashRecord:
    """One crash, with everything that the host tells of it."""

    id: str
    """The same crash keeps its id when it is looked at anew."""
    host: HostName
    kind: CrashKind
    at: datetime | None
    """On our clock: the host's own time corrected by how far its clock is ahead. None: nothing tells."""
    host_at: datetime | None
    """The same on the host's clock."""
    exact: bool
    """False: it happened then or before (a file's time, a state that was found)."""
    guest: GuestKey | None
    """None: it is about the host, or about a guest that is not there any more."""
    name: str
    """Of the guest, as the logs have it, safe to show; of the process where that is what crashed; or empty."""
    cause: Cause
    evidence: tuple[Evidence, ...]
    """What tells most first."""


@dataclass(frozen=True, slots=True)
class CrashGap:
    """Something that could not be looked at."""

    what: str
    """`logs of QEMU`. Safe to show, as all of it."""
    why: str
    """`permission denied`."""
    mend: str = ""
    """Which permission is needed, or what to install."""


class KdumpVerdict(Enum):
    """Would a crash of the host's kernel leave a dump?"""

    READY = "ready"
    NOT_LOADED = "memory reserved, crash kernel not loaded"
    NO_MEMORY = "no memory reserved"
    NOT_POSSIBLE = "this kernel cannot"
    UNKNOWN = "not known"


class TargetKind(Enum):
    """Where kdump writes to (kdump.conf(5), kdump-config(8))."""

    LOCAL = "local path"
    NFS = "NFS"
    SSH = "ssh"
    RAW = "raw device"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Kdump:
    """How kdump stands on a host. All texts are safe to show."""

    verdict: KdumpVerdict
    reserved_bytes: int | None = None
    """For the crash kernel (/sys/kernel/kexec_crash_size)."""
    service: str = ""
    """`kdump.service: active`; empty where nothing tells."""
    target_kind: TargetKind = TargetKind.UNKNOWN
    target: str = ""
    """`/var/crash`, `kdump@10.1.1.9:/var/crash`, `/dev/sdb1`."""
    free_bytes: int | None = None
    """At the target, where this host sees it."""
    memory_bytes: int | None = None
    """Of the host: the most that a dump can take."""
    core_collector: str = ""
    """`makedumpfile -l --message-level 7 -d 31`: with -d 31 a dump is a small part of the memory."""
    last: str = ""
    """The last result, in words: `vmcore of 2026-01-31 12:00, 1.2 GiB`."""
    findings: tuple[Finding, ...] = ()
    """What was looked at, worst first, each with what to do where it is not as it should be."""


@dataclass(frozen=True, slots=True)
class HostCrashes:
    """All that one host tells of crashes."""

    host: HostName
    at: datetime
    """When it was looked at last."""
    since: datetime
    """So far back was looked."""
    took_s: float
    commands: int
    clock_ahead_s: float | None
    """The host's clock against ours; None where it is not known, and times are the host's own."""
    records: tuple[CrashRecord, ...]
    """Newest first; those without a time last."""
    gaps: tuple[CrashGap, ...] = ()
    kdump: Kdump | None = None
    """None: not looked at (a host that is reached by libvirt alone)."""

    def of_guest(self, guest: GuestKey) -> CrashRecord | None:
        """The newest crash of a guest; None where none is known. A mere dump is no crash."""
        mine = (r for r in self.records if r.guest == guest and r.kind is not CrashKind.DUMP)
        return next(mine, None)
