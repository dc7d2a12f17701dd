"""A host's block devices: how large they are, what tells them from all others, and which is made of which.

From sysfs (Documentation/ABI/testing/sysfs-block and sysfs-class-*, stable/sysfs-block) and udev's links. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

from backends.model.storage import Access, Health, StorageKind, Way, WayKind
from backends.probes.storage import attributes, wwid
from backends.probes.storage.seen import Seen
from backends.probes.survey.readings import Readings
from backends.untrusted import clean

CLASS = "/sys/class/block"
SESSIONS = "/sys/class/iscsi_session"
LINKS = "links /sys/class/block"
BY_ID, BY_PATH, BY_UUID = (f"links /dev/disk/by-{way}" for way in ("id", "path", "uuid"))
SLAVES = "slaves"
_SECTOR_BYTES = 512
"""The kernel's `size` counts these, whatever the disk's own are."""
_DEEP = 16
"""Layers that are followed down: more are a circle."""

_SESSION = re.compile(r"/session(\d+)/target")
_REMOTE_PORT = re.compile(r"/(rport-[\d:-]+)/target")
_HCTL = re.compile(r"/(\d+:\d+:\d+:(\d{1,20}))/")
_FLAT_LUN, _LUN_BITS = 0x4000, 0x3FFF
"""SAM's flat addressing, by which the kernel counts LUNs above 255."""
_NOT_DISKS = re.compile(r"(loop|ram|zram|sr|fd|nbd|rbd|drbd|md|dm-)\d|nvme\d+c\d+n\d+$|mtdblock")
"""Files, memory, CDs, disks of other readers, what is made of disks, and single paths of an NVMe disk."""
_MPATH, _LVM = "mpath-", "LVM-"


@dataclass(frozen=True, slots=True)
class Device:
    """One block device. Texts are safe to show but for `links`."""

    name: str
    """The kernel's: `sda`, `dm-3`, `cciss!c0d0`."""
    size_bytes: int | None = None
    read_only: bool | None = None
    removable: bool = False
    wwid: str = ""
    """As wwid.canonical; empty where the host does not tell."""
    vendor: str = ""
    model: str = ""
    serial: str = ""
    state: str = ""
    """SCSI's: `running`, `offline`, `blocked`, `transport-offline`; NVMe's: `live`."""
    dm_name: str = ""
    dm_uuid: str = ""
    """`mpath-36001...`, `LVM-` and both UUIDs, `CRYPT-LUKS2-...`."""
    backing_file: str = ""
    """Of a loop device."""
    parent: str = ""
    """Of a partition: the disk."""
    made_of: tuple[str, ...] = ()
    """Names of the devices below: paths, mirrors' halves, physical volumes."""
    session: str = ""
    """Of a disk behind iSCSI: the number of its session."""
    target: str = ""
    """That session's IQN."""
    remote_port: str = ""
    """Of a disk behind Fibre Channel: `rport-1:0-2`."""
    lun: int | None = None
    fs_uuids: tuple[str, ...] = ()
    """Of the file system on it, as udev has read it."""
    links: tuple[str, ...] = ()
    """Below /dev: `disk/by-id/...`."""

    @property
    def path(self) -> str:
        """`/dev/sda`; a mapped device by the name that lasts. Safe to show."""
        return f"/dev/mapper/{self.dm_name}" if self.dm_name else f"/dev/{self.name.replace('!', '/')}"

    @property
    def is_multipath(self) -> bool:
        """Is it made of several ways to one disk (multipath-tools' prefix of the UUID)?"""
        return self.dm_uuid.startswith(_MPATH)

    @property
    def vg_uuid(self) -> str:
        """Of the volume group whose volume it is; or empty."""
        if not self.dm_uuid.startswith(_LVM) or len(self.dm_uuid) < len(_LVM) + 64:
            return ""
        return lvm_uuid(self.dm_uuid.removeprefix(_LVM)[:32])


@dataclass(frozen=True)
class Devices:
    """All of one host's, by the kernel's names."""

    by_name: Mapping[str, Device] = field(default_factory=dict)
    trouble: str = ""
    """Why nothing is known of them; empty where something is."""
    mend: str = ""

    def find(self, path: str) -> Device | None:
        """By any of its paths below /dev, or the kernel's name."""
        below = path.removeprefix("/dev/")
        return self.by_name.get(below.replace("/", "!")) or self._by_link.get(below)

    def below(self, name: str) -> tuple[Device, ...]:
        """The device itself and all that it is made of, from above to the disks, each once."""
        found: dict[str, Device] = {}
        layer = {name}
        for _ in range(_DEEP):
            devices = [
                self.by_name[each] for each in sorted(layer) if each in self.by_name and each not in found
            ]
            found |= {device.name: device for device in devices}
            layer = {each for device in devices for each in (*device.made_of, device.parent)}
        return tuple(found.values())

    def aliases(self, path: str) -> frozenset[str]:
        """For `Seen.under`: those of the disks and groups that a device lies on, or of a disk itself."""
        device = self.find(path)
        if device is None:
            return frozenset()
        if device.vg_uuid:
            return frozenset({f"vg:{device.vg_uuid}"})
        found: set[str] = set()
        for each in self.below(device.name):
            if each.vg_uuid:
                return frozenset({f"vg:{each.vg_uuid}"})
            found |= aliases(each)
        return frozenset(found)

    @cached_property
    def _by_link(self) -> Mapping[str, Device]:
        named = {f"mapper/{each.dm_name}": each for each in self.by_name.values() if each.dm_name}
        volumes = {_volume_path(each.dm_name): each for each in self.by_name.values() if each.vg_uuid}
        return named | volumes | {link: each for each in self.by_name.values() for link in each.links}


def read(readings: Readings) -> Devices:
    """Pure."""
    told = readings.reading(CLASS)
    if told.gap is not None:
        return Devices({}, *readings.trouble(CLASS))
    where = attributes.links(readings.text(LINKS))
    links = _links(readings)
    made_of = _made_of(readings.text(SLAVES))
    devices = (
        _device(name, files, where.get(name, ""), made_of.get(name, ()), links.get(name, ()))
        for name, files in attributes.parse(told.text).items()
    )
    targets = {
        name.removeprefix("session"): clean(files.get("targetname", ""))
        for name, files in attributes.parse(readings.text(SESSIONS)).items()
    }
    placed = (
        replace(each, target=targets.get(each.session, "")) if each.session else each for each in devices
    )
    return Devices({device.name: device for device in placed})


def lvm_uuid(letters: str) -> str:
    """As LVM shows a UUID of 32 letters: 6-4-4-4-4-4-6."""
    return "-".join(letters[start:end] for start, end in pairwise((0, 6, 10, 14, 18, 22, 26, 32)))


def iscsi_alias(target: str, lun: int) -> str:
    """For `Seen.aliases`: the same LUN, whoever has opened it: the kernel, or QEMU by itself.

    A target may be set up to show each host another disk under the same LUN: where both WWIDs are known and are not
    the same, this name does not make them one.
    """
    return f"iqn:{target}/{lun}"


def aliases(device: Device) -> frozenset[str]:
    """What other hosts may call the same disk."""
    found = wwid.aliases(device.wwid)
    if device.target and device.lun is not None:
        found |= {iscsi_alias(device.target, device.lun)}
    if device.serial and device.model and device.name.startswith("nvme") and "QEMU" not in device.model:
        found |= {f"serial:{device.model}/{device.serial}"}
    return found


def seen(devices: Devices) -> tuple[Seen, ...]:
    """The disks that are reached neither by iSCSI nor by Fibre Channel: their readers tell of those."""
    return tuple(_seen(device) for device in devices.by_name.values() if _is_disk(device))


def _is_disk(device: Device) -> bool:
    far = device.session or device.remote_port
    return not (far or device.parent or device.removable or _NOT_DISKS.match(device.name)) and bool(
        device.size_bytes
    )


def _seen(device: Device) -> Seen:
    names = aliases(device)
    words = " ".join(filter(None, (device.vendor, device.model)))
    told = f"serial number {device.serial}" if device.serial else ""
    return Seen(
        kind=StorageKind.BLOCK,
        key=device.wwid if wwid.is_unique(device.wwid) else min(names, default=device.path),
        label=f"{device.path} ({words})" if words else device.path,
        aliases=names,
        way=Way(WayKind.DEVICE, device.path, device.path),
        access=access(device),
        health=health(device.state),
        detail=device.state if health(device.state) is Health.BROKEN else told,
        capacity_bytes=device.size_bytes,
        is_own=not names,
    )


def access(device: Device) -> Access:
    """How the kernel lets it be opened."""
    if device.read_only is None:
        return Access.UNKNOWN
    return Access.READ_ONLY if device.read_only else Access.READ_WRITE


def health(state: str) -> Health:
    """Of a disk's state, as the kernel's scsi_sysfs.c and nvme's sysfs.c name them."""
    if state in ("running", "live"):
        return Health.GOOD
    if state in ("offline", "transport-offline", "cancel", "deleted", "dead", "deleting", "deleting (no IO)"):
        return Health.BROKEN
    return Health.DEGRADED if state in ("blocked", "quiesce", "connecting", "resetting") else Health.UNKNOWN


def _device(
    name: str, files: Mapping[str, str], where: str, made_of: tuple[str, ...], links: tuple[str, ...]
) -> Device:
    path = f"{where}/"
    hctl, session, port = _HCTL.search(path), _SESSION.search(path), _REMOTE_PORT.search(path)
    sectors = attributes.number(files.get("size", ""))
    named = (wwid.canonical(files.get("wwid", "") or files.get("device/wwid", "")), *map(_of_link, links))
    return Device(
        name=clean(name),
        size_bytes=None if sectors is None else sectors * _SECTOR_BYTES,
        read_only={"0": False, "1": True}.get(files.get("ro", "")),
        removable=files.get("removable") == "1",
        wwid=next(filter(None, named), ""),
        vendor=_word(files, "device/vendor"),
        model=_word(files, "device/model"),
        serial=_word(files, "serial") or _word(files, "device/serial"),
        state=_word(files, "device/state"),
        dm_name=_word(files, "dm/name"),
        dm_uuid=_word(files, "dm/uuid"),
        backing_file=clean(files.get("loop/backing_file", ""), limit=4096),
        parent=clean(where.rstrip("/").split("/")[-2]) if "partition" in files and "/" in where else "",
        made_of=made_of,
        session=session[1] if session else "",
        remote_port=port[1] if port else "",
        lun=_lun(int(hctl[2])) if hctl else None,
        fs_uuids=tuple(clean(link.rpartition("/")[2]) for link in links if link.startswith("disk/by-uuid/")),
        links=links,
    )


def _word(files: Mapping[str, str], name: str) -> str:
    text = files.get(name, "")
    return (
        "" if name == "device/vendor" and text.startswith("0x") else clean(text)
    )  # virtio's number of a maker


def _lun(number: int) -> int:
    return number & _LUN_BITS if _FLAT_LUN <= number < 2 * _FLAT_LUN else number


def _of_link(link: str) -> str:
    return wwid.of_link(link.removeprefix("disk/by-id/")) if "/by-id/" in link else ""


def _links(readings: Readings) -> Mapping[str, tuple[str, ...]]:
    """Kernel's name -> the links to it, below /dev."""
    found: dict[str, list[str]] = {}
    for key in (BY_ID, BY_PATH, BY_UUID):
        folder = key.removeprefix("links /dev/")
        for name, target in attributes.links(readings.text(key)).items():
            found.setdefault(target.removeprefix("../../").replace("/", "!"), []).append(f"{folder}/{name}")
    return {name: tuple(links) for name, links in found.items()}


def _made_of(text: str) -> Mapping[str, tuple[str, ...]]:
    """Of lines `dm-0/slaves/sda`."""
    found: dict[str, list[str]] = {}
    for line in text.split("\n"):
        name, middle, below = line.partition("/slaves/")
        if middle and below:
            found.setdefault(name, []).append(clean(below))
    return {name: tuple(below) for name, below in found.items()}


def _volume_path(dm_name: str) -> str:
    """`vg/lv` of `vg-lv`: a hyphen in one of the names stands there twice (lvm(8))."""
    return "/".join(part.replace("\0", "-") for part in _hyphens(dm_name.replace("--", "\0")))


def _hyphens(text: str) -> Iterator[str]:
    group, _, volume = text.partition("-")
    yield group
    yield volume
