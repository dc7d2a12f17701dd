"""What all hosts have told, put together: one row for each storage, who sees and uses it, what is wrong. Pure."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from backends.hypervisor.disk_usage import DiskUsage
from backends.hypervisor.pool_definitions import Pool
from backends.migration.checks.caches import DROPS_CACHES
from backends.migration.checks.versions import numbers
from backends.model.fleet import FleetState
from backends.model.guest import Disk, Guest
from backends.model.host import HostName
from backends.model.storage import (
    Access,
    DiskUse,
    PoolUse,
    Sighting,
    Storage,
    StorageKind,
    StorageMap,
    Way,
    WayKind,
)
from backends.storage.by_libvirt import layers, seen_by_libvirt
from backends.storage.commitment import Image, Room, commit
from backends.storage.dangers import dangers
from backends.storage.identities import Identities, Identity, merge, sightings
from backends.storage.places import Place, Places, targets
from backends.storage.told import HostTold
from backends.storage.users import Held, User, Users
from backends.storage.watched import Watched

_REACHED_OVER_A_NETWORK = (
    StorageKind.ISCSI,
    StorageKind.FIBRE_CHANNEL,
    StorageKind.NFS,
    StorageKind.GFS2,
    StorageKind.OCFS2,
    StorageKind.GLUSTER,
    StorageKind.CEPHFS,
    StorageKind.RBD,
    StorageKind.DRBD,
)
"""Worth a row even where nothing uses them: they are there to be shared."""
_ORDER = list(StorageKind)
_GUESTS_IN_A_STEP = 100
"""A few milliseconds."""


@dataclass(slots=True)
class _Row:
    """What hangs under one identity."""

    pools: list[PoolUse] = field(default_factory=list)
    users: list[User] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    below: list[DiskUse] = field(default_factory=list)
    """Of images under those of guests."""

    @property
    def is_used(self) -> bool:
        return bool(self.pools or self.users or self.below)


def assembling(
    told: Sequence[HostTold],
    state: FleetState,
    *,
    left_out: Mapping[HostName, str],
    watched: Watched,
    at: datetime,
    at_s: float,
) -> Generator[None, None, StorageMap]:
    """In steps: between two of them whoever runs it may let others go on. `at_s`: `at` in monotonic seconds."""
    identities = merge({each.host: (*each.seen, *seen_by_libvirt(each)) for each in told})
    rows = [_Row() for _ in identities.rows]
    luns = targets(identities)
    for each in told:
        yield from _hang(each, Places(each, identities, luns), rows)
    hosts = tuple(each.host for each in told)
    blind = {each.host: each.blind for each in told}
    judge = _Judge(told, state, watched, at, at_s)
    storages = []
    for place in _that_matter(identities, rows, frozenset(luns)):
        identity, row = identities.rows[place], rows[place]
        seen = sightings(identity, hosts, lambda host, kind: blind[host].get(kind, ""))
        storages.append(judge(identity, row, _with_pools(seen, row.pools)))
        yield
    storages.sort(key=lambda storage: (not storage.id.kind.may_be_shared, _ORDER.index(storage.id.kind)))
    return StorageMap(at, hosts, tuple(storages), left_out)


def _hang(told: HostTold, places: Places, rows: list[_Row]) -> Iterator[None]:
    """One host's pools, disks and locks, each under its storage."""
    for pool in told.pools:
        for row in places.of_pool(pool):
            rows[row].pools.append(_pool_use(told.host, pool))
    for number, guest in enumerate(told.guests):
        for disk in guest.disks:
            _hang_disk(told, places, rows, guest, disk)
        if number % _GUESTS_IN_A_STEP == 0:
            yield
    for lock in told.images:
        place = places.of_path(lock.path) if lock.path else None
        if place is not None:
            rows[place.row].held.append(Held(told.host, place.image, lock))


def _hang_disk(told: HostTold, places: Places, rows: list[_Row], guest: Guest, disk: Disk) -> None:
    usage = told.usage.get((guest.key.driver, guest.key.uuid), {}).get(disk.target)
    use = _disk_use(guest, disk, usage)
    own: Place | None = None
    for number, layer in enumerate(layers(disk)):
        is_top = number == 0 and bool(disk.source)
        place = places.of_layer(layer, usage if is_top else None)
        if place is None:
            continue
        if is_top:
            own = place
            rows[place.row].users.append(User(guest, disk, use, place.image))
        elif own is None or place.row != own.row:
            below = replace(use, source=layer.source, format="", read_only=True, virtual_bytes=None)
            rows[place.row].below.append(replace(below, allocated_bytes=None, out_of_space=False))


def _pool_use(host: HostName, pool: Pool) -> PoolUse:
    return PoolUse(
        host=host,
        driver=pool.driver,
        name=pool.name,
        type=pool.type,
        active=bool(pool.active),
        capacity_bytes=pool.capacity_bytes,
        allocated_bytes=pool.allocated_bytes,
        available_bytes=pool.available_bytes,
        volumes=pool.volumes,
    )


def _disk_use(guest: Guest, disk: Disk, usage: DiskUsage | None) -> DiskUse:
    return DiskUse(
        guest=guest.key,
        name=guest.name,
        active=guest.state.active,
        target=disk.target,
        source=disk.source,
        format=disk.format,
        read_only=disk.read_only or disk.device == "cdrom",
        virtual_bytes=usage.virtual if usage is not None else None,
        allocated_bytes=usage.allocated if usage is not None else None,
        out_of_space=disk.target in guest.full_disks,
    )


def _that_matter(identities: Identities, rows: Sequence[_Row], luns: frozenset[str]) -> Iterator[int]:
    """Not a host's own /boot, nor a disk that nothing of guests is on."""
    matters = [_matters(identity, row, luns) for identity, row in zip(identities.rows, rows, strict=True)]
    for place, identity in enumerate(identities.rows):
        on_shared = any(
            identities.rows[base].id.kind in _REACHED_OVER_A_NETWORK
            or _is_seen_by_many(identities.rows[base])
            for base in identity.under
        )
        if matters[place] or (on_shared and identity.id.kind is not StorageKind.OTHER):
            yield place


def _matters(identity: Identity, row: _Row, luns: frozenset[str]) -> bool:
    kind, key = identity.id
    if kind is StorageKind.ISCSI and key in luns:
        return False  # the target: its LUNs have rows of their own
    return row.is_used or kind in _REACHED_OVER_A_NETWORK or _is_seen_by_many(identity)


def _is_seen_by_many(identity: Identity) -> bool:
    return len(identity.told) > 1


def _with_pools(seen: Mapping[HostName, Sighting], pools: Sequence[PoolUse]) -> Mapping[HostName, Sighting]:
    """A pool is a way to its storage, also where the storage was told of by others."""
    found = dict(seen)
    for pool in pools:
        sighting = found[pool.host]
        if not pool.active or any(
            way.kind is WayKind.POOL and way.words == pool.name for way in sighting.ways
        ):
            continue
        ways = (*sighting.ways, Way(WayKind.POOL, pool.name))
        found[pool.host] = replace(sighting, ways=ways)
    return found


class _Judge:
    """Makes rows of what was found."""

    def __init__(
        self,
        told: Sequence[HostTold],
        state: FleetState,
        watched: Watched,
        at: datetime,
        at_s: float,
    ) -> None:
        self._managers = {each.host: each.manager for each in told}
        self._drops = {each.host: _drops_caches(state, each.host) for each in told}
        moves = state.moves.values()
        self._moving = frozenset(move.request.guest.uuid for move in moves if not move.phase.final)
        self._watched, self._at, self._at_s = watched, at, at_s

    def __call__(self, identity: Identity, row: _Row, seen: Mapping[HostName, Sighting]) -> Storage:
        room = _room(seen, row.users)
        if room.used is not None:
            self._watched.note(identity.id, room.used, self._at_s)
        disks = tuple(sorted((*(user.use for user in row.users), *row.below), key=_disk_order))
        images = [
            Image(user.image, user.use.virtual_bytes)
            for user in row.users
            if not (user.use.read_only and user.use.virtual_bytes is None)
        ]
        storage = Storage(
            id=identity.id,
            label=identity.label,
            sightings=seen,
            pools=tuple(row.pools),
            disks=disks,
            commitment=commit(
                identity.id.kind,
                room,
                images,
                growth_bytes_s=self._watched.growth_bytes_s(identity.id),
                now=self._at,
                out_of_space=[use.name for use in disks if use.out_of_space],
            ),
        )
        users = Users(tuple(row.users), tuple(row.held), self._managers, self._moving, self._drops)
        return replace(storage, findings=dangers(storage, users))


def _disk_order(use: DiskUse) -> tuple[str, str, str]:
    return use.name, use.guest.host, use.target


def _room(seen: Mapping[HostName, Sighting], users: Sequence[User]) -> Room:
    """As a host tells it that can write there, or any other; one that tells both figures before one that does not.

    What a guest has in whole and no host tells of is as large as the guest sees it.
    """
    told = [each for each in seen.values() if each.capacity_bytes is not None]
    told.sort(key=lambda each: (each.available_bytes is None, each.access is not Access.READ_WRITE))
    if told:
        return Room(told[0].capacity_bytes, told[0].available_bytes)
    sizes = (user.use.virtual_bytes for user in users if not user.image)
    return Room(next((size for size in sizes if size is not None), None), None)


def _drops_caches(state: FleetState, host: HostName) -> bool | None:
    view = state.hosts.get(host)
    drivers = view.facts.drivers if view is not None and view.facts is not None else ()
    version = next((numbers(each.hypervisor_version) for each in drivers if each.name == "qemu"), ())
    return version >= DROPS_CACHES if version else None
