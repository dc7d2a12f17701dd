"""What the policy sees of a running transfer, and how its decisions are carried out and told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import humanize

from backends.errors import FerryError
from backends.hypervisor.jobs import JobStatistics
from backends.migration.convergence import policy, progress
from backends.migration.convergence.policy import Decision
from backends.migration.machine import Signal
from backends.migration.record import MoveRecord
from backends.model.move import LogKind, MoveMode, MoveProgress, Origin, Phase

_SAMPLES_BACK = 16
"""More than a rate is taken over."""
_FIRST_PASSES = 5
PASS_INTERVAL_S = 10.0
"""A guest that never converges makes passes for as long as it is let: after the first few one line tells of many."""
_STEERED = (Phase.COPYING, Phase.CONVERGING)


class Steering:
    """Of one transfer. `apply` does one decision and raises FerryError."""

    def __init__(self, record: MoveRecord, apply: Callable[[Decision], Awaitable[None]]) -> None:
        self.downtime_limit_ms: int | None = None
        """In force now; None where it is not known."""
        request = record.move.request
        self.is_bandwidth_limited = request.bandwidth_mib_s is not None
        self._record = record
        self._apply = apply
        self._iteration = 1
        self._told_s = 0.0
        self._policy = policy.begin(request, can_postcopy=request.wants_postcopy)

    @property
    def _is_ours(self) -> bool:
        """Somebody else's move is only watched, and a paused guest needs no policy."""
        move = self._record.move
        return move.origin is not Origin.ELSEWHERE and move.request.mode is MoveMode.LIVE

    def limit(self, max_downtime_ms: int) -> None:
        """The user has set the most that the guest may stand still."""
        self.downtime_limit_ms = max_downtime_ms
        self._policy = policy.with_limit(self._policy, max_downtime_ms)

    async def take(self, statistics: JobStatistics) -> None:
        """One sample: shown, and steered by."""
        move = self._record.move
        before = move.history[-_SAMPLES_BACK:]
        sample = progress.from_statistics(
            statistics,
            before,
            self.downtime_limit_ms,
            max_downtime_ms=move.request.max_downtime_ms,
            bandwidth_limited=self.is_bandwidth_limited,
        )
        self._record.sample(sample)
        if self._record.phase not in _STEERED:
            return
        self._tell_pass(sample)
        if self._is_ours:
            self._policy, decisions = policy.decide(self._policy, sample)
            for decision in decisions:
                await self._carry_out(decision)

    async def _carry_out(self, decision: Decision) -> None:
        self._record.log(decision.reason, LogKind.POLICY)
        try:
            await self._apply(decision)
        except FerryError as error:
            self._record.log(f"that could not be done: {error.cause}", LogKind.POLICY)
            return
        if isinstance(decision, policy.RaiseDowntime):
            self.downtime_limit_ms = decision.to_ms

    def _tell_pass(self, sample: MoveProgress) -> None:
        if sample.iteration <= self._iteration:
            return
        skipped = sample.iteration - self._iteration > 1  # short passes, between two samples
        passes = (
            f"passes {self._iteration + 1} to {sample.iteration}" if skipped else f"pass {sample.iteration}"
        )
        self._iteration = sample.iteration
        self._record.signal(Signal.PASS_REPEATED)
        if sample.iteration > _FIRST_PASSES and sample.elapsed_s - self._told_s < PASS_INTERVAL_S:
            return
        self._told_s = sample.elapsed_s
        again = humanize.naturalsize(sample.remaining_bytes, binary=True)
        self._record.log(f"{passes}: {again} to send again")
