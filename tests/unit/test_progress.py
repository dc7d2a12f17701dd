"""The figures on the migration screen follow from libvirt's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backends.hypervisor.jobs import from_fields
from backends.migration.progress import MAX_HISTORY, estimate, extended, from_statistics
from backends.model.move import MoveProgress

MIB = 2**20
# As libvirt 9.0 reported them of a 128 MiB guest in its second pass (virDomainGetJobStats).
SECOND_PASS = {
    "type": 2,
    "operation": 5,
    "time_elapsed": 6100,
    "downtime": 0,
    "data_total": 143 * MIB,
    "data_processed": 108 * MIB,
    "data_remaining": 7 * MIB,
    "memory_total": 143 * MIB,
    "memory_processed": 108 * MIB,
    "memory_remaining": 7 * MIB,
    "memory_bps": 16 * MIB,
    "memory_dirty_rate": 278,
    "memory_page_size": 4096,
    "memory_iteration": 2,
    "auto_converge_throttle": 20,
}


def test_a_sample_carries_libvirts_figures_in_bytes() -> None:
    sample = from_statistics(from_fields(SECOND_PASS), [], downtime_limit_ms=300)
    assert sample.elapsed_s == 6.1
    assert sample.remaining_bytes == 7 * MIB
    assert sample.dirty_bytes_s == 278 * 4096
    assert sample.rate_bytes_s == 16 * MIB
    assert (sample.iteration, sample.throttle_percent, sample.downtime_limit_ms) == (2, 20, 300)
    assert 0.94 < sample.fraction < 0.96


def test_the_rate_is_what_was_sent_since_an_earlier_sample() -> None:
    first = from_statistics(
        from_fields({**SECOND_PASS, "time_elapsed": 5100, "data_processed": 88 * MIB}), [], None
    )
    second = from_statistics(from_fields(SECOND_PASS), [first], None)
    assert second.rate_bytes_s == 20 * MIB


def test_in_the_first_pass_nobody_knows_how_fast_the_guest_writes() -> None:
    sample = from_statistics(from_fields({**SECOND_PASS, "memory_iteration": 1}), [], None)
    assert sample.dirty_bytes_s is None


def test_a_guest_that_writes_faster_than_the_link_has_no_end_in_sight() -> None:
    assert estimate(100 * MIB, rate=10 * MIB, dirty=10 * MIB) is None
    assert estimate(100 * MIB, rate=None, dirty=None) is None


@given(
    remaining=st.integers(0, 2**45),
    rate=st.floats(1, 2**40),
    share=st.floats(0, 0.99),
)
def test_the_estimate_is_an_interval_that_begins_with_the_plain_copy(
    remaining: int, rate: float, share: float
) -> None:
    interval = estimate(remaining, rate, rate * share)
    assert interval is not None
    assert interval[0] == remaining / rate
    assert interval[1] >= interval[0]


def test_the_history_of_a_move_of_hours_stays_small_and_keeps_its_ends() -> None:
    history: tuple[MoveProgress, ...] = ()
    for second in range(10_000):
        sample = from_statistics(from_fields({**SECOND_PASS, "time_elapsed": second * 1000}), [], None)
        history = extended(history, sample)
    assert len(history) <= MAX_HISTORY
    assert history[-1].elapsed_s == 9_999
    assert history[0].elapsed_s == 0


def test_missing_fields_count_as_nothing_rather_than_as_an_error() -> None:
    empty = from_fields({})
    assert not empty.running
    assert from_statistics(empty, [], None).fraction == 0
