"""What each pass over a guest's memory leaves to the next one, as far as samples tell. Pure.

Pre-copy sends the memory, then what the guest wrote meanwhile, and so on. QEMU looks for what was written when a pass
has sent nearly all, and switches over when that fits into bandwidth x downtime limit (migration_iteration_run in its
migration.c, ram_state_pending_exact in its ram.c). So the stop that a guest needs is what a pass leaves over the
bandwidth; it gets smaller from pass to pass while the guest writes less in one than the link takes in the same time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median

from backends.migration.convergence.progress import needed_stop_ms
from backends.model.move import MoveProgress

WINDOW = 3
"""So many passes are looked at together, that none alone decides."""
SHRINKS = 0.9
"""Passes get smaller when the median of a window is at most this of the median before. That is 3.5 % a pass."""
LONG_PASS_S = 30.0
"""What was measured over this long is believed without waiting for a whole window of such passes."""
KEEPS_UP = 0.98
"""A guest that writes at least this share of what the link takes makes no pass shorter than the one before."""
_STILL_KEEPS_UP = 0.9
"""The same by the bandwidth of now, which may have been changed: less exact, as it comes and goes."""
_STUCK_SHARE = 0.8
"""Passes that do not shrink are of a guest that writes what the link takes; much less contradicts it."""
_CONFIRMING = 4
_CONFIRMING_S = 2.0
"""So many samples, over so long, must agree about a long pass: the bandwidth of one sample may be odd."""
_TELLING_DIFFERENCE = 0.1
"""Passes whose lengths differ by less say nothing about how the writing depends on the length."""
_KEPT = 2 * WINDOW


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass, by what the one before had left for it."""

    number: int
    seen_s: float
    """When it was first seen."""
    left_bytes: int
    bandwidth: float
    """Bytes a second, as the newest sample has it."""
    sent_before: int = 0
    """What had been sent when it began, in bytes."""
    before: Pass | None = None
    """The one that was seen before, without its own `before`: several may lie between."""
    dirty_bytes_s: float | None = None
    samples: int = 1

    @property
    def need_ms(self) -> float:
        """The downtime limit that would have let QEMU switch over instead of beginning this pass."""
        return needed_stop_ms(self.left_bytes, self.bandwidth)

    @property
    def written_s(self) -> float | None:
        """How long the guest has taken to write what was left; None where its beginning was not seen."""
        if self.before is None:
            return None
        return (self.seen_s - self.before.seen_s) / (self.number - self.before.number)

    @property
    def share(self) -> float | None:
        """What the guest wrote of what the link took in the same time: from 1 on, passes do not shrink.

        By the bytes, where the pass before was seen: the bandwidth of a moment does not matter then.
        """
        if self.before is not None and self.sent_before > self.before.sent_before:
            sent = (self.sent_before - self.before.sent_before) / (self.number - self.before.number)
            return self.left_bytes / sent
        return self.dirty_bytes_s / self.bandwidth if self.dirty_bytes_s is not None else None

    def is_long(self, now_s: float) -> bool:
        """It takes long to send, and several samples agree on that."""
        sure = self.samples >= _CONFIRMING and now_s - self.seen_s >= _CONFIRMING_S
        return sure and self.need_ms >= LONG_PASS_S * 1000


@dataclass(frozen=True, slots=True)
class Passes:
    """The newest passes, oldest first. Several short ones may lie between two samples: one of them stands for all."""

    seen: tuple[Pass, ...] = ()
    now_s: float = 0.0
    from_start: bool = False
    """The first pass was seen."""

    def with_sample(self, sample: MoveProgress) -> Passes:
        """What is known after one more sample; the same where it has no figures of a pass."""
        if sample.iteration == 1 and not self.seen:
            return replace(self, from_start=True, now_s=sample.elapsed_s)
        rate = sample.rate_bytes_s
        if not _measured(sample) or not rate or (self.seen and sample.iteration < self.seen[-1].number):
            return self
        known = self.seen or self._first_pass(sample, rate)
        last = known[-1] if known else None
        if last is not None and last.number == sample.iteration:
            newest = _renewed(last, sample, rate)
            known = _first_pass_renewed(known[:-1], newest)
        else:
            newest = _begun(last, sample, rate)
        return replace(self, seen=(*known, newest)[-_KEPT:], now_s=sample.elapsed_s)

    def _first_pass(self, sample: MoveProgress, rate: float) -> tuple[Pass, ...]:
        """The pass over all of the memory, which is what had been sent before: the next ones are compared with it."""
        if not self.from_start:
            return ()
        sent = _sent_before(sample)
        return (Pass(1, sample.elapsed_s - _memory_sent(sample) / rate, sent, rate),)

    def recent(self, since: int) -> tuple[Pass, ...]:
        """The newest window of measured passes after pass `since`; empty while there are too few."""
        found = tuple(one for one in self.seen[-WINDOW:] if one.number > max(since, 1))
        return found if len(found) == WINDOW else ()

    def gone_by_within(self, need_ms: float) -> int:
        """How many passes have gone by since the first of those kept that needed no longer a stop than this.

        0 where that was seen but once: the sample may be odd.
        """
        within = [one for one in self.seen if one.need_ms <= need_ms]
        return self.seen[-1].number - within[0].number if len(within) > 1 else 0

    @property
    def stuck(self) -> bool:
        """Do the passes no longer get smaller? Two measures must say so, that no odd sample does: bytes and rates."""
        now, before = self._windows()
        if len(before) < 2:
            return False
        shares = [one.dirty_bytes_s / one.bandwidth for one in now if one.dirty_bytes_s is not None]
        if shares and median(shares) < _STUCK_SHARE:
            return False
        return median(one.left_bytes for one in now) > SHRINKS * median(one.left_bytes for one in before)

    @property
    def shrink_clearly(self) -> bool:
        """Is each of the newest window smaller than any of those before?"""
        now, before = self._windows()
        if not before:
            return False
        return max(one.left_bytes for one in now) <= SHRINKS * min(one.left_bytes for one in before)

    def _windows(self) -> tuple[tuple[Pass, ...], tuple[Pass, ...]]:
        """The newest window, and what was before it."""
        return self.seen[-WINDOW:], self.seen[:-WINDOW]

    @property
    def keep_up(self) -> bool:
        """Is it plain from long passes alone that they will not shrink to nothing, without waiting for a window?

        Either the guest writes as fast as the link takes it, measured over one long pass; or it writes the faster the
        shorter the pass (as it then meets fewer pages that are dirty already), and drawn on to passes of no length,
        it would be as fast as the link: twice running, as a guest may also have become busier.
        """
        if not self.seen or not self.seen[-1].is_long(self.now_s):
            return False
        newest = self.seen[-1]
        if newest.dirty_bytes_s is not None and newest.dirty_bytes_s < _STILL_KEEPS_UP * newest.bandwidth:
            return False
        if newest.share is not None and newest.share >= KEEPS_UP:
            return True
        pairs = list(zip(self.seen, self.seen[1:], strict=False))[-2:]
        return len(pairs) == 2 and all(_drawn_on(*pair) >= 1 for pair in pairs)


def _measured(sample: MoveProgress) -> bool:
    """Does it say what a pass has left? Not before QEMU has measured a dirty rate, for which it takes a second."""
    return sample.iteration > 1 and (sample.pass_bytes is not None or bool(sample.dirty_bytes_s))


def _begun(last: Pass | None, sample: MoveProgress, rate: float) -> Pass:
    """A pass that is seen for the first time."""
    left = sample.pass_bytes if sample.pass_bytes is not None else _memory_left(sample)
    before = replace(last, before=None) if last is not None else None
    return Pass(
        sample.iteration, sample.elapsed_s, left, rate, _sent_before(sample), before, sample.dirty_bytes_s
    )


def _renewed(one: Pass, sample: MoveProgress, rate: float) -> Pass:
    """The same pass by a newer sample: its figures are only now those of its beginning (see progress.py)."""
    left = sample.pass_bytes if sample.pass_bytes is not None else max(one.left_bytes, _memory_left(sample))
    return replace(
        one,
        left_bytes=left,
        bandwidth=rate,
        sent_before=_sent_before(sample),
        dirty_bytes_s=sample.dirty_bytes_s,
        samples=one.samples + 1,
    )


def _first_pass_renewed(known: tuple[Pass, ...], newest: Pass) -> tuple[Pass, ...]:
    """What the first pass has sent is known by when the second began."""
    if len(known) != 1 or known[0].number != 1:
        return known
    return (replace(known[0], left_bytes=newest.sent_before),)


def _memory_left(sample: MoveProgress) -> int:
    return max(0, sample.remaining_bytes - sample.disk_remaining_bytes)


def _memory_sent(sample: MoveProgress) -> int:
    return max(0, sample.processed_bytes - (sample.disk_total_bytes - sample.disk_remaining_bytes))


def _sent_before(sample: MoveProgress) -> int:
    """All that had been sent when the pass of this sample began."""
    return max(0, _memory_sent(sample) - max(0, (sample.pass_bytes or 0) - _memory_left(sample)))


def _drawn_on(longer: Pass, shorter: Pass) -> float:
    """The share of the link that the guest would write in passes of no length; 0 where two passes do not tell."""
    slow, fast, long_s, short_s = longer.share, shorter.share, longer.written_s, shorter.written_s
    if slow is None or fast is None or long_s is None or short_s is None:
        return 0.0
    if long_s - short_s <= _TELLING_DIFFERENCE * long_s:
        return 0.0
    return fast + (fast - slow) * short_s / (long_s - short_s)
