"""Can the disks that are not shared be copied: is there a place for them, and is nothing ruined?

QEMU mirrors a disk into an image on the destination that libvirt opens there (NBD): of the same format and virtual
size, made by us where there is none. An image that is there already is written over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import humanize

from backends.hypervisor.disk_sizes import DiskSize, read_disk_sizes
from backends.hypervisor.domain_xml import Definition
from backends.hypervisor.inventory import read_definitions
from backends.migration.checks.context import Context
from backends.migration.checks.disks import Examined, examine, is_copied, layers_of
from backends.migration.checks.files import ImageFacts, Presence, Room, image_of, room_of
from backends.model.guest import Disk
from backends.model.move import Check, DiskCopy, Verdict
from backends.untrusted import clean


@dataclass(frozen=True, slots=True)
class Landing:
    """Where one copy would go."""

    image: ImageFacts
    room: Room
    used_by: str = ""
    """A guest there that has this very file; safe to show."""


class _Check(Protocol):
    """Makes a Check of one disk."""

    def __call__(self, verdict: Verdict, evidence: str, mend: str = "") -> Check: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What is copied, and what is to be thought of it."""

    copies: tuple[DiskCopy, ...]
    checks: tuple[Check, ...]


async def plan(context: Context) -> Plan:
    """Asked once. Raises FerryError."""
    return await context.once.get("copies", lambda: _plan(context))


async def checks(context: Context) -> list[Check]:
    """One a copy; nothing where no copy was asked for."""
    return list((await plan(context)).checks)


async def _plan(context: Context) -> Plan:
    if not (context.request.copy_disks and context.carried_by_libvirt):
        return Plan((), ())
    wanted = [each for each in await examine(context) if is_copied(context, each)]
    if not wanted:
        evidence = "every disk that could be copied is shared"
        return Plan((), (Check("disk.copies", "copies", Verdict.NOTE, evidence),))
    targets = [each.disk.target for each in wanted]
    sizes, landings = await asyncio.gather(
        read_disk_sizes(context.source_connection, context.request.guest.uuid, targets),
        asyncio.gather(*(_landing(context, each) for each in wanted)),
    )
    verdicts = [
        copy_verdict(each, sizes.get(each.disk.target), landing, context.destination.host)
        for each, landing in zip(wanted, landings, strict=True)
    ]
    copies = [
        disk_copy(each.disk, sizes[each.disk.target], landing.image)
        for each, landing in zip(wanted, landings, strict=True)
        if each.disk.target in sizes
    ]
    return Plan(tuple(copies), tuple(verdicts))


def disk_copy(disk: Disk, size: DiskSize, there: ImageFacts) -> DiskCopy:
    """Pure."""
    exists = there.presence is Presence.THERE
    return DiskCopy(disk.target, disk.path, disk.source, disk.format, size.virtual, exists)


async def _landing(context: Context, examined: Examined) -> Landing:
    disk, shell = examined.disk, context.destination.shell
    folder = examined.place.destination.folder if examined.place else disk.path.rpartition("/")[0] or "/"
    image, room = await asyncio.gather(image_of(shell, disk.path, disk.format), room_of(shell, folder))
    if image.presence is Presence.MISSING:
        return Landing(image, room)
    return Landing(image, room, used_by=await _user_of(context, disk.path))


async def _user_of(context: Context, path: str) -> str:
    """Any other guest of the destination that has the file, running or off."""
    own = context.request.guest.uuid
    guests = {
        key.uuid: guest.name for key, guest in context.destination_view.guests.items() if key.uuid != own
    }
    definitions = await context.once.get(
        "definitions there", lambda: read_definitions(context.destination_connection, guests)
    )
    return using(definitions, guests, path)


def using(definitions: Mapping[str, Definition], names: Mapping[str, str], path: str) -> str:
    """The name of the guest whose disk, or a layer of it, is that file; empty where there is none. Pure."""
    for uuid, definition in definitions.items():
        if any(layer.path == path for disk in definition.disks for layer in layers_of(disk)):
            return names.get(uuid, uuid)
    return ""


def copy_verdict(examined: Examined, size: DiskSize | None, landing: Landing, host: str) -> Check:
    """Pure."""
    disk = examined.disk
    shown, image, room = disk.source, landing.image, landing.room

    def check(verdict: Verdict, evidence: str, mend: str = "") -> Check:
        return Check(f"disk.{disk.target}.copy", f"disk {disk.target} can be copied", verdict, evidence, mend)

    if size is None:
        return check(Verdict.REFUSE, f"libvirt does not tell how large {shown} is", "leave out --copy-disks")
    if landing.used_by:
        evidence = f"{shown} on {host} belongs to {clean(landing.used_by)} there"
        return check(Verdict.REFUSE, evidence, "rename one of the two files first")
    if room.presence is Presence.MISSING:
        folder = clean(disk.path.rpartition("/")[0] or "/", limit=1024)
        return check(Verdict.REFUSE, f"{host} has no folder {folder}", f"on {host}: mkdir -p {folder}")
    match image.presence:
        case Presence.UNKNOWN:
            return check(Verdict.UNKNOWN, f"not seen whether {host} has {shown}: {image.words}")
        case Presence.THERE if image.virtual_bytes is None:
            evidence = f"{shown} on {host} is no {disk.format} image"
            return check(Verdict.REFUSE, evidence, f"remove it, or make it anew: {_create(disk, size)}")
        case Presence.THERE if image.virtual_bytes != size.virtual:
            evidence = (
                f"sizes differ: {_size(size.virtual)} here, {_size(image.virtual_bytes or 0)} on {host}"
            )
            return check(Verdict.REFUSE, evidence, f"remove it, or make it anew: {_create(disk, size)}")
        case Presence.THERE if examined.own.verdict is not Verdict.REFUSE:
            evidence = f"{shown} may be the very same file on {host}: copied onto itself, it would be ruined"
            return check(
                Verdict.UNKNOWN, evidence, "make sure that it is another file, or leave out --copy-disks"
            )
    return _room_verdict(check, disk, size, landing, host)


def _room_verdict(check: _Check, disk: Disk, size: DiskSize, landing: Landing, host: str) -> Check:
    """What is written over gives its room back only in part; a copy has the contents of all layers."""
    room, shown = landing.room, disk.source
    taken = f"{_size(size.allocated)} of {_size(size.virtual)} are taken, {host} has {_size(room.available_bytes)} left"
    if room.presence is Presence.UNKNOWN:
        return check(Verdict.UNKNOWN, f"not seen how much room {host} has: {room.words}")
    if size.allocated > room.total_bytes:
        return check(
            Verdict.REFUSE, f"{taken}, and would never have enough", "choose another host or a larger disk"
        )
    if landing.image.presence is Presence.THERE:
        return check(
            Verdict.WARNING, f"{shown} on {host} will be written over", "rename it first, if it is needed"
        )
    if size.allocated > room.available_bytes or (disk.layers and size.virtual > room.available_bytes):
        return check(Verdict.WARNING, taken, f"make room on {host} first")
    if size.virtual > room.available_bytes:
        return check(Verdict.NOTE, f"{taken}: enough while the guest does not fill it")
    return check(Verdict.OK, f"{_size(size.virtual)}, {host} has {_size(room.available_bytes)} left")


def _create(disk: Disk, size: DiskSize) -> str:
    return f"qemu-img create -f {disk.format} {disk.source} {size.virtual}"


def _size(size: int) -> str:
    return humanize.naturalsize(size, binary=True)
