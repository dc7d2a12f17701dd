"""How a disk grows that is a file. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from backends.model.storage import Access, GrowKind, GrowStep
from backends.storage.growth.drafts import (
    AS_ROOT,
    Draft,
    Planned,
    ResizeVolume,
    for_the_guest,
    for_the_image,
    refusal,
    size,
)
from backends.storage.growth.layers import OnFileSystem, Stack
from backends.untrusted import clean

FORMATS = ("raw", "qcow2")


def grow_file(stack: Stack, after_bytes: int) -> Draft:
    """The image is all there is to grow: a file system gives room where it has some."""
    place = stack.ground.place
    if isinstance(place, OnFileSystem):
        if place.mount.access is Access.READ_ONLY:
            point = clean(place.mount.point, limit=1024)
            return refusal(after_bytes, f"{point} is mounted read-only", f"mount -o remount,rw {point}")
        if why := _no_room(stack, place, after_bytes):
            return refusal(after_bytes, why, "make room there first, or grow it by less")
    step = image_step(stack, after_bytes)
    if step is None:
        return refusal(after_bytes, f"this account may not write {stack.disk.source}", AS_ROOT)
    return Draft(after_bytes, (step,), tuple(_doubts(stack, place, after_bytes)))


def image_step(stack: Stack, after_bytes: int) -> Planned | None:
    """Who grows the image: the QEMU that has it open, qemu-img, or libvirt where we may not. None: nobody can."""
    if stack.state.active:
        words = f"QEMU grows the {stack.disk.format} image, and the guest sees it at once"
        return for_the_guest(stack, after_bytes, words)
    if stack.may_write is not False and stack.path.startswith("/") and stack.images.top is not None:
        return for_the_image(stack, after_bytes)
    if stack.volume is None:
        return None
    pool, volume = stack.volume
    uri = stack.spec.virsh_uri(stack.guest.driver)
    command = ["virsh", "-c", uri, "vol-resize", "--pool", clean(pool), clean(volume), f"{after_bytes}B"]
    step = GrowStep(
        GrowKind.RESIZE_VOLUME,
        stack.spec.name,
        "libvirt grows the volume",
        stack.seen_bytes,
        after_bytes,
        shlex.join(command),
        online=False,
    )
    return Planned(step, ResizeVolume(pool, volume, after_bytes))


def _no_room(stack: Stack, place: OnFileSystem, after_bytes: int) -> str:
    """An image that has all of its room already is meant to have all of the new one, too."""
    taken, before, room = _taken(stack), stack.seen_bytes, place.room.available_bytes
    if taken is None or before is None or room is None or taken < before or after_bytes - before <= room:
        return ""
    point = clean(place.mount.point, limit=1024)
    return (
        f"the image has all its room, and needs {size(after_bytes - before)} more: {point} has {size(room)}"
    )


def _doubts(stack: Stack, place: object, after_bytes: int) -> Iterator[str]:
    if stack.images.top is None:
        yield f"the image was not looked at: {stack.images.trouble or 'it is not told where it is'}"
    elif stack.images.trouble:
        yield f"the images below are not all known: {stack.images.trouble}"
    if not isinstance(place, OnFileSystem):
        yield f"not known how much room there is: {stack.ground.trouble or 'it is not told'}"
        return
    taken, room = _taken(stack), place.room.available_bytes
    point = clean(place.mount.point, limit=1024)
    if taken is None or room is None:
        why = place.room.detail or "the host does not tell"
        yield f"not known whether there is room on {point}: {why}"
    elif after_bytes - taken > room:
        yield (
            f"the image is sparse: filled up it needs {size(after_bytes - taken)} more, "
            f"and {point} has {size(room)}: a guest that writes it all would be paused"
        )


def _taken(stack: Stack) -> int | None:
    image = stack.images.top
    return image.allocated_bytes if image is not None else stack.allocated_bytes
