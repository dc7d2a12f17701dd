"""Figures of a running transfer, from libvirt's. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from backends.hypervisor.jobs import JobStatistics
from backends.model.move import MoveProgress

MAX_HISTORY = 240
_MIN_SPAN_S = 0.2
"""Two samples closer than this give no rate worth showing."""
_MARGIN = 1.25
"""The far end of the estimate: the guest may write more in the next pass than in the last."""


def from_statistics(
    statistics: JobStatistics, before: Sequence[MoveProgress], downtime_limit_ms: int | None
) -> MoveProgress:
    """One sample. `before`: the earlier ones of the same move, oldest first."""
    elapsed_s = statistics.elapsed_ms / 1000
    rate = _rate(statistics, elapsed_s, before)
    dirty = (
        statistics.memory_dirty_pages_s * statistics.page_size if statistics.memory_iteration > 1 else None
    )
    return MoveProgress(
        elapsed_s=elapsed_s,
        total_bytes=statistics.total,
        processed_bytes=statistics.processed,
        remaining_bytes=statistics.remaining,
        rate_bytes_s=rate,
        dirty_bytes_s=dirty,
        iteration=statistics.memory_iteration,
        throttle_percent=statistics.throttle_percent,
        downtime_limit_ms=downtime_limit_ms,
        eta_s=estimate(statistics.remaining, rate, dirty),
    )


def _rate(statistics: JobStatistics, elapsed_s: float, before: Sequence[MoveProgress]) -> float | None:
    """Bytes a second since about the sample before; libvirt's own figure until there is one."""
    for old in reversed(before):
        span = elapsed_s - old.elapsed_s
        if span >= _MIN_SPAN_S and statistics.processed >= old.processed_bytes:
            return (statistics.processed - old.processed_bytes) / span
    return float(statistics.memory_bps) or None


def estimate(remaining: int, rate: float | None, dirty: float | None) -> tuple[float, float] | None:
    """Seconds still needed, as an interval: at best the guest writes nothing more, else it writes as it does now.

    Pre-copy sends again what was written meanwhile: the passes sum up to remaining / (rate - dirty) (Clark et al.,
    "Live Migration of Virtual Machines", NSDI 2005). None when nothing is known, or when it would never end.
    """
    if not rate:
        return None
    if dirty is not None and dirty >= rate:
        return None
    return remaining / rate, remaining / (rate - (dirty or 0.0)) * _MARGIN


def extended(history: tuple[MoveProgress, ...], sample: MoveProgress) -> tuple[MoveProgress, ...]:
    """The history with one more sample; every second old one is dropped when it grows too long for a plot."""
    if len(history) >= MAX_HISTORY:
        history = history[::2]
    return (*history, sample)
