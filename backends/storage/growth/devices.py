"""How a disk grows that is a device: a logical volume, or a LUN as it is. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from backends.model.storage import GrowKind, GrowStep
from backends.probes.storage.lvm import PhysicalVolume, Sharing
from backends.storage.growth.drafts import (
    AS_ROOT,
    LVM_DEADLINE_S,
    MIB,
    RESCAN_DEADLINE_S,
    Draft,
    Planned,
    Run,
    for_the_guest,
    on_host,
    refusal,
    rounded_up,
    size,
)
from backends.storage.growth.files import image_step
from backends.storage.growth.layers import Bottom, OnVolume, Stack, size_of

_HEADER_BYTES = MIB
"""What LVM keeps at the beginning of a device (default_data_alignment, lvm.conf(5))."""
_SIMPLE = ("linear", "striped", "")
_LVM = ("env", "LC_ALL=C", "LVM_SUPPRESS_FD_WARNINGS=1")
_BY_HAND = (
    ("loop", "losetup -c, after its file has grown"),
    ("md", "mdadm --grow"),
    ("drbd", "drbdadm resize"),
    ("rbd", "rbd resize"),
    ("nvme", "nvme resize-ns, where the disk can"),
)


def grow_device(stack: Stack, place: OnVolume | Bottom, after_bytes: int) -> Draft:
    """The device, and what it is made of; then the image in it, or the guest's sight of it."""
    needed = after_bytes if stack.is_raw else after_bytes + image_overhead(after_bytes)
    of_device = _grow(stack, place, needed)
    if of_device.refused:
        return replace(of_device, after_bytes=after_bytes)
    if not stack.is_raw:
        step = image_step(stack, after_bytes)
        if step is None:
            return refusal(after_bytes, f"this account may not write {stack.disk.source}", AS_ROOT)
        return Draft(after_bytes, (*of_device.steps, step), of_device.doubts)
    grown = max(of_device.after_bytes, after_bytes)
    doubts = list(of_device.doubts)
    if grown > after_bytes:
        doubts.append(f"the guest sees the whole device, which will have {size(grown)} ({grown:,} bytes)")
    if stack.state.active:
        step = for_the_guest(stack, grown, "QEMU looks at the device again, and the guest sees it at once")
        return Draft(grown, (*of_device.steps, step), tuple(doubts))
    return Draft(grown, of_device.steps, tuple(doubts))


def image_overhead(virtual_bytes: int) -> int:
    """What a qcow2 image may take besides its contents: 8 and 2 bytes for each cluster of 64 KiB (QEMU's
    docs/interop/qcow2.txt), and as much again to be sure."""
    return rounded_up(virtual_bytes // 4096, MIB) + MIB


def _grow(stack: Stack, place: OnVolume | Bottom, needed: int) -> Draft:
    """`after_bytes` of the answer: how large the device will be."""
    now = size_of(place)
    if now is None:
        return refusal(needed, "it is not known how large the device is", stack.ground.mend)
    if now >= needed:
        return Draft(now)
    if not stack.is_root:
        return refusal(needed, "this account may not change devices", AS_ROOT)
    return (
        _grow_volume(stack, place, needed) if isinstance(place, OnVolume) else _grow_lun(stack, place, needed)
    )


# Logical volumes --------------------------------------------------------------------------------------


def _grow_volume(stack: Stack, on: OnVolume, needed: int) -> Draft:
    group, volume = on.group, on.volume
    name = f"{group.name}/{volume.name}"
    if why := _obstacle(on):
        return refusal(needed, why)
    if not group.extent_bytes or volume.size_bytes is None or group.free_bytes is None:
        return refusal(needed, f"LVM does not tell how {name} is made", "see: vgs, lvs")
    after = rounded_up(needed, group.extent_bytes)
    missing = 0 if on.pool else after - volume.size_bytes - group.free_bytes
    below = _make_room(stack, on, missing) if missing > 0 else Draft(0)
    if below.refused:
        return replace(below, after_bytes=after)
    run = Run((*_LVM, "lvextend", "-L", f"{after}b", name), LVM_DEADLINE_S)
    step = on_host(
        stack,
        GrowKind.EXTEND_LV,
        f"LVM gives {name} {size(after - volume.size_bytes)} more",
        (volume.size_bytes, after),
        run,
        f"lvextend -L {after}b {name}",
    )
    return Draft(after, (*below.steps, step), (*below.doubts, *_doubts(on, needed, after)))


def _obstacle(on: OnVolume) -> str:
    """lvs(8)'s first letters: o, O origin, s, S snapshot."""
    group, volume = on.group, on.volume
    states = (
        (group.is_exported, f"the volume group {group.name} is exported"),
        (group.is_partial, f"a device of the volume group {group.name} is missing"),
        (
            bool(on.copies),
            f"a device of the volume group {group.name} is there twice: {', '.join(on.copies)} is a copy of one",
        ),
        (group.is_read_only, f"the volume group {group.name} is read-only"),
        (volume.attr[1:2] in ("r", "R"), f"{volume.name} is read-only"),
        (bool(volume.health), f"{volume.name}: {volume.health.replace('_', ' ')}"),
        (volume.attr[:1] in "sS" and bool(volume.attr), f"{volume.name} is a snapshot"),
        (
            volume.attr[:1] in "oO" and bool(volume.attr) and volume.is_active is not False,
            f"{volume.name} has snapshots, and can grow only while it is not active",
        ),
    )
    return next((words for holds, words in states if holds), "")


def _doubts(on: OnVolume, needed: int, after: int) -> Iterator[str]:
    group, volume, pool = on.group, on.volume, on.pool
    if after > needed:
        yield f"rounded up to LVM's extents of {size(group.extent_bytes or 0)}: {size(after)} ({after:,} bytes)"
    if pool is not None:
        yield from _of_thin_pool(on, after)
    elif volume.segment not in _SIMPLE:
        yield f"{volume.name} is {volume.segment}: LVM itself knows how much room that takes"
    if group.sharing not in (Sharing.NONE, Sharing.UNKNOWN):
        yield f"{group.name} is shared ({group.sharing.value}): LVM refuses while other hosts have {volume.name} active"
    elif any(bottom is not None and bottom.is_lun for _, bottom in on.bottoms):
        yield (
            f"{group.name} has no lock: make sure that no other host changes it now; "
            f"hosts that have {volume.name} active need lvchange --refresh"
        )


def _of_thin_pool(on: OnVolume, after: int) -> Iterator[str]:
    pool, more = on.pool, after - (on.volume.size_bytes or 0)
    assert pool is not None
    if pool.size_bytes is None or pool.data_percent is None:
        yield f"not known how full the thin pool {pool.name} is"
        return
    left = int(pool.size_bytes * (1 - pool.data_percent / 100))
    if more > left:
        yield f"the thin pool {pool.name} has {size(left)} left, and {size(more)} more are promised"


def _make_room(stack: Stack, on: OnVolume, missing: int) -> Draft:
    """Physical volumes first take what their devices have; then a LUN has to grow."""
    extent = on.group.extent_bytes or MIB
    steps: list[Planned] = []
    lun: tuple[PhysicalVolume, Bottom, int] | None = None
    for volume, bottom in on.bottoms:
        gain = _gain(volume, bottom, extent)
        if gain is None:
            continue
        if lun is None and bottom is not None and bottom.is_lun:
            lun = volume, bottom, gain
        elif gain and missing > 0:
            steps.append(_resize_pv(stack, volume, gain))
            missing -= gain
    if missing <= 0:
        return Draft(0, tuple(steps))
    if lun is None:
        return refusal(
            0,
            f"the volume group {on.group.name} lacks {size(missing)} of free room",
            f"give it another device: pvcreate, then vgextend {on.group.name}",
        )
    volume, bottom, gain = lun
    if gain >= missing:
        return Draft(0, (*steps, _resize_pv(stack, volume, gain)))
    more = rounded_up(missing, extent)
    of_lun = _grow_lun(stack, bottom, rounded_up((volume.size_bytes or 0) + more + _HEADER_BYTES, MIB))
    return Draft(0, (*steps, *of_lun.steps, _resize_pv(stack, volume, more)), of_lun.doubts)


def _gain(volume: PhysicalVolume, bottom: Bottom | None, extent: int) -> int | None:
    """What it could have more of its device, as large as that is now; None where that is not told."""
    device = bottom.device.size_bytes if bottom is not None else volume.device_bytes
    if device is None or volume.size_bytes is None:
        return None
    return max(0, (device - _HEADER_BYTES) // extent * extent - volume.size_bytes)


def _resize_pv(stack: Stack, volume: PhysicalVolume, more: int) -> Planned:
    run = Run((*_LVM, "pvresize", volume.device), LVM_DEADLINE_S)
    words = f"LVM takes all of {volume.device} into its group"
    sizes = (volume.size_bytes, (volume.size_bytes or 0) + more)
    return on_host(stack, GrowKind.RESIZE_PV, words, sizes, run, f"pvresize {volume.device}")


# LUNs -------------------------------------------------------------------------------------------------


def _grow_lun(stack: Stack, bottom: Bottom, needed: int) -> Draft:
    """The LUN itself is not ours; the host then has to look, and multipath to follow."""
    device = bottom.device
    if not bottom.is_lun:
        return refusal(needed, *_why_not(bottom))
    after = rounded_up(needed, MIB)
    steps: list[Planned] = []
    smallest = min((path.size_bytes or 0 for path in bottom.paths), default=0)
    if smallest < needed:
        steps += [_on_its_storage(stack, bottom, after), _rescan(stack, bottom, after)]
    if bottom.device.is_multipath and (device.size_bytes or 0) < needed:
        name = bottom.map.name if bottom.map else device.dm_name
        run = Run(("multipathd", "resize", "map", name), RESCAN_DEADLINE_S)
        words = f"multipath takes the new size of the paths of {name}"
        steps.append(on_host(stack, GrowKind.RESIZE_MULTIPATH, words, (device.size_bytes, after), run))
    return Draft(smallest if smallest >= needed else after, tuple(steps))


def _on_its_storage(stack: Stack, bottom: Bottom, after: int) -> Planned:
    device = bottom.device
    before = device.size_bytes or 0
    which = bottom.wwid or bottom.paths[0].serial or device.path
    words = f"on its storage, the LUN {which} has to have {size(after - before)} more"
    step = GrowStep(
        GrowKind.GROW_LUN, stack.spec.name, words, before, after, "on the storage itself", ours=False
    )
    return Planned(step)


def _rescan(stack: Stack, bottom: Bottom, after: int) -> Planned:
    files = [f"/sys/class/block/{path.name.replace('/', '!')}/device/rescan" for path in bottom.paths]
    names = ", ".join(path.name for path in bottom.paths)
    run = Run(("tee", *files), RESCAN_DEADLINE_S, b"1\n")
    shown = f"echo 1 | tee {' '.join(files)}"
    words = f"the host looks how large {names} is now"
    return on_host(stack, GrowKind.RESCAN_LUN, words, (bottom.device.size_bytes, after), run, shown)


def _why_not(bottom: Bottom) -> tuple[str, str]:
    device = bottom.device
    if bottom.is_partition:
        return f"{device.path} is a partition", "grow it with its disk's partition table, then plan anew"
    if device.dm_uuid:
        return f"{device.path} is made by device-mapper in a way that is not known here", "grow it by hand"
    for start, way in _BY_HAND:
        if device.name.startswith(start):
            return f"{device.path} does not grow by itself", f"grow it by hand: {way}"
    return f"{device.path} is a disk of the host's own, and has no more", "move the image to a larger one"
