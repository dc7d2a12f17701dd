"""The table of mounts: what is mounted where, with how much room, and under which mount a path lies."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from backends.model.storage import Access, Health
from backends.probes.survey.readings import Readings

MOUNTINFO, PROC_MOUNTS, STATFS = "/proc/self/mountinfo", "/proc/mounts", "statfs"
_ESCAPE = re.compile(r"\\([0-3][0-7]{2})")
_NUMBER = re.compile(r"[0-9]{1,20}")
_ROOM = re.compile(r"(?P<device>[0-9]+:[0-9]+) (?P<status>[0-9]{1,3}|asked)(?: (?P<said>.*))?")
_TIMED_OUT = {"124", "137", "143"}
"""Of timeout(1): the file system has not answered."""
_MAKES_ITSELF_READ_ONLY = {"ext2", "ext3", "ext4", "btrfs", "f2fs", "jfs", "ocfs2", "vfat", "nilfs2"}
"""Their mount option `errors=remount-ro`, or what they do without one: then the file system is read-only under a
mount that is not."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of the table (proc(5), /proc/pid/mountinfo). Texts are the host's, NOT yet safe to show."""

    kind: str
    """`ext4`, `nfs4`, `fuse.glusterfs`."""
    source: str
    point: str
    options: tuple[str, ...] = ()
    """Of this mount, then of the file system: the same word may be in it twice."""
    fs_options: tuple[str, ...] = ()
    """Of the file system alone; all of them where the host tells no difference (/proc/mounts)."""
    device: str = ""
    """`8:1`: the same for all mounts of one file system. Empty where the host does not tell."""
    root: str = "/"
    """What of the file system is mounted: not `/` for a bind mount of a folder or for a subvolume."""
    id: int = 0
    parent: int = 0

    @property
    def file_system(self) -> tuple[str, ...]:
        """The same for all mounts of one file system, bind mounts too.

        NFS gives one number to all exports that are one file system on their server (nfs_compare_super of the kernel's
        fs/nfs/super.c); its source tells which of them is mounted, also of a folder within (nfs_show_devname).
        """
        if self.kind in ("nfs", "nfs4"):
            return self.device, self.source
        return (self.device,) if self.device else (self.kind, self.source)

    @property
    def access(self) -> Access:
        """As this mount allows it."""
        return Access.READ_ONLY if "ro" in (*self.options, *self.fs_options) else Access.READ_WRITE

    def option(self, name: str) -> str:
        """The value of `name=value`; empty where there is none."""
        values = (word.partition("=")[2] for word in self.fs_options if word.startswith(f"{name}="))
        return next(values, "")

    def inside(self, path: str) -> str:
        """Where in the file system a path under this mount is: the same for all mounts of it."""
        rest = posixpath.relpath(_normal(path), self.point)
        return posixpath.normpath(posixpath.join(self.root, rest))


@dataclass(frozen=True, slots=True)
class Room:
    """How one file system answers when it is asked for its size (statfs(2))."""

    health: Health
    detail: str = ""
    """Safe to show."""
    capacity_bytes: int | None = None
    available_bytes: int | None = None
    """For accounts other than root."""


def mounts(readings: Readings) -> tuple[Mount, ...]:
    """In the order in which they were mounted. Lines of no known form are left out. Pure."""
    if readings.text(MOUNTINFO):
        return tuple(_each(_mountinfo_line(line) for line in readings.text(MOUNTINFO).split("\n")))
    return tuple(_each(_mounts_line(line) for line in readings.text(PROC_MOUNTS).split("\n")))


def which_mount(table: Sequence[Mount], path: str) -> Mount | None:
    """The one that a path leads into: the kernel's way from mount to mount, so that what is mounted over is not seen.

    Where a mount's parent is not in the table, it counts with its path alone: the longest, and of these the last.
    Symbolic links are not followed. None for a path that is not absolute, or an empty table.
    """
    wanted = _normal(path)
    if not wanted:
        return None
    above = [mount for mount in table if _leads_to(mount.point, wanted)]
    known = {mount.id for mount in above if mount.id}
    at = _next([mount for mount in above if _is_top(mount, known)])
    found = at
    while at is not None:
        found = at
        above.remove(at)
        at = _next([mount for mount in above if _follows(mount, found, known)])
    return found


def rooms(readings: Readings) -> Mapping[str, Room]:
    """By device. One that the host has asked and that has not answered in time is BROKEN."""
    lines = [line for line in map(_ROOM.fullmatch, readings.text(STATFS).split("\n")) if line]
    asked = {line["device"]: _SILENT for line in lines if line["status"] == "asked"}
    answers = (line for line in lines if line["status"] != "asked")
    return asked | {line["device"]: _room(line["status"], line["said"] or "") for line in answers}


def room_of(mount: Mount, known: Mapping[str, Room], readings: Readings) -> Room:
    """Its file system's, or why it is not known."""
    if room := known.get(mount.device):
        return _with_what_the_mount_says(room, mount)
    if not readings.there(STATFS):
        return Room(Health.UNKNOWN, "not asked: the host has no timeout(1) or stat(1)")
    return Room(Health.UNKNOWN, "its size was not asked for")


def _with_what_the_mount_says(room: Room, mount: Mount) -> Room:
    itself = "ro" in mount.fs_options and "rw" in mount.options
    if mount.kind in _MAKES_ITSELF_READ_ONLY and itself and room.health is Health.GOOD:
        words = "has made itself read-only, as after an error"
        return Room(Health.BROKEN, words, room.capacity_bytes, room.available_bytes)
    return room


def _room(status: str, said: str) -> Room:
    if status in _TIMED_OUT:
        return _SILENT
    numbers = said.split()
    if status == "0" and len(numbers) == 4 and all(_NUMBER.fullmatch(each) for each in numbers):
        size, blocks, _, available = map(int, numbers)
        if not blocks:
            return Room(Health.GOOD)
        return Room(Health.GOOD, "", size * blocks, size * available)
    for words, room in _COMPLAINTS.items():
        if words in said:
            return room
    return Room(Health.UNKNOWN, "its size could not be read")


_SILENT = Room(Health.BROKEN, "does not answer")
_COMPLAINTS = {
    "Stale file handle": Room(Health.BROKEN, "stale: the server no longer knows it"),
    "not connected": Room(Health.BROKEN, "its process has ended"),
    "Host is down": Room(Health.BROKEN, "its server is down"),
    "Input/output error": Room(Health.BROKEN, "input/output error"),
    "Permission denied": Room(
        Health.UNKNOWN, "permission denied: log in as root, or give this account leave to enter it"
    ),
    "timed out": _SILENT,
}
"""ESTALE, ENOTCONN of FUSE, EHOSTDOWN of CIFS, EIO, EACCES, ETIMEDOUT of soft mounts (errno(3))."""


def _mountinfo_line(line: str) -> Mount | None:
    """`36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`."""
    fields = line.split(" ")
    if "-" not in fields[6:]:
        return None
    dash = fields.index("-", 6)
    own, of_fs = fields[:dash], fields[dash + 1 :]
    if len(of_fs) < 3 or not (_NUMBER.fullmatch(own[0]) and _NUMBER.fullmatch(own[1])):
        return None
    return Mount(
        kind=of_fs[0],
        source=unescaped(of_fs[1]),
        point=unescaped(own[4]),
        options=tuple(own[5].split(",")),
        fs_options=tuple(" ".join(of_fs[2:]).split(",")),
        device=own[2],
        root=unescaped(own[3]),
        id=int(own[0]),
        parent=int(own[1]),
    )


def _mounts_line(line: str) -> Mount | None:
    """`/dev/root /mnt2 ext3 rw,noatime,errors=continue 0 0` (fstab(5))."""
    fields = line.split(" ")
    if len(fields) < 4 or not fields[1].startswith("/"):
        return None
    options = tuple(fields[3].split(","))
    return Mount(fields[2], unescaped(fields[0]), unescaped(fields[1]), options, options)


def unescaped(text: str) -> str:
    """The kernel writes blanks, tabs, line ends, backslashes and `#` as octal numbers (proc(5))."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), text)


def _each(found: Iterable[Mount | None]) -> Iterable[Mount]:
    return (mount for mount in found if mount is not None and mount.point.startswith("/"))


def _normal(path: str) -> str:
    """Empty for one that is not absolute."""
    return posixpath.normpath("/" + path.lstrip("/")) if path.startswith("/") else ""


def _leads_to(point: str, path: str) -> bool:
    return point in ("/", path) or path.startswith(f"{point}/")


def _next(mounts_here: Sequence[Mount]) -> Mount | None:
    """The first that a walk along the path meets; of several at one place the last one mounted."""
    shortest = min((len(mount.point) for mount in mounts_here), default=0)
    return next((mount for mount in reversed(mounts_here) if len(mount.point) == shortest), None)


def _follows(mount: Mount, before: Mount, known: set[int]) -> bool:
    if _is_top(mount, known):
        return len(mount.point) > len(before.point)
    return mount.parent == before.id


def _is_top(mount: Mount, known: set[int]) -> bool:
    """Nothing that is known of is above it: the top of the tree is its own parent."""
    return mount.parent not in known or mount.parent == mount.id
