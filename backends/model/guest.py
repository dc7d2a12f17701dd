"""A guest: a virtual machine or container on one host, as libvirt tells it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from backends.model.host import HostName


class GuestKey(NamedTuple):
    """Where a guest is found. The same UUID on two hosts is two keys."""

    host: HostName
    driver: str
    uuid: str


_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+:-]*")


def virsh_name(name: str, key: GuestKey) -> str:
    """What virsh knows a guest by: its name, unless that may have been made safe to show; then its UUID."""
    return name if _PLAIN_NAME.fullmatch(name) else key.uuid


class GuestState(Enum):
    """virDomainState in words (libvirt-domain.html#virDomainState)."""

    RUNNING = "running"
    PAUSED = "paused"
    SHUTTING_DOWN = "shutting down"
    OFF = "off"
    CRASHED = "crashed"
    SUSPENDED = "suspended"
    """Put to sleep by its own power management."""
    UNKNOWN = "unknown"

    @property
    def active(self) -> bool:
        """Has the guest a process or a domain on the host now?"""
        return self not in (GuestState.OFF, GuestState.CRASHED, GuestState.UNKNOWN)

    @property
    def executing(self) -> bool:
        """Do its processors run?"""
        return self in (GuestState.RUNNING, GuestState.SHUTTING_DOWN)


class DiskKind(Enum):
    """What stands behind a disk of a guest."""

    FILE = "file"
    BLOCK = "block"
    NETWORK = "network"
    VOLUME = "volume"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Layer:
    """An image under a disk: what its backing chain, or its data file, is read from."""

    kind: DiskKind
    source: str
    """As `Disk.source`: safe to show."""
    path: str = ""
    """As `Disk.path`."""
    local_service: bool = False
    """As `Disk.local_service`."""


@dataclass(frozen=True, slots=True)
class Disk:
    """One disk of a guest's definition."""

    target: str
    """The name inside the definition: `vda`."""
    kind: DiskKind
    source: str
    """A path, a device, `protocol:name@host:port` or `pool/volume`; empty for an empty drive."""
    device: str = "disk"
    """`disk`, `cdrom`, `floppy` or `lun`."""
    format: str = "raw"
    read_only: bool = False
    shareable: bool = False
    cache: str = ""
    path: str = ""
    """The path of a file or block device as libvirt has it: to be used, never to be shown. Empty for all others."""
    local_service: bool = False
    """A network disk that is served by each host to itself: a loopback address, or a unix socket."""
    layers: tuple[Layer, ...] = ()
    """What lies under the disk's own image, nearest first."""
    chain_known: bool = True
    """Does the definition tell all layers?"""


@dataclass(frozen=True, slots=True)
class Nic:
    """One network card of a guest's definition."""

    mac: str
    source: str
    """The bridge, the libvirt network or the device that it is plugged into."""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Guest:
    """One guest as of the newest event. Names are already safe to show; `name` may differ from libvirt's."""

    key: GuestKey
    name: str
    state: GuestState
    reason: str
    """Why it is in this state, in libvirt's terms (`booted`, `I/O error`); empty where unknown."""
    vcpus: int
    memory_bytes: int
    """What the guest was given at the most (its maximum memory)."""
    persistent: bool = True
    autostart: bool = False
    since: datetime | None = None
    """Since when it is in this state, on the host's clock; None where nothing tells."""
    disks: tuple[Disk, ...] = ()
    nics: tuple[Nic, ...] = ()
    machine: str = ""
    kind: str = ""
    """The virtualization type of the definition: `kvm`, `qemu`, `xen`, `lxc`, `test`."""
    console_logs: tuple[str, ...] = ()
    """Files into which its consoles are written, as libvirt has them: to be read, never to be shown."""
    full_disks: tuple[str, ...] = ()
    """Targets of the disks for which it was paused, as there was no room to write on their storage."""


@dataclass(frozen=True, slots=True)
class GuestSample:
    """What a guest used between the two newest samples. None: not known (yet), never a guess."""

    cpu: float | None = None
    """Share of one processor: 2.0 is two processors at full speed."""
    memory_bytes: int | None = None
    """The guest's memory now (the balloon's size)."""
    disk_bytes_s: float | None = None
    net_bytes_s: float | None = None


class GuestAction(Enum):
    """What a user can do to the life of a guest. The value is the verb shown."""

    START = "start"
    SHUT_DOWN = "shut down"
    FORCE_OFF = "force off"
    REBOOT = "reboot"
    PAUSE = "pause"
    RESUME = "resume"
