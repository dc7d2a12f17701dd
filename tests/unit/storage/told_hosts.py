"""Hosts that have told of storage, and their guests, for the tests of what is put together from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import NAMESPACE_DNS, uuid5

from backends.hypervisor.disk_usage import DiskUsage
from backends.model.fleet import FleetState
from backends.model.guest import Disk, DiskKind, Guest, GuestKey, GuestState
from backends.model.host import HostName
from backends.model.storage import (
    Access,
    Health,
    Storage,
    StorageId,
    StorageKind,
    StorageMap,
    Way,
    WayKind,
)
from backends.probes.storage.file_systems import mounted
from backends.probes.storage.mounts import MOUNTINFO
from backends.probes.storage.seen import Seen
from backends.storage.assembly import assembling
from backends.storage.told import HostTold
from backends.storage.watched import Watched
from tests.unit.host_files import host

H1, H2, H3 = HostName("h1"), HostName("h2"), HostName("h3")
GIB = 1024**3
AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ROOT = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw"
GLUSTER = "40 22 0:41 / /srv/shared rw,relatime - fuse.glusterfs st:/gv0 rw,user_id=0"


def seen(
    kind: StorageKind,
    key: str,
    *aliases: str,
    own: bool = False,
    under: Iterable[str] = (),
    path: str = "",
    options: Iterable[str] = (),
    access: Access = Access.READ_WRITE,
) -> Seen:
    """What one reader has told."""
    way_kind = WayKind.DEVICE if path.startswith("/dev/") else WayKind.MOUNT
    return Seen(
        kind,
        key,
        key,
        frozenset(aliases),
        Way(way_kind, path or key, path),
        access,
        Health.GOOD,
        options=tuple(options),
        is_own=own,
        under=frozenset(under),
    )


def guest(
    where: HostName,
    name: str,
    *disks: Disk,
    state: GuestState = GuestState.RUNNING,
    full: Sequence[str] = (),
) -> Guest:
    """The same name is the same UUID on every host."""
    key = GuestKey(where, "qemu", str(uuid5(NAMESPACE_DNS, name)))
    return Guest(key, name, state, "", 1, GIB, disks=disks, full_disks=tuple(full))


def file_disk(path: str, target: str = "vda", **changes: object) -> Disk:
    """A qcow2 image that libvirt would move."""
    usual = Disk(target, DiskKind.FILE, path, format="qcow2", cache="none", path=path)
    return replace(usual, **changes)  # type: ignore[arg-type]


def lun_disk(iqn_and_lun: str) -> Disk:
    """As domain_xml tells a network disk."""
    return Disk("vda", DiskKind.NETWORK, f"iscsi:{iqn_and_lun}@10.0.0.10:3260", cache="none")


def told(
    where: HostName,
    *lines: str,
    guests: Sequence[Guest] = (),
    sizes: Mapping[str, tuple[int, int]] | None = None,
    more: Sequence[Seen] = (),
) -> HostTold:
    """A host with this table of mounts. `sizes`: by guest's name, virtual and allocated bytes of its disks."""
    found = mounted(host({MOUNTINFO: "\n".join(lines)}))
    usage = {
        (each.key.driver, each.key.uuid): {
            disk.target: DiskUsage(disk.path, *sizes[each.name]) for disk in each.disks
        }
        for each in guests
        if sizes and each.name in sizes
    }
    return HostTold(where, (*found.all_seen, *more), found, guests=tuple(guests), usage=usage)


def put_together(
    *hosts: HostTold,
    state: FleetState | None = None,
    watched: Watched | None = None,
    at_s: float = 0.0,
    left_out: Mapping[HostName, str] | None = None,
) -> StorageMap:
    steps = assembling(
        hosts,
        state or FleetState(),
        left_out=left_out or {},
        watched=watched or Watched(),
        at=AT,
        at_s=at_s,
    )
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: StorageMap = end.value
            return found


def row(found: StorageMap, kind: StorageKind, key: str) -> Storage:
    """The one with this identity."""
    return next(each for each in found.storages if each.id == StorageId(kind, key))
