"""Storage that libvirt tells of, by its pools and its guests' disks, where the host's own files do not. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import replace

from backends.hypervisor.pool_definitions import Pool
from backends.model.guest import Disk, DiskKind, Layer
from backends.model.storage import Access, Health, StorageKind, Way, WayKind
from backends.probes.storage.pool_identities import pool_seen, volume_seen
from backends.probes.storage.seen import Seen
from backends.storage.network_disks import NOT_OPEN, network_seen
from backends.storage.told import HostTold
from backends.untrusted import clean

TARGET_POOLS = ("iscsi", "iscsi-direct")
LUN_POOLS = (*TARGET_POOLS, "scsi", "mpath")
"""Types of pools of which each volume is a storage of its own."""
_PATH_LIMIT = 4096


def seen_by_libvirt(told: HostTold) -> tuple[Seen, ...]:
    """Each once."""
    found: dict[Seen, None] = {}
    for pool in told.pools:
        luns = lun_tellings(told, pool)
        found |= dict.fromkeys(luns)
        if luns:
            continue
        folder = posixpath.join(pool_path(pool), "")
        if (seen := pool_telling(told, pool) or _mount_telling(told, folder)) is not None:
            found[seen] = None
    return (*found, *_of_disks(told))


def lun_tellings(told: HostTold, pool: Pool) -> tuple[Seen, ...]:
    """The LUNs of a pool of LUNs. One without any room is a controller: iSCSI boxes show one as LUN 0."""
    volumes = (each for each in told.volumes.get(pool.name, {}).values() if each.capacity_bytes != 0)
    return tuple(seen for volume in volumes if (seen := volume_seen(pool, volume)) is not None)


def pool_telling(told: HostTold, pool: Pool) -> Seen | None:
    """What is behind a pool; None where `pool_path` leads to something that the host's own files tell of."""
    way = Way(WayKind.POOL, pool.name, pool.target_path) if pool.active else None
    if pool.trouble or not pool.type:
        return _own(f"pool {pool.name}", f"pool {pool.name}", pool.trouble or "not told")
    if pool.type == "logical":
        return _group(told, pool)
    if (seen := pool_seen(pool)) is not None:
        return seen
    if pool.type in LUN_POOLS:
        why = f"its LUNs are not told: {pool.source.adapter or pool.type}"
        return _own(f"pool {pool.name}", f"pool {pool.name}", why)
    path = pool_path(pool)
    if pool.type == "disk":
        return device_telling(told, path, way)
    return folder_telling(told, posixpath.join(path, ""), pool)


def pool_path(pool: Pool) -> str:
    """Where a pool's volumes are: a folder, or the device that is divided up."""
    if pool.type == "disk" and pool.source.devices:
        return pool.source.devices[0]
    return f"/dev/{pool.source.name or pool.name}" if pool.type == "logical" else pool.target_path


def layers(disk: Disk) -> tuple[Layer, ...]:
    """A disk's own image, and those below it."""
    own = Layer(disk.kind, disk.source, disk.path, disk.local_service)
    return (own, *disk.layers) if disk.source else disk.layers


def _of_disks(told: HostTold) -> tuple[Seen, ...]:
    """Each storage once, by a guest that runs if there is one: many guests use the same."""
    ways: dict[Seen, Way | None] = {}
    looked_at: set[str] = set()
    for guest in told.guests:
        for disk in guest.disks:
            for layer in layers(disk):
                way = Way(WayKind.GUEST_DISK, f"{guest.name} ({disk.target})")
                for seen in _of_layer(told, layer, looked_at):
                    ways[seen] = ways.get(seen) or (way if guest.state.active else None)
    return tuple(_opened(seen, way) for seen, way in ways.items())


def _opened(seen: Seen, way: Way | None) -> Seen:
    """By a guest that runs."""
    if way is None or seen.access is not Access.UNKNOWN:
        return seen
    known = seen.way if seen.kind is StorageKind.OTHER and seen.way is not None else way
    return replace(
        seen, way=known, access=Access.READ_WRITE, detail="" if seen.detail == NOT_OPEN else seen.detail
    )


def _of_layer(told: HostTold, layer: Layer, looked_at: set[str]) -> Iterator[Seen]:
    if layer.kind is DiskKind.NETWORK:
        yield network_seen(layer)
        return
    if not layer.path.startswith("/"):
        return
    subject = layer.path if layer.kind is DiskKind.BLOCK else told.spot(layer.path).folder
    if subject not in looked_at:
        looked_at.add(subject)
        seen = (
            device_telling(told, subject)
            if layer.kind is DiskKind.BLOCK
            else folder_telling(told, layer.path)
        )
        if seen is not None:
            yield seen


def _group(told: HostTold, pool: Pool) -> Seen | None:
    seen = pool_seen(pool)
    if seen is None or pool_path(pool) in told.known_ways:
        return None
    if uuid := told.group_of(seen.key):
        return replace(seen, key=uuid, aliases=frozenset({f"vg:{uuid}"}), is_own=False)
    return seen


def folder_telling(told: HostTold, path: str, pool: Pool | None = None) -> Seen | None:
    """A folder of which the host's own files do not tell the file system; None where they do."""
    spot = told.spot(path)
    folder = spot.folder
    if not path.startswith("/") or spot.seen is not None:
        return None
    shown = clean(folder, limit=_PATH_LIMIT)
    active = pool is not None and bool(pool.active)
    return Seen(
        StorageKind.OTHER,
        shown,
        shown,
        way=Way(WayKind.POOL, pool.name, folder) if pool is not None and active else _way_to(folder),
        access=Access.READ_WRITE if active else Access.UNKNOWN,
        health=Health.GOOD if active else Health.UNKNOWN,
        detail="" if active else "which file system it is on is not told",
        capacity_bytes=pool.capacity_bytes if pool is not None else None,
        available_bytes=pool.available_bytes if pool is not None else None,
        is_own=True,
    )


def _mount_telling(told: HostTold, path: str) -> Seen | None:
    """Of several mounts of a file system the one that is used: others may be read-only where this one is not."""
    spot = told.spot(path)
    if spot.seen is None or spot.mount is None or not path.startswith("/") or path.startswith("/dev/"):
        return None
    if spot.seen.way is not None and spot.seen.way.path == spot.mount.point:
        return None
    return replace(spot.seen, way=_way_to(spot.mount.point), access=spot.mount.access)


def device_telling(told: HostTold, path: str, way: Way | None = None) -> Seen | None:
    """A device of which the host's own files do not tell; None where they do."""
    device, aliases = told.device(path), told.devices.aliases(path)
    names = {path, posixpath.dirname(path), device.path if device is not None else path}
    if not path or names & told.known_ways or aliases & told.known_aliases:
        return None
    group = next((alias for alias in sorted(aliases) if alias.startswith("vg:")), "")
    name = (group or min(aliases, default="")).partition(":")[2]
    shown = clean(path, limit=_PATH_LIMIT)
    return Seen(
        StorageKind.LVM if group else StorageKind.BLOCK,
        name or shown,
        _group_name(device.dm_name) if group and device is not None else shown,
        aliases,
        way or _way_to(posixpath.dirname(path) if group else path),
        detail="the host does not tell more of it",
        capacity_bytes=device.size_bytes if device is not None and not group else None,
        is_own=not aliases,
    )


def _group_name(dm_name: str) -> str:
    """`my-vg` of `my--vg-lv` (lvm(8))."""
    return dm_name.replace("--", "\0").partition("-")[0].replace("\0", "-")


def _way_to(path: str) -> Way:
    kind = WayKind.DEVICE if path.startswith("/dev/") else WayKind.MOUNT
    return Way(kind, clean(path, limit=_PATH_LIMIT), path)


def _own(key: str, label: str, why: str) -> Seen:
    return Seen(StorageKind.OTHER, key, label, detail=why, is_own=True)
