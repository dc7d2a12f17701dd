"""The figures on the migration screen follow from libvirt's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.hypervisor.jobs import from_fields
from backends.migration.convergence.progress import MAX_HISTORY, estimate, extended, from_statistics
from backends.model.move import MoveProgress, Outlook

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


# As libvirt 9.0 reported them of a guest whose 64 MiB disk was mirrored first, and written to meanwhile.
MIRRORING = {
    "type": 2,
    "operation": 5,
    "time_elapsed": 4016,
    "data_total": 73 * MIB,
    "data_processed": 64 * MIB,
    "data_remaining": 9 * MIB,
    "memory_total": 0,
    "memory_processed": 0,
    "memory_remaining": 0,
    "memory_iteration": 0,
    "disk_total": 73 * MIB,
    "disk_processed": 64 * MIB,
    "disk_remaining": 9 * MIB,
}


def test_while_disks_are_mirrored_nobody_knows_how_long_the_memory_will_take() -> None:
    earlier = from_statistics(
        from_fields({**MIRRORING, "time_elapsed": 1003, "data_processed": 16 * MIB}), [], 30
    )
    sample = from_statistics(from_fields(MIRRORING), [earlier], 30, max_downtime_ms=500)
    assert (sample.disk_total_bytes, sample.disk_remaining_bytes) == (73 * MIB, 9 * MIB)
    assert sample.rate_bytes_s is not None and 15 * MIB < sample.rate_bytes_s < 17 * MIB
    assert (sample.eta_s, sample.stop_ms, sample.outlook) == (None, None, None)


def passing(left_ms: int, dirty_mib_s: int, iteration: int = 4) -> dict[str, int]:
    """A pass at 16 MiB/s that QEMU expects to need a stop of `left_ms`."""
    return {
        **SECOND_PASS,
        "downtime": left_ms,
        "data_remaining": 0,
        "memory_remaining": 0,
        "memory_dirty_rate": dirty_mib_s * 256,
        "memory_iteration": iteration,
    }


def test_what_a_pass_had_to_send_is_taken_from_the_stop_that_qemu_expects() -> None:
    sample = from_statistics(from_fields(passing(250, 8)), [], 30, max_downtime_ms=500)
    assert sample.pass_bytes == 4 * MIB


def test_an_older_daemon_that_expects_no_stop_is_believed_by_what_remains() -> None:
    begun = {**passing(0, 8), "memory_remaining": 4 * MIB}
    del begun["downtime"]
    first = from_statistics(from_fields(begun), [], 30, max_downtime_ms=500)
    later = from_statistics(from_fields({**begun, "memory_remaining": MIB}), [first], 30, max_downtime_ms=500)
    assert (first.pass_bytes, later.pass_bytes) == (4 * MIB, 4 * MIB)


@pytest.mark.parametrize(
    ("left_ms", "dirty_mib_s", "expected"),
    [
        (5000, 4, Outlook.WILL_CONVERGE),
        (300, 16, Outlook.WILL_CONVERGE),
        (450, 16, Outlook.TIGHT),
        (5000, 14, Outlook.TIGHT),
        (5000, 16, Outlook.WILL_NOT),
        (600, 20, Outlook.WILL_NOT),
    ],
)
def test_the_outlook_is_by_the_users_limit(left_ms: int, dirty_mib_s: int, expected: Outlook) -> None:
    statistics = from_fields(passing(left_ms, dirty_mib_s))
    assert from_statistics(statistics, [], 30, max_downtime_ms=500).outlook is expected
    assert from_statistics(statistics, [], 30).outlook is None


def test_a_guest_that_keeps_up_within_the_users_limit_is_expected_to_stop_for_what_it_needs() -> None:
    sample = from_statistics(from_fields(passing(250, 16)), [], 30, max_downtime_ms=500)
    assert sample.stop_ms is not None
    assert sample.stop_ms[0] <= 30
    assert 250 <= sample.stop_ms[1] <= 400
    assert sample.eta_s is not None


@pytest.mark.parametrize(("max_downtime_ms", "most_ms"), [(500, 30), (10, 10)])
def test_a_stop_that_short_is_not_promised_as_the_limit_may_have_to_be_raised(
    max_downtime_ms: int, most_ms: int
) -> None:
    """The shortest passes may stop shrinking above the first limit: then it is raised to 30 ms, as far as allowed."""
    long_before = from_statistics(from_fields(passing(60, 8, 4)), [], 5, max_downtime_ms=max_downtime_ms)
    shrinks = from_statistics(
        from_fields(passing(20, 8, 5)), [long_before], 5, max_downtime_ms=max_downtime_ms
    )
    stuck = from_statistics(from_fields(passing(7, 16)), [], 5, max_downtime_ms=max_downtime_ms)
    for sample in (shrinks, stuck):
        assert sample.stop_ms is not None
        assert sample.stop_ms[0] <= 5
        assert sample.stop_ms[1] == most_ms


def test_a_guest_beyond_the_users_limit_is_promised_neither_an_end_nor_a_stop() -> None:
    sample = from_statistics(from_fields(passing(2000, 16)), [], 30, max_downtime_ms=500)
    assert (sample.eta_s, sample.stop_ms) == (None, None)


def test_with_a_bandwidth_limit_the_stop_may_be_as_short_as_nothing_because_qemu_lifts_the_limit_for_it() -> (
    None
):
    statistics = from_fields(passing(250, 16))
    limited = from_statistics(statistics, [], 300, max_downtime_ms=500, bandwidth_limited=True)
    free = from_statistics(statistics, [], 300, max_downtime_ms=500)
    assert limited.stop_ms is not None and free.stop_ms is not None
    assert (limited.stop_ms[0], limited.stop_ms[1]) == (0, free.stop_ms[1])


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "time_elapsed": st.integers(0, 10**7),
                "data_processed": st.integers(0, 2**45),
                "data_remaining": st.integers(0, 2**45),
                "memory_remaining": st.integers(0, 2**45),
                "memory_bps": st.integers(0, 2**40),
                "memory_dirty_rate": st.integers(0, 2**30),
                "memory_iteration": st.integers(0, 5),
                "downtime": st.integers(0, 10**8),
                "disk_total": st.sampled_from([0, 2**30]),
            }
        ),
        max_size=8,
    ),
    st.none() | st.integers(0, 2000),
    st.none() | st.integers(1, 2000),
)
def test_whatever_libvirt_says_intervals_begin_before_they_end_and_the_stop_is_within_the_limit(
    said: list[dict[str, int]], limit_ms: int | None, max_ms: int | None
) -> None:
    history: tuple[MoveProgress, ...] = ()
    for fields in said:
        sample = from_statistics(from_fields(fields), history, limit_ms, max_downtime_ms=max_ms)
        history = extended(history, sample)
        assert sample.eta_s is None or 0 <= sample.eta_s[0] <= sample.eta_s[1]
        if sample.stop_ms is not None:
            assert 0 <= sample.stop_ms[0] <= sample.stop_ms[1] <= max(limit_ms or 0, max_ms or 0)
