"""What one host has told of storage: its own files, libvirt's pools, and the disks of its guests. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from backends.hypervisor.disk_usage import DiskUsage
from backends.hypervisor.pool_definitions import Pool, Volume
from backends.model.guest import Guest
from backends.model.host import HostName
from backends.model.storage import StorageKind
from backends.probes.storage.block import Device, Devices
from backends.probes.storage.file_locks import ImageLock
from backends.probes.storage.file_systems import Mounted
from backends.probes.storage.lockers import LockManager, Manager
from backends.probes.storage.mounts import Mount, which_mount
from backends.probes.storage.seen import Seen


@dataclass(frozen=True, slots=True)
class Spot:
    """What a folder lies on."""

    folder: str
    """Of the mount, the export or the pool; the folder itself where none is known."""
    seen: Seen | None
    """What the host's own files tell of it."""
    mount: Mount | None = None
    inside: str = "/"
    """Where the folder that was asked for is in its file system."""


@dataclass(frozen=True)
class HostTold:
    """One host's answers, and where on it a path leads."""

    host: HostName
    seen: tuple[Seen, ...] = ()
    """What its own files tell."""
    mounted: Mounted = field(default_factory=Mounted)
    devices: Devices = field(default_factory=Devices)
    real: Mapping[str, str] = field(default_factory=dict)
    """Where folders and files with symbolic links on their way lead to."""
    pools: tuple[Pool, ...] = ()
    """All of libvirt's drivers on a host have the same."""
    volumes: Mapping[str, Mapping[str, Volume]] = field(default_factory=dict)
    """Of pools of LUNs, by the pool's name, then by their own."""
    usage: Mapping[tuple[str, str], Mapping[str, DiskUsage]] = field(default_factory=dict)
    """By driver and UUID of the guest, then by target."""
    guests: tuple[Guest, ...] = ()
    images: tuple[ImageLock, ...] = ()
    """Which images are locked on this host now."""
    manager: LockManager = field(default_factory=lambda: LockManager(Manager.UNKNOWN))
    blind: Mapping[StorageKind, str] = field(default_factory=dict)
    """Kinds that its answers would not show, with the reason and the permission needed."""

    def spot(self, path: str) -> Spot:
        """Of a file, or with a slash at its end of a folder."""
        path = self._real(path)
        folder = path if path in self._points else posixpath.dirname(path) or "/"
        if folder not in self._looked_up:
            self._looked_up[folder] = self._look_up(folder)
        return self._looked_up[folder]

    def inside(self, path: str) -> str:
        """Where in its file system a path is: alike on all hosts that see it."""
        spot, path = self.spot(path), self._real(path)
        return spot.inside if path in self._points else posixpath.join(spot.inside, posixpath.basename(path))

    def _real(self, path: str) -> str:
        """Without symbolic links, as far as the host has followed them."""
        if path in self.real:
            return self.real[path]
        folder, name = posixpath.split(path)
        return posixpath.join(self.real[folder], name) if folder in self.real else path

    def device(self, path: str) -> Device | None:
        """By any of its names."""
        return self.devices.find(path)

    def group_of(self, name: str) -> str:
        """The UUID of a volume group, as the kernel tells it where LVM does not; empty where neither does."""
        begin = name.replace("-", "--") + "-"
        devices = self.devices.by_name.values()
        return next((each.vg_uuid for each in devices if each.vg_uuid and each.dm_name.startswith(begin)), "")

    def _look_up(self, folder: str) -> Spot:
        if (served := self.mounted.served(folder)) is not None:
            return _below(served.way.path if served.way is not None else folder, folder, served)
        if (found := self.mounted.under(folder)) is not None:
            mount, seen = found
            return Spot(mount.point, seen, mount, mount.inside(folder))
        if (mount_ := which_mount(self.mounted.table, folder)) is not None:
            return Spot(mount_.point, None, mount_, mount_.inside(folder))
        above = (folder, *map(str, PurePosixPath(folder).parents))
        return _below(next((each for each in above if each in self._pool_folders), folder), folder, None)

    @cached_property
    def known_ways(self) -> frozenset[str]:
        """Paths by which its own files tell of a storage."""
        return frozenset(seen.way.path for seen in self.seen if seen.way is not None and seen.way.path)

    @cached_property
    def known_aliases(self) -> frozenset[str]:
        """Names of what its own files tell of."""
        return frozenset(alias for seen in self.seen for alias in seen.aliases)

    @cached_property
    def _points(self) -> frozenset[str]:
        return frozenset(mount.point for mount in self.mounted.table)

    @cached_property
    def _pool_folders(self) -> frozenset[str]:
        folders = (pool.target_path for pool in self.pools)
        return frozenset(folder for folder in folders if folder and not folder.startswith("/dev"))

    @cached_property
    def _looked_up(self) -> dict[str, Spot]:
        """Most disks lie in a few folders."""
        return {}


def _below(top: str, folder: str, seen: Seen | None) -> Spot:
    rest = posixpath.normpath(folder).removeprefix(top.rstrip("/"))
    return Spot(top, seen, inside=rest or "/")
