"""Users find guests by typing what they remember of them."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.filter import FilterError, parse


class Guest(NamedTuple):
    """Enough of a guest to be found."""

    name: str
    host: str
    state: str


GUESTS = [
    Guest("web-01", "h1", "running"),
    Guest("web-02", "h2", "moving"),
    Guest("db-primary", "h2", "running"),
    Guest("Old-Router", "h1", "off"),
    Guest("batch-3", "h2", "crashed"),
    Guest("iqn.2026-01:disks", "h3", "off"),
]
FIELDS = {"host": lambda guest: guest.host, "state": lambda guest: guest.state}


def found(query: str) -> list[str]:
    """The names of the guests a user sees with this filter."""
    predicate = parse(query, lambda guest: guest.name, FIELDS)
    return [guest.name for guest in GUESTS if predicate is None or predicate(guest)]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("web", ["web-01", "web-02"]),
        ("wb1", ["web-01"]),
        ("ROUTER", ["Old-Router"]),
        ("web 2", ["web-02"]),
        ("host:h1", ["web-01", "Old-Router"]),
        ("HOST:H1", ["web-01", "Old-Router"]),
        ("state:off,crashed", ["Old-Router", "batch-3", "iqn.2026-01:disks"]),
        ("host:h2 !state:running", ["web-02", "batch-3"]),
        ("!web host:h1", ["Old-Router"]),
        ("~^web-\\d+$", ["web-01", "web-02"]),
        ("host:h2 ~^w", ["web-02"]),
        ("~^old", ["Old-Router"]),
        ("~^OLD", []),
        ("iqn.2026-01:disks", ["iqn.2026-01:disks"]),
        ("nothing-like-it", []),
    ],
)
def test_a_filter_finds_what_it_names(query: str, names: list[str]) -> None:
    assert found(query) == names


@pytest.mark.parametrize("query", ["", "   ", "~", "host:", " ~"])
def test_a_filter_that_says_nothing_yet_hides_nothing(query: str) -> None:
    assert len(found(query)) == len(GUESTS)


def test_a_half_typed_expression_is_told_in_words() -> None:
    with pytest.raises(FilterError, match=r"not a regular expression: .*unterminated"):
        found("~web(")


@given(st.text())
def test_nothing_a_user_types_breaks_the_filter(query: str) -> None:
    try:
        found(query)
    except FilterError as error:
        assert str(error)
