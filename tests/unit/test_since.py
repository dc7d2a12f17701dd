"""How far back, as people type it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.since import SinceError, read_since

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


@pytest.fixture
def in_vienna(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's time zone, an hour ahead of UTC in winter."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("45s", timedelta(seconds=45)),
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        (" 1d ", timedelta(days=1)),
        ("2 W", timedelta(weeks=2)),
    ],
)
def test_a_number_and_a_unit_are_so_long_ago(text: str, ago: timedelta) -> None:
    assert read_since(text, NOW) == NOW - ago


@pytest.mark.usefixtures("in_vienna")
@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-24", datetime(2026, 11, 23, 23, tzinfo=UTC)),
        ("2026-11-24T14:30", datetime(2026, 11, 24, 13, 30, tzinfo=UTC)),
        ("2026-11-24 14:30:05", datetime(2026, 11, 24, 13, 30, 5, tzinfo=UTC)),
        ("2026-11-24T14:30Z", datetime(2026, 11, 24, 14, 30, tzinfo=UTC)),
        ("2026-11-24T14:30+02:00", datetime(2026, 11, 24, 14, 30, tzinfo=timezone(timedelta(hours=2)))),
        ("2026-07-01T14:30", datetime(2026, 7, 1, 12, 30, tzinfo=UTC)),
    ],
)
def test_a_date_is_in_the_zone_of_this_machine_unless_it_names_one(text: str, moment: datetime) -> None:
    assert read_since(text, NOW) == moment


@pytest.mark.parametrize(
    "text", ["", "d", "1", "-1d", "1y", "1.5h", "yesterday", "2026-13-01", "१d", "9" * 5000]
)
def test_what_is_no_time_is_refused_and_shown_in_short(text: str) -> None:
    with pytest.raises(SinceError) as refused:
        read_since(text, NOW)
    assert "no time that has passed" in str(refused.value)
    assert len(str(refused.value)) < 100


@pytest.mark.parametrize("text", ["2026-11-24T16:30+00:00", "2027-01-01", "9999-12-31T23:59-12:00"])
def test_what_is_yet_to_come_is_refused(text: str) -> None:
    with pytest.raises(SinceError, match="has not come yet"):
        read_since(text, NOW)


@pytest.mark.parametrize("text", ["999999w", "0001-01-01", "1969-12-31"])
def test_before_all_clocks_means_everything(text: str) -> None:
    assert read_since(text, NOW) == datetime(1970, 1, 2, tzinfo=UTC)


@given(st.text(max_size=60))
def test_any_text_is_a_moment_that_has_passed_or_is_refused(text: str) -> None:
    try:
        moment = read_since(text, NOW)
    except SinceError:
        return
    assert moment.tzinfo is not None
    assert moment <= NOW
