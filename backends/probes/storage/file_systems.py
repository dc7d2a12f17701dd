"""All file systems of a host, each read by whoever knows its kind, and under which of them a path lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from backends.model.storage import StorageKind, Way, WayKind
from backends.probes.storage import cluster, distributed, nfs
from backends.probes.storage.mounts import Mount, Room, mounts, room_of, rooms, which_mount
from backends.probes.storage.seen import Seen
from backends.probes.survey.readings import Readings
from backends.untrusted import clean

_NO_STORAGE = {
    "devtmpfs",
    "ramfs",
    "rootfs",
    "proc",
    "sysfs",
    "cgroup",
    "cgroup2",
    "devpts",
    "mqueue",
    "autofs",
}
_OF_THE_SYSTEM = ("/run", "/dev", "/sys", "/proc")
"""Under which a tmpfs or an image holds nothing of guests (hier(7), file-hierarchy(7))."""
_SHARES = {"cifs", "smb3", "smbfs", "fuse.sshfs", "lustre"}
"""Of which the source names a server, so that it is the same on every host."""
_NAMED_BY_SOURCE = {"zfs"}
"""Local ones of which the source is a name of its own, not a device: `tank/images`."""


@dataclass(frozen=True, slots=True)
class Mounted:
    """What a host has mounted and serves."""

    table: tuple[Mount, ...] = ()
    seen: Mapping[tuple[str, ...], Seen] = field(default_factory=dict)
    """By `Mount.file_system`."""
    exports: tuple[tuple[str, Seen], ...] = ()
    """Folders that the host serves by NFS."""

    def under(self, path: str) -> tuple[Mount, Seen] | None:
        """The mount that a path leads into and what it is; None where that is nothing that holds disks.

        Symbolic links are not followed: ask with a path that has none.
        """
        mount = which_mount(self.table, path)
        seen = self.seen.get(mount.file_system) if mount else None
        return (mount, seen) if mount and seen else None

    def served(self, path: str) -> Seen | None:
        """As what other hosts see a folder or file of this one by NFS; None: it is under none that is served."""
        mount = which_mount(self.table, path)
        above = [
            (folder, seen)
            for folder, seen in self.exports
            if path == folder or path.startswith(f"{folder.rstrip('/')}/")
        ]
        found = max(above, key=lambda each: len(each[0]), default=None)
        return found[1] if found and which_mount(self.table, found[0]) == mount else None

    @property
    def all_seen(self) -> tuple[Seen, ...]:
        """Each file system once, then what is served."""
        return (*self.seen.values(), *(seen for _, seen in self.exports))


def mounted(readings: Readings) -> Mounted:
    """Bind mounts are the file system that they show. Pure."""
    table, known = mounts(readings), rooms(readings)
    seen: dict[tuple[str, ...], Seen] = {}
    for mount in sorted(table, key=_whole_first):
        if mount.file_system not in seen and _may_hold_disks(mount):
            seen[mount.file_system] = _read(mount, room_of(mount, known, readings), readings)
    return Mounted(table, seen, nfs.exports(readings, table, known))


def _whole_first(mount: Mount) -> tuple[bool, bool]:
    """Of several mounts of one file system: all of it before a part, writable before not; else as they were mounted."""
    return mount.root != "/", "ro" in mount.options


def _may_hold_disks(mount: Mount) -> bool:
    of_the_system = any(mount.point == top or mount.point.startswith(f"{top}/") for top in _OF_THE_SYSTEM)
    return mount.kind not in _NO_STORAGE and not (
        of_the_system and mount.kind in ("tmpfs", "squashfs", "overlay")
    )


def _read(mount: Mount, room: Room, readings: Readings) -> Seen:
    if mount.kind in nfs.KINDS:
        return nfs.nfs(mount, room)
    if mount.kind in cluster.KINDS:
        return cluster.cluster_file_system(mount, room, readings)
    if mount.kind in distributed.GLUSTER_KINDS:
        return distributed.gluster(mount, room, readings)
    if mount.kind in distributed.CEPH_KINDS:
        return distributed.cephfs(mount, room, readings)
    return _other(mount, room)


def _other(mount: Mount, room: Room) -> Seen:
    """A host's own file system, or a share of a kind that has no row of its own."""
    is_device = mount.source.startswith("/dev/")
    is_share = mount.kind in _SHARES
    is_local = is_device or mount.kind in ("tmpfs", "zfs", "btrfs", "overlay", "bcachefs")
    source = mount.source.rpartition("@")[2] if mount.kind == "fuse.sshfs" else mount.source
    by_source = is_device or is_share or mount.kind in _NAMED_BY_SOURCE
    key = clean(source if by_source else mount.point, limit=4096)
    return Seen(
        kind=StorageKind.FILE_SYSTEM if is_local else StorageKind.OTHER,
        key=key,
        label=clean(source if is_share else mount.point),
        aliases=frozenset({f"share:{mount.kind}:{key}"} if is_share else ()),
        way=Way(WayKind.MOUNT, clean(mount.point), mount.point),
        access=mount.access,
        health=room.health,
        detail=room.detail,
        options=(clean(mount.kind),),
        capacity_bytes=room.capacity_bytes,
        available_bytes=room.available_bytes,
        is_own=not is_share,
        under=_below(mount),
    )


def _below(mount: Mount) -> frozenset[str]:
    """The device it is on. Some file systems have a number of their own that is no device's."""
    if mount.device and not mount.device.startswith("0:"):
        return frozenset({f"dev:{mount.device}"})
    return frozenset({f"path:{mount.source}"} if mount.source.startswith("/dev/") else ())
