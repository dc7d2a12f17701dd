"""Users read numbers at a glance, in columns that stay in line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui import format as f
from tui.glyphs import ASCII

K, M, G = 1024, 1024**2, 1024**3
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("bytes_", "short", "long"),
    [
        (None, "-", "-"),
        (0, "0", "0 B"),
        (999, "999 B", "999 B"),
        (1000, "1.0 k", "0.98 KiB"),
        (2 * G, "2.0 G", "2.00 GiB"),
        (1.24 * G, "1.2 G", "1.24 GiB"),
        (9.96 * G, "10 G", "9.96 GiB"),
        (16 * G, "16 G", "16.0 GiB"),
        (512 * M, "512 M", "512 MiB"),
        (1023 * M, "1.0 G", "1.00 GiB"),
    ],
)
def test_sizes_are_short_in_columns_and_precise_in_words(bytes_: float | None, short: str, long: str) -> None:
    assert f.size(bytes_) == short
    assert f.long_size(bytes_) == long


@pytest.mark.parametrize(
    ("bytes_per_s", "short", "long"),
    [(None, "-", "-"), (0, "0", "0 B/s"), (80 * K, "80 k/s", "80 KiB/s"), (112 * M, "112 M/s", "112 MiB/s")],
)
def test_rates_say_per_second(bytes_per_s: float | None, short: str, long: str) -> None:
    assert f.rate(bytes_per_s) == short
    assert f.long_rate(bytes_per_s) == long


def test_a_time_of_today_needs_no_date_and_one_before_no_hour() -> None:
    noon = datetime(2026, 3, 1, 12).astimezone()
    assert f.clock_time(noon - timedelta(hours=2), noon) == "10:00"
    assert f.clock_time(noon - timedelta(days=3), noon) == "26 Feb"


@given(st.floats(0, 1e18))
def test_sizes_and_rates_never_leave_their_column(bytes_: float) -> None:
    assert len(f.size(bytes_)) <= f.SIZE_WIDTH
    assert len(f.rate(bytes_)) <= f.RATE_WIDTH


def test_progress_is_in_the_unit_of_the_whole() -> None:
    assert f.part_of(1.24 * G, 2 * G) == "1.24 of 2.00 GiB"
    assert f.part_of(300 * M, 2 * G) == "0.29 of 2.00 GiB"
    assert f.part_of(None, 2 * G) == "- of 2.00 GiB"


@pytest.mark.parametrize(
    ("fraction", "text"), [(None, "-"), (0, "0%"), (0.41, "41%"), (0.999, "99%"), (1, "100%"), (2.5, "250%")]
)
def test_what_is_not_done_is_never_a_hundred_percent(fraction: float | None, text: str) -> None:
    assert f.percent(fraction) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (-5, "0 s"), (59.9, "59 s"), (120, "2 min"), (3600 * 47, "47 h"), (86400 * 3, "3 d")],
)
def test_durations_have_one_unit(seconds: float | None, text: str) -> None:
    assert f.duration(seconds) == text


@given(st.floats(0, 86400 * 9999))
def test_durations_never_leave_their_column(seconds: float) -> None:
    assert len(f.duration(seconds)) <= f.DURATION_WIDTH


def test_an_estimate_is_an_interval() -> None:
    assert f.stopwatch_interval(11, 14) == "00:11–00:14"
    assert f.stopwatch_interval(11, 14, ASCII) == "00:11-00:14"
    assert f.stopwatch_interval(11.2, 11.9) == "00:11"
    assert f.stopwatch_interval(11, None) == "00:11–?"
    assert f.stopwatch_interval(None, None) == "-"
    assert f.stopwatch(3723) == "1:02:03"


def test_a_stop_of_the_guest_is_in_milliseconds() -> None:
    assert f.milliseconds(26.4) == "26 ms"
    assert f.milliseconds(12_345) == "12.3 s"
    assert f.milliseconds_interval(24, 41) == "24–41 ms"
    assert f.milliseconds_interval(24, 24) == "24 ms"
    assert f.milliseconds_interval(24, 20_000) == "24 ms–20.0 s"
    assert f.milliseconds_interval(24, None) == "24 ms–?"


def test_the_total_is_precise_while_that_matters() -> None:
    assert f.total_time(11.84) == "11.8 s"
    assert f.total_time(125) == "02:05"


def test_times_are_relative_with_the_absolute_on_demand() -> None:
    assert f.ago(NOON - timedelta(seconds=12), NOON) == "12 s ago"
    assert f.ago(NOON, NOON) == "now"
    assert f.ago(NOON + timedelta(seconds=3), NOON) == "now"
    assert f.ago(None, NOON) == "-"
    assert f.moment(NOON).startswith("2026-0")
    assert f.time_of_day(NOON) in f.moment(NOON)


def test_large_counts_have_their_thousands_apart() -> None:
    assert f.count(10_000) == "10,000"
    assert f.count(None) == "-"


def test_a_processor_in_full_use_is_shown_as_full() -> None:
    assert f.share(0.9998) == "100%"
    assert f.share(2.5) == "250%"
    assert f.share(None) == f.UNKNOWN
