"""What is wrong with a storage itself: not there, paths lost, full. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from backends.model.posture import Finding, Severity
from backends.model.storage import Health, Level, Storage
from backends.storage.users import User, Users, some


def ailments(storage: Storage, users: Users) -> Iterator[Finding]:
    """About one storage."""
    yield from _health(storage, users)
    yield from _one_path(storage)
    yield from _out_of_space(users)
    yield from _nearly_full(storage, users)


def _health(storage: Storage, users: Users) -> Iterator[Finding]:
    for health, severity in ((Health.BROKEN, Severity.HIGH), (Health.DEGRADED, Severity.MEDIUM)):
        ill = [s for s in storage.sightings.values() if s.health is health]
        if not ill:
            continue
        hosts = {s.host for s in ill}
        running = [u.words for u in users.disks if u.guest.state.active and u.guest.key.host in hosts]
        told = some([f"{s.host}: {s.detail or health.value}" for s in ill])
        yield Finding(
            f"storage.{health.value}",
            "storage does not work" if health is Health.BROKEN else "storage works with less than it should",
            severity,
            f"{told}; in use by {some(running)}" if running else told,
            "bring its server, paths or devices back; then look anew"
            if health is Health.BROKEN
            else "mend it before the rest fails, too",
        )


def _one_path(storage: Storage) -> Iterator[Finding]:
    """Multipath that has only one path to lose (multipath.py tells `1 of 1 paths`)."""
    single = [s.host for s in storage.sightings.values() if s.detail.startswith("1 of 1 paths")]
    if single:
        yield Finding(
            "storage.one-path",
            "multipath with one path",
            Severity.MEDIUM,
            f"{some(single)}: no second path to fall back on",
            "check cabling, zoning and sessions of the second path",
            source="multipath",
        )


def _out_of_space(users: Users) -> Iterator[Finding]:
    for user in users.disks:
        if user.use.out_of_space:
            yield Finding(
                "storage.out-of-space",
                "a guest is paused for lack of space",
                Severity.HIGH,
                f"{user.words} on {user.guest.key.host}: no room to write",
                "make room or grow the storage, then resume the guest: it has lost nothing",
                source="virDomainGetDiskErrors",
                guest=user.guest.key,
                name=user.guest.name,
            )


def _nearly_full(storage: Storage, users: Users) -> Iterator[Finding]:
    """Disks that were promised more than there is left: their guests will stand still, all at once."""
    commitment = storage.commitment
    if commitment.level not in (Level.WATCH, Level.ALARM):
        return
    sparse = [user.words for user in users.disks if _is_sparse(user)]
    is_alarm = commitment.level is Level.ALARM
    evidence = commitment.reason + (f"; still growing: {some(sparse)}" if sparse else "")
    yield Finding(
        "storage.nearly-full",
        "sparse disks on a storage that is nearly full" if sparse else "storage is nearly full",
        Severity.HIGH if is_alarm and sparse else Severity.MEDIUM,
        evidence,
        "make room, grow it, or move disks away before guests pause",
    )


def _is_sparse(user: User) -> bool:
    """One that stands for want of room is so, whatever is told of what it takes."""
    virtual, allocated = user.use.virtual_bytes, user.use.allocated_bytes
    is_growing = virtual is not None and allocated is not None and allocated < virtual
    return user.use.out_of_space or (is_growing and not user.use.read_only)
