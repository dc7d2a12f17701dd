"""The limit on the downtime that the policy sets: from where, how far, and how the user's own bounds it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.migration.convergence import policy
from backends.migration.convergence.policy import FIRST_DOWNTIME_MS, Abort, Decision, RaiseDowntime
from backends.model.move import LastResort
from tests.unit.precopy import MIB, Guest, Link, request, run
from tests.unit.steered import SAMPLE_S, begun, fed, steady


def test_a_user_who_allows_more_gets_a_higher_limit_and_no_last_resort() -> None:
    state, decisions = fed(begun(LastResort.ABORT), steady(need_ms=800, passes=3))
    assert [type(one) for one in decisions] == []
    state = policy.with_limit(state, 2000)
    _, decisions = fed(state, steady(need_ms=800, start=6))
    assert isinstance(decisions[0], RaiseDowntime)
    assert decisions[0].to_ms == 1000
    assert not [one for one in decisions if isinstance(one, Abort)]


def test_a_user_who_allows_less_is_obeyed_from_then_on() -> None:
    state, _ = fed(begun(), steady(need_ms=300))
    assert state.limit_ms == 375
    state = policy.with_limit(state, 200)
    assert state.limit_ms == 200
    _, decisions = fed(state, steady(need_ms=300, start=20))
    assert not [one for one in decisions if isinstance(one, RaiseDowntime)]
    assert isinstance(decisions[-1], Abort)


def test_a_limit_that_is_in_force_already_is_where_a_watcher_goes_on_from() -> None:
    samples = [replace(one, downtime_limit_ms=200) for one in steady(need_ms=300)]
    _, decisions = fed(begun(), samples)
    assert decisions[0].reason.startswith("downtime limit 200 -> 375 ms")


@pytest.mark.parametrize(("in_force_ms", "need_ms", "to_ms"), [(None, 3, 30), (30, 20, 38), (100, 60, 125)])
def test_a_limit_that_should_do_but_does_not_is_raised_after_many_passes(
    in_force_ms: int | None, need_ms: int, to_ms: int
) -> None:
    watched = [replace(one, downtime_limit_ms=in_force_ms) for one in steady(need_ms=need_ms, passes=16)]
    few, many = watched[:20], watched[20:]
    state, decisions = fed(begun(), few)
    assert decisions == []
    [raised] = fed(state, many)[1]
    assert isinstance(raised, RaiseDowntime)
    assert raised.to_ms == to_ms
    assert "passes have found no moment for a stop that short" in raised.reason


def test_at_the_users_limit_the_same_takes_many_passes_and_a_while_before_the_last_resort() -> None:
    state, [raised] = fed(begun(max_downtime_ms=30), steady(need_ms=20, passes=100))
    assert isinstance(raised, RaiseDowntime)
    assert raised.to_ms == 30
    _, decisions = fed(state, steady(need_ms=20, start=102, passes=100))
    [given_up] = decisions
    assert isinstance(given_up, Abort)
    assert given_up.reason.endswith("passes have found no moment for a stop of 30 ms")


def test_at_the_users_limit_a_long_while_is_not_enough_without_many_passes() -> None:
    """Three seconds a pass: ten of them are half a minute, and only then is it given up."""
    samples = [replace(one, downtime_limit_ms=5000) for one in steady(need_ms=3000, passes=20)]
    state, decisions = fed(begun(max_downtime_ms=5000), samples[:20])
    assert decisions == []
    assert [type(one) for one in fed(state, samples[20:])[1]] == [Abort]


@pytest.mark.parametrize("odd", range(10))
def test_one_pass_that_seems_short_does_not_leave_the_first_limit(odd: int) -> None:
    """Many passes go by between two samples, and shrink by their rates; one figure of one sample is odd."""
    shrinking = [replace(one, dirty_bytes_s=16.0 * MIB) for one in steady(need_ms=300, passes=60)]
    samples = shrinking[::12]
    samples[odd] = replace(samples[odd], pass_bytes=samples[odd].pass_bytes // 20, remaining_bytes=0)  # type: ignore[operator]
    assert fed(begun(), samples)[1] == []


def test_figures_that_contradict_each_other_decide_nothing() -> None:
    """Passes that leave the same although the guest writes but half of what the link takes."""
    samples = [replace(one, dirty_bytes_s=16.0 * MIB) for one in steady(need_ms=300)]
    assert fed(begun(), samples)[1] == []


def test_a_user_who_allows_less_than_the_first_limit_gets_that_from_the_start() -> None:
    assert begun(max_downtime_ms=3).limit_ms == 3


@pytest.mark.parametrize(
    ("need_ms", "max_downtime_ms", "to_ms"), [(7, 500, 30), (24, 500, 30), (26, 500, 33)]
)
def test_the_first_raise_is_to_what_is_needed_but_to_thirty_milliseconds_at_least(
    need_ms: int, max_downtime_ms: int, to_ms: int
) -> None:
    [raised] = fed(begun(max_downtime_ms=max_downtime_ms), steady(need_ms=need_ms, passes=10))[1]
    assert isinstance(raised, RaiseDowntime)
    assert raised.to_ms == to_ms


@pytest.mark.parametrize("every_s", SAMPLE_S)
@pytest.mark.parametrize(
    ("need_ms", "expected"), [(7, [RaiseDowntime]), (11, [RaiseDowntime, Abort]), (40, [Abort])]
)
def test_a_user_who_allows_less_than_thirty_milliseconds_gets_no_raise_beyond_that(
    need_ms: int, expected: list[type[Decision]], every_s: float
) -> None:
    link = Link(1000.0 * MIB)
    guest = Guest(1000 * MIB, 4 * link.bandwidth, need_ms * MIB)
    done = run(guest, link, request(LastResort.ABORT, max_downtime_ms=10), every_s=every_s, most_s=60)
    assert [type(one) for one in done.decisions] == expected
    assert done.switched == (Abort not in expected)
    assert done.limit_ms == (10 if RaiseDowntime in expected else FIRST_DOWNTIME_MS)
