"""How far a stage of a move has come, told from bytes alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.fleet.mailbox import Board
from backends.migration.record import MoveRecord
from backends.migration.transfer.stage import SAMPLE_INTERVAL_S, Stage
from backends.model.fleet import FleetState
from backends.model.guest import GuestKey
from backends.model.host import HostName
from backends.model.move import Move, MoveId, MoveMode, MoveProgress, MoveRequest, Phase


class Clock:
    """In the place of the event loop's."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def time(self) -> float:
        return self.now_s


def begin(total: int = 1000) -> tuple[Clock, MoveRecord, Stage]:
    clock = Clock()
    request = MoveRequest(GuestKey(HostName("h1"), "qemu", "u"), "web", HostName("h2"), MoveMode.SAVED)
    move = Move(MoveId("m"), request, Phase.COPYING, datetime.now(UTC))
    record = MoveRecord(move, Board(FleetState()), None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("asyncio.get_running_loop", lambda: clock)
        return clock, record, Stage(record, "carrying", 90.0, total)


def newest(record: MoveRecord) -> MoveProgress:
    assert record.move.progress is not None
    return record.move.progress


def test_a_stage_is_shown_before_its_first_byte() -> None:
    _, record, _ = begin()
    sample = newest(record)
    assert (sample.stage, sample.processed_bytes, sample.remaining_bytes) == ("carrying", 0, 1000)
    assert sample.elapsed_s == 10.0
    assert sample.eta_s is None


def test_a_steady_rate_says_how_long_it_still_takes() -> None:
    clock, record, stage = begin()
    for second in range(1, 6):
        clock.now_s = 100.0 + second
        stage.take(1000, 100 * second)
    sample = newest(record)
    assert sample.rate_bytes_s == pytest.approx(100)
    assert sample.eta_s is not None
    least, most = sample.eta_s
    assert least == pytest.approx(5.0)
    assert most > least


def test_a_burst_of_pieces_becomes_few_samples_and_the_last_is_never_left_out() -> None:
    clock, record, stage = begin()
    for piece in range(1, 1001):
        clock.now_s += SAMPLE_INTERVAL_S / 100
        stage.take(1000, piece)
    assert len(record.move.history) <= 12
    assert newest(record).fraction == 1.0


@given(
    steps=st.lists(st.tuples(st.floats(0, 5), st.integers(0, 400)), max_size=30), total=st.integers(0, 3000)
)
def test_no_figure_is_ever_absurd(steps: list[tuple[float, int]], total: int) -> None:
    clock, record, stage = begin(total)
    processed = 0
    for seconds, size in steps:
        clock.now_s += seconds
        processed += size
        stage.take(total, processed)
        sample = newest(record)
        assert sample.remaining_bytes >= 0
        assert sample.rate_bytes_s is None or sample.rate_bytes_s >= 0
        if sample.eta_s is not None:
            assert 0 <= sample.eta_s[0] <= sample.eta_s[1]
