"""All hosts, asked what storage they see: each by one command, and by what libvirt tells of pools and disks in bulk."""

from __future__ import annotations

import asyncio
import posixpath
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice

from backends.errors import FerryError
from backends.fleet.session import Session
from backends.fleet.supervisor import Supervisor
from backends.hypervisor.connection import Connection
from backends.hypervisor.disk_usage import DiskUsage, read_disk_usage
from backends.hypervisor.domain_xml import Definition
from backends.hypervisor.inventory import read_definitions
from backends.hypervisor.pool_definitions import Pool, Volume
from backends.hypervisor.pools import read_pools
from backends.hypervisor.volumes import read_volumes
from backends.model.fleet import FleetState
from backends.model.guest import DiskKind, Guest
from backends.model.storage import StorageKind, StorageMap
from backends.probes.storage.script import ask, real_path
from backends.storage.assembly import assembling
from backends.storage.by_files import told_by_files
from backends.storage.by_libvirt import LUN_POOLS, layers
from backends.storage.told import HostTold
from backends.storage.watched import Watched

_BY_QEMU_ITSELF = (StorageKind.ISCSI, StorageKind.GLUSTER, StorageKind.RBD)
"""A host's files do not show these where QEMU reaches them over the network."""
_DEFINITIONS_AT_ONCE = 50
"""One call at a time on a connection: guests' actions must not wait for thousands."""
_PATHS_WITHIN_S = 2.0
"""Pools and definitions are there by then, so that links in their paths are followed; or they hang."""
_ALONE = "this host is reached by libvirt alone: name it as user@host, to be reached over SSH"


async def read_storage(
    hosts: Sequence[Supervisor], state: FleetState, watched: Watched | None = None
) -> StorageMap:
    """All at once. One that does not answer is left out, with the reason.

    `watched`: kept by the caller, to tell how fast storages fill; without it growth is not known.
    """
    watched = Watched() if watched is None else watched
    answers = await asyncio.gather(*(_told_by(host, state, watched.pools(host.name)) for host in hosts))
    told = [answer for answer in answers if isinstance(answer, HostTold)]
    for each in told:
        watched.note_pools(each.host, (pool.name for pool in each.pools))
    failed = {
        host.name: _words(answer)
        for host, answer in zip(hosts, answers, strict=True)
        if isinstance(answer, FerryError)
    }
    steps = assembling(
        told,
        state,
        left_out=failed,
        watched=watched,
        at=datetime.now(UTC),
        at_s=time.monotonic(),
    )
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: StorageMap = end.value
            return found
        await asyncio.sleep(0)  # fifty thousand disks must not hold up the screen


async def _told_by(host: Supervisor, state: FleetState, known_pools: Iterable[str]) -> HostTold | FerryError:
    """One host: its files and libvirt at the same time. Either may fail while the other tells."""
    try:
        session = host.reached()
    except FerryError as error:
        return error
    view = state.hosts[host.name]
    async with asyncio.TaskGroup() as group:
        pools = group.create_task(_pools(session, {*known_pools, *_named_pools(view.guests.values())}))
        usage = group.create_task(_usage(session))
        guests = group.create_task(_guests(session, view.guests.values()))
        await asyncio.wait({pools, guests}, timeout=_PATHS_WITHIN_S)
        paths = _paths(pools.result().pools if pools.done() else (), guests.result() if guests.done() else ())
        files = await _by_files(session, paths)
    libvirt = _both(pools.result(), usage.result())
    if isinstance(files, FerryError) and not libvirt.answered:
        return files
    if isinstance(files, FerryError):
        files = HostTold(host.name, blind=dict.fromkeys(StorageKind, files.cause))
    return _together(replace(files, guests=guests.result()), libvirt)


def _named_pools(guests: Iterable[Guest]) -> Iterator[str]:
    """By the disks of guests. Pure."""
    for guest in guests:
        for disk in guest.disks:
            for layer in layers(disk):
                if layer.kind is DiskKind.VOLUME:
                    yield layer.source.partition("/")[0]


def _paths(pools: Iterable[Pool], guests: Iterable[Guest]) -> tuple[str, ...]:
    """Where links may be on the way: folders first, as there are few, then the images themselves. Pure."""
    images = [layer.path for guest in guests for disk in guest.disks for layer in layers(disk)]
    files = [path for path in images if path.startswith("/") and not path.startswith("/dev/")]
    folders = [pool.target_path for pool in pools if not pool.target_path.startswith("/dev")]
    return tuple(dict.fromkeys((*filter(None, folders), *map(posixpath.dirname, files), *files)))


@dataclass(frozen=True, slots=True)
class LibvirtTold:
    """What libvirt has told of one host's storage."""

    answered: bool = False
    trouble: str = ""
    """Why something of it is not told."""
    pools: tuple[Pool, ...] = ()
    volumes: Mapping[str, Mapping[str, Volume]] = field(default_factory=dict)
    usage: Mapping[tuple[str, str], Mapping[str, DiskUsage]] = field(default_factory=dict)


async def _by_files(session: Session, paths: Sequence[str]) -> HostTold | FerryError:
    if session.shell is None:
        return HostTold(session.host, blind=dict.fromkeys(StorageKind, _ALONE))
    try:
        readings = await ask(session.shell, paths)
    except FerryError as error:
        return error
    found = told_by_files(readings)
    followed = ((path, real_path(readings, path)) for path in paths)
    return HostTold(
        session.host,
        found.seen,
        found.mounted,
        found.devices,
        real={path: real for path, real in followed if real != path},
        images=found.images,
        manager=found.manager,
        blind=found.blind,
    )


async def _guests(session: Session, guests: Iterable[Guest]) -> tuple[Guest, ...]:
    """With their disks: soon after a start the definitions of many are not read yet."""
    found: dict[tuple[str, str], Definition] = {}
    known = tuple(guests)
    for driver, connection in session.connections.items():
        missing = iter([guest.key.uuid for guest in known if guest.key.driver == driver and not guest.disks])
        while group := tuple(islice(missing, _DEFINITIONS_AT_ONCE)):
            try:
                read = await read_definitions(connection, group)
            except FerryError:
                break
            found |= {(driver, uuid): definition for uuid, definition in read.items()}
    return tuple(
        replace(guest, disks=found[key].disks)
        if (key := (guest.key.driver, guest.key.uuid)) in found
        else guest
        for guest in known
    )


async def _pools(session: Session, known: Iterable[str]) -> LibvirtTold:
    """Of the first driver that has a storage driver beside it: all on a host have the same pools."""
    trouble = "" if session.connections else session.trouble or "libvirt does not answer"
    for driver, connection in session.connections.items():
        try:
            pools = await read_pools(connection, driver, known=known)
        except FerryError as error:
            trouble = error.cause
            continue
        luns = [pool for pool in pools if pool.type in LUN_POOLS and pool.active and not pool.trouble]
        volumes = await asyncio.gather(*(_volumes(connection, pool) for pool in luns))
        named = {pool.name: each for pool, each in zip(luns, volumes, strict=True)}
        return LibvirtTold(answered=True, pools=pools, volumes=named)
    return LibvirtTold(trouble=trouble)


async def _volumes(connection: Connection, pool: Pool) -> Mapping[str, Volume]:
    """Empty where they are not told: the pool then stands for all of them."""
    try:
        return {volume.name: volume for volume in await read_volumes(connection, pool)}
    except FerryError:
        return {}


async def _usage(session: Session) -> LibvirtTold:
    """What disks take, from each driver."""
    found = await asyncio.gather(*(_usage_of(*each) for each in session.connections.items()))
    return LibvirtTold(
        answered=any(each.answered for each in found),
        trouble=next((each.trouble for each in found if each.trouble), ""),
        usage={key: disks for each in found for key, disks in each.usage.items()},
    )


async def _usage_of(driver: str, connection: Connection) -> LibvirtTold:
    try:
        usage = await read_disk_usage(connection)
    except FerryError as error:
        return LibvirtTold(trouble=error.cause)
    return LibvirtTold(answered=True, usage={(driver, uuid): disks for uuid, disks in usage.items()})


def _both(pools: LibvirtTold, usage: LibvirtTold) -> LibvirtTold:
    return replace(
        pools,
        answered=pools.answered or usage.answered,
        trouble=pools.trouble or usage.trouble,
        usage=usage.usage,
    )


def _together(files: HostTold, libvirt: LibvirtTold) -> HostTold:
    """Both answers of one host. Pure."""
    blind = dict(files.blind)
    if libvirt.trouble and not libvirt.pools:
        for kind in _BY_QEMU_ITSELF:
            blind.setdefault(kind, f"libvirt: {libvirt.trouble}")
    return replace(files, pools=libvirt.pools, volumes=libvirt.volumes, usage=libvirt.usage, blind=blind)


def _words(error: FerryError) -> str:
    return f"{error.cause}: {error.hint}" if error.hint else error.cause
