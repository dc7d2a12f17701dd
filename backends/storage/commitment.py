"""What was promised of a storage against what there is, and how near it is to being full. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from backends.model.storage import Commitment, Level, StorageKind

WATCH_USED = 0.80
"""From here dmeventd warns of thin pools (LVM2, WARNING_THRESH of its thin plug-in)."""
ALARM_USED = 0.95
"""From here Ceph takes no more writes (mon_osd_full_ratio); and ext4 keeps the last 5 % for root (mke2fs(8), -m)."""
LITTLE_FREE = 0.20
"""What was promised beyond what there is matters when the rest gets small: the other side of WATCH_USED."""
SOON = timedelta(days=1)
"""Somebody can still be woken, and room be made."""
_FAR = timedelta(days=3650)
"""Beyond this a trend of minutes says nothing."""

_DIVIDED = (StorageKind.LVM,)
"""Given out in whole: a group without free extents is in order, as each volume has its own."""
_WHOLE = (StorageKind.ISCSI, StorageKind.FIBRE_CHANNEL, StorageKind.BLOCK, StorageKind.DRBD)
WHOLE = "used as a whole; whether it is thin, its storage alone can tell"


@dataclass(frozen=True, slots=True)
class Image:
    """A disk's image on a storage. The same `key` is the same image, whoever tells of it."""

    key: str
    virtual_bytes: int | None


@dataclass(frozen=True, slots=True)
class Room:
    """How large a storage is, and how much of it is free; in bytes."""

    capacity: int | None
    available: int | None

    @property
    def used(self) -> int | None:
        """What is not free."""
        if self.capacity is None or self.available is None:
            return None
        return max(self.capacity - self.available, 0)

    @property
    def share_used(self) -> float | None:
        """0..1."""
        return self.used / self.capacity if self.used is not None and self.capacity else None


def commit(
    kind: StorageKind,
    room: Room,
    images: Iterable[Image],
    *,
    growth_bytes_s: float | None,
    now: datetime,
    out_of_space: Sequence[str] = (),
) -> Commitment:
    """`out_of_space`: names of guests that stand still because there was no room."""
    sizes: dict[str, int | None] = {}
    for image in images:
        known = (size for size in (sizes.get(image.key), image.virtual_bytes) if size is not None)
        sizes[image.key] = max(known, default=room.capacity if not image.key else None)
    promised = sum(size for size in sizes.values() if size is not None)
    is_known = None not in sizes.values()
    fills_at = _fills_at(room.available, growth_bytes_s, now) if kind not in _WHOLE else None
    level, reason = _level(kind, room, promised, fills_at, now, out_of_space)
    return Commitment(
        capacity_bytes=room.capacity,
        available_bytes=room.available,
        promised_bytes=promised if is_known else None,
        growth_bytes_s=growth_bytes_s,
        fills_at=fills_at,
        level=level,
        reason=reason,
    )


def _fills_at(available: int | None, growth_bytes_s: float | None, now: datetime) -> datetime | None:
    if available is None or growth_bytes_s is None or growth_bytes_s <= 0:
        return None
    seconds = available / growth_bytes_s
    return now + timedelta(seconds=seconds) if seconds < _FAR.total_seconds() else None


def _level(
    kind: StorageKind,
    room: Room,
    promised: int,
    fills_at: datetime | None,
    now: datetime,
    out_of_space: Sequence[str],
) -> tuple[Level, str]:
    """`promised`: at least so much."""
    if out_of_space:
        return Level.ALARM, f"no room to write: {_names(out_of_space)} paused"
    if kind in _WHOLE:
        return Level.FINE, WHOLE
    share = room.share_used
    over = bool(room.capacity) and room.capacity is not None and promised > room.capacity
    if share is None or room.capacity is None:
        return Level.UNKNOWN, "how full it is, is not told"
    if kind in _DIVIDED:
        return (Level.WATCH, _promise(promised, room.capacity)) if over else (Level.FINE, "")
    percent = f"{share:.0%} used".replace("%", " %")
    if share > ALARM_USED:
        return Level.ALARM, percent
    if fills_at is not None and fills_at - now <= SOON:
        return Level.ALARM, f"{percent}, full in {_hours(fills_at - now)} if it goes on so"
    if over and 1 - share < LITTLE_FREE:
        return Level.WATCH, f"{percent}, {_promise(promised, room.capacity)}"
    return (Level.WATCH, percent) if share > WATCH_USED else (Level.FINE, "")


def _promise(promised: int, capacity: int) -> str:
    return f"promised {promised / capacity:.1f} times what there is"


def _hours(left: timedelta) -> str:
    hours = left.total_seconds() / 3600
    return f"{hours:.0f} hours" if hours >= 2 else f"{max(left.total_seconds() / 60, 1):.0f} minutes"


def _names(names: Sequence[str], most: int = 3) -> str:
    unique = tuple(dict.fromkeys(names))
    more = f" and {len(unique) - most} more" if len(unique) > most else ""
    return ", ".join(unique[:most]) + more
