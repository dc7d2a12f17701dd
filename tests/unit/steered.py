"""Moves that the policy steers: whole ones of a hot guest over a slow link, and rows of samples to feed it with."""

from __future__ import annotations

from backends.migration.convergence import policy
from backends.migration.convergence.policy import Decision, PolicyState
from backends.model.move import LastResort, MoveProgress
from tests.unit.precopy import MIB, Guest, Link, Run, request, run

GIB = 1024 * MIB
SAMPLE_S = (0.25, 0.5, 1.0)
"""How far apart samples are taken."""

HOT = Guest(256 * MIB, 60.0 * MIB, 64 * MIB)
"""Each pass leaves 64 MiB, for which this link needs 2 s."""
SLOW = Link(32.0 * MIB)


def moved(last_resort: LastResort, guest: Guest = HOT, max_downtime_ms: int = 500, most_s: float = 60) -> Run:
    return run(guest, SLOW, request(last_resort, max_downtime_ms), every_s=0.25, most_s=most_s)


def begun(last_resort: LastResort = LastResort.ABORT, max_downtime_ms: int = 500) -> PolicyState:
    asked = request(last_resort, max_downtime_ms)
    return policy.begin(asked, can_postcopy=asked.wants_postcopy)


def steady(*, need_ms: int, start: int = 2, passes: int = 12) -> list[MoveProgress]:
    """A guest whose every pass leaves the same; two samples a pass."""
    rate = 32.0 * MIB
    left = int(need_ms / 1000 * rate)
    samples = []
    for number in range(start, start + passes):
        for half in (0, 1):
            sent = (number - start) * left + half * left // 2
            samples.append(
                MoveProgress(
                    elapsed_s=10 * start + (number - start + half / 2) * need_ms / 1000,
                    total_bytes=GIB,
                    processed_bytes=GIB * start + sent,
                    remaining_bytes=left - half * left // 2,
                    rate_bytes_s=rate,
                    dirty_bytes_s=rate,
                    iteration=number,
                    throttle_percent=0,
                    downtime_limit_ms=None,
                    pass_bytes=left,
                )
            )
    return samples


def fed(state: PolicyState, samples: list[MoveProgress]) -> tuple[PolicyState, list[Decision]]:
    found: list[Decision] = []
    for sample in samples:
        state, decisions = policy.decide(state, sample)
        found += decisions
    return state, found
