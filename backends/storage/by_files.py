"""Storage that a host's own files and commands tell of, read by whoever knows each kind. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from backends.model.storage import StorageKind
from backends.probes.storage import (
    block,
    distributed,
    drbd,
    fibre_channel,
    file_locks,
    iscsi,
    lockers,
    lvm,
    mounts,
    multipath,
)
from backends.probes.storage.block import Devices
from backends.probes.storage.file_locks import ImageLock
from backends.probes.storage.file_systems import Mounted, mounted
from backends.probes.storage.lockers import LockManager, Lockspace
from backends.probes.storage.seen import Seen
from backends.probes.survey.readings import Readings

_HOSTNAME = "/proc/sys/kernel/hostname"
_MOUNTED = (
    StorageKind.NFS,
    StorageKind.GFS2,
    StorageKind.OCFS2,
    StorageKind.GLUSTER,
    StorageKind.CEPHFS,
    StorageKind.FILE_SYSTEM,
)
_BY_DEVICES = (StorageKind.ISCSI, StorageKind.FIBRE_CHANNEL, StorageKind.BLOCK)
_NAMED_BY_WHAT_IT_IS = (StorageKind.GFS2, StorageKind.OCFS2, StorageKind.CEPHFS, StorageKind.RBD)
"""Of these a host that may not read the name cannot tell which of them it has."""


@dataclass(frozen=True, slots=True)
class FilesTold:
    """All of one host's."""

    seen: tuple[Seen, ...]
    mounted: Mounted
    devices: Devices
    images: tuple[ImageLock, ...]
    manager: LockManager
    blind: Mapping[StorageKind, str]
    """Kinds that the answers would not show, with the reason and the permission needed."""


def told_by_files(readings: Readings) -> FilesTold:
    """Everything that one round of questions has brought."""
    devices, mounted_ = block.read(readings), mounted(readings)
    sessions, groups = iscsi.read(readings, devices), lvm.read(readings)
    mirrors = drbd.read(readings)
    seen = (
        *mounted_.all_seen,
        *distributed.rbd(readings),
        *block.seen(devices),
        *iscsi.seen(sessions, devices),
        *fibre_channel.seen(fibre_channel.read_ports(readings), devices),
        *multipath.seen(multipath.read(readings, devices), devices),
        *lvm.seen(groups, devices),
        *drbd.seen(mirrors, readings.text(_HOSTNAME).strip(), devices),
    )
    spaces = lockers.lockspaces(readings)
    sources = {mount.device: mount.source for mount in mounted_.table if mount.device}
    blind = {
        **dict.fromkeys(_MOUNTED, "" if mounted_.table else _why(*readings.trouble(mounts.MOUNTINFO))),
        **dict.fromkeys(_BY_DEVICES, _why(devices.trouble, devices.mend)),
        StorageKind.LVM: _why(groups.trouble, groups.mend),
        StorageKind.DRBD: _why(mirrors.trouble, mirrors.mend),
    }
    if sessions.trouble:
        blind[StorageKind.ISCSI] = _why(sessions.trouble, sessions.mend)
    blind |= {each.kind: each.detail for each in seen if each.is_own and each.kind in _NAMED_BY_WHAT_IT_IS}
    return FilesTold(
        seen=tuple(
            _on_its_device(_with_lockspaces(each, spaces, mounted_), sources, devices) for each in seen
        ),
        mounted=mounted_,
        devices=devices,
        images=file_locks.held_locks(readings).images(),
        manager=lockers.lock_manager(readings),
        blind={kind: why for kind, why in blind.items() if why},
    )


def _why(trouble: str, mend: str) -> str:
    return ": ".join(filter(None, (trouble, mend)))


def _with_lockspaces(seen: Seen, spaces: Iterable[Lockspace], mounted_: Mounted) -> Seen:
    """Those of a volume group, and those whose leases are files on it."""
    words = tuple(space.words for space in spaces if _is_of(space, seen, mounted_))
    return replace(seen, options=(*seen.options, *words)) if words else seen


def _is_of(space: Lockspace, seen: Seen, mounted_: Mounted) -> bool:
    if space.vg_uuid:
        return f"vg:{space.vg_uuid}" in seen.aliases
    found = mounted_.under(space.path) if space.path.startswith("/") else None
    return found is not None and (found[1].kind, found[1].key) == (seen.kind, seen.key)


def _on_its_device(seen: Seen, sources: Mapping[str, str], devices: Devices) -> Seen:
    """A file system's number of its device says something on its own host only: told as what the device is."""
    paths = list(_paths(seen, sources))
    if not paths:
        return seen
    under = {alias for alias in seen.under if not alias.startswith(("dev:", "path:"))}
    uuids: set[str] = set()
    for path in paths:
        under |= devices.aliases(path)
        device = devices.find(path)
        uuids |= set(device.fs_uuids[:1]) if device is not None else set()
    named = {f"fsuuid:{uuid}" for uuid in uuids} if seen.kind is StorageKind.FILE_SYSTEM and under else set()
    return replace(seen, under=frozenset(under), aliases=seen.aliases | named)


def _paths(seen: Seen, sources: Mapping[str, str]) -> Iterator[str]:
    for alias in sorted(seen.under):
        kind, _, name = alias.partition(":")
        path = sources.get(name, "") if kind == "dev" else name if kind == "path" else ""
        if path.startswith("/dev/"):
            yield path
