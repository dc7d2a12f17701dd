"""Locks on parts of files that processes hold now, and what QEMU's and virtlockd's say of guests' disks.

From the kernel's table and, for QEMU's, which belong to no process, from its open files. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from backends.probes.storage import attributes
from backends.probes.survey.readings import Readings
from backends.untrusted import clean

LOCKS, LOCK_FDS, LOCK_PATHS, GUEST_PIDS = "/proc/locks", "fdinfo", "fd", "guests"

_LOCK = re.compile(
    r"\s*\d+: (?P<waits>-> )?\s*(?P<kind>POSIX|OFDLCK)\s+(?:ADVISORY|MANDATORY|\*NOINODE\*)\s+(?P<mode>READ|WRITE)\s+"
    r"(?P<pid>-?\d{1,10})\s+(?P<file>[0-9a-f]{1,8}:[0-9a-f]{1,8}:\d{1,20})\s+(?P<start>\d{1,20})\s+(?P<end>\d{1,20}|EOF)"
)
"""Documentation/filesystems/proc.rst; what is written is in fs/locks.c, lock_get_status."""
_FD_LOCK = re.compile(r"/proc/(\d{1,10})/fdinfo/(\d{1,10}):lock:(.*)")
_FD_PATH = re.compile(r"/proc/(\d{1,10})/fd/(\d{1,10}) (.*)")
_LINE_LIMIT = 8192
_USES, _DENIES = 100, 200
"""QEMU locks one byte for each permission that it uses, and one for each that it grants to nobody else
(RAW_LOCK_PERM_BASE and RAW_LOCK_SHARED_BASE of block/file-posix.c)."""
_WRITE = 1
"""BLK_PERM_WRITE is the second permission (include/block/block-common.h)."""
_LIBVIRT = 0
"""virtlockd locks this byte (DEFAULT_OFFSET of src/locking/lock_daemon_dispatch.c)."""


@dataclass(frozen=True, slots=True)
class HeldLock:
    """One entry of the kernel's table. Seen from this host alone: locks of others stand in their own tables."""

    file: str
    """`MAJOR:MINOR:INODE`, hexadecimal but for the last, of the file system (on Btrfs not what stat(2) tells)."""
    exclusive: bool
    start: int
    end: int | None
    """The last byte; None: up to the end."""
    pid: int | None
    """None: an open file description holds it, and who has that is not known."""
    waits: bool = False
    path: str = ""
    """NOT safe to show. Empty where no guest's process has it open."""
    guest: str = ""
    """Safe to show; empty where the process is none of libvirt's guests."""

    def covers(self, byte: int) -> bool:
        """Is this byte locked by it?"""
        return not self.waits and self.start <= byte and (self.end is None or byte <= self.end)


@dataclass(frozen=True, slots=True)
class HeldLocks:
    """All locks on files that this host knows of."""

    locks: tuple[HeldLock, ...] = ()
    trouble: str = ""
    """Why not all of them, or not who holds them."""
    mend: str = ""

    def images(self) -> tuple[ImageLock, ...]:
        """What QEMU's and virtlockd's bytes say of each file, one for each process that locks it."""
        found: dict[tuple[str, int | None], list[HeldLock]] = {}
        for lock in self.locks:
            found.setdefault((lock.file, lock.pid), []).append(lock)
        return tuple(image for locks in found.values() if (image := _image(locks)))


@dataclass(frozen=True, slots=True)
class ImageLock:
    """How one process has locked one image."""

    file: str
    path: str
    """NOT safe to show; may be empty."""
    guest: str
    """Safe to show; may be empty."""
    pid: int | None
    writes: bool
    """Does it write?"""
    alone: bool
    """Does it keep all others from writing? False: the disk is meant to be shared (`<shareable/>`)."""
    by_libvirt: bool = False
    """Is it virtlockd's lock, not QEMU's?"""


def held_locks(readings: Readings) -> HeldLocks:
    """The kernel's table, with the guests that hold them where this account may look into their processes."""
    if readings.reading(LOCKS).gap is not None:
        return HeldLocks((), *readings.trouble(LOCKS))
    guests = parse_guest_pids(readings.text(GUEST_PIDS))
    of_guests = parse_fd_locks(readings.text(LOCK_FDS), readings.text(LOCK_PATHS), guests)
    paths = {lock.file: lock.path for lock in of_guests}
    table = (_with_owner(lock, guests, paths) for lock in parse_locks(readings.text(LOCKS)))
    known = {(lock.file, lock.start, lock.end) for lock in of_guests}
    others = (
        lock for lock in table if lock.pid is not None or (lock.file, lock.start, lock.end) not in known
    )
    hidden = bool(guests) and not of_guests and not readings.is_root
    return HeldLocks(
        (*of_guests, *others),
        "who holds QEMU's locks is not told to this account" if hidden else "",
        "log in as root" if hidden else "",
    )


def parse_locks(text: str) -> tuple[HeldLock, ...]:
    """Of /proc/locks: the ones on parts of files. Pure."""
    matches = (_LOCK.match(line[:_LINE_LIMIT]) for line in text.split("\n"))
    return tuple(_lock(match) for match in matches if match)


def parse_guest_pids(text: str) -> Mapping[int, str]:
    """Of lines `PID NAME`, made of libvirt's /run/libvirt/qemu/NAME.pid. Pure."""
    found = {}
    for line in text.split("\n"):
        pid, _, name = line.partition(" ")
        if name and (number := attributes.number(pid)) is not None:
            found[number] = clean(name)
    return found


def parse_fd_locks(locks: str, paths: str, guests: Mapping[int, str]) -> tuple[HeldLock, ...]:
    """Of the guests' /proc/PID/fdinfo, and `/proc/PID/fd/N PATH` lines. The same lock of two descriptors is one."""
    opened = {
        (match[1], match[2]): match[3]
        for match in (_FD_PATH.fullmatch(line) for line in paths.split("\n"))
        if match
    }
    found: dict[HeldLock, None] = {}
    for line in locks.split("\n"):
        if (match := _FD_LOCK.match(line[:_LINE_LIMIT])) and (held := _LOCK.match(match[3])):
            pid = int(match[1])
            lock = replace(
                _lock(held), pid=pid, guest=guests.get(pid, ""), path=opened.get((match[1], match[2]), "")
            )
            found[lock] = None
    return tuple(found)


def _lock(match: re.Match[str]) -> HeldLock:
    return HeldLock(
        file=match["file"],
        exclusive=match["mode"] == "WRITE",
        start=int(match["start"]),
        end=None if match["end"] == "EOF" else int(match["end"]),
        pid=int(match["pid"]) if match["kind"] == "POSIX" and int(match["pid"]) > 0 else None,
        waits=match["waits"] is not None,
    )


def _with_owner(lock: HeldLock, guests: Mapping[int, str], paths: Mapping[str, str]) -> HeldLock:
    guest = "" if lock.pid is None else guests.get(lock.pid, "")
    return replace(lock, guest=guest, path=paths.get(lock.file, ""))


def _image(locks: Iterable[HeldLock]) -> ImageLock | None:
    held = tuple(locks)
    first = held[0]
    uses = [
        lock
        for lock in held
        if any(lock.covers(byte) for byte in range(_USES, _USES + 5)) and lock.start >= _USES
    ]
    denies = any(lock.covers(_DENIES + _WRITE) and lock.start >= _DENIES for lock in held)
    if uses or denies:
        writes = any(lock.covers(_USES + _WRITE) for lock in uses)
        return ImageLock(first.file, first.path, first.guest, first.pid, writes, denies)
    mine = [lock for lock in held if lock.start == _LIBVIRT == lock.end and not lock.waits]
    if not mine or not first.path:
        return None
    alone = any(lock.exclusive for lock in mine)
    return ImageLock(first.file, first.path, first.guest, first.pid, alone, alone, by_libvirt=True)
