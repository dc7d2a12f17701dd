"""What scripted hosts tell of storage: usual values, no test relies on them being true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from backends.model.guest import GuestKey
from backends.model.host import HostName
from backends.model.posture import Finding, Severity
from backends.model.storage import (
    Access,
    Chain,
    ChainLink,
    Commitment,
    DiskUse,
    GrowKind,
    GrowPlan,
    GrowProgress,
    GrowStep,
    Health,
    HostProof,
    IscsiTarget,
    LayerKind,
    Level,
    PoolUse,
    Sharing,
    SharingProof,
    Sighting,
    StepState,
    Storage,
    StorageId,
    StorageKind,
    StorageMap,
    Way,
    WayKind,
)
from tests.tui.capable import guest_key
from tests.tui.scripted import ScriptedFleet, guest

GIB = 1024**3
IQN = "iqn.2026-11.lab:disks"
H1, H2, H3 = (HostName(name) for name in ("h1", "h2", "h3"))


def sighting(
    host: str,
    access: Access = Access.READ_WRITE,
    words: str = "",
    kind: WayKind = WayKind.MOUNT,
    **more: object,
) -> Sighting:
    """As a host tells it."""
    ways = (Way(kind, words, words if kind is WayKind.MOUNT else ""),) if words else ()
    health = Health.GOOD if words else Health.UNKNOWN
    return replace(Sighting(HostName(host), access, ways, health), **more)  # type: ignore[arg-type]


def commitment(
    used: int, of: int, promised: int | None, level: Level = Level.FINE, **more: object
) -> Commitment:
    """In GiB."""
    usual = Commitment(of * GIB, (of - used) * GIB, None if promised is None else promised * GIB, level=level)
    return replace(usual, **more)  # type: ignore[arg-type]


TWO_WRITERS = Finding(
    "storage.two-writers",
    "web-01.qcow2 is open for writing on h1 and h2, and no lock stands between them",
    Severity.HIGH,
    "mounted with local_lock=all on both; no sanlock, no virtlockd",
    "shut down one of the two guests now",
    "/proc/mounts, qemu.conf: lock_manager",
    guest_key("h1", "web-01"),
    "web-01",
)
NO_LOCK = Finding(
    "storage.nolock",
    "locks are kept on each host alone (nolock)",
    Severity.MEDIUM,
    "mount options: vers=3, nolock",
    "mount it with NFS 4.1 or newer",
)
PATHS = Finding(
    "storage.paths", "2 of 4 paths are lost", Severity.MEDIUM, "multipathd show maps json", "look at fabric B"
)

EXPORT = Storage(
    StorageId(StorageKind.NFS, "nas:/srv/images"),
    "nas:/srv/images",
    {
        H1: sighting("h1", words="/srv/images", options=("vers=3", "nolock", "local_lock=all")),
        H2: sighting("h2", words="/mnt/images", options=("vers=3", "nolock", "local_lock=all")),
        H3: sighting("h3", Access.READ_ONLY, words="/srv/images", options=("vers=4.2",)),
    },
    (
        PoolUse(H1, "qemu", "images", "netfs", True, 1000 * GIB, 960 * GIB, 40 * GIB, 42),
        PoolUse(H2, "qemu", "images", "dir", False, 1000 * GIB, 960 * GIB, 40 * GIB, 42),
    ),
    (
        DiskUse(
            guest_key("h1", "web-01"),
            "web-01",
            True,
            "vda",
            "/srv/images/web-01.qcow2",
            "qcow2",
            False,
            20 * GIB,
            7 * GIB,
        ),
        DiskUse(
            guest_key("h1", "db-01"),
            "db-01",
            True,
            "vda",
            "/srv/images/db-01.qcow2",
            "qcow2",
            False,
            500 * GIB,
            480 * GIB,
            True,
        ),
        DiskUse(
            guest_key("h2", "old"),
            "old",
            False,
            "vda",
            "/mnt/images/old.raw",
            "raw",
            False,
            680 * GIB,
            473 * GIB,
        ),
    ),
    commitment(
        960,
        1000,
        1200,
        Level.ALARM,
        growth_bytes_s=13 * GIB / 86400,
        fills_at=datetime.now(UTC) + timedelta(days=3, minutes=5),
        reason="less than 5% is left, and more was promised than there is",
    ),
    (TWO_WRITERS, NO_LOCK),
)
LUN = Storage(
    StorageId(StorageKind.ISCSI, f"{IQN}/1"),
    f"{IQN}/1",
    {
        H1: sighting("h1", words="10.0.0.1:3260", kind=WayKind.SESSION),
        H2: sighting(
            "h2",
            words="/dev/mapper/mpatha",
            kind=WayKind.DEVICE,
            health=Health.DEGRADED,
            detail="2 of 4 paths",
        ),
        H3: sighting("h3", Access.NOT_SEEN),
    },
    (PoolUse(H1, "qemu", "san", "iscsi-direct", True, 100 * GIB, 100 * GIB, 0, 1),),
    (
        DiskUse(
            guest_key("h2", "batch"), "batch", True, "vdb", f"{IQN}/1", "raw", False, 100 * GIB, 100 * GIB
        ),
    ),
    commitment(100, 100, 100, Level.FINE),
    (PATHS,),
)
GROUP = Storage(
    StorageId(StorageKind.LVM, "qZ3xkP-aaaa-bbbb-cccc-dddd-eeee-ffffff"),
    "vg_guests",
    {
        H1: sighting(
            "h1", words="/dev/vg_guests", kind=WayKind.DEVICE, options=("shared", "lock_type=sanlock")
        ),
        H2: sighting(
            "h2", words="/dev/vg_guests", kind=WayKind.DEVICE, options=("shared", "lock_type=sanlock")
        ),
        H3: sighting("h3", Access.UNKNOWN, detail="vgs: permission denied; root on the host may ask"),
    },
    commitment=commitment(300, 400, 380, Level.WATCH),
)
LOCAL = Storage(
    StorageId(StorageKind.FILE_SYSTEM, "h3:/dev/vda1"),
    "/var/lib/libvirt/images on h3",
    {
        H1: sighting("h1", Access.NOT_SEEN),
        H2: sighting("h2", Access.NOT_SEEN),
        H3: sighting(
            "h3", words="/", health=Health.BROKEN, detail="the kernel has made it read-only after errors"
        ),
    },
    commitment=Commitment(None, None, None, reason="df: permission denied"),
)


def storage_map(
    *storages: Storage, hosts: tuple[str, ...] = ("h1", "h2", "h3"), **left_out: str
) -> StorageMap:
    """As of now."""
    names = tuple(map(HostName, hosts))
    return StorageMap(
        datetime.now(UTC),
        names,
        storages or (LOCAL, GROUP, LUN, EXPORT),
        {HostName(host): reason for host, reason in left_out.items()},
    )


def many_hosts(count: int) -> tuple[tuple[str, ...], StorageMap]:
    """An export that all hosts see, a LUN that every third does."""
    hosts = tuple(f"kvm{number:02}" for number in range(count))

    def seen(every: int, words: str) -> Mapping[HostName, Sighting]:
        return {
            HostName(host): sighting(host, words=words)
            if not number % every
            else sighting(host, Access.NOT_SEEN)
            for number, host in enumerate(hosts)
        }

    storages = replace(EXPORT, sightings=seen(1, "/srv/images")), replace(LUN, sightings=seen(3, "/dev/sdb"))
    return hosts, storage_map(*storages, hosts=hosts)


def stored(fleet: ScriptedFleet | None = None) -> ScriptedFleet:
    """Three hosts that answer, with storage of many kinds."""
    fleet = fleet or ScriptedFleet("h1", "h2", "h3")
    fleet.up("h1", guest("h1", "web-01"))
    fleet.up("h2")
    fleet.up("h3")
    fleet.storage_map = storage_map()
    fleet.proof = SharingProof(
        "/srv/images",
        H1,
        datetime.now(UTC),
        (
            HostProof(H2, Sharing.PROVED, "the marker that h1 wrote was read at /mnt/images", False),
            HostProof(H3, Sharing.SAME_PATH, "no marker at /srv/images", None),
        ),
    )
    return fleet


def chain(key: GuestKey, *, name: str = "web-01", target: str = "vda") -> Chain:
    """A qcow2 image with a backing image, on a logical volume, on a LUN."""
    return Chain(
        key,
        name,
        target,
        (
            ChainLink(LayerKind.GUEST_DISK, target, 20 * GIB, "virtio, cache=none"),
            ChainLink(LayerKind.IMAGE, f"/srv/images/{name}.qcow2", 20 * GIB, "qcow2, 7.2 GiB in use"),
            ChainLink(LayerKind.BACKING, "/srv/images/base-debian.qcow2", 8 * GIB, "qcow2, read-only"),
            ChainLink(LayerKind.FILE_SYSTEM, "/dev/mapper/vg_guests-images", 400 * GIB, "xfs on /srv/images"),
            ChainLink(LayerKind.LOGICAL_VOLUME, "images", 400 * GIB),
            ChainLink(LayerKind.VOLUME_GROUP, "vg_guests", 450 * GIB, "shared, 50 GiB free"),
            ChainLink(
                LayerKind.LUN, f"{IQN}/1", trouble="iscsiadm: permission denied; root on the host may ask"
            ),
        ),
    )


def growth_plan(
    key: GuestKey, *, refused: str = "", hint: str = "", doubts: tuple[str, ...] = ()
) -> GrowPlan:
    """From 20 to 25 GiB, by the image and the guest."""
    steps = (
        GrowStep(
            GrowKind.EXTEND_LV,
            H1,
            "the file system needs 5 GiB more than it has",
            400 * GIB,
            405 * GIB,
            "lvextend --resizefs -L 405g vg_guests/images",
        ),
        GrowStep(
            GrowKind.RESIZE_GUEST_DISK,
            H1,
            "QEMU grows the image and tells the guest",
            20 * GIB,
            25 * GIB,
            "virsh blockresize web-01 vda 25GiB",
        ),
        GrowStep(
            GrowKind.INSIDE_GUEST,
            H1,
            "the guest's own administrator grows the partition and the file system",
            None,
            None,
            "growpart /dev/vda 1 && resize2fs /dev/vda1",
            ours=False,
        ),
    )
    return GrowPlan(key, "web-01", "vda", 20 * GIB, 25 * GIB, () if refused else steps, refused, hint, doubts)


def growing(plan: GrowPlan, *, fails: str = "") -> tuple[GrowProgress, ...]:
    """Its steps as they are done; the second one fails, or all is done."""
    waiting, doing, done, left = StepState.WAITING, StepState.DOING, StepState.DONE, StepState.LEFT
    begin = (
        GrowProgress(plan, (doing, waiting, left), "extending the logical volume"),
        GrowProgress(plan, (done, doing, left), "the logical volume has 405 GiB now"),
    )
    if fails:
        return (*begin, GrowProgress(plan, (done, StepState.FAILED, left), fails, finished=True))
    return (*begin, GrowProgress(plan, (done, done, left), "the guest's kernel sees 25 GiB", finished=True))


TARGETS = (
    IscsiTarget(H1, f"{IQN}", ("10.0.0.1:3260", "10.0.1.1:3260"), True, ("0", "1"), True),
    IscsiTarget(H1, "iqn.2026-11.lab:backup", ("10.0.0.1:3260",), False, (), True),
    IscsiTarget(H1, "iqn.2026-11.lab:scratch", ("10.0.0.1:3260",), None),
)
