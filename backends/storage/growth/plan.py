"""How a disk would grow: each layer that needs it, before anything is done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backends.errors import ActionError
from backends.fleet.supervisor import Supervisor
from backends.model.guest import DiskKind, Guest, GuestState
from backends.model.storage import GrowKind, GrowPlan
from backends.storage.growth.devices import grow_device
from backends.storage.growth.drafts import Draft, Planned, inside, named, refusal, rounded_up, size
from backends.storage.growth.files import FORMATS, grow_file
from backends.storage.growth.layers import Bottom, OnVolume, Stack
from backends.storage.growth.looking import read_stack
from backends.storage.growth.network import grow_network

SECTOR_BYTES = 512
"""What guests count in."""
LARGEST_BYTES = 1 << 62
"""More than any image or device can have."""
GROWN_WHILE_ACTIVE = ("qemu",)
"""libvirt's drivers with virDomainBlockResize (hvsupport.html)."""
_TOLD_WHILE_IT_RUNS = "QEMU tells it while the guest runs"


@dataclass(frozen=True, slots=True)
class Drawn:
    """A plan, and how each of its steps is done."""

    plan: GrowPlan
    planned: tuple[Planned, ...] = ()

    @property
    def is_reached(self) -> bool:
        """Is there nothing to do any more?"""
        return self.plan.before_bytes >= self.plan.after_bytes


async def plan_growth(host: Supervisor, guest: Guest, target: str, size_bytes: int) -> GrowPlan:
    """Raises FerryError where the host does not tell; what cannot be done is a plan that is refused."""
    return draw(await read_stack(host, guest, target), size_bytes).plan


def draw(stack: Stack, size_bytes: int) -> Drawn:
    """Pure. Raises ActionError where it is not known how large the disk is."""
    before = stack.seen_bytes
    if before is None:
        raise ActionError(
            f"it is not known how large {stack.disk.target} of {stack.name} is",
            host=stack.spec.name,
            operation="plan its growth",
            hint=stack.images.trouble or stack.ground.trouble or _TOLD_WHILE_IT_RUNS,
        )
    after = rounded_up(size_bytes, SECTOR_BYTES)
    why, hint = _obstacle(stack, before, after)
    draft = refusal(after, why, hint) if why else _draft(stack, after)
    if draft.refused:
        return Drawn(_plan(stack, before, draft))
    whole = (*draft.steps, inside(stack, draft.after_bytes))
    doubts = (*_doubts(stack, size_bytes, after, draft), *draft.doubts)
    return Drawn(_plan(stack, before, Draft(draft.after_bytes, whole, doubts)), whole)


def _plan(stack: Stack, before: int, draft: Draft) -> GrowPlan:
    return GrowPlan(
        guest=stack.guest,
        name=stack.name,
        target=stack.disk.target,
        before_bytes=before,
        after_bytes=draft.after_bytes,
        steps=tuple(each.step for each in draft.steps),
        refused=draft.refused,
        hint=draft.hint,
        doubts=draft.doubts,
    )


def _draft(stack: Stack, after: int) -> Draft:
    place = stack.ground.place
    if stack.disk.kind is DiskKind.NETWORK:
        return grow_network(stack, after)
    if isinstance(place, Bottom) and place.device.vg_uuid:
        return refusal(after, f"{place.device.path}: {stack.ground.trouble}", stack.ground.mend)
    if isinstance(place, OnVolume | Bottom):
        return grow_device(stack, place, after)
    is_file = stack.disk.kind is DiskKind.FILE or place is not None
    if is_file and stack.path.startswith("/"):
        return grow_file(stack, after)
    why = stack.ground.trouble or "it is not known what the disk is on"
    return refusal(after, why, stack.ground.mend)


def _obstacle(stack: Stack, before: int, after: int) -> tuple[str, str]:
    """What holds for every kind of disk, with the next step for the user; empty: nothing does."""
    return next(
        (
            (why, hint)
            for why, hint in (_of_the_size(before, after), _of_the_guest(stack), _of_the_image(stack))
            if why
        ),
        ("", ""),
    )


def _of_the_size(before: int, after: int) -> tuple[str, str]:
    if after > LARGEST_BYTES:
        return "no disk can have that size", ""
    if after < before:
        words = f"{size(before)} now, {size(after)} asked for"
        return f"a disk is never made smaller: what is behind its new end would be lost ({words})", ""
    return (f"it has {size(before)} already", "") if after == before else ("", "")


def _of_the_guest(stack: Stack) -> tuple[str, str]:
    disk, driver = stack.disk, stack.guest.driver
    if disk.device not in ("disk", "lun"):
        return f"{disk.target} is a {disk.device}", ""
    if disk.read_only:
        return f"{disk.target} is read-only for the guest", ""
    if stack.is_moving:
        return "the guest is being moved", "wait, or abort the move"
    if stack.active_on and not stack.state.active:
        return f"the guest is active on {named(stack.active_on)}", "grow the disk there: its image is in use"
    if stack.job:
        return f"libvirt works on the guest: {stack.job}", "wait until that has ended"
    if stack.state is GuestState.UNKNOWN:
        return "it is not known whether the guest runs", ""
    if stack.state.active and driver not in GROWN_WHILE_ACTIVE:
        return f"libvirt's driver {driver} grows no disk of a guest that runs", "shut it down first"
    return "", ""


def _of_the_image(stack: Stack) -> tuple[str, str]:
    image = stack.images.top
    if stack.disk.format not in FORMATS:
        return f"a {stack.disk.format} image is not grown here", f"only {' and '.join(FORMATS)} images are"
    if stack.overlays_of:
        words = f"images of {named(stack.overlays_of)} are made on top of it"
        return words, "they would be damaged by what is written to it: grow those instead"
    if image is None:
        return "", ""
    if image.corrupt:
        return "the image is damaged", "shut the guest down; qemu-img check -r leaks, then a backup"
    if image.snapshots:
        return (
            f"the image has snapshots inside: {named(image.snapshots)}",
            "they are of the old size: delete them first, or copy the image",
        )
    return "", ""


def _doubts(stack: Stack, asked: int, after: int, draft: Draft) -> Iterator[str]:
    if after > asked:
        yield f"rounded up to whole sectors: {after:,} bytes"
    if stack.disk.shareable or stack.shared_with:
        others = named(stack.shared_with) or "other guests that share it"
        yield f"{others} will see the new size only after being told, or after a new start"
    if stack.same_path_of and not stack.state.active:
        yield (
            f"{named(stack.same_path_of)} runs from the same path: if that is the same storage, nothing but a lock "
            "keeps both from the image"
        )
    told = any(each.step.kind is GrowKind.RESIZE_GUEST_DISK for each in draft.steps)
    if not told and not stack.state.active:
        yield "the guest is off: it sees the new size at its next start"
