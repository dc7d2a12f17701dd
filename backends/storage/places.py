"""On which storage a host's pools and its guests' disks are. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from backends.hypervisor.disk_usage import DiskUsage
from backends.hypervisor.pool_definitions import Pool
from backends.model.guest import DiskKind, Layer
from backends.model.storage import StorageKind
from backends.probes.storage.pool_identities import volume_seen
from backends.probes.storage.seen import Seen
from backends.storage.by_libvirt import (
    LUN_POOLS,
    device_telling,
    folder_telling,
    lun_tellings,
    pool_path,
    pool_telling,
)
from backends.storage.identities import Identities
from backends.storage.network_disks import network_seen, remote_of
from backends.storage.told import HostTold

_WHOLE = (
    StorageKind.ISCSI,
    StorageKind.FIBRE_CHANNEL,
    StorageKind.BLOCK,
    StorageKind.DRBD,
    StorageKind.RBD,
)
"""Kinds that a disk on a device takes as they are."""
Targets = Mapping[str, frozenset[int]]
"""Rows of the LUNs of an iSCSI target, by its IQN."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image is."""

    row: int
    """In `Identities.rows`."""
    image: str
    """What of it: alike on every host that sees the storage. Empty: all of it. To be compared, never to be shown."""


def targets(identities: Identities) -> Targets:
    """From what all hosts have told."""
    found: dict[str, set[int]] = {}
    for row, identity in enumerate(identities.rows):
        for told in identity.told.values():
            for seen in told:
                for alias in seen.aliases:
                    target, slash, _ = alias.removeprefix("iqn:").rpartition("/")
                    if slash and alias.startswith("iqn:"):
                        found.setdefault(target, set()).add(row)
    return {target: frozenset(rows) for target, rows in found.items()}


class Places:
    """Of one host."""

    def __init__(self, told: HostTold, identities: Identities, luns: Targets) -> None:
        self._told = told
        self._identities = identities
        self._luns = luns
        self._pools = {pool.name: pool for pool in told.pools}
        self._ways = dict(_ways(told, identities))

    def of_pool(self, pool: Pool) -> frozenset[int]:
        """Rows: several for a pool of LUNs, none where nothing tells."""
        host = self._told.host
        if pool.type in LUN_POOLS:
            luns = {self._identities.place(host, each) for each in lun_tellings(self._told, pool)} - {None}
            of_target = self._luns.get(next(iter(pool.source.devices), ""), frozenset())
            if luns or of_target:
                return frozenset(row for row in luns if row is not None) or of_target
        seen = pool_telling(self._told, pool)
        row = self._identities.place(host, seen) if seen is not None else self._pool_path(pool_path(pool))
        return frozenset() if row is None else frozenset({row})

    def _pool_path(self, path: str) -> int | None:
        return self._device(path) if path.startswith("/dev/") else self._folder(posixpath.join(path, ""))

    def of_layer(self, layer: Layer, usage: DiskUsage | None) -> Place | None:
        """Of a guest's disk, or of an image below it. None where the definition does not tell."""
        match layer.kind:
            case DiskKind.FILE:
                return self._file(layer.path)
            case DiskKind.BLOCK:
                return self._block(layer.path)
            case DiskKind.NETWORK:
                return self._place(network_seen(layer), remote_of(layer).image)
            case DiskKind.VOLUME:
                return self._volume(layer.source, usage)
        return None

    def of_path(self, path: str) -> Place | None:
        """Of an image's file or device."""
        return self._block(path) if path.startswith("/dev/") else self._file(path)

    def _volume(self, source: str, usage: DiskUsage | None) -> Place | None:
        name, _, volume = source.partition("/")
        pool = self._pools.get(name)
        if pool is None:
            return None
        if (told := self._told.volumes.get(name, {}).get(volume)) is not None:
            return self._place(volume_seen(pool, told), "")
        path = usage.path if usage is not None and usage.path.startswith("/") else ""
        path = path or (posixpath.join(pool_path(pool), volume) if pool_path(pool) else "")
        if path:
            return self.of_path(path)
        rows = self.of_pool(pool)
        return Place(min(rows), volume) if len(rows) == 1 else None

    def _file(self, path: str) -> Place | None:
        row = self._folder(path)
        return None if row is None else Place(row, self._told.inside(path))

    def _block(self, path: str) -> Place | None:
        row = self._device(path)
        if row is None:
            return None
        device = self._told.device(path)
        is_whole = self._identities.rows[row].id.kind in _WHOLE and (device is None or not device.parent)
        if is_whole and (device is None or not device.made_of or device.is_multipath):
            return Place(row, "")
        if device is not None:
            return Place(row, device.dm_name or device.name)
        return Place(row, "-".join(part.replace("-", "--") for part in path.split("/")[2:]))

    def _folder(self, path: str) -> int | None:
        """Of a file, or with a slash at its end of a folder."""
        if not path.startswith("/"):
            return None
        return self._identities.place(
            self._told.host, self._told.spot(path).seen or folder_telling(self._told, path)
        )

    def _device(self, path: str) -> int | None:
        device = self._told.device(path)
        for name in (path, device.path if device is not None else path):
            if name in self._ways:
                return self._ways[name]
        row = self._identities.find(self._told.host, self._told.devices.aliases(path))
        if row is not None:
            return row
        if (group := posixpath.dirname(path)) != "/dev" and group in self._ways:
            return self._ways[group]
        return self._identities.place(self._told.host, device_telling(self._told, path))

    def _place(self, seen: Seen | None, image: str) -> Place | None:
        row = self._identities.place(self._told.host, seen)
        return None if row is None else Place(row, image)


def _ways(told: HostTold, identities: Identities) -> Iterator[tuple[str, int]]:
    """By which paths this host sees which devices."""
    for row, identity in enumerate(identities.rows):
        for seen in identity.told.get(told.host, ()):
            if seen.way is not None and seen.way.path.startswith("/dev/"):
                yield seen.way.path, row
