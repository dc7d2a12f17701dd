"""How long a guest did not answer, told from when it was asked and when it answered."""

from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.remote.silence import Silence

INTERVAL_S = 0.02
ROUND_TRIP_S = 0.001


def watched(*, asked: list[int], lost: range = range(0)) -> Silence:
    """Asked at these milliseconds; each question is answered at once unless it was asked in `lost`."""
    silence = Silence(INTERVAL_S)
    for ms in asked:
        silence.asked(ms / 1000)
        if ms not in lost:
            silence.answered(ms / 1000 + ROUND_TRIP_S)
    return silence


def test_one_answer_tells_no_pause() -> None:
    assert watched(asked=[0]).longest() is None
    assert not watched(asked=[0], lost=range(1)).broken


def test_a_guest_that_always_answers_pauses_for_one_question() -> None:
    longest = watched(asked=list(range(0, 1000, 20))).longest()
    assert longest is not None
    assert longest.seconds == pytest.approx(0.020)


def test_a_guest_that_stood_still_paused_from_the_last_answer_to_the_first() -> None:
    longest = watched(asked=list(range(0, 1000, 20)), lost=range(401, 470)).longest()
    assert longest is not None
    assert longest.seconds == pytest.approx(0.080)
    assert longest.spacing_s == pytest.approx(0.020)


def test_a_held_up_asker_does_not_hide_a_shorter_pause_of_the_guest() -> None:
    asked = [*range(0, 400, 20), *range(500, 1000, 20)]  # nothing was asked for 120 ms
    longest = watched(asked=asked, lost=range(701, 770)).longest()
    assert longest is not None
    assert longest.seconds == pytest.approx(0.080)


def test_what_is_not_known_exactly_is_told_with_its_spacing() -> None:
    longest = watched(asked=[0, 120]).longest()
    assert longest is not None
    assert (longest.seconds, longest.spacing_s) == pytest.approx((0.120, 0.120))
    assert longest.sure_s == pytest.approx(0)


def test_a_guest_that_never_came_back_pauses_until_now() -> None:
    silence = watched(asked=list(range(0, 2000, 20)), lost=range(401, 2000))
    lasting = silence.open_at(2.0)
    assert lasting is not None
    assert lasting.seconds == pytest.approx(1.599)


def test_questions_that_are_on_their_way_are_no_lasting_pause() -> None:
    silence = watched(asked=list(range(0, 1000, 20)), lost=range(950, 1000))
    assert silence.open_at(1.0) is None


def test_a_lasting_pause_that_is_not_the_longest_yet_does_not_replace_it() -> None:
    silence = watched(asked=[*range(0, 1000, 20)], lost=range(301, 700))
    assert silence.open_at(1.2) is None
    assert silence.open_at(2.0) is not None


@given(st.lists(st.floats(0.001, 2.0), min_size=2, max_size=40))
def test_without_delays_of_its_own_it_finds_the_longest_time_between_answers(waits: list[float]) -> None:
    silence = Silence(INTERVAL_S)
    answers = list(accumulate(waits))
    for at_s in answers:
        silence.answered(at_s)
    longest = silence.longest()
    assert longest is not None
    assert longest.seconds == pytest.approx(max(after - before for before, after in pairwise(answers)))


@given(st.lists(st.tuples(st.booleans(), st.floats(0.0, 10.0)), max_size=40))
def test_answers_out_of_turn_never_make_a_pause_negative(events: list[tuple[bool, float]]) -> None:
    silence = Silence(INTERVAL_S)
    for is_answer, at_s in events:
        (silence.answered if is_answer else silence.asked)(at_s)
        longest = silence.longest()
        assert longest is None or longest.seconds >= 0
