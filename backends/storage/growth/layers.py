"""What lies under one disk of a guest, as far as its host tells. Pure: readings in, frozen values out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from backends.model.guest import Disk, GuestKey, GuestState
from backends.model.host import HostSpec
from backends.probes.storage import block, lvm, mounts, multipath
from backends.probes.storage.block import Device, Devices
from backends.probes.storage.images import Images
from backends.probes.storage.lvm import Group, Lvm, PhysicalVolume, Volume
from backends.probes.storage.mounts import Mount, Room
from backends.probes.storage.multipath import Map, Maps
from backends.probes.survey.readings import Readings


@dataclass(frozen=True, slots=True)
class Bottom:
    """A device below which only its own paths are known."""

    device: Device
    map: Map | None = None
    """Of a disk that is reached by several paths."""
    paths: tuple[Device, ...] = ()
    """The SCSI devices by which it is reached; of a disk with one path, the device itself."""
    disk: Bottom | None = None
    """Of a partition: what it is a part of."""

    @property
    def is_lun(self) -> bool:
        """Is it a disk on another machine, which may have made it larger?"""
        return bool(self.paths) and all(path.session or path.remote_port for path in self.paths)

    @property
    def wwid(self) -> str:
        """Empty where nothing tells."""
        told = (self.device.wwid, self.map.wwid if self.map else "", *(path.wwid for path in self.paths))
        return next(filter(None, told), "")

    @property
    def is_partition(self) -> bool:
        """A part of a disk, whoever made it: the kernel, or kpartx(8)."""
        return bool(self.device.parent) or self.device.dm_uuid.startswith("part")


@dataclass(frozen=True, slots=True)
class OnVolume:
    """A logical volume."""

    group: Group
    volume: Volume
    pool: Volume | None = None
    """The thin pool that it is in."""
    bottoms: tuple[tuple[PhysicalVolume, Bottom | None], ...] = ()
    """All devices of its group."""
    copies: tuple[str, ...] = ()
    """Devices that are there as copies of one of them."""


@dataclass(frozen=True, slots=True)
class OnFileSystem:
    """A file."""

    mount: Mount
    room: Room
    ground: OnVolume | Bottom | None = None
    """What the file system is on, where that is a device of this host."""


Place = OnFileSystem | OnVolume | Bottom


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a path leads, or why that is not known."""

    place: Place | None = None
    trouble: str = ""
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Stack:
    """All that is known of one disk. Texts are safe to show but for paths."""

    spec: HostSpec
    guest: GuestKey
    name: str
    state: GuestState
    disk: Disk
    virtual_bytes: int | None = None
    """What the guest sees, as libvirt tells."""
    allocated_bytes: int | None = None
    path: str = ""
    """Of the image or device, with links followed: to be used, never to be shown. Empty for a network disk."""
    images: Images = field(default_factory=Images)
    """Not asked for where the disk is a whole device."""
    ground: Ground = field(default_factory=Ground)
    volume: tuple[str, str] | None = None
    """Pool (its UUID) and name of the libvirt volume that it is: to be used."""
    may_write: bool | None = None
    """Could this account change the image itself? None: not known."""
    is_root: bool = False
    is_moving: bool = False
    job: str = ""
    """What libvirt does with the guest now (`migration`, `backup`, ...)."""
    active_on: tuple[str, ...] = ()
    """Other hosts that have an active guest of the same UUID: what is known of it here is old then."""
    same_path_of: tuple[str, ...] = ()
    """Active guests of other hosts with a disk of the same path, which may be the same one: `web-2 on h2`."""
    shared_with: tuple[str, ...] = ()
    """Other guests of this host that have the same disk."""
    overlays_of: tuple[str, ...] = ()
    """Other guests of this host whose images are made on top of this one."""

    @property
    def is_raw(self) -> bool:
        """Does the guest see its bytes as they are?"""
        return self.disk.format == "raw"

    @property
    def seen_bytes(self) -> int | None:
        """How large the disk is for the guest: now, or when it is started."""
        image = self.images.top
        of_image = image.virtual_bytes if image else None
        place = self.ground.place
        of_device = size_of(place) if self.is_raw and isinstance(place, OnVolume | Bottom) else None
        known = (self.virtual_bytes, of_image, of_device)
        in_order = known if self.state.active else (of_device, of_image, self.virtual_bytes)
        return next((size for size in in_order if size is not None), None)


def size_of(place: OnVolume | Bottom) -> int | None:
    """Of the device."""
    return place.volume.size_bytes if isinstance(place, OnVolume) else place.device.size_bytes


def ground_of(path: str, readings: Readings, *, is_file: bool) -> Ground:
    """What a real path leads to."""
    devices = block.read(readings)
    groups = lvm.read(readings)
    maps = multipath.read(readings, devices)
    device = _device(path, devices, groups, maps) if path.startswith("/dev/") else None
    if device is not None:
        return Ground(device, *_trouble(device, groups))
    if not is_file:
        trouble = devices.trouble or groups.trouble
        return Ground(None, trouble or "the host does not tell of this device", devices.mend or groups.mend)
    mount = mounts.which_mount(mounts.mounts(readings), path)
    if mount is None:
        return Ground(None, "the host does not tell what is mounted there")
    room = mounts.room_of(mount, mounts.rooms(readings), readings)
    below = _device(mount.source, devices, groups, maps) if mount.source.startswith("/dev/") else None
    trouble, mend = _trouble(below, groups) if below is not None else ("", "")
    if below is None and mount.source.startswith("/dev/"):
        trouble, mend = devices.trouble or "the host does not tell of its device", devices.mend
    return Ground(OnFileSystem(mount, room, below), trouble, mend)


def _device(path: str, devices: Devices, groups: Lvm, maps: Maps) -> OnVolume | Bottom | None:
    device = devices.find(path)
    found = groups.volume_at(path) or (groups.volume_at(device.path) if device is not None else None)
    if found is not None:
        group, volume = found
        pool = next((each for each in group.volumes if volume.pool and each.name == volume.pool), None)
        below = ((each, _bottom(devices.find(each.device), devices, maps.maps)) for each in group.devices)
        return OnVolume(group, volume, pool, tuple(below), groups.copies_of(group))
    return _bottom(device, devices, maps.maps)


def _bottom(device: Device | None, devices: Devices, maps: Sequence[Map]) -> Bottom | None:
    if device is None:
        return None
    if device.is_multipath:
        named = (each for each in maps if device.name == each.dm or device.dm_name == each.name)
        paths = (devices.by_name[name] for name in device.made_of if name in devices.by_name)
        return Bottom(device, next(named, None), tuple(paths))
    if device.parent:
        disk = devices.by_name.get(device.parent)
        return Bottom(device, disk=_bottom(disk, devices, maps) if disk and not disk.parent else None)
    is_far = bool(device.session or device.remote_port)
    return Bottom(device, paths=(device,) if is_far else ())


def _trouble(place: OnVolume | Bottom, groups: Lvm) -> tuple[str, str]:
    """Of a volume that device-mapper tells of, and LVM does not."""
    if isinstance(place, Bottom) and place.device.vg_uuid:
        return groups.trouble or "LVM does not tell of its volume group", groups.mend
    return "", ""
