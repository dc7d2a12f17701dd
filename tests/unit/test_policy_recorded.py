"""What the policy makes of moves that real hosts have reported.

Each file in recorded_moves/ is virDomainGetJobStats of one move between two hosts of the project's own lab (libvirt
9.0, QEMU 10.0, emulated guests), asked every 0.25 s: a peer-to-peer live move limited to 32 MiB/s, with a downtime
limit of 30 ms that was left as it was. So nothing that the policy decides has an effect on the samples that follow.
The lab's guests write by the clock on the wall, walking over their working set.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from backends.hypervisor.jobs import from_fields
from backends.migration.convergence import policy
from backends.migration.convergence.policy import (
    Abort,
    Decision,
    PauseGuest,
    RaiseDowntime,
    Say,
    StartPostcopy,
)
from backends.migration.convergence.progress import extended, from_statistics
from backends.model.move import LastResort, MoveProgress, Outlook
from tests.unit.precopy import request

RECORDED = Path(__file__).parent / "recorded_moves"
RECORDED_AT_MS = 30
LIMITS_MS = (RECORDED_AT_MS, policy.FIRST_DOWNTIME_MS)
"""As it was, and as a move begins: QEMU's figures before the switch are the same."""
RUNNING, MIGRATION_OUT = 2, 5
CALM_END_S = 6.29


def recorded(name: str, max_downtime_ms: int = 500, limit_ms: int = RECORDED_AT_MS) -> list[MoveProgress]:
    """The samples as the engine makes them of libvirt's figures, if `limit_ms` is the limit in force."""
    history: tuple[MoveProgress, ...] = ()
    with (RECORDED / f"{name}.csv").open() as file:
        next(file)  # what it is of
        for row in csv.DictReader(file):
            fields = {"type": RUNNING, "operation": MIGRATION_OUT}
            fields |= {column: int(figure) for column, figure in row.items() if figure}
            sample = from_statistics(from_fields(fields), history, limit_ms, max_downtime_ms=max_downtime_ms)
            history = extended(history, sample)
    return list(history)


def decided(
    samples: list[MoveProgress], last_resort: LastResort, max_downtime_ms: int = 500
) -> list[tuple[MoveProgress, Decision]]:
    state = policy.begin(request(last_resort, max_downtime_ms), can_postcopy=True)
    found = []
    for sample in samples:
        state, decisions = policy.decide(state, sample)
        found += [(sample, one) for one in decisions]
    return found


@pytest.mark.parametrize("limit_ms", LIMITS_MS)
@pytest.mark.parametrize("last_resort", LastResort)
def test_a_guest_whose_passes_shrink_is_left_alone(last_resort: LastResort, limit_ms: int) -> None:
    assert decided(recorded("calms-down", limit_ms=limit_ms), last_resort) == []


def test_the_end_of_a_guest_whose_passes_shrink_is_foretold() -> None:
    measured = [one for one in recorded("calms-down") if one.iteration > 1]
    assert Outlook.WILL_NOT not in {one.outlook for one in measured}
    assert [one.outlook for one in measured].count(Outlook.WILL_CONVERGE) >= len(measured) - 2
    for one in measured:
        assert one.eta_s is not None
        assert one.eta_s[0] <= CALM_END_S - one.elapsed_s <= one.eta_s[1] + 0.25, one
        assert one.stop_ms is not None and one.stop_ms[0] <= 35


@pytest.mark.parametrize("limit_ms", LIMITS_MS)
def test_a_small_hot_set_gets_the_limit_that_it_needs_soon_after_the_first_pass(limit_ms: int) -> None:
    samples = recorded("small-hot-set", limit_ms=limit_ms)
    first_measured_s = next(one.elapsed_s for one in samples if one.iteration > 1)
    sample, decision = decided(samples, LastResort.ABORT)[0]
    assert isinstance(decision, RaiseDowntime)
    assert sample.elapsed_s - first_measured_s < 2
    assert 257 <= decision.to_ms <= 1.4 * 257  # QEMU says that it expects 256 to 261 ms
    assert decision.reason.startswith(f"downtime limit {limit_ms} -> {decision.to_ms} ms: the passes")
    assert "no longer shrink and leave 8.3 MiB, at 3" in decision.reason


@pytest.mark.parametrize("limit_ms", LIMITS_MS)
def test_a_small_hot_set_is_no_case_for_the_last_resort_as_long_as_the_limit_can_be_raised(
    limit_ms: int,
) -> None:
    soon = [one for one in recorded("small-hot-set", limit_ms=limit_ms) if one.elapsed_s < 10]
    decisions = [one for _, one in decided(soon, LastResort.ABORT)]
    assert decisions
    assert all(isinstance(one, RaiseDowntime) for one in decisions)


@pytest.mark.parametrize("limit_ms", LIMITS_MS)
def test_a_small_hot_set_beyond_what_the_user_allows_is_one(limit_ms: int) -> None:
    samples = recorded("small-hot-set", max_downtime_ms=100, limit_ms=limit_ms)
    [(sample, decision)] = decided(samples, LastResort.ABORT, max_downtime_ms=100)
    assert isinstance(decision, Abort)
    assert sample.iteration <= 10
    assert "no more than 100 ms is allowed" in decision.reason


@pytest.mark.parametrize(
    ("last_resort", "expected"),
    [
        (LastResort.POSTCOPY, StartPostcopy),
        (LastResort.PAUSE, PauseGuest),
        (LastResort.ABORT, Abort),
        (LastResort.KEEP_TRYING, Say),
    ],
)
@pytest.mark.parametrize("limit_ms", LIMITS_MS)
def test_a_large_hot_set_gets_the_last_resort_once_after_a_handful_of_passes(
    last_resort: LastResort, expected: type[Decision], limit_ms: int
) -> None:
    [(sample, decision)] = decided(recorded("large-hot-set", limit_ms=limit_ms), last_resort)
    assert isinstance(decision, expected)
    assert sample.iteration <= 6
    assert "each pass leaves 64." in decision.reason


def test_a_large_hot_set_is_not_promised_an_end() -> None:
    late = [one for one in recorded("large-hot-set") if one.iteration > 3]
    assert {one.outlook for one in late} == {Outlook.WILL_NOT}
    assert {one.eta_s for one in late} == {None}


def test_each_step_of_qemus_throttle_is_told_and_nothing_else_is_done() -> None:
    told = [
        one.reason
        for _, one in decided(recorded("throttled"), LastResort.AUTO_CONVERGE)
        if isinstance(one, Say)
    ]
    slowed = [one.split(":")[0] for one in told if "slows the guest's" in one]
    assert slowed[0].endswith("down by 20 %")
    assert len(slowed) == 4
    assert sum("will not converge" in one for one in told) == 1
