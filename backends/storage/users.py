"""Who uses a storage, put together for those who judge it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from backends.model.guest import Disk, Guest
from backends.model.host import HostName
from backends.model.storage import DiskUse
from backends.probes.storage.file_locks import ImageLock
from backends.probes.storage.lockers import LockManager


@dataclass(frozen=True, slots=True)
class User:
    """A guest's disk on a storage."""

    guest: Guest
    disk: Disk
    use: DiskUse
    image: str
    """What of the storage it is, as `Place.image`. To be compared, never to be shown."""

    @property
    def writes(self) -> bool:
        """Has the guest it open for writing now?"""
        return self.guest.state.active and not self.use.read_only

    @property
    def words(self) -> str:
        """`web-01 (vda)`."""
        return f"{self.guest.name} ({self.use.target})"


@dataclass(frozen=True, slots=True)
class Held:
    """An image that is locked on one host."""

    host: HostName
    image: str
    lock: ImageLock


@dataclass(frozen=True, slots=True)
class Users:
    """All users of one storage, and how they are kept apart."""

    disks: tuple[User, ...] = ()
    held: tuple[Held, ...] = ()
    managers: Mapping[HostName, LockManager] = field(default_factory=dict)
    moving: frozenset[str] = frozenset()
    """UUIDs of guests that are on two hosts because they move."""
    drops_caches: Mapping[HostName, bool | None] = field(default_factory=dict)
    """Does its QEMU drop its cache before a guest runs that has come? None: not known."""


def some(names: Sequence[str], most: int = 3) -> str:
    """The first of them, and how many more there are."""
    unique = tuple(dict.fromkeys(names))
    return ", ".join(unique[:most]) + (f" and {len(unique) - most} more" if len(unique) > most else "")
