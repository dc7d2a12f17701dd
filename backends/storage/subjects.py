"""What a user may name to be proved (a path, a pool, a storage by its key), and what each host has by that name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import PurePosixPath

from backends.errors import FerryError
from backends.fleet.session import Session
from backends.fleet.supervisor import Supervisor
from backends.hypervisor.connection import Connection
from backends.hypervisor.pool_definitions import Pool
from backends.hypervisor.volume_search import find_pool
from backends.hypervisor.volumes import read_volumes
from backends.model.fleet import FleetState
from backends.model.guest import DiskKind
from backends.model.host import HostName
from backends.model.storage import Access, HostProof, Sharing, Sighting, Storage, StorageKind, WayKind
from backends.probes import markers
from backends.probes.markers import IN_ENGLISH, End, is_not_there, reason
from backends.probes.storage import same_pool, wwid
from backends.storage.by_libvirt import layers
from backends.storage.network_disks import remote_of
from backends.storage.survey import read_storage
from backends.untrusted import clean

PATH_DEADLINE_S = 20.0


class SightKind(Enum):
    """What a host has under a name, and so what can be tried on it."""

    FOLDER = "folder"
    FILE = "file"
    DEVICE = "block device"
    GROUP = "volume group"
    POOL = "pool"
    """Whose source says what it is."""
    TARGET = "LUN of a target"
    NAMED = "storage that is told by its name"
    MISSING = "nothing"
    UNKNOWN = "something unknown"


@dataclass(frozen=True, slots=True)
class Sight:
    """One host's."""

    kind: SightKind
    path: str = ""
    """As it leads there, links followed. Of a group, its name. To be used, never to be shown."""
    pool: Pool | None = None
    luns: frozenset[str] = frozenset()
    """Of a pool of LUNs that no target holds together: their WWIDs."""
    iqn: str = ""
    portals: frozenset[str] = frozenset()
    words: str = ""
    """Of what is missing or unknown: why. Of what is told by its name: that."""

    @property
    def is_there(self) -> bool:
        """Is there something to be tried?"""
        return self.kind not in (SightKind.MISSING, SightKind.UNKNOWN)

    @property
    def folder(self) -> str:
        """Where a marker goes."""
        return self.path if self.kind is SightKind.FOLDER else str(PurePosixPath(self.path).parent)

    @property
    def file_name(self) -> str:
        """Of a file; empty for a folder."""
        return PurePosixPath(self.path).name if self.kind is SightKind.FILE else ""


async def sights_of(subject: str, hosts: Sequence[Supervisor], state: FleetState) -> Mapping[HostName, Sight]:
    """Of each host; a path is a path, and a pool goes before a storage of the same name."""
    if subject.startswith("/"):
        return await _of_all(hosts, lambda session: _of_path(session, subject))
    pools = await _of_all(hosts, lambda session: _of_pool(session, subject))
    if any(sight.is_there or sight.pool for sight in pools.values()):
        return pools
    return await _of_storage(subject, hosts, state) or pools


def compare_far(here: Sight, there: Sight, host: HostName, other: HostName) -> HostProof:
    """What is known by its name alone. Pure."""
    if here.luns and there.luns:
        same = same_pool.compare_luns(here.luns, there.luns, other)
    elif here.pool is not None and there.pool is not None:
        same = same_pool.compare(here.pool, there.pool, host, other)
    elif here.kind is SightKind.TARGET:
        same = same_pool.compare_targets(here.iqn, here.portals, there.iqn, there.portals, (host, other))
    else:
        return HostProof(other, Sharing.SAME_IDENTITY, f"both hosts know it as {here.words}")
    return HostProof(other, same.sharing, same.evidence)


async def _of_all(
    hosts: Sequence[Supervisor], ask: Callable[[Session], Awaitable[Sight]]
) -> Mapping[HostName, Sight]:
    async def of(host: Supervisor) -> Sight:
        try:
            async with asyncio.timeout(PATH_DEADLINE_S):
                return await ask(host.reached())
        except FerryError as error:
            return Sight(SightKind.UNKNOWN, words=str(error))
        except TimeoutError:
            return Sight(SightKind.UNKNOWN, words=f"{host.name}: no answer within {PATH_DEADLINE_S:g} s")

    found = await asyncio.gather(*(of(host) for host in hosts))
    return {host.name: sight for host, sight in zip(hosts, found, strict=True)}


async def _of_path(session: Session, path: str) -> Sight:
    """By stat(1), in the C locale."""
    if session.shell is None:
        return Sight(SightKind.UNKNOWN, words=f"{session.host} is reached by libvirt alone, without files")
    shown = clean(path, limit=1024)
    answer = await session.shell.run((*IN_ENGLISH, "stat", "-L", "-c", "%F", "--", path))
    if answer.status != 0:
        if is_not_there(answer):
            return Sight(SightKind.MISSING, path, words=f"{session.host} has no {shown}")
        return Sight(SightKind.UNKNOWN, path, words=f"{session.host}: {reason(answer)}")
    kinds = {
        "directory": SightKind.FOLDER,
        "regular file": SightKind.FILE,
        "regular empty file": SightKind.FILE,
        "block special file": SightKind.DEVICE,
    }
    kind = kinds.get(answer.out.strip())
    if kind is None:
        words = f"{session.host}: {shown} is a {clean(answer.out.strip())}"
        return Sight(SightKind.UNKNOWN, path, words=words)
    if kind is SightKind.DEVICE:
        return Sight(kind, path)
    real = await markers.real_path(End(session.host, session.shell), path)
    if real.trouble:
        return Sight(SightKind.UNKNOWN, path, words=f"{session.host}: {real.trouble}")
    return Sight(kind, real.path)


async def _of_pool(session: Session, name: str) -> Sight:
    """Of the first driver that has a storage driver beside it: all of a host have the same pools."""
    trouble = session.trouble or "libvirt does not answer"
    for driver, connection in session.connections.items():
        try:
            pool = await find_pool(connection, driver, name)
        except FerryError as error:
            trouble = error.cause
            continue
        if pool is None:
            return Sight(SightKind.MISSING, words=f"{session.host} has no pool {clean(name)}")
        return await _in_pool(session, connection, pool)
    return Sight(SightKind.UNKNOWN, words=f"{session.host}: {trouble}")


async def _in_pool(session: Session, connection: Connection, pool: Pool) -> Sight:
    """What a pool stands for."""
    if not pool.active:
        words = f"the pool {pool.name} is not active on {session.host}: virsh pool-start {pool.name}"
        return Sight(SightKind.UNKNOWN, pool=pool, words=words)
    if pool.type in same_pool.FOLDERS:
        return replace(await _of_path(session, pool.target_path), pool=pool)
    if pool.type == "disk" and pool.source.devices:
        return Sight(SightKind.DEVICE, pool.source.devices[0], pool)
    if pool.type == "logical":
        return Sight(SightKind.GROUP, pool.source.name or pool.name, pool)
    if pool.type in ("scsi", "mpath"):
        names = {wwid.canonical(volume.key) for volume in await read_volumes(connection, pool)}
        return Sight(SightKind.POOL, pool=pool, luns=frozenset(filter(wwid.is_unique, names)))
    return Sight(SightKind.POOL, pool=pool)


async def _of_storage(
    key: str, hosts: Sequence[Supervisor], state: FleetState
) -> Mapping[HostName, Sight] | None:
    """By the key or the label of its row; None where there is no such row."""
    found = await read_storage(hosts, state)
    storage = next((each for each in found.storages if key in (each.id.key, each.label)), None)
    if storage is None:
        return None
    at: dict[HostName, Sight] = {
        host: Sight(SightKind.UNKNOWN, words=f"{host}: {why}") for host, why in found.left_out.items()
    }
    pools = await _pools_of(storage, hosts)
    for host, sighting in storage.sightings.items():
        at[host] = _of_sighting(storage, sighting, pools.get(host), state)
    return _alike(storage, at, pools, state)


async def _pools_of(storage: Storage, hosts: Sequence[Supervisor]) -> Mapping[HostName, Pool]:
    """The first active pool of each host on it."""
    named = {use.host: use.name for use in reversed(storage.pools) if use.active}
    wanted = [host for host in hosts if host.name in named]
    sights = await _of_all(wanted, lambda session: _of_pool(session, named[session.host]))
    return {host: sight.pool for host, sight in sights.items() if sight.pool is not None}


def _of_sighting(storage: Storage, sighting: Sighting, pool: Pool | None, state: FleetState) -> Sight:
    """Pure."""
    host = sighting.host
    if sighting.access is Access.NOT_SEEN:
        return Sight(SightKind.MISSING, words=f"{host} does not see it")
    if sighting.access is Access.UNKNOWN and not sighting.ways:
        return Sight(SightKind.UNKNOWN, words=f"{host}: {sighting.detail or 'not known'}")
    for way in sighting.ways:
        if way.kind is WayKind.MOUNT and way.path:
            return Sight(SightKind.FOLDER, way.path)
    for way in sighting.ways:
        if way.kind in (WayKind.DEVICE, WayKind.SESSION) and way.path.startswith("/"):
            if storage.id.kind is StorageKind.LVM:
                return Sight(SightKind.GROUP, way.path.removeprefix("/dev/"))
            return Sight(SightKind.DEVICE, way.path)
    if storage.id.kind is StorageKind.ISCSI:
        return _target(storage, sighting, pool, state)
    if pool is not None and pool.type in same_pool.FOLDERS and pool.target_path:
        return Sight(SightKind.FOLDER, pool.target_path)
    return Sight(SightKind.NAMED, words=storage.label)


def _target(storage: Storage, sighting: Sighting, pool: Pool | None, state: FleetState) -> Sight:
    """By target and LUN, at the portals that this host uses."""
    portals = {way.words for way in sighting.ways if way.kind is WayKind.SESSION}
    portals |= set(pool.source.hosts) if pool else set()
    for guest in state.hosts[sighting.host].guests.values():
        for disk in guest.disks:
            for layer in layers(disk):
                remote = remote_of(layer)
                if layer.kind is DiskKind.NETWORK and remote.name == storage.id.key:
                    portals.add(remote.server)
    shown = frozenset(same_pool.with_port(portal) for portal in portals if portal)
    return Sight(SightKind.TARGET, iqn=storage.id.key, portals=shown)


def _alike(
    storage: Storage, at: dict[HostName, Sight], pools: Mapping[HostName, Pool], state: FleetState
) -> Mapping[HostName, Sight]:
    """A LUN is a device for hosts whose kernel has logged in, and a target for those that leave it to QEMU: then all
    are compared by the target."""
    kinds = {sight.kind for sight in at.values() if sight.is_there}
    if storage.id.kind is not StorageKind.ISCSI or kinds == {SightKind.DEVICE}:
        return at
    return {
        host: _target(storage, storage.sightings[host], pools.get(host), state) if sight.is_there else sight
        for host, sight in at.items()
    }
