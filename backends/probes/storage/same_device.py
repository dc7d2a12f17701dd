"""Are two hosts' block devices one? By names that no other disk has, and by the bytes that they begin with. Pure.

A name alone may be another one's (makers leave what should be unique as it is), and the same bytes may be a copy: only
both together tell that two devices are one.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from backends.model.storage import Sharing
from backends.probes.storage import wwid
from backends.probes.storage.block import Device, aliases
from backends.probes.storage.header import Header, HostDevices, State
from backends.probes.storage.lvm import Group
from backends.untrusted import clean

_NUMBER_OF_PARTITION = re.compile(r"(\d+)$")


@dataclass(frozen=True, slots=True)
class Sameness:
    """What is known of two devices. `obstacle`: it is the same one, and cannot be used there as it is."""

    sharing: Sharing
    evidence: str
    mend: str = ""
    obstacle: bool = False
    may_have_changed: bool = False
    """The same disk by its names, with other first bytes: a guest may have written between the two looks."""


def compare(here: HostDevices, path: str, there: HostDevices, path_there: str = "") -> Sameness:
    """The device at `path` here, against the one at `path_there` (the same path where none is said)."""
    path_there = path_there or path
    return _unseen(here, path, there, path_there) or _compared(here, path, there, path_there)


def _unseen(here: HostDevices, path: str, there: HostDevices, path_there: str) -> Sameness | None:
    """One of them is not there, or nothing is known of it."""
    begin, other = here.header(path), there.header(path_there)
    for side, header, name in ((here, begin, path), (there, other, path_there)):
        if side.trouble and header.state is State.UNKNOWN:
            return Sameness(Sharing.UNKNOWN, f"{side.host}: {side.trouble}", "compare the WWID on both hosts")
        if header.state is State.OTHER:
            return Sameness(Sharing.DIFFERENT, f"{_shown(name)} is no block device on {side.host}")
    if other.state is State.MISSING:
        return _missing(here, path, there, path_there)
    if begin.state is State.MISSING:
        return Sameness(Sharing.UNKNOWN, f"{here.host} has no {_shown(path)}")
    return None


def _compared(here: HostDevices, path: str, there: HostDevices, path_there: str) -> Sameness:
    begin, other = here.header(path), there.header(path_there)
    names = _names_match(here, path, there, path_there)
    if names is False or not _same_part(here.device(path), there.device(path_there)):
        return _other_disk(here, path, there, path_there)
    if not (begin.digest and other.digest):
        return _unread(here, begin, there, other, path, names=names)
    if begin.digest != other.digest:
        evidence = f"{_shown(path)} begins with other bytes on {there.host}{_signs(begin, other)}"
        mend = _attach(here, path, there)
        return Sameness(Sharing.DIFFERENT, evidence, mend, may_have_changed=names is True)
    if names is None:
        evidence = f"{_shown(path)} begins with the same bytes on both, but no WWID tells it from a copy"
        return Sameness(Sharing.UNKNOWN, evidence, "give the disk a WWID or a serial number")
    return _same(here, path, there, path_there)


def _names_match(here: HostDevices, path: str, there: HostDevices, path_there: str) -> bool | None:
    """Are all disks below the one also below the other? None: some have no name of their own."""
    volume, volume_there = here.volume(path), there.volume(path_there)
    if volume and volume_there and volume[1].uuid != volume_there[1].uuid:
        return False
    device, other = here.device(path), there.device(path_there)
    if device and other and device.vg_uuid and other.vg_uuid and device.dm_uuid != other.dm_uuid:
        return False
    return match_disks(here.disks(path), there.disks(path_there))


def match_disks(ours: Sequence[Device], theirs: Sequence[Device]) -> bool | None:
    """Is each of the one among the others, and the other way round? None: some have no name of their own."""
    if not ours or not theirs or not all(map(aliases, (*ours, *theirs))):
        return None
    return all(any(_is_one(each, other) for other in theirs) for each in ours) and all(
        any(_is_one(each, other) for other in ours) for each in theirs
    )


def _is_one(disk: Device, other: Device) -> bool:
    """A target may show each host another disk under one LUN: a WWID knows better."""
    if wwid.is_unique(disk.wwid) and wwid.is_unique(other.wwid):
        return disk.wwid == other.wwid
    return bool(aliases(disk) & aliases(other))


def _found_as(here: HostDevices, path: str, there: HostDevices) -> str:
    """The path that the disk has there; empty where it is not there, or is none by itself."""
    disks = here.disks(path)
    found = (
        each.path
        for each in there.devices.by_name.values()
        if not each.parent and any(_is_one(disk, each) for disk in disks)
    )
    return next(found, "") if here.volume(path) is None else ""


def _same_part(device: Device | None, other: Device | None) -> bool:
    """Of a partition: has it the same number?"""
    if device is None or other is None:
        return True
    numbers = [
        match[1] if each.parent and (match := _NUMBER_OF_PARTITION.search(each.name)) else ""
        for each in (device, other)
    ]
    return numbers[0] == numbers[1]


def _same(here: HostDevices, path: str, there: HostDevices, path_there: str) -> Sameness:
    """The same one; can it be used there?"""
    evidence = f"the same disk ({_name_of(here, path)}), and the same first bytes, on both hosts"
    device, other = here.device(path), there.device(path_there)
    if device and other and device.size_bytes and other.size_bytes and other.size_bytes < device.size_bytes:
        smaller = (
            f"{there.host} takes it for {other.size_bytes:,} bytes, {here.host} for {device.size_bytes:,}"
        )
        mend = f"rescan it on {there.host}"
        return Sameness(Sharing.SAME_IDENTITY, f"{evidence}; {smaller}", mend, obstacle=True)
    if device and other and other.read_only and not device.read_only:
        mend = f"on {there.host}: blockdev --setrw {shlex.quote(_shown(path_there))}"
        return Sameness(
            Sharing.SAME_IDENTITY, f"{evidence}; {there.host} may only read it", mend, obstacle=True
        )
    return Sameness(Sharing.SAME_IDENTITY, evidence)


def _missing(here: HostDevices, path: str, there: HostDevices, path_there: str) -> Sameness:
    """No such path there: is what it stands for there all the same?"""
    evidence = f"{there.host} has no {_shown(path_there)}"
    volume, volume_there = here.volume(path), there.volume(path_there)
    if volume_there and (volume is None or volume[1].uuid == volume_there[1].uuid):
        name = f"{volume_there[0].name}/{volume_there[1].name}"
        on_same = volume is not None and _groups_match(here, there, volume[0].name, volume_there[0].name)
        return Sameness(
            Sharing.SAME_IDENTITY if on_same else Sharing.UNKNOWN,
            f"the logical volume {name} is not active on {there.host}",
            f"on {there.host}: lvchange -ay {shlex.quote(name)}",
            obstacle=True,
        )
    if found := _found_as(here, path, there):
        mend = "let the guest name it by a path that all hosts have, as those in /dev/disk/by-id"
        return Sameness(Sharing.DIFFERENT, f"{evidence}: it has that disk as {found}", mend)
    return Sameness(Sharing.DIFFERENT, evidence, _attach(here, path, there))


def _groups_match(here: HostDevices, there: HostDevices, group: str, group_there: str) -> bool:
    """Do two groups of one UUID lie on the same disks?"""

    def disks(side: HostDevices, name: str) -> list[Device]:
        paths = [each.device for one in side.lvm.groups if one.name == name for each in one.devices]
        return [disk for path in paths for disk in side.disks(path)]

    return match_disks(disks(here, group), disks(there, group_there)) is True


def compare_groups(here: HostDevices, there: HostDevices, name: str, name_there: str) -> Sameness:
    """Volume groups of two hosts, by their names: the same UUID, on the same disks (a copy of a disk has it too)."""
    ours, theirs = _group(here, name), _group(there, name_there)
    for side, group, called in ((here, ours, name), (there, theirs, name_there)):
        if group is None:
            trouble = side.trouble or side.lvm.trouble
            evidence = f"{side.host}: {trouble}" if trouble else f"{side.host} has no volume group {called}"
            return Sameness(Sharing.UNKNOWN if trouble or side is here else Sharing.DIFFERENT, evidence)
    assert ours is not None and theirs is not None
    if ours.uuid != theirs.uuid:
        evidence = f"{name} is {ours.uuid} on {here.host} and {theirs.uuid} on {there.host}"
        return Sameness(Sharing.DIFFERENT, evidence)
    if _groups_match(here, there, name, name_there):
        return Sameness(Sharing.SAME_IDENTITY, f"the same volume group {ours.uuid}, on the same disks")
    evidence = f"the volume group {ours.uuid} on both, but nothing tells its disks from copies"
    return Sameness(Sharing.UNKNOWN, evidence)


def _group(side: HostDevices, name: str) -> Group | None:
    return next((group for group in side.lvm.groups if group.name == name), None)


def _other_disk(here: HostDevices, path: str, there: HostDevices, path_there: str) -> Sameness:
    evidence = (
        f"{_shown(path)} is {_name_of(here, path)} on {here.host}"
        f" and {_name_of(there, path_there)} on {there.host}"
    )
    if found := _found_as(here, path, there):
        mend = f"{there.host} has it as {found}: let the guest name it by a path in /dev/disk/by-id"
        return Sameness(Sharing.DIFFERENT, evidence, mend)
    return Sameness(Sharing.DIFFERENT, evidence, _attach(here, path, there))


def _unread(
    here: HostDevices, begin: Header, there: HostDevices, other: Header, path: str, *, names: bool | None
) -> Sameness:
    """Nothing was read from one of them."""
    side, header = (here, begin) if not begin.digest else (there, other)
    why = "permission denied" if header.state is State.DENIED else "its first bytes could not be read"
    same = f"; both call it {_name_of(here, path)}" if names else ""
    mend = f"log in to {side.host} as root, or add the account to the group of the device (disk)"
    return Sameness(
        Sharing.UNKNOWN,
        f"{side.host}: {_shown(path)}: {why}{same}",
        mend if header.state is State.DENIED else "",
    )


def _attach(here: HostDevices, path: str, there: HostDevices) -> str:
    return f"let {there.host} see the disk {_name_of(here, path)}"


def _name_of(side: HostDevices, path: str) -> str:
    """In words: the name that a person finds it by."""
    volume = side.volume(path)
    if volume is not None:
        return f"the volume {volume[0].name}/{volume[1].name} {volume[1].uuid}"
    names = sorted((name for disk in side.disks(path) for name in aliases(disk)), reverse=True)
    if names:
        return names[0].partition(":")[2]
    device = side.device(path)
    return (device.wwid if device and device.wwid else "") or "a disk without a WWID"


def _signs(begin: Header, other: Header) -> str:
    if begin.signs == other.signs:
        return ""
    ours, theirs = (", ".join(each.signs) or "nothing known" for each in (begin, other))
    return f" ({ours} against {theirs})"


def _shown(path: str) -> str:
    return clean(path, limit=1024)
