"""How fast storages fill, over the time that this program has watched them; and which pools hosts had."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from backends.model.host import HostName
from backends.model.storage import StorageId

LEAST_APART_S = 60.0
"""Two readings that are nearer tell of one write rather than of a trend."""
_ONE_EACH_S = 600.0
_WINDOW_S = 24 * 3600.0
"""Growth is that of today: what happened before says less of when it fills."""


class Watched:
    """Kept for as long as the program runs, by whoever asks again and again. On one thread."""

    def __init__(self) -> None:
        self._readings: dict[StorageId, deque[tuple[float, int]]] = {}
        self._pools: dict[HostName, tuple[str, ...]] = {}

    def note_pools(self, host: HostName, names: Iterable[str]) -> None:
        """What a host has told; one that tells of none may only be silent."""
        self._pools[host] = tuple(names) or self.pools(host)

    def pools(self, host: HostName) -> tuple[str, ...]:
        """Names of those that it had, for when its libvirt does not list them (see `read_pools`)."""
        return self._pools.get(host, ())

    def note(self, storage: StorageId, used_bytes: int, at_s: float) -> None:
        """`at_s`: monotonic seconds. The newest reading is always kept, older ones ten minutes apart for a day."""
        kept = self._readings.setdefault(storage, deque())
        while len(kept) > 1 and at_s - kept[0][0] > _WINDOW_S:
            kept.popleft()
        if len(kept) > 1 and kept[-1][0] - kept[-2][0] < _ONE_EACH_S:
            kept.pop()
        kept.append((at_s, used_bytes))

    def growth_bytes_s(self, storage: StorageId) -> float | None:
        """Below zero where it empties; None until two readings lie far enough apart."""
        kept = self._readings.get(storage)
        if not kept:
            return None
        (began_s, before), (at_s, now) = kept[0], kept[-1]
        return (now - before) / (at_s - began_s) if at_s - began_s >= LEAST_APART_S else None
