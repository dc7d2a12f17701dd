"""Sizes of disks as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.format import long_size
from tui.sizes import SizeError, parse_size

KIB, MIB, GIB, TIB = 1024, 1024**2, 1024**3, 1024**4
NOW = 10 * GIB


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("20G", 20 * GIB),
        ("20GiB", 20 * GIB),
        ("20 GiB", 20 * GIB),
        ("20g", 20 * GIB),
        ("20gib", 20 * GIB),
        (" 512M ", 512 * MIB),
        ("1.5T", TIB + TIB // 2),
        ("4K", 4 * KIB),
        ("1P", 1024 * TIB),
        ("+5G", 15 * GIB),
        ("+ 512 MiB", NOW + 512 * MIB),
    ],
)
def test_units_count_in_1024s_and_a_plus_adds_to_what_is_there(typed: str, meant: int) -> None:
    assert parse_size(typed, NOW) == meant


def test_a_part_of_a_sector_becomes_a_whole_one_so_that_nobody_gets_less_than_asked_for() -> None:
    assert parse_size("0.1K", NOW) == 512
    assert parse_size("0.1G", NOW) - 512 < 0.1 * GIB <= parse_size("0.1G", NOW)


def test_a_smaller_size_is_a_size_and_is_left_to_the_plan_to_refuse() -> None:
    assert parse_size("1G", NOW) == GIB


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "no size was given"),
        ("   ", "no size was given"),
        ("20", "needs a unit"),
        ("+5", "needs a unit"),
        ("20GB", "write GiB"),
        ("20kb", "write KiB"),
        ("20X", "no unit 'X'"),
        ("20Gibi", "no unit 'Gibi'"),
        ("20E", "no unit 'E'"),
        ("big", "'big' is no size"),
        ("1,5G", "is no size"),
        ("1e3G", "no size"),
        ("1.G", "is no size"),
        ("٢G", "is no size"),
        ("--5G", "is no size"),
        ("-5G", "never made smaller"),
        ("0G", "is nothing"),
        ("+0G", "is nothing"),
        ("9999999999P", "more than any disk"),
    ],
)
def test_what_is_no_size_is_refused_with_the_reason(typed: str, reason: str) -> None:
    with pytest.raises(SizeError, match=reason):
        parse_size(typed, NOW)


@given(st.text())
def test_nothing_that_can_be_typed_is_more_than_refused(typed: str) -> None:
    try:
        meant = parse_size(typed, NOW)
    except SizeError:
        return
    assert 0 < meant < 2**63
    assert meant % 512 == 0


@given(st.integers(1, 999))
def test_what_the_program_shows_as_a_size_can_be_typed(number: int) -> None:
    assert parse_size(long_size(number * GIB), NOW) == number * GIB
