"""From a guest's disk down to the bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from backends.fleet.supervisor import Supervisor
from backends.model.guest import DiskKind, Guest
from backends.model.storage import Access, Chain, ChainLink, LayerKind
from backends.probes.storage.images import Image
from backends.probes.storage.lvm import PhysicalVolume, Sharing
from backends.storage.growth.drafts import size
from backends.storage.growth.layers import Bottom, OnFileSystem, OnVolume, Stack
from backends.storage.growth.looking import read_stack
from backends.untrusted import clean

_NAME_LIMIT = 1024


async def read_chain(host: Supervisor, guest: Guest, target: str) -> Chain:
    """Raises FerryError."""
    return chain_of(await read_stack(host, guest, target))


def chain_of(stack: Stack) -> Chain:
    """Pure."""
    links = list(_links(stack))
    trouble = _said(stack.ground.trouble, stack.ground.mend)
    if trouble and not any(link.trouble for link in links):
        links[-1] = replace(links[-1], trouble=trouble)
    return Chain(stack.guest, stack.name, stack.disk.target, tuple(links))


def _links(stack: Stack) -> Iterator[ChainLink]:
    disk = stack.disk
    told = [stack.state.value, *(["read-only"] if disk.read_only else [])]
    told += [*(["shareable"] if disk.shareable else []), *([f"cache {disk.cache}"] if disk.cache else [])]
    why = "" if stack.seen_bytes is not None else "libvirt does not tell how large it is"
    yield ChainLink(
        LayerKind.GUEST_DISK, f"{disk.target} of {stack.name}", stack.seen_bytes, ", ".join(told), why
    )
    if disk.kind is DiskKind.NETWORK:
        yield _network(stack)
        return
    yield from _images(stack)
    place = stack.ground.place
    if isinstance(place, OnFileSystem):
        yield _file_system(place)
        place = place.ground
    if isinstance(place, OnVolume):
        yield from _volume(place)
    elif place is not None:
        yield from _bottom(place)


def _network(stack: Stack) -> ChainLink:
    """QEMU opens it by itself: the host's kernel knows nothing of it."""
    protocol = stack.disk.source.partition(":")[0]
    kind = LayerKind.LUN if protocol == "iscsi" else LayerKind.NETWORK
    return ChainLink(
        kind, stack.disk.source, stack.seen_bytes, f"{stack.disk.format}, opened by QEMU over {protocol}"
    )


def _images(stack: Stack) -> Iterator[ChainLink]:
    """A raw device is no image."""
    known = stack.images
    trouble = _said(known.trouble, known.mend)
    if not known.images:
        if trouble or not isinstance(stack.ground.place, OnVolume | Bottom):
            yield ChainLink(LayerKind.IMAGE, stack.disk.source, stack.virtual_bytes, _used(stack), trouble)
        return
    for number, image in enumerate(known.images):
        kind = LayerKind.BACKING if number else LayerKind.IMAGE
        is_last = number == len(known.images) - 1
        name = image.name if number else stack.disk.source
        yield ChainLink(kind, name, image.virtual_bytes, _of_image(image), trouble if is_last else "")


def _used(stack: Stack) -> str:
    used = stack.allocated_bytes
    return stack.disk.format if used is None else f"{stack.disk.format}, {size(used)} in use"


def _of_image(image: Image) -> str:
    words = [image.format]
    if image.allocated_bytes is not None:
        words.append(f"{size(image.allocated_bytes)} in use")
    if image.snapshots:
        words.append(f"{len(image.snapshots)} snapshots inside")
    words += [f"data in {image.data_file}"] if image.data_file else []
    words += [word for word, holds in (("encrypted", image.encrypted), ("damaged", image.corrupt)) if holds]
    return ", ".join(words)


def _file_system(place: OnFileSystem) -> ChainLink:
    mount, room = place.mount, place.room
    words = [f"{mount.kind} on {mount.source}"]
    if room.available_bytes is not None:
        words.append(f"{size(room.available_bytes)} free")
    words += ["read-only"] if mount.access is Access.READ_ONLY else []
    trouble = "" if room.capacity_bytes is not None else room.detail
    detail = clean(", ".join(words), limit=_NAME_LIMIT)
    return ChainLink(
        LayerKind.FILE_SYSTEM, clean(mount.point, limit=_NAME_LIMIT), room.capacity_bytes, detail, trouble
    )


def _volume(on: OnVolume) -> Iterator[ChainLink]:
    group, volume = on.group, on.volume
    words = [volume.segment, f"in the thin pool {volume.pool}" if volume.pool else "", volume.health]
    words += ["not active"] if volume.is_active is False else []
    yield ChainLink(
        LayerKind.LOGICAL_VOLUME,
        f"{group.name}/{volume.name}",
        volume.size_bytes,
        ", ".join(filter(None, words)),
    )
    words = [f"{size(group.free_bytes)} free"] if group.free_bytes is not None else []
    words += [] if group.sharing in (Sharing.NONE, Sharing.UNKNOWN) else [f"lock: {group.sharing.value}"]
    words += ["a device is missing"] if group.is_partial else []
    yield ChainLink(LayerKind.VOLUME_GROUP, group.name, group.size_bytes, ", ".join(words))
    used = [each for each in on.bottoms if each[0].device in volume.devices] or on.bottoms
    for physical, bottom in used:
        yield from _physical(physical, bottom)


def _physical(physical: PhysicalVolume, bottom: Bottom | None) -> Iterator[ChainLink]:
    free = f"{size(physical.free_bytes)} free" if physical.free_bytes is not None else ""
    name = physical.device or physical.uuid
    trouble = "" if physical.device else "its device is not there"
    if physical.device and bottom is None:
        trouble = "the host does not tell of its device"
    yield ChainLink(LayerKind.PHYSICAL_VOLUME, name, physical.size_bytes, free, trouble)
    if bottom is not None:
        yield from _bottom(bottom)


def _bottom(bottom: Bottom) -> Iterator[ChainLink]:
    device = bottom.device
    words = [" ".join(filter(None, (device.vendor, device.model))), device.wwid]
    words += [f"serial number {device.serial}"] if device.serial else []
    words += [f"partition of {device.parent}"] if device.parent else []
    words += [f"file {device.backing_file}"] if device.backing_file else []
    if device.is_multipath:
        good = sum(path.works is True for path in bottom.map.paths) if bottom.map else None
        told = f"{good} of {len(bottom.map.paths)} paths" if bottom.map else f"{len(bottom.paths)} paths"
        yield ChainLink(LayerKind.MULTIPATH, device.path, device.size_bytes, told)
    if bottom.is_lun:
        path = bottom.paths[0]
        lun = f" LUN {path.lun}" if path.lun is not None else ""
        ways = "iSCSI" if path.session else "Fibre Channel"
        label = bottom.wwid or path.path
        words = [f"{ways}{lun}", " ".join(filter(None, (path.vendor, path.model))), *_names(bottom)]
        yield ChainLink(LayerKind.LUN, label, path.size_bytes, ", ".join(filter(None, words)))
    elif not device.is_multipath:
        yield ChainLink(LayerKind.DEVICE, device.path, device.size_bytes, ", ".join(filter(None, words)))
    if bottom.disk is not None:
        yield from _bottom(bottom.disk)


def _names(bottom: Bottom) -> Iterator[str]:
    if bottom.paths:
        yield "as " + ", ".join(path.path for path in bottom.paths)


def _said(trouble: str, mend: str) -> str:
    return f"{trouble} ({mend})" if trouble and mend else trouble
