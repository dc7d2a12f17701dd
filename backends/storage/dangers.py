"""What may destroy data on a storage, or stop its guests: named, with the evidence and what mends it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from backends.migration.checks.caches import SAFE_CACHES
from backends.model.posture import Finding, Severity
from backends.model.storage import Access, Storage
from backends.storage import ailments, locking
from backends.storage.users import User, Users, some

_WORST = list(Severity)


def dangers(storage: Storage, users: Users) -> tuple[Finding, ...]:
    """Worst first."""
    found = [
        *one_image_twice(users),
        *locking.locking(storage, users),
        *caches(storage, users),
        *ailments.ailments(storage, users),
    ]
    return tuple(sorted(found, key=lambda finding: _WORST.index(finding.severity)))


def one_image_twice(users: Users) -> Iterator[Finding]:
    """Guests that run on different hosts and write one image. One that moves is on both, and runs on one."""
    by_image: dict[str, list[User]] = {}
    for user in users.disks:
        if user.writes and not user.disk.shareable:
            by_image.setdefault(user.image, []).append(user)
    for writers in by_image.values():
        still = [user for user in writers if user.guest.key.uuid not in users.moving]
        hosts = dict.fromkeys(user.guest.key.host for user in still)
        if len(hosts) < 2:
            continue
        first = still[0]
        words = [f"{user.words} on {user.guest.key.host}" for user in still]
        is_one = len({user.guest.key.uuid for user in still}) == 1
        yield Finding(
            "storage.two-writers",
            "one guest runs on two hosts" if is_one else "two guests write one image",
            Severity.HIGH,
            f"{some(words)} have {first.use.source} open for writing",
            "force one of them off now, and check its file systems"
            if is_one
            else "shut one of them down, or mark the disk <shareable/> where the guests themselves keep order",
            source="the guests' definitions",
            guest=first.guest.key,
            name=first.guest.name,
        )


def caches(storage: Storage, users: Users) -> Iterator[Finding]:
    """Data of a disk on shared storage that is in the memory of one host."""
    if not is_shared(storage):
        return
    written = [user for user in users.disks if user.writes and not user.disk.shareable]
    unsafe = [user for user in written if user.disk.cache == "unsafe"]
    if unsafe:
        yield _cache(
            unsafe,
            Severity.MEDIUM,
            "unsafe",
            "what the guest was told is written may be lost with the host, or be missing after a move",
        )
    cached = [
        user
        for user in written
        if user.disk.cache not in (*SAFE_CACHES, "unsafe") and not _is_dropped(user, users)
    ]
    if cached:
        yield _cache(
            cached,
            Severity.LOW,
            "kept by the host",
            "QEMU before 4.0 does not drop its cache at a move, so libvirt refuses to move it",
        )


def _is_dropped(user: User, users: Users) -> bool:
    """With QEMU 4.0 and newer every mode but `unsafe` is safe to move; of others than QEMU nothing is known."""
    return user.guest.key.driver != "qemu" or users.drops_caches.get(user.guest.key.host) is not False


def _cache(disks: list[User], severity: Severity, mode: str, why: str) -> Finding:
    first = disks[0]
    is_one = len({user.guest.key for user in disks}) == 1
    return Finding(
        f"storage.cache.{'unsafe' if mode == 'unsafe' else 'kept'}",
        f"cache {mode} on shared storage",
        severity,
        f"{some([user.words for user in disks])}: {why}",
        "set cache='none' for the disk, and restart the guest",
        source="the guests' definitions",
        guest=first.guest.key if is_one else None,
        name=first.guest.name if is_one else "",
    )


def is_shared(storage: Storage) -> bool:
    """May more than one host write it? By what was seen, or by what it is made for."""
    writable = [s for s in storage.sightings.values() if s.access is Access.READ_WRITE]
    return len(writable) > 1 or storage.id.kind.may_be_shared
