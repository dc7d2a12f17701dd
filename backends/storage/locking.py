"""What keeps two hosts from writing the same file or disk, and where nothing does. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from backends.model.host import HostName
from backends.model.posture import Finding, Severity
from backends.model.storage import Access, Sighting, Storage, StorageKind
from backends.probes.storage.lockers import LockManager, Manager
from backends.storage.identities import LOCKED_GROUPS
from backends.storage.users import Users, some

_LOCAL_LOCKS = ("nolock", "local_lock=all", "local_lock=posix")
"""nfs(5): locks on parts of files, which are QEMU's, are then known to this host alone. Version 4 knows no `nolock`."""
_LOCKS_ACROSS_HOSTS = (
    StorageKind.NFS,
    StorageKind.GFS2,
    StorageKind.OCFS2,
    StorageKind.GLUSTER,
    StorageKind.CEPHFS,
)
"""Their fcntl locks hold on all hosts, and QEMU takes one for each image (qemu(1), `file.locking`)."""
_LOCK_NONE = "lockproto=lock_nolock"
_LOCAL_CLUSTER_LOCKS = ("localflocks", "nocluster")
"""Mount options of GFS2 and OCFS2 by which locks stay on one host."""
_DISKS = (StorageKind.ISCSI, StorageKind.FIBRE_CHANNEL, StorageKind.BLOCK, StorageKind.RBD)


def locking(storage: Storage, users: Users) -> Iterator[Finding]:
    """About one storage."""
    writers = [s for s in storage.sightings.values() if s.access is Access.READ_WRITE]
    yield from _local_locks(storage, writers, users)
    yield from _plain_file_system(storage, writers)
    yield from _group(storage)
    yield from _held_twice(users)
    yield from _managers(storage, writers, users)
    yield from _held(users)


def _local_locks(storage: Storage, writers: list[Sighting], users: Users) -> Iterator[Finding]:
    """Mounted so that a lock of one host is not seen by the others."""
    local = {s.host: word for s in writers if (word := _keeps_to_itself(storage.id.kind, s.options))}
    if not local:
        return
    told = some([f"{host}: {word}" for host, word in local.items()])
    many = len(writers) > 1
    evidence = f"{told}; {some([s.host for s in writers])} {'write' if many else 'writes'} it"
    used = "" if users.disks else ", and no guest's disk is on it"
    yield Finding(
        "storage.local-locks",
        "hosts write without a common lock" if many else "locks stay on one host",
        Severity.HIGH if many else Severity.LOW,
        evidence + used,
        _MENDS.get(storage.id.kind, "mount it with locks that all hosts share"),
        source="mount options",
    )


def _keeps_to_itself(kind: StorageKind, options: tuple[str, ...]) -> str:
    if kind is StorageKind.NFS:
        versions = [word.partition("=")[2] for word in options if word.startswith("vers=")]
        is_4 = any(version.startswith("4") for version in versions)
        return next(
            (word for word in _LOCAL_LOCKS if word in options and not (is_4 and word == "nolock")), ""
        )
    if kind in (StorageKind.GFS2, StorageKind.OCFS2):
        return next((word for word in (_LOCK_NONE, *_LOCAL_CLUSTER_LOCKS) if word in options), "")
    return ""


_MENDS = {
    StorageKind.NFS: "mount it without nolock and local_lock on every host, best as NFS 4",
    StorageKind.GFS2: "unmount it on all hosts but one, then mount it with lock_dlm",
    StorageKind.OCFS2: "unmount it on all hosts but one, then mount it without localflocks and nocluster",
}


def _plain_file_system(storage: Storage, writers: list[Sighting]) -> Iterator[Finding]:
    """ext4, XFS and their like keep what they know of the disk in memory: a second host destroys it."""
    seeing = storage.seen_by
    if storage.id.kind is not StorageKind.FILE_SYSTEM or len(seeing) < 2:
        return
    kinds = dict.fromkeys(word for s in storage.sightings.values() for word in s.options[:1])
    name = some(list(kinds)) or "a file system of one host"
    if len(writers) > 1:
        yield Finding(
            "storage.mounted-twice",
            "a file system of one host is mounted on several",
            Severity.HIGH,
            f"{name}, writable on {some([s.host for s in writers])}: each destroys what the other has written",
            "unmount it on all hosts but one now, and check it; for several hosts use GFS2, OCFS2 or NFS",
            source="mounts",
        )
    elif writers:
        yield Finding(
            "storage.mounted-twice",
            "a file system of one host is mounted on several",
            Severity.MEDIUM,
            f"{name}: {writers[0].host} writes it, and {some([h for h in seeing if h != writers[0].host])} "
            "reads from a cache that does not follow",
            "unmount it on all hosts but one",
            source="mounts",
        )


def _group(storage: Storage) -> Iterator[Finding]:
    """Two hosts that change a group's layout at the same time destroy it."""
    if storage.id.kind is not StorageKind.LVM or len(storage.seen_by) < 2:
        return
    seen = [storage.sightings[host] for host in storage.seen_by]
    locks = {word for s in seen for word in s.options if word in LOCKED_GROUPS}
    hosts = some(list(storage.seen_by))
    if len(locks) == 1:
        yield Finding(
            "storage.group-locks", "locks of the volume group", Severity.GOOD, f"{min(locks)} on {hosts}"
        )
        return
    if locks:
        evidence = f"{hosts} lock it in different ways: {some(sorted(locks))}"
    else:
        owned = {word for s in seen for word in s.options if word.startswith("system ID")}
        evidence = f"{hosts} see it, and nothing keeps them from changing it at the same time"
        if owned:
            yield Finding(
                "storage.group-locks",
                "locks of the volume group",
                Severity.LOW,
                f"{hosts} see it; {min(owned)} keeps others from changing it, not from writing its volumes",
                "set up lvmlockd with sanlock or DLM where several hosts are to use it",
            )
            return
    yield Finding(
        "storage.group-locks",
        "a volume group without shared locks",
        Severity.MEDIUM,
        evidence,
        "set up lvmlockd with sanlock or DLM, and vgchange --lock-type; until then extend volumes on one host only",
        source="lvm fullreport",
    )


def _held_twice(users: Users) -> Iterator[Finding]:
    """QEMU's locks did not keep two hosts from one image."""
    by_image: dict[str, set[HostName]] = {}
    guests: dict[str, set[str]] = {}
    moving = {user.guest.name for user in users.disks if user.guest.key.uuid in users.moving}
    for held in users.held:
        if held.lock.writes and held.lock.alone and held.lock.guest not in moving:
            by_image.setdefault(held.image, set()).add(held.host)
            guests.setdefault(held.image, set()).add(held.lock.guest)
    for image, hosts in by_image.items():
        if len(hosts) > 1:
            yield Finding(
                "storage.locked-twice",
                "two hosts hold the lock of one image",
                Severity.HIGH,
                f"{some(sorted(guests[image] - {''}))} on {some(sorted(hosts))}: locks do not reach the other hosts",
                "shut one guest down, and mount the storage with locks that all hosts share",
                source="/proc/locks",
            )


def _managers(storage: Storage, writers: list[Sighting], users: Users) -> Iterator[Finding]:
    """libvirt's lock manager, where more than one host can write."""
    hosts = [s.host for s in writers if any(user.guest.key.driver == "qemu" for user in users.disks)]
    known = {host: users.managers[host].manager for host in hosts if host in users.managers}
    if len(hosts) < 2 or not known:
        return
    unknown = [host for host, manager in known.items() if manager is Manager.UNKNOWN]
    without = [host for host, manager in known.items() if manager is Manager.NONE]
    if unknown:
        mend = next((users.managers[host].mend for host in unknown if users.managers[host].mend), "")
        evidence = f"{some(unknown)} does not tell"
        yield Finding("storage.lock-manager", "lock manager", Severity.UNKNOWN, evidence, mend)
    elif without:
        by_qemu = storage.id.kind in _LOCKS_ACROSS_HOSTS
        partly = (
            "" if len(without) == len(known) else f" on {some(without)}, and so not for the others either"
        )
        yield Finding(
            "storage.lock-manager",
            "no lock manager on shared storage",
            Severity.LOW if by_qemu else Severity.MEDIUM,
            f"lock_manager is not set{partly}: "
            + (
                "QEMU's own image locks are all there is"
                if by_qemu
                else "nothing keeps two hosts off one disk"
            ),
            "set lock_manager = 'lockd' or 'sanlock' in qemu.conf of all hosts",
            source="/etc/libvirt/qemu.conf",
        )
    elif idle := [host for host in known if not _locks_all(users.managers[host])]:
        yield Finding(
            "storage.lock-manager",
            "a lock manager that locks nothing by itself",
            Severity.MEDIUM,
            f"{some(idle)}: disks without a <lease> are not locked (auto_disk_leases, require_lease_for_disks)",
            "set auto_disk_leases = 1, or require_lease_for_disks = 1, on all hosts",
            source="/etc/libvirt/qemu-lockd.conf, qemu-sanlock.conf",
        )
    else:
        names = sorted({manager.value for manager in known.values()})
        severity = Severity.GOOD if len(names) == 1 else Severity.MEDIUM
        evidence = f"{some(names)} on {some(list(known))}"
        if len(names) > 1:
            evidence += ": neither sees the other's locks"
        mend = "" if len(names) == 1 else "set lock_manager alike in qemu.conf of all hosts"
        yield Finding("storage.lock-manager", "lock manager", severity, evidence, mend)


def _locks_all(manager: LockManager) -> bool:
    """Each disk, or no guest without. Of other managers, and of settings that may not be read, that is taken for so."""
    return manager.automatic or manager.required or bool(manager.trouble)


def _held(users: Users) -> Iterator[Finding]:
    """Which host holds how many images now."""
    counts: dict[tuple[HostName, str], set[str]] = {}
    for held in users.held:
        by = "virtlockd" if held.lock.by_libvirt else "QEMU"
        counts.setdefault((held.host, by), set()).add(held.image)
    if counts:
        words = [f"{host} {len(images)} by {by}" for (host, by), images in counts.items()]
        yield Finding(
            "storage.image-locks", "images locked", Severity.GOOD, some(words, most=8), source="/proc/locks"
        )
