"""How far a stage of a move has come: samples from bytes that are counted here."""

from __future__ import annotations

import asyncio
from collections import deque

from backends.migration.record import MoveRecord
from backends.model.move import MoveProgress

SAMPLE_INTERVAL_S = 0.25
RATE_SPAN_S = 3.0
_MARGIN = 1.25
"""The far end of an estimate: disks and links are not equally fast all the time."""


class Stage:
    """One stage with its name, such as `saving`. `started_s`: when the move began, on the event loop's clock."""

    def __init__(self, record: MoveRecord, name: str, started_s: float, total_bytes: int = 0) -> None:
        self._record = record
        self._name = name
        self._clock = asyncio.get_running_loop().time
        self._move_began_s = started_s
        self._began_s = self._clock()
        self._recent: deque[tuple[float, int]] = deque([(self._began_s, 0)])
        self._sample(total_bytes, 0, None)

    def take(self, total_bytes: int, processed_bytes: int) -> None:
        """So much of so much is done. Called as often as one likes: only some become samples."""
        now_s = self._clock()
        if processed_bytes < total_bytes and now_s - self._recent[-1][0] < SAMPLE_INTERVAL_S:
            return
        self._recent.append((now_s, processed_bytes))
        while len(self._recent) > 2 and now_s - self._recent[0][0] > RATE_SPAN_S:
            self._recent.popleft()
        self._sample(total_bytes, processed_bytes, self._rate(*self._recent[0]))

    def _sample(self, total: int, processed: int, rate: float | None) -> None:
        remaining = max(0, total - processed)
        self._record.sample(
            MoveProgress(
                elapsed_s=self._clock() - self._move_began_s,
                total_bytes=total,
                processed_bytes=processed,
                remaining_bytes=remaining,
                rate_bytes_s=rate,
                dirty_bytes_s=None,
                iteration=0,
                throttle_percent=0,
                downtime_limit_ms=None,
                eta_s=self._left(remaining, rate),
                stage=self._name,
            )
        )

    def _rate(self, since_s: float, since_bytes: int) -> float | None:
        now_s, now_bytes = self._recent[-1]
        return (now_bytes - since_bytes) / (now_s - since_s) if now_s > since_s else None

    def _left(self, remaining: int, rate: float | None) -> tuple[float, float] | None:
        """Between the rate of late and that of the whole stage."""
        overall = self._rate(self._began_s, 0)
        if not rate or not overall:
            return None
        times = remaining / rate, remaining / overall
        return min(times), max(times) * _MARGIN
