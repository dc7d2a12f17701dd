"""A host asked for all that lies under one disk."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from backends.errors import ActionError, DeadlineError, FerryError, GuestMissingError
from backends.fleet.supervisor import Supervisor
from backends.hypervisor import jobs
from backends.hypervisor.connection import Connection
from backends.hypervisor.disk_sizes import read_disk_sizes
from backends.hypervisor.inventory import read_guest
from backends.hypervisor.volume_lookup import VolumePlace, volume_at, volume_named
from backends.model.guest import Disk, DiskKind, Guest, GuestKey
from backends.probes.storage import script
from backends.probes.storage.images import Images, read_images
from backends.remote.shell import Answer, Shell
from backends.storage.growth.layers import Ground, Stack, ground_of

BY_LIBVIRT_ALONE = "this host is reached by libvirt alone"
_NAME_IT = "name it as user@host, to be reached over SSH"


async def read_stack(host: Supervisor, guest: Guest, target: str) -> Stack:
    """Raises FerryError: ActionError for a disk that the guest does not have."""
    session = host.current()
    connection = session.connection(guest.key.driver)
    newest = await read_guest(connection, guest.key)
    if newest is None:
        raise GuestMissingError(f"{guest.name} is not there any more", host=host.name)
    disk = _disk(newest, target)
    sizes, job, place = await asyncio.gather(
        read_disk_sizes(connection, guest.key.uuid, [target]),
        _job(connection, guest),
        _place(connection, disk),
    )
    size, path = sizes.get(target), disk.path or (place.path if place else "")
    seen = await _look(session.shell, disk, path)
    state = host.fleet
    beside = [each for each in state.hosts[host.name].guests.values() if each.key != guest.key]
    return Stack(
        spec=host.spec,
        guest=guest.key,
        name=guest.name,
        state=newest.state,
        disk=disk,
        virtual_bytes=size.virtual if size else None,
        allocated_bytes=size.allocated if size else None,
        path=seen.path,
        images=seen.images,
        ground=seen.ground,
        volume=await _volume(connection, place, seen),
        may_write=seen.may_write,
        is_root=seen.is_root,
        is_moving=state.move_of(guest.key) is not None,
        job=job,
        active_on=active_on(state.guests(), guest.key),
        same_path_of=same_path_of(state.guests(), guest.key, {disk.path, seen.path}),
        shared_with=_names(beside, {disk.path, seen.path}),
        overlays_of=_names(beside, {disk.path, seen.path}, layers=True),
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the host's own files tell."""

    path: str
    ground: Ground
    images: Images = field(default_factory=Images)
    may_write: bool | None = None
    is_root: bool = False


async def _look(shell: Shell | None, disk: Disk, path: str) -> _Seen:
    if not path.startswith("/"):
        why = "" if disk.kind is DiskKind.NETWORK else f"libvirt does not tell where {disk.source} is"
        return _Seen(path, Ground(None, why))
    if shell is None:
        return _Seen(path, Ground(None, BY_LIBVIRT_ALONE, _NAME_IT), Images((), BY_LIBVIRT_ALONE, _NAME_IT))
    real, readings, writing = await asyncio.gather(
        _answer(shell, "readlink", "-f", "--", path), script.ask(shell), _answer(shell, "test", "-w", path)
    )
    if real is not None and real.status == 0 and real.out.startswith("/"):
        path = real.out.removesuffix("\n")
    is_device = path.startswith("/dev/") and disk.kind is not DiskKind.FILE
    images = Images() if is_device and disk.format == "raw" else await _images(shell, path, disk.format)
    return _Seen(
        path,
        ground_of(path, readings, is_file=not is_device),
        images,
        None if writing is None else {0: True, 1: False}.get(writing.status),
        readings.is_root,
    )


async def _answer(shell: Shell, *argv: str) -> Answer | None:
    """None where it hangs, as on a dead server."""
    try:
        return await shell.run(argv)
    except DeadlineError:
        return None


async def _images(shell: Shell, path: str, image_format: str) -> Images:
    try:
        return await read_images(shell, path, image_format)
    except DeadlineError as error:
        return Images((), f"{error.cause}: its storage seems to hang")


def _disk(guest: Guest, target: str) -> Disk:
    for disk in guest.disks:
        if disk.target == target:
            return disk
    names = ", ".join(disk.target for disk in guest.disks)
    raise ActionError(
        f"{guest.name} has no disk {target}",
        host=guest.key.host,
        hint=f"it has: {names}" if names else "it has no disks",
    )


async def _job(connection: Connection, guest: Guest) -> str:
    """Empty where there is none; a driver without jobs has none."""
    try:
        running = await jobs.read_statistics(connection, guest.key.uuid)
    except ActionError:
        return ""
    return running.operation if running.running else ""


async def _place(connection: Connection, disk: Disk) -> VolumePlace | None:
    """Of a disk that is told as a volume of a pool."""
    pool, slash, volume = disk.source.partition("/")
    if disk.kind is not DiskKind.VOLUME or not slash:
        return None
    return await volume_named(connection, pool, volume)


async def _volume(connection: Connection, place: VolumePlace | None, seen: _Seen) -> tuple[str, str] | None:
    """Only where libvirt has to write what this account may not: to look for a path, libvirt asks all pools."""
    if place is None and seen.may_write is False and seen.path.startswith("/"):
        try:
            place = await volume_at(connection, seen.path)
        except FerryError:
            return None
    return (place.pool, place.volume) if place else None


def active_on(guests: Iterable[Guest], key: GuestKey) -> tuple[str, ...]:
    """Other hosts, by what was last known of them. Pure."""
    same = (each for each in guests if each.key[1:] == key[1:] and each.key.host != key.host)
    return tuple(each.key.host for each in same if each.state.active)


def same_path_of(guests: Iterable[Guest], key: GuestKey, paths: set[str]) -> tuple[str, ...]:
    """Other guests that are active on other hosts. Pure."""
    others = (
        each
        for each in guests
        if each.state.active and each.key.host != key.host and each.key.uuid != key.uuid
    )
    return tuple(
        f"{each.name} on {each.key.host}"
        for each in others
        if any(disk.path in paths - {""} for disk in each.disks)
    )


def _names(guests: Sequence[Guest], paths: set[str], *, layers: bool = False) -> tuple[str, ...]:
    wanted = paths - {""}
    return tuple(
        guest.name
        for guest in guests
        if any(each.path in wanted for disk in guest.disks for each in (disk.layers if layers else (disk,)))
    )
