"""Sizes of disks as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.format import long_size
from tui.sizes import SizeError, read_growth, read_size

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
        ("1,5T", TIB + TIB // 2),
        ("2048K", 2 * MIB),
        ("1P", 1024 * TIB),
        ("21474836480B", 20 * GIB),
        ("+5G", 15 * GIB),
        ("+ 512 MiB", NOW + 512 * MIB),
    ],
)
def test_units_count_in_1024s_and_a_plus_adds_to_what_is_there(typed: str, meant: int) -> None:
    assert read_size(typed, NOW) == meant


def test_the_units_of_disk_makers_count_in_1000s() -> None:
    assert 20 * 1000**3 <= read_size("20GB") < 20 * 1000**3 + MIB


def test_a_part_of_a_mebibyte_becomes_a_whole_one_so_that_nobody_gets_less_than_asked_for() -> None:
    assert read_size("1B") == MIB
    assert read_size("+1K", NOW + 1) == NOW + MIB


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "write 20G"),
        ("big", "write 20G"),
        ("-5G", "write 20G"),
        ("--5G", "write 20G"),
        ("1e3G", "write 20G"),
        ("1.G", "write 20G"),
        ("20", "20 of what"),
        ("+5", r"Write \+5G"),
        ("20X", "'X' is no unit"),
        ("20Gibi", "'Gibi' is no unit"),
        ("999999P", "no disk is that large"),
    ],
)
def test_what_is_no_size_is_refused_with_what_would_be_one(typed: str, reason: str) -> None:
    with pytest.raises(SizeError, match=reason):
        read_size(typed, NOW)


@pytest.mark.parametrize("typed", ["1G", "10G", "10GB", "+0G"])
def test_a_disk_only_grows(typed: str) -> None:
    with pytest.raises(SizeError, match="already"):
        read_growth(typed, NOW)


def test_more_than_an_unknown_size_is_unknown() -> None:
    with pytest.raises(SizeError, match="not known"):
        read_growth("+5G", None)
    assert read_growth("5G", None) == 5 * GIB


@given(st.text())
def test_nothing_that_can_be_typed_is_more_than_refused(typed: str) -> None:
    try:
        meant = read_growth(typed, NOW)
    except SizeError:
        return
    assert NOW < meant < 2**63
    assert meant % MIB == 0


@given(st.integers(1, 999))
def test_what_the_program_shows_as_a_size_can_be_typed(number: int) -> None:
    assert read_size(long_size(number * GIB)) == number * GIB
