"""Which storage libvirt's pools and their volumes are. Pure.

A volume group is told by its name, which other hosts may have for another one: its UUID is the host's to tell.
What a pool tells by a path of its host alone (`dir`, `fs`, `disk`, `mpath`, `scsi`) is nobody's identity: whoever
assembles the answers looks for `Pool.target_path` among the mounts, and for `PoolSource.devices` among the devices.
"""

from __future__ import annotations

import re

from backends.hypervisor.pool_definitions import Pool, Volume
from backends.model.storage import Access, Health, StorageKind, Way, WayKind
from backends.probes.storage import nfs, wwid
from backends.probes.storage.seen import Seen

_LUN = re.compile(r"unit:\d+:\d+:(\d+)")
"""libvirt's names of LUNs: host, bus (or 0), target and LUN (storage_util.c: virStorageBackendSCSINewLun)."""
_LUN_POOLS = ("iscsi", "iscsi-direct", "scsi", "mpath")
_NFS_FORMATS = ("nfs", "auto", "")


def pool_seen(pool: Pool) -> Seen | None:
    """The storage behind a pool; None where it is told by a path, or is a group of LUNs (see `volume_seen`)."""
    source = pool.source
    server = source.hosts[0] if source.hosts else ""
    match pool.type:
        case "netfs" if server and source.directory:
            return _netfs(pool, server, source.directory)
        case "iscsi" | "iscsi-direct" if source.devices:
            iqn = source.devices[0]
            return _served(pool, StorageKind.ISCSI, iqn, f"iqn:{iqn}", source.initiator)
        case "logical":
            name = source.name or pool.name
            return _seen(pool, StorageKind.LVM, name, name, is_own=True)
        case "rbd" if source.name:
            key = f"{source.name}@{','.join(sorted(source.hosts))}"
            return _served(pool, StorageKind.RBD, key, f"rbd:{key}")
        case "gluster" if server and source.name:
            return _gluster(pool, server, source.name)
        case "zfs" if source.name:
            return _seen(pool, StorageKind.OTHER, f"zfs:{source.name}", f"ZFS {source.name}", is_own=True)
        case "vstorage" if source.name:
            key = f"vstorage:{source.name}"
            return _seen(pool, StorageKind.OTHER, key, f"Virtuozzo {source.name}", frozenset({key}))
    return None


def volume_seen(pool: Pool, volume: Volume) -> Seen | None:
    """The LUN that a volume is; None for a volume that only lies on its pool's storage."""
    lun = _LUN.fullmatch(volume.name)
    if pool.type not in _LUN_POOLS:
        return None
    name = wwid.canonical(volume.key)
    way = Way(WayKind.POOL, pool.name, volume.path if volume.path.startswith("/") else "")
    is_far = not any(map(nfs.is_each_host_itself, pool.source.hosts))
    target = next(iter(pool.source.devices), "") if pool.type in ("iscsi", "iscsi-direct") else ""
    if target and lun is not None and (is_far or not name):
        key, label = f"{target}/{lun[1]}", f"{target} LUN {lun[1]}"
        kind, aliases = StorageKind.ISCSI, wwid.aliases(name) | ({f"iqn:{key}"} if is_far else set())
    elif name:
        is_fibre = pool.source.adapter.startswith("fc_host")
        kind = StorageKind.FIBRE_CHANNEL if is_fibre else StorageKind.BLOCK
        key = label = name
        aliases = wwid.aliases(name)
    else:
        return None
    return Seen(
        kind,
        key,
        label,
        aliases,
        way,
        Access.READ_WRITE,
        Health.UNKNOWN if volume.trouble else Health.GOOD,
        detail=volume.trouble,
        capacity_bytes=volume.capacity_bytes,
        is_own=not aliases,
    )


def _netfs(pool: Pool, server: str, directory: str) -> Seen:
    form = pool.source.format
    if form == "glusterfs":
        return _gluster(pool, server, directory.strip("/").partition("/")[0])
    if form in _NFS_FORMATS:
        return _nfs(pool, server, directory)
    share = f"//{server}/{directory.lstrip('/')}"
    return _served(pool, StorageKind.OTHER, share, f"export:{share}")


def _nfs(pool: Pool, server: str, directory: str) -> Seen:
    source = f"[{server}]:{directory}" if ":" in server else f"{server}:{directory}"
    name, path = nfs.server_and_path(source) or (server, directory)
    is_own = nfs.is_loopback(name)
    aliases = frozenset() if is_own else frozenset({nfs.export_alias(name, path)})
    options = (f"v{pool.source.protocol}",) if pool.source.protocol else ()
    return _seen(pool, StorageKind.NFS, f"{name}:{path}", source, aliases, *options, is_own=is_own)


def _gluster(pool: Pool, server: str, volume: str) -> Seen:
    name = nfs.server_name(server)
    return _served(pool, StorageKind.GLUSTER, f"{name}:/{volume}", f"gluster:{name}/{volume}")


def _served(pool: Pool, kind: StorageKind, key: str, alias: str, *options: str) -> Seen:
    """By a server; where that is each host for itself, it is nobody else's."""
    is_own = any(map(nfs.is_each_host_itself, pool.source.hosts))
    aliases = frozenset() if is_own else frozenset({alias})
    return _seen(pool, kind, key, key, aliases, *options, is_own=is_own)


def _seen(
    pool: Pool,
    kind: StorageKind,
    key: str,
    label: str,
    aliases: frozenset[str] = frozenset(),
    *options: str,
    is_own: bool = False,
) -> Seen:
    """A pool that is not active is known of, and reached in no way."""
    return Seen(
        kind,
        key,
        label,
        aliases,
        Way(WayKind.POOL, pool.name, pool.target_path) if pool.active else None,
        Access.READ_WRITE if pool.active else Access.UNKNOWN,
        Health.UNKNOWN if pool.trouble or not pool.active else Health.GOOD,
        detail=pool.trouble or ("" if pool.active else f"the pool {pool.name} is not active"),
        options=tuple(filter(None, options)),
        capacity_bytes=pool.capacity_bytes,
        available_bytes=pool.available_bytes,
        is_own=is_own,
    )
