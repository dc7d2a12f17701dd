"""Figures of a running transfer, from libvirt's. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from backends.hypervisor.jobs import JobStatistics
from backends.model.move import MoveProgress, Outlook

MAX_HISTORY = 240
RATE_SPAN_S = 2.0
"""A rate is a mean over this time: with a limit QEMU sends in bursts of 100 ms (BUFFER_DELAY in migration.c)."""
_MIN_SPAN_S = 0.2
"""Two samples closer than this give no rate worth showing."""
MARGIN = 1.25
"""The far end of an estimate: the guest may write more in the next pass than in the last."""
TELLING_SHARE = 0.95
"""A guest that writes more of what the link takes may converge or not: the far end would be a guess."""
LEAST_RAISED_MS = 30
"""A downtime limit that is raised at all becomes at least this: smaller steps cost more time than they save."""
FEW_PASSES = 4
"""So many more passes at most where they have become short: the policy raises the limit after three."""


def from_statistics(
    statistics: JobStatistics,
    before: Sequence[MoveProgress],
    downtime_limit_ms: int | None,
    *,
    max_downtime_ms: int | None = None,
    bandwidth_limited: bool = False,
) -> MoveProgress:
    """One sample.

    `before`: the earlier ones of the same move, oldest first. `downtime_limit_ms` is the limit in force,
    `max_downtime_ms` the most that the user allows: without it there is no outlook. `bandwidth_limited`: by the user;
    for what is left at the switch QEMU lifts that limit (migration_completion), and the stop may be much shorter.
    """
    elapsed_s = statistics.elapsed_ms / 1000
    rate = _rate(statistics, elapsed_s, before)
    dirty = _dirty_rate(statistics)
    left = None if dirty is None else _left_by_pass(statistics, before)
    storage = statistics.disk_total > 0 and statistics.memory_iteration == 0
    limit = max(max_downtime_ms or 0, downtime_limit_ms or 0) or None
    ratio = _pass_ratio(statistics, before, left)
    writes = dirty if ratio is None or dirty is None or not rate else (dirty + min(ratio, 1.0) * rate) / 2
    shrinks = ratio is not None and ratio * MARGIN <= 1
    calmest = min(dirty, writes) if dirty is not None and writes is not None else None
    stop_ms = expected_stop(left, rate, calmest, downtime_limit_ms, limit, shrinks=shrinks)
    eta_s = None
    if not storage:
        eta_s = time_left(
            statistics.remaining,
            rate,
            writes,
            sent=statistics.memory_processed,
            left=left,
            max_downtime_ms=limit,
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
        eta_s=eta_s,
        stop_ms=(0, stop_ms[1]) if stop_ms and bandwidth_limited else stop_ms,
        outlook=outlook(left, rate, writes, max_downtime_ms),
        disk_total_bytes=statistics.disk_total,
        disk_remaining_bytes=statistics.disk_remaining,
        pass_bytes=left,
    )


def _rate(statistics: JobStatistics, elapsed_s: float, before: Sequence[MoveProgress]) -> float | None:
    """Bytes a second over about the last two seconds; libvirt's own figure until there is an earlier sample."""
    rate = None
    for old in reversed(before):
        span = elapsed_s - old.elapsed_s
        if span >= _MIN_SPAN_S and statistics.processed >= old.processed_bytes:
            rate = (statistics.processed - old.processed_bytes) / span
        if span >= RATE_SPAN_S:
            break
    return rate if rate is not None else float(statistics.memory_bps) or None


def _dirty_rate(statistics: JobStatistics) -> float | None:
    """Bytes a second that the guest writes; None before QEMU has measured it.

    That takes a pass, and a second (migration_bitmap_sync in ram.c). Until then it is 0, which no running guest is.
    """
    if statistics.memory_iteration < 2 or not statistics.memory_dirty_pages_s:
        return None
    return float(statistics.memory_dirty_pages_s * statistics.page_size)


def _left_by_pass(statistics: JobStatistics, before: Sequence[MoveProgress]) -> int:
    """What the pass before had left when this one began.

    While a transfer runs, libvirt's `downtime` is QEMU's expected-downtime: what the last look at the dirty pages
    found (dirty_bytes_last_sync) over the bandwidth of the last 100 ms, which is also libvirt's `memory_bps`
    (migration_update_counters in QEMU's migration.c sets both at once, but not before a dirty rate is known). It
    trails the begin of a pass by up to 100 ms, and older daemons do not tell it; what remains is never more than the
    pass had to send.
    """
    remaining = statistics.memory_remaining or max(0, statistics.remaining - statistics.disk_remaining)
    same = before[-1] if before and before[-1].iteration == statistics.memory_iteration else None
    if statistics.downtime_ms is None:
        return max(remaining, (same.pass_bytes or 0) if same else 0)
    return max(remaining, statistics.downtime_ms * statistics.memory_bps // 1000)


def _pass_ratio(statistics: JobStatistics, before: Sequence[MoveProgress], left: int | None) -> float | None:
    """How much smaller passes get, from one to the next, by the newest other one that was seen; None if none was.

    It says the same as dirty rate / bandwidth, but of the bytes themselves: the two together are steadier than each.
    """
    for old in reversed(before):
        passes = statistics.memory_iteration - old.iteration
        if passes > 0:
            return (left / old.pass_bytes) ** (1 / passes) if left and old.pass_bytes else None
    return None


def needed_stop_ms(left: float, rate: float) -> float:
    """The limit that QEMU would have needed to switch over: it does when what is left fits into limit x bandwidth."""
    return left / rate * 1000


def outlook(
    left: int | None, rate: float | None, dirty: float | None, max_downtime_ms: int | None
) -> Outlook | None:
    """Will the passes get small enough for the user's limit? None before the first pass has been measured."""
    if left is None or not rate or dirty is None or max_downtime_ms is None:
        return None
    need = needed_stop_ms(left, rate)
    if need * MARGIN <= max_downtime_ms or dirty * MARGIN <= rate:
        return Outlook.WILL_CONVERGE
    tight = need <= max_downtime_ms or dirty <= TELLING_SHARE * rate
    return Outlook.TIGHT if tight else Outlook.WILL_NOT


def expected_stop(
    left: int | None,
    rate: float | None,
    dirty: float | None,
    limit_ms: int | None,
    max_downtime_ms: int | None,
    *,
    shrinks: bool = False,
) -> tuple[int, int] | None:
    """How long the guest will stand still for its memory, at least and at most; None while it cannot be told.

    At most: the limit in force, or what the newest pass would need, as the policy raises the limit only so far, and
    not while passes shrink; but the shortest passes may stop doing so, and then it is LEAST_RAISED_MS at once. At
    least: another pass, shorter by dirty / rate, may come first.
    """
    if left is None or not rate or dirty is None or limit_ms is None or max_downtime_ms is None:
        return None
    need = needed_stop_ms(left, rate)
    if need > max_downtime_ms and dirty > TELLING_SHARE * rate:
        return None
    low = min(need, limit_ms) * min(1.0, dirty / rate)
    shrinks = dirty * MARGIN <= rate and (shrinks or need > max_downtime_ms)
    raised = max(limit_ms, LEAST_RAISED_MS)
    high = raised if shrinks else max(raised, need * MARGIN)
    return int(low), max(int(low), min(int(high), max_downtime_ms))


def time_left(
    remaining: int,
    rate: float | None,
    dirty: float | None,
    *,
    sent: int,
    left: int | None,
    max_downtime_ms: int | None,
) -> tuple[float, float] | None:
    """Seconds still needed, as an interval; None where nobody knows.

    In the first pass the guest may have written again all that was `sent` and will be: then it takes two. Later, what a
    pass leaves may fit already into what the user allows: then it takes no more passes than the policy looks at.
    """
    if not rate:
        return None
    this_pass = remaining / rate
    if dirty is None:
        return this_pass, this_pass + (sent + remaining) / rate
    known = estimate(remaining, rate, dirty, left=left)
    if left is not None and max_downtime_ms is not None and needed_stop_ms(left, rate) <= max_downtime_ms:
        most = (this_pass + FEW_PASSES * left / rate) * MARGIN
        return this_pass, min(most, known[1]) if known else most
    return known if dirty <= TELLING_SHARE * rate else None


def estimate(
    remaining: int, rate: float | None, dirty: float | None, *, left: int | None = None
) -> tuple[float, float] | None:
    """Seconds still needed, as an interval: at best the guest writes nothing more.

    Pre-copy sends again what was written meanwhile. What this pass had to send, `left` (`remaining`, where that is
    not known), is followed by passes each shorter by r = dirty / rate, which sum up to left * r / (1 - r) (Clark et
    al., "Live Migration of Virtual Machines", NSDI 2005). At worst r is half-way between that and 1, as a guest meets
    fewer pages that are dirty already the shorter a pass is. None when nothing is known, or when it would never end.
    """
    if not rate:
        return None
    soonest = remaining / rate
    if dirty is None:
        return soonest, soonest * MARGIN
    if dirty >= rate:
        return None
    share = dirty / rate
    return soonest, soonest + max(left or 0, remaining) / rate * (1 + share) / (1 - share)


def extended(history: tuple[MoveProgress, ...], sample: MoveProgress) -> tuple[MoveProgress, ...]:
    """The history with one more sample; every second old one is dropped when it grows too long for a plot."""
    if len(history) >= MAX_HISTORY:
        history = history[::2]
    return (*history, sample)
