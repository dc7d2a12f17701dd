"""Which samples of a live move decide nothing, and what holds whatever the policy is fed with."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.migration.convergence import policy
from backends.migration.convergence.policy import Abort, PauseGuest, RaiseDowntime, Say, StartPostcopy
from backends.model.move import LastResort, MoveMode, MoveProgress
from tests.unit.precopy import MIB, Guest, request
from tests.unit.steered import GIB, begun, fed, moved, steady

# What decides nothing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "unknowing",
    [
        {"rate_bytes_s": None},
        {"rate_bytes_s": 0.0},
        {"iteration": 1},
        {"iteration": 0},
        {"pass_bytes": None, "dirty_bytes_s": None},
        {"stage": "carrying the state over"},
        {"disk_total_bytes": GIB, "disk_remaining_bytes": GIB, "remaining_bytes": GIB},
    ],
)
def test_samples_without_the_figures_decide_nothing(unknowing: dict[str, object]) -> None:
    samples = [replace(one, **unknowing) for one in steady(need_ms=2000, passes=30)]  # type: ignore[arg-type]
    assert fed(begun(), samples)[1] == []


def test_a_mirrored_disk_that_the_guest_goes_on_writing_to_does_not_hide_its_memory() -> None:
    """Seen on real hosts: 64 KiB of the disk remained to be mirrored at every sample, to the end."""
    disk = {"disk_total_bytes": 84 * MIB, "disk_remaining_bytes": MIB // 16}
    samples = [
        replace(
            one,
            processed_bytes=one.processed_bytes + 84 * MIB,
            remaining_bytes=one.remaining_bytes + MIB // 16,
            **disk,  # type: ignore[arg-type]
        )
        for one in steady(need_ms=2000)
    ]
    assert [type(one) for one in fed(begun(), samples)[1]] == [Abort]


@pytest.mark.parametrize("mode", [MoveMode.PAUSED, MoveMode.SAVED, MoveMode.OFFLINE])
def test_a_guest_that_does_not_run_meanwhile_is_not_steered(mode: MoveMode) -> None:
    state = policy.begin(replace(request(LastResort.ABORT), mode=mode), can_postcopy=False)
    assert fed(state, steady(need_ms=2000))[1] == []


@pytest.mark.parametrize("odd", range(0, 40, 3))
@pytest.mark.parametrize("factor", [0.05, 20])
@pytest.mark.parametrize("figure", ["rate_bytes_s", "pass_bytes", "dirty_bytes_s"])
def test_one_odd_sample_among_good_ones_decides_nothing(figure: str, factor: float, odd: int) -> None:
    """A guest that converges; in one sample the link seems to stall, or the guest to write twenty times as fast."""
    done = moved(LastResort.ABORT, Guest(512 * MIB, 19.0 * MIB, 512 * MIB))
    assert done.switched and not done.decisions
    measured = [at for at, sample in enumerate(done.samples) if sample.pass_bytes]
    samples = list(done.samples)
    at = measured[odd * len(measured) // 40]
    usual = getattr(samples[at], figure)
    samples[at] = replace(samples[at], **{figure: type(usual)(usual * factor)})
    assert fed(begun(), samples)[1] == []


# For all samples whatsoever ------------------------------------------------------------------------------

any_sample = st.builds(
    MoveProgress,
    elapsed_s=st.floats(0, 1e5),
    total_bytes=st.integers(0, 2**45),
    processed_bytes=st.integers(0, 2**50),
    remaining_bytes=st.integers(0, 2**45),
    rate_bytes_s=st.none() | st.floats(0, 2**40),
    dirty_bytes_s=st.none() | st.floats(0, 2**40),
    iteration=st.integers(0, 30),
    throttle_percent=st.integers(0, 99),
    downtime_limit_ms=st.none() | st.integers(0, 5000),
    pass_bytes=st.none() | st.integers(0, 2**45),
    disk_total_bytes=st.sampled_from([0, 2**30]),
    disk_remaining_bytes=st.sampled_from([0, 2**20]),
)
series = st.lists(any_sample, max_size=60).map(
    lambda found: sorted(found, key=lambda one: (one.iteration, one.elapsed_s))
)
any_request = st.builds(request, st.sampled_from(LastResort), st.integers(1, 5000))


@settings(deadline=None)
@given(any_request, series, st.booleans())
def test_whatever_is_sampled_the_limit_only_rises_and_stays_within_the_users(
    asked: object, samples: list[MoveProgress], can_postcopy: bool
) -> None:
    state = policy.begin(asked, can_postcopy=can_postcopy)  # type: ignore[arg-type]
    limits = [state.limit_ms]
    for sample in samples:
        state, decisions = policy.decide(state, sample)
        raised = [one.to_ms for one in decisions if isinstance(one, RaiseDowntime)]
        assert len(raised) <= 1
        assert all(one > limits[-1] for one in raised)
        limits.append(state.limit_ms)
    assert limits == sorted(limits)
    assert limits[-1] <= state.max_downtime_ms


@settings(deadline=None)
@given(any_request, series, st.booleans())
def test_whatever_is_sampled_there_is_at_most_one_last_resort_and_it_is_the_users(
    asked: object, samples: list[MoveProgress], can_postcopy: bool
) -> None:
    state = policy.begin(asked, can_postcopy=can_postcopy)  # type: ignore[arg-type]
    chosen = {
        LastResort.POSTCOPY: StartPostcopy if can_postcopy else None,
        LastResort.PAUSE: PauseGuest,
        LastResort.ABORT: Abort,
    }.get(state.last_resort)
    _, decisions = fed(state, samples)
    acts = [one for one in decisions if not isinstance(one, RaiseDowntime | Say)]
    assert len(acts) <= 1
    assert all(type(one) is chosen for one in acts)
    if acts:
        assert decisions[-1] is acts[0]


@settings(deadline=None)
@given(any_request, series)
def test_the_same_samples_lead_to_the_same_decisions_each_with_a_reason(
    asked: object, samples: list[MoveProgress]
) -> None:
    first = fed(policy.begin(asked, can_postcopy=True), samples)  # type: ignore[arg-type]
    second = fed(policy.begin(asked, can_postcopy=True), samples)  # type: ignore[arg-type]
    assert first == second
    assert all(one.reason for one in first[1])
