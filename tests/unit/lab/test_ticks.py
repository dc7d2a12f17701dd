"""What a guest's ticks tell about it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.lab.errors import LabError
from backends.lab.ticks import Tick, TickParser, TickWatch, report


def ticks(*numbers_and_times: tuple[int, float]) -> list[Tick]:
    return [Tick(number, number * 100, seen_s) for number, seen_s in numbers_and_times]


def test_an_undisturbed_guest_is_intact() -> None:
    judged = report(ticks((7, 0.0), (8, 0.1), (9, 0.2)))
    assert judged.intact
    assert judged.count == 3


def test_the_largest_gap_is_between_neighbours() -> None:
    assert report(ticks((1, 0.0), (2, 0.1), (3, 0.9), (4, 1.0))).largest_gap_s == pytest.approx(0.8)


def test_lost_ticks_are_named() -> None:
    judged = report(ticks((1, 0.0), (4, 0.1)))
    assert judged.lost == (2, 3)
    assert not judged.intact


def test_a_guest_that_went_back_in_time_is_not_intact() -> None:
    judged = report(ticks((1, 0.0), (2, 0.1), (2, 0.2)))
    assert judged.repeated == (2,)
    assert not judged.intact


def test_silence_is_not_intact() -> None:
    assert not report([]).intact


@given(st.lists(st.integers(min_value=0, max_value=10), max_size=8))
def test_output_may_arrive_in_any_pieces(cuts: list[int]) -> None:
    text = b"LAB-GUEST READY uptime_ms=1\r\ntick 1 mono=10\r\n[ 0.1] kernel: noise\r\ntick 2 mono=110\r\n"
    parser = TickParser()
    found: list[Tick] = []
    position = 0
    for size in [*cuts, len(text)]:
        found.extend(parser.feed(text[position : position + size], 1.0))
        position += size
    assert found == [Tick(1, 10, 1.0), Tick(2, 110, 1.0)]


def test_an_unfinished_line_is_no_tick_yet() -> None:
    parser = TickParser()
    assert list(parser.feed(b"tick 1 mono=1", 1.0)) == []
    assert list(parser.feed(b"00\n", 2.0)) == [Tick(1, 100, 2.0)]


def test_a_watch_sees_only_what_is_printed_while_it_looks(tmp_path: Path) -> None:
    console = tmp_path / "guest.log"
    console.write_bytes(b"tick 1 mono=100\n")
    with TickWatch(console) as watch, console.open("ab", buffering=0) as guest:
        guest.write(b"tick 2 mono=200\ntick 3 mono=300\n")
        watch.wait_for(2)
    assert [tick.number for tick in watch.ticks] == [2, 3]


def test_a_silent_guest_is_reported(tmp_path: Path) -> None:
    console = tmp_path / "web-01.log"
    console.touch()
    with TickWatch(console) as watch, pytest.raises(LabError, match="web-01"):
        watch.wait_for(1, timeout_s=0.05)
