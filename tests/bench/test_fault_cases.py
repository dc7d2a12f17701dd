"""The cases of `./dev bench faults`: repeatable, and each fault as often as the others."""

from __future__ import annotations

from collections import Counter

from tests.bench.fault_cases import NEEDS_RUNNING, NEEDS_TRANSFER, Fault, Kind, Way, case

COUNT = 10 * len(Fault)


def test_a_case_is_the_same_each_time_and_another_with_another_seed() -> None:
    assert [case(7, number) for number in range(COUNT)] == [case(7, number) for number in range(COUNT)]
    assert [case(7, number) for number in range(COUNT)] != [case(8, number) for number in range(COUNT)]


def test_every_fault_comes_equally_often_and_every_way_comes() -> None:
    cases = [case(1, number) for number in range(COUNT)]
    assert Counter(one.fault for one in cases) == dict.fromkeys(Fault, 10)
    assert {one.way for one in cases} == set(Way)
    assert {one.kind for one in cases} == set(Kind)


def test_no_fault_is_asked_of_a_guest_that_cannot_suffer_it() -> None:
    for number in range(COUNT):
        one = case(2, number)
        assert not (one.fault in NEEDS_RUNNING and one.kind in (Kind.OFF, Kind.PAUSED)), one
        assert not (one.fault in NEEDS_TRANSFER and one.way in (Way.SAVED, Way.OFFLINE)), one
