"""The policy that steers a live move: how long the guest may stand still, and when the last resort is taken.

Most tests run it end to end against tests/unit/precopy.py, a simulator of QEMU's pre-copy that says where its rules
come from; test_policy_recorded.py replays what real hosts have reported.
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
    PolicyState,
    RaiseDowntime,
    Say,
    StartPostcopy,
)
from backends.migration.convergence.progress import LEAST_RAISED_MS
from backends.model.move import LastResort, MoveMode, MoveProgress
from tests.unit.precopy import MIB, Guest, Link, Run, floor_ms, request, run

GIB = 1024 * MIB
SAMPLE_S = (0.25, 0.5, 1.0)
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


HOT = Guest(256 * MIB, 60.0 * MIB, 64 * MIB)
"""Each pass leaves 64 MiB, for which this link needs 2 s."""
SLOW = Link(32.0 * MIB)


def moved(last_resort: LastResort, guest: Guest = HOT, max_downtime_ms: int = 500, most_s: float = 60) -> Run:
    return run(guest, SLOW, request(last_resort, max_downtime_ms), every_s=0.25, most_s=most_s)


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


# The knob ------------------------------------------------------------------------------------------------


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
