"""A folder of a host that a dump is to be written into: is it there, may it be written, and has it room?

libvirt's daemon writes the file itself, as root (virQEMUFileOpenAs); where the file system does not let root, as an NFS
export with root_squash, it tries as the user that QEMU runs as.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from backends.remote.shell import Answer, Shell

_ENGLISH = ("env", "LC_ALL=C")
_NETWORK = ("nfs", "cifs", "smb", "smb2", "fuseblk", "fuse", "ceph", "v9fs", "afs")
"""stat(1), -f -c %T: file systems that are another machine's, or a program's."""
_DF_LINE = re.compile(r"^(.+?)\s+\d+\s+\d+\s+(-?\d{1,18})\s+(?:\d+%|-)\s+(/.*)$", re.MULTILINE)
"""df(1) -P: file system, blocks, used, available, capacity, mounted on."""
_NO_DISK = ("tmpfs", "devtmpfs", "overlay", "udev", "none", "shm", "efivarfs")
_NO_PLACE = re.compile(r"/(?:proc|sys|dev|run|boot|tmp|snap|efi)(?:/.*)?")
"""Mount points that are no place for a dump."""
MAX_ROOMS = 3


@dataclass(frozen=True, slots=True)
class DumpPlace:
    """What a host tells of a folder and of the file to be. Texts are NOT yet safe to show."""

    folder: str
    may_read: bool
    """Can this account read, move and remove what libvirt writes there? Its file is root's, for root alone."""
    kind: str = ""
    """stat(1)'s word: `directory`; empty where it could not be looked at, or where nothing is there."""
    missing: bool = False
    """Is nothing there, for sure?"""
    writable: bool | None = None
    """For this account. None: could not be looked at."""
    free_bytes: int | None = None
    """What root may write: of what is kept for root nothing is counted."""
    file_system: str = ""
    """stat(1)'s word: `ext2/ext3`, `xfs`, `nfs`."""
    file_exists: bool | None = None
    rooms: tuple[tuple[str, int], ...] = ()
    """Other mount points with what is free there, roomiest first."""

    @property
    def on_network(self) -> bool:
        """May root be somebody else there?"""
        return self.file_system in _NETWORK


async def look(shell: Shell, folder: str, path: str) -> DumpPlace:
    """Raises FerryError where the host does not answer."""

    def ask(*argv: str) -> asyncio.Future[Answer]:
        return asyncio.ensure_future(shell.run((*_ENGLISH, *argv)))

    account, kind, writing, file_system, room, file, rooms = await asyncio.gather(
        ask("id", "-u"),
        ask("stat", "-L", "-c", "%F", "--", folder),
        ask("test", "-w", f"{folder}/."),
        ask("stat", "-f", "-c", "%T", "--", folder),
        ask("df", "-Pk", "--", folder),
        ask("stat", "-c", "%F", "--", path),
        ask("df", "-Plk"),
    )
    there = kind.status == 0
    return DumpPlace(
        folder=folder,
        may_read=account.out.strip() == "0",
        kind=kind.out.strip() if there else "",
        missing=_is_missing(kind),
        writable=writing.status == 0 if there else None,
        free_bytes=free_in(room.out) if room.status == 0 else None,
        file_system=file_system.out.strip() if file_system.status == 0 else "",
        file_exists=True if file.status == 0 else (False if _is_missing(file) else None),
        rooms=rooms_in(rooms.out),
    )


def _is_missing(answer: Answer) -> bool:
    return answer.status != 0 and answer.err.rstrip().endswith("No such file or directory")


async def free_bytes(shell: Shell, folder: str) -> int | None:
    """What is free there now; None where df(1) does not say. Raises FerryError."""
    answer = await shell.run((*_ENGLISH, "df", "-Pk", "--", folder))
    return free_in(answer.out) if answer.status == 0 else None


def free_in(text: str) -> int | None:
    """Pure: of one folder."""
    found = _DF_LINE.search(text)
    return None if found is None else max(0, int(found[2])) * 1024


def rooms_in(text: str) -> tuple[tuple[str, int], ...]:
    """Pure: the roomiest file systems that are on disks; a device that is mounted twice counts once."""
    found: dict[str, tuple[str, int]] = {}
    for device, free, place in _DF_LINE.findall(text):
        if device not in _NO_DISK and not _NO_PLACE.fullmatch(place):
            found.setdefault(device, (place, int(free) * 1024))
    return tuple(sorted(found.values(), key=lambda room: room[1], reverse=True)[:MAX_ROOMS])
