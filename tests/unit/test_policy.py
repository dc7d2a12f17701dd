"""The policy that steers a live move: how long the guest may stand still, and when the last resort is taken.

Most tests run it end to end against tests/unit/precopy.py, a simulator of QEMU's pre-copy that says where its rules
come from; test_policy_limits.py and test_policy_samples.py feed it with samples, and test_policy_recorded.py replays
what real hosts have reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from backends.migration.convergence import policy
from backends.migration.convergence.policy import (
    FIRST_DOWNTIME_MS,
    Abort,
    Decision,
    PauseGuest,
    RaiseDowntime,
    Say,
    StartPostcopy,
)
from backends.migration.convergence.progress import LEAST_RAISED_MS
from backends.model.move import LastResort
from tests.unit.precopy import MIB, Guest, Link, floor_ms, request, run
from tests.unit.steered import GIB, HOT, SAMPLE_S, SLOW, begun, fed, moved, steady

ENOUGH_PASSES = 40
"""A guest that gets within the limit in so many passes converges, by any measure."""
ALL_PASSES = 400
"""One that has not by then never will."""


# The shapes of guests ------------------------------------------------------------------------------------

links = st.builds(
    Link,
    st.sampled_from([32, 112, 1000, 3000]).map(lambda mib: float(mib * MIB)),
    st.sampled_from([0, 0.05, 0.1]),
)


SHARES = (0, 0.05, 0.3, 0.6, 0.8, 0.9, 1.1, 1.5, 4)
"""How fast guests write, of what the link takes."""
SETS = (0.001, 0.01, 0.05, 0.2, 0.6, 1)
"""Their working sets, of their memory."""


@st.composite
def guests_on_links(
    draw: st.DrawFn, shares: Sequence[float] = SHARES, sets: Sequence[float] = SETS
) -> tuple[Guest, Link]:
    """From half a second to two minutes for the memory; idle, busy with a corner of it, or with all; both orders."""
    link = draw(links)
    memory = int(link.bandwidth * draw(st.sampled_from([0.5, 2, 8, 40, 120])))
    working_set = max(1, int(memory * draw(st.sampled_from(sets))))
    return Guest(
        memory, link.bandwidth * draw(st.sampled_from(shares)), working_set, draw(st.booleans())
    ), link


def first_pass_s(guest: Guest, link: Link) -> float:
    return guest.memory / link.bandwidth


# End to end ----------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=150)
@given(guests_on_links(), st.sampled_from([100, 500, 2000]), st.sampled_from(SAMPLE_S), st.integers(0, 999))
def test_every_guest_that_can_converge_does_so_without_a_last_resort(
    shape: tuple[Guest, Link], max_downtime_ms: int, every_s: float, seed: int
) -> None:
    guest, link = shape
    assume(floor_ms(guest, link, ENOUGH_PASSES) <= 0.85 * max_downtime_ms)
    asked = request(LastResort.ABORT, max_downtime_ms)
    done = run(guest, link, asked, every_s=every_s, most_s=60 * first_pass_s(guest, link) + 60, seed=seed)
    assert done.switched, done.decisions
    assert done.transfer.switched_ms is not None and done.transfer.switched_ms <= max_downtime_ms


@settings(deadline=None, max_examples=150)
@given(
    guests_on_links(shares=(1.1, 1.5, 4), sets=(0.05, 0.2, 0.6, 1)),
    st.sampled_from([100, 500, 2000]),
    st.sampled_from(SAMPLE_S),
    st.integers(0, 999),
)
def test_every_guest_that_cannot_converge_gets_the_last_resort_in_bounded_time(
    shape: tuple[Guest, Link], max_downtime_ms: int, every_s: float, seed: int
) -> None:
    guest, link = shape
    assume(floor_ms(guest, link, ALL_PASSES) > 1.25 * max_downtime_ms)
    asked = request(LastResort.ABORT, max_downtime_ms)
    first_s = first_pass_s(guest, link)
    done = run(guest, link, asked, every_s=every_s, most_s=7 * first_s + 60, seed=seed)
    assert [type(one) for one in done.last_resorts] == [Abort]
    if not guest.at_random:  # at random the passes shrink for long before they stop doing so
        assert done.transfer.now_s <= 3 * first_s + 60


@settings(deadline=None, max_examples=150)
@given(guests_on_links(), st.sampled_from([500, 2000]), st.sampled_from(SAMPLE_S), st.integers(0, 999))
def test_the_limit_ends_close_to_the_least_that_was_needed(
    shape: tuple[Guest, Link], max_downtime_ms: int, every_s: float, seed: int
) -> None:
    guest, link = shape
    least = floor_ms(guest, link, ALL_PASSES)
    assume(least <= 0.85 * max_downtime_ms)
    # Where the link is at times as slow as the guest writes, the passes stop shrinking anywhere: no least is known.
    assume(not (1 - link.jitter) * link.bandwidth <= guest.writes_s <= link.bandwidth)
    asked = request(max_downtime_ms=max_downtime_ms)
    done = run(guest, link, asked, every_s=every_s, most_s=60 * first_pass_s(guest, link) + 60, seed=seed)
    # The margin of 1.25, a step of a tenth, and a link that differs by up to a tenth from moment to moment.
    assert done.limit_ms <= max(LEAST_RAISED_MS, 1.25 * 1.1 * 1.3 * least)


@settings(deadline=None, max_examples=150)
@given(
    guests_on_links(shares=(0, 0.05, 0.3, 0.5)),
    st.sampled_from([100, 500]),
    st.sampled_from(SAMPLE_S),
    st.integers(0, 999),
)
def test_a_guest_whose_passes_shrink_to_nothing_stands_still_no_longer_than_the_first_limit(
    shape: tuple[Guest, Link], max_downtime_ms: int, every_s: float, seed: int
) -> None:
    guest, link = shape
    asked = request(max_downtime_ms=max_downtime_ms)
    done = run(guest, link, asked, every_s=every_s, most_s=3 * first_pass_s(guest, link) + 60, seed=seed)
    assert done.switched
    assert done.decisions == []
    assert done.transfer.switched_ms is not None and done.transfer.switched_ms <= FIRST_DOWNTIME_MS


@pytest.mark.parametrize("every_s", SAMPLE_S)
@pytest.mark.parametrize("share", [0.8, 1.2, 4.0])
@pytest.mark.parametrize("need_ms", [7, 15, 25])
def test_a_guest_that_never_gets_below_the_first_limit_is_given_thirty_milliseconds_within_three_samples(
    need_ms: int, share: float, every_s: float
) -> None:
    """Its passes take milliseconds, hundreds of them between two samples: to watch a window of them is time lost."""
    link = Link(1000.0 * MIB, jitter=0.05)
    guest = Guest(1000 * MIB, share * link.bandwidth, need_ms * MIB)
    done = run(guest, link, request(LastResort.ABORT), every_s=every_s, most_s=60)
    assert done.switched
    [raised] = done.decisions
    assert isinstance(raised, RaiseDowntime)
    assert raised.to_ms == LEAST_RAISED_MS
    assert "passes have found no moment for a stop that short" in raised.reason
    assert done.transfer.switched_ms is not None and done.transfer.switched_ms <= 1.1 * need_ms
    assert done.transfer.now_s <= first_pass_s(guest, link) + 3 * every_s + 0.1


@pytest.mark.parametrize(("share", "at_random"), [(1.1, False), (1.5, False), (4.0, False), (4.0, True)])
def test_a_big_guest_that_outruns_the_link_is_not_watched_for_five_passes_of_ten_minutes(
    share: float, at_random: bool
) -> None:
    link = Link(1.1 * GIB, jitter=0.1)
    guest = Guest(660 * GIB, share * link.bandwidth, 660 * GIB, at_random)
    done = run(guest, link, request(LastResort.ABORT), every_s=0.5, most_s=3600)
    assert len(done.last_resorts) == 1
    assert done.transfer.now_s < 610
    assert done.transfer.iteration == 2


def test_a_big_guest_with_a_working_set_beyond_the_limit_is_given_up_when_a_pass_has_not_shrunk() -> None:
    link = Link(1.1 * GIB, jitter=0.1)
    guest = Guest(660 * GIB, 4 * link.bandwidth, 200 * GIB)
    done = run(guest, link, request(LastResort.ABORT), every_s=0.5, most_s=3600)
    assert [type(one) for one in done.last_resorts] == [Abort]
    assert done.transfer.iteration == 3


def test_a_big_guest_that_writes_at_random_is_given_up_before_its_passes_have_stopped_shrinking() -> None:
    """In ten minutes it meets many pages that are dirty already: each pass is shorter than the last, to no end."""
    link = Link(1.1 * GIB, jitter=0.1)
    guest = Guest(660 * GIB, 1.5 * link.bandwidth, 660 * GIB, at_random=True)
    done = run(guest, link, request(LastResort.ABORT), every_s=0.5, most_s=3600)
    assert [type(one) for one in done.last_resorts] == [Abort]
    assert done.transfer.iteration == 4


def test_a_big_guest_that_nearly_outruns_the_link_is_let_converge() -> None:
    link = Link(1.1 * GIB, jitter=0.1)
    guest = Guest(660 * GIB, 0.9 * link.bandwidth, 660 * GIB)
    done = run(guest, link, request(LastResort.ABORT), every_s=1.0, most_s=4 * 3600)
    assert done.switched
    [raised] = done.decisions  # only then: passes of 27 ms no longer shrink, as the turn to a new one takes 3
    assert isinstance(raised, RaiseDowntime)
    assert LEAST_RAISED_MS <= raised.to_ms <= 1.25 * 1.3 * floor_ms(guest, link, ALL_PASSES)


def test_a_big_guest_that_writes_half_of_what_the_link_takes_is_left_at_the_first_limit() -> None:
    link = Link(1.1 * GIB, jitter=0.1)
    guest = Guest(660 * GIB, 0.5 * link.bandwidth, 660 * GIB)
    done = run(guest, link, request(LastResort.ABORT), every_s=1.0, most_s=4 * 3600)
    assert done.switched
    assert done.decisions == []


def test_an_idle_guest_is_switched_over_at_the_first_limit_and_nothing_is_said() -> None:
    done = moved(LastResort.ABORT, Guest(256 * MIB, 0.0, 64 * MIB))
    assert done.switched
    assert done.decisions == []


def test_a_small_hot_working_set_costs_one_raise_that_names_its_figures() -> None:
    done = moved(LastResort.ABORT, Guest(128 * MIB, 60.0 * MIB, 8 * MIB))
    assert done.switched
    [raised] = done.decisions
    assert isinstance(raised, RaiseDowntime)
    assert 250 <= raised.to_ms <= 1.4 * 250  # 8 MiB at 32 MiB/s
    assert raised.reason.startswith(
        f"downtime limit {FIRST_DOWNTIME_MS} -> {raised.to_ms} ms: the passes no longer shrink and leave 8.0 MiB, at "
    )
    assert "MiB/s that takes 2" in raised.reason


def test_a_need_just_beyond_the_users_limit_is_tried_with_all_that_is_allowed_before_the_last_resort() -> (
    None
):
    done = moved(LastResort.ABORT, Guest(128 * MIB, 60.0 * MIB, 20 * MIB))  # 625 ms
    assert [type(one) for one in done.decisions] == [RaiseDowntime, Abort]
    assert done.limit_ms == 500
    assert "500 ms is the most that is allowed" in done.decisions[0].reason


# The last resorts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last_resort", "expected"),
    [
        (LastResort.POSTCOPY, StartPostcopy),
        (LastResort.PAUSE, PauseGuest),
        (LastResort.ABORT, Abort),
    ],
)
def test_a_hopeless_guest_gets_what_the_user_chose_once_and_is_told_why(
    last_resort: LastResort, expected: type[Decision]
) -> None:
    done = moved(last_resort)
    assert [type(one) for one in done.decisions] == [expected]
    assert "will not converge: the guest writes" in done.decisions[0].reason
    assert "each pass leaves 64.0 MiB, at 32" in done.decisions[0].reason
    assert "no more than 500 ms is allowed" in done.decisions[0].reason
    state = done.state
    for sample in done.samples:  # more of the same, as while the guest is paused
        state, more = policy.decide(state, replace(sample, elapsed_s=sample.elapsed_s + 100))
        assert more == ()


def test_keep_trying_says_once_that_it_will_not_converge_and_goes_on() -> None:
    done = moved(LastResort.KEEP_TRYING, most_s=120)
    assert not done.switched
    [said] = done.decisions
    assert isinstance(said, Say)
    assert said.reason.startswith("will not converge: ")
    assert said.reason.endswith("; it goes on all the same")


def test_a_hopeless_guest_that_is_given_more_bandwidth_converges_after_all() -> None:
    asked = request(LastResort.KEEP_TRYING)
    done = run(HOT, SLOW, asked, every_s=0.25, most_s=120, later=(30, Link(400.0 * MIB)))
    assert done.switched
    assert [type(one) for one in done.decisions[:2]] == [Say, RaiseDowntime]
    assert done.limit_ms >= 160  # 64 MiB at 400 MiB/s


def test_keep_trying_says_when_the_guest_calms_down_and_when_it_gets_hot_again() -> None:
    hot, calm = steady(need_ms=2000, start=2), steady(need_ms=200, start=20)
    again = steady(need_ms=2000, start=40)
    state = begun(LastResort.KEEP_TRYING)
    said = []
    for sample in (*hot, *calm, *again):
        state, decisions = policy.decide(state, sample)
        said += [one.reason.split(":")[0] for one in decisions if isinstance(one, Say)]
    assert said == ["will not converge", "fits again", "will not converge"]


def test_a_transfer_that_was_not_prepared_for_postcopy_goes_on_and_says_so() -> None:
    state = policy.begin(request(LastResort.POSTCOPY), can_postcopy=False)
    _, decisions = fed(state, steady(need_ms=2000))
    [said] = decisions
    assert isinstance(said, Say)
    assert said.reason.endswith("this transfer was not prepared for post-copy, so it goes on")


def test_auto_converge_is_told_as_it_begins_and_as_it_steps() -> None:
    samples = steady(need_ms=2000)
    throttled = [replace(one, throttle_percent=20 if one.iteration < 6 else 30) for one in samples]
    _, decisions = fed(begun(LastResort.AUTO_CONVERGE), throttled)
    said = [one.reason for one in decisions]
    assert all(isinstance(one, Say) for one in decisions)
    assert said[0].startswith("QEMU slows the guest's processors down by 20 %")
    assert [one for one in said if "more: 20 -> 30 %" in one]
    assert [one for one in said if one.endswith("; QEMU slows the guest down until it does")]
    assert len(said) == 3
