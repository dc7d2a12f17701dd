"""What stands behind guests' disks: storage by its identity, never by its path, and which hosts see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from backends.model.guest import GuestKey
from backends.model.host import HostName
from backends.model.posture import Finding


class StorageKind(Enum):
    """What a storage identity is an identity of."""

    ISCSI = "iSCSI"
    FIBRE_CHANNEL = "Fibre Channel"
    BLOCK = "block device"
    """A disk with a WWID or a serial number, reached in some other way, or one of the host's own."""
    NFS = "NFS"
    GFS2 = "GFS2"
    OCFS2 = "OCFS2"
    GLUSTER = "GlusterFS"
    CEPHFS = "CephFS"
    RBD = "Ceph RBD"
    DRBD = "DRBD"
    LVM = "LVM"
    FILE_SYSTEM = "file system"
    """One that only its own host mounts: ext4, XFS, ... ."""
    OTHER = "other"

    @property
    def may_be_shared(self) -> bool:
        """Is it made to be seen by several hosts at once?"""
        return self not in (StorageKind.FILE_SYSTEM, StorageKind.OTHER)


class StorageId(NamedTuple):
    """The same storage has the same id on every host that sees it."""

    kind: StorageKind
    key: str
    """Safe to show: `iqn.2026-11.lab:disks/1`, `naa.6001405...`, `server:/export`, a file system's or VG's UUID.
    For what is one host's own: `h1:/dev/vda1`."""


class Access(Enum):
    """How a host sees a storage."""

    READ_WRITE = "rw"
    READ_ONLY = "ro"
    NOT_SEEN = "not seen"
    UNKNOWN = "unknown"


class Health(Enum):
    """Is it well, as this host sees it?"""

    GOOD = "good"
    DEGRADED = "degraded"
    """It works, with less than it should have: paths lost, a replica behind."""
    BROKEN = "broken"
    UNKNOWN = "unknown"


class WayKind(Enum):
    """By what a host sees a storage."""

    MOUNT = "mounted on"
    POOL = "pool"
    SESSION = "session to"
    DEVICE = "device"
    GUEST_DISK = "opened by the guest"


@dataclass(frozen=True, slots=True)
class Way:
    """One way in which a host sees it."""

    kind: WayKind
    words: str
    """`/srv/images`, `images`, `10.0.0.1:3260`, `/dev/sdb`, `web-01 (vda)`: safe to show."""
    path: str = ""
    """The mount point or device as the host has it: to be used, never to be shown. Empty for all others."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One host's sight of one storage."""

    host: HostName
    access: Access
    ways: tuple[Way, ...] = ()
    health: Health = Health.UNKNOWN
    detail: str = ""
    """Of the health (`2 of 4 paths`), or why nothing is known, with the permission that it needs."""
    options: tuple[str, ...] = ()
    """That matter: NFS version, `nolock`, `local_lock=all`, LVM's shared flags, the lock table."""
    capacity_bytes: int | None = None
    available_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class PoolUse:
    """A libvirt pool on one host."""

    host: HostName
    driver: str
    name: str
    type: str
    """libvirt's: `dir`, `fs`, `netfs`, `logical`, `iscsi`, `iscsi-direct`, `rbd`, ... ."""
    active: bool
    capacity_bytes: int | None = None
    allocated_bytes: int | None = None
    available_bytes: int | None = None
    volumes: int | None = None


@dataclass(frozen=True, slots=True)
class DiskUse:
    """A guest's disk that is on a storage."""

    guest: GuestKey
    name: str
    active: bool
    target: str
    source: str
    """Safe to show."""
    format: str = ""
    read_only: bool = False
    virtual_bytes: int | None = None
    """What was promised to the guest."""
    allocated_bytes: int | None = None
    """What it takes now."""
    out_of_space: bool = False
    """The guest was paused for this disk: there was no room to write (VIR_DOMAIN_DISK_ERROR_NO_SPACE)."""


class Level(Enum):
    """How near a storage is to being full."""

    FINE = "fine"
    WATCH = "watch"
    ALARM = "alarm"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Commitment:
    """What was promised, against what there is."""

    capacity_bytes: int | None
    available_bytes: int | None
    promised_bytes: int | None
    """The sum of the virtual sizes of all disks on it; None where one of them is not known."""
    growth_bytes_s: float | None = None
    """Over the time that this program has watched."""
    fills_at: datetime | None = None
    """At that growth; None where it does not grow, or nothing tells."""
    level: Level = Level.UNKNOWN
    reason: str = ""

    @property
    def ratio(self) -> float | None:
        """Promised against there: above 1, not all promises can be kept."""
        if not self.capacity_bytes or self.promised_bytes is None:
            return None
        return self.promised_bytes / self.capacity_bytes


@dataclass(frozen=True, slots=True)
class Storage:
    """One storage with all that is known of it. The rows of the storage screen."""

    id: StorageId
    label: str
    """For people: the export, the target and LUN, the group's name."""
    sightings: Mapping[HostName, Sighting]
    """One for each host that was asked."""
    pools: tuple[PoolUse, ...] = ()
    disks: tuple[DiskUse, ...] = ()
    commitment: Commitment = Commitment(None, None, None)
    findings: tuple[Finding, ...] = ()
    """About locks, caches, two writers, broken paths: worst first."""

    @property
    def seen_by(self) -> tuple[HostName, ...]:
        """Hosts that see it."""
        seen = (Access.READ_WRITE, Access.READ_ONLY)
        return tuple(host for host, sighting in self.sightings.items() if sighting.access in seen)


@dataclass(frozen=True, slots=True)
class StorageMap:
    """All storage of the fleet, as of one round of questions."""

    at: datetime
    hosts: tuple[HostName, ...] = ()
    storages: tuple[Storage, ...] = ()
    left_out: Mapping[HostName, str] = field(default_factory=dict)
    """Hosts that could not be asked, with the reason."""


class Sharing(Enum):
    """Do two hosts see one storage? From certain to certainly not."""

    PROVED = "proved"
    """What was written through one was read through the other."""
    SAME_IDENTITY = "same identity"
    """The same WWID (and header), export or target: nothing was written."""
    SAME_PATH = "only the same path"
    """Which proves nothing."""
    DIFFERENT = "different"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class HostProof:
    """What one other host has shown."""

    host: HostName
    sharing: Sharing
    evidence: str
    locks: bool | None = None
    """Does a lock taken through the first host hold on this one? None: not tried, or not known."""


@dataclass(frozen=True, slots=True)
class SharingProof:
    """One path, pool or LUN, tried from one host against others."""

    subject: str
    """What was tried, safe to show."""
    host: HostName
    """The one through which was written."""
    at: datetime
    others: tuple[HostProof, ...]


class LayerKind(Enum):
    """The layers between a guest's disk and the bytes, from the guest downwards."""

    GUEST_DISK = "guest disk"
    IMAGE = "image"
    BACKING = "backing image"
    FILE_SYSTEM = "file system"
    LOGICAL_VOLUME = "logical volume"
    VOLUME_GROUP = "volume group"
    PHYSICAL_VOLUME = "physical volume"
    MULTIPATH = "multipath device"
    NETWORK = "network disk"
    LUN = "LUN"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class ChainLink:
    """One layer."""

    kind: LayerKind
    label: str
    size_bytes: int | None = None
    detail: str = ""
    """`qcow2, 2.1 GiB in use`, `ext4 on /srv`, `shared`, ... ."""
    trouble: str = ""
    """Why nothing more is known from here on."""


@dataclass(frozen=True, slots=True)
class Chain:
    """From guest to bytes."""

    guest: GuestKey
    name: str
    target: str
    links: tuple[ChainLink, ...]


class GrowKind(Enum):
    """What grows in one step."""

    GROW_LUN = "grow the LUN on its storage"
    """Left to whoever looks after the storage."""
    RESCAN_LUN = "rescan the LUN"
    RESIZE_MULTIPATH = "resize the multipath device"
    RESIZE_PV = "resize the physical volume"
    EXTEND_LV = "extend the logical volume"
    RESIZE_VOLUME = "resize the volume"
    RESIZE_IMAGE = "resize the image"
    RESIZE_GUEST_DISK = "tell the guest"
    INSIDE_GUEST = "inside the guest"
    """Left to the guest's own administrator: partition, file system."""


@dataclass(frozen=True, slots=True)
class GrowStep:
    """One layer grows. Steps are done in order; the first failure stops."""

    kind: GrowKind
    host: HostName
    words: str
    before_bytes: int | None
    after_bytes: int | None
    command: str
    """The equivalent command, to be copied."""
    online: bool = True
    ours: bool = True
    """False: virt-ferry does not do it (a LUN on its storage box, a partition in the guest)."""


@dataclass(frozen=True, slots=True)
class GrowPlan:
    """How a disk would grow, all of it, before anything is done."""

    guest: GuestKey
    name: str
    target: str
    before_bytes: int
    after_bytes: int
    steps: tuple[GrowStep, ...]
    refused: str = ""
    """Why it cannot be done; empty: it can."""
    hint: str = ""
    doubts: tuple[str, ...] = ()
    """To be told before: little room left, a sparse promise, the guest is off."""


class StepState(Enum):
    """Of one step of a growth."""

    WAITING = "waiting"
    DOING = "doing"
    DONE = "done"
    FAILED = "failed"
    LEFT = "left to do"


@dataclass(frozen=True, slots=True)
class GrowProgress:
    """How far a growth has come; the last one tells the end."""

    plan: GrowPlan
    states: tuple[StepState, ...]
    """One for each step."""
    words: str = ""
    """Of what was done last, or why it failed and what to do."""
    finished: bool = False

    @property
    def succeeded(self) -> bool:
        """Is everything done that is ours to do?"""
        return self.finished and StepState.FAILED not in self.states


@dataclass(frozen=True, slots=True)
class IscsiTarget:
    """A target that a portal offers to a host, and whether that host is logged in to it."""

    host: HostName
    iqn: str
    portals: tuple[str, ...]
    logged_in: bool | None
    luns: tuple[str, ...] = ()
    chap: bool | None = None
    """Does it ask for a login name? The secret is never read."""


@dataclass(frozen=True, slots=True)
class IscsiLogin:
    """How a host is to log in to a target. The secret is not part of its picture."""

    iqn: str
    portal: str
    """`address:port`."""
    user: str = ""
    secret: str = field(default="", repr=False)
    """CHAP; empty: without."""
