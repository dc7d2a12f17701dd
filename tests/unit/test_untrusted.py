"""Nothing a host sends can do more to a user's terminal than be read."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from backends.untrusted import clean, clean_multiline

any_text = st.text(st.characters(codec=None, categories=None))
"""Lone surrogates included, as file names and damaged logs bring them."""

hostile_text = st.text(
    st.sampled_from("aé \t\n\r\x00\x1b\x7f\x85\x9b\u061c\u200b\u200e\u202e\u2066\u2028\ufeff\ufe0f\ud800")
    | st.sampled_from("\u0300\u0301\u0489\u1161\u3164\u00ad\u00a0\u3000仮😀[]/\\")
)


def seen(text: str) -> set[str]:
    """The general categories of the characters in `text`."""
    return {unicodedata.category(char) for char in text}


@given(any_text | hostile_text)
@example("\x1b]52;c;aGk=\x07")
@example("a\u202egnp.exe")
def test_a_name_holds_nothing_a_terminal_obeys_or_hides(text: str) -> None:
    shown = clean(text)
    assert not seen(shown) & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert shown.isprintable()
    shown.encode("utf-8")


@given(any_text | hostile_text, st.integers(1, 40))
def test_cleaning_twice_is_cleaning_once(text: str, limit: int) -> None:
    once = clean(text, limit=limit)
    assert clean(once, limit=limit) == once


@given(any_text | hostile_text, st.integers(1, 40))
def test_a_name_never_takes_more_cells_than_it_is_given(text: str, limit: int) -> None:
    shown = clean(text, limit=limit)
    assert cell_len(shown) <= limit
    assert len(shown) <= 5 * limit + 1


@given(any_text | hostile_text)
def test_lines_of_a_log_stay_lines_and_are_each_clean(text: str) -> None:
    shown = clean_multiline(text)
    assert shown.count("\n") == text.count("\n")
    assert all(line.isprintable() for line in shown.split("\n"))
    assert clean_multiline(shown) == shown


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=256))
def test_plain_text_is_left_alone(text: str) -> None:
    assert clean(text) is text


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("\x1b[2J", "␛[2J"),
        ("two\nlines", "two␊lines"),
        ("\x7f", "␡"),
        ("\x9b31m", "\\x9b31m"),
        ("user\u202etxt", "user\\u202etxt"),
        ("we\u200bb", "we\\u200bb"),
        ("a\u00a0b", "a␣b"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("\udcff", "\\udcff"),
        ("café-仮想機", "café-仮想機"),
        ("e\u0301", "e\u0301"),
        ("\u0301", "◌\u0301"),
        ("[bold]web[/]", "[bold]web[/]"),
    ],
)
def test_users_see_what_was_sent(sent: str, shown: str) -> None:
    assert clean(sent) == shown


def test_a_stack_of_accents_stays_on_its_letter() -> None:
    assert clean("z" + "\u0300" * 500 + "a") == "z" + "\u0300" * 4 + "…a"


def test_a_long_name_is_cut_with_an_ellipsis() -> None:
    assert clean("x" * 10_000, limit=8) == "xxxxxxx…"
    assert clean("仮" * 10_000, limit=8) == "仮仮仮…"


def test_an_escape_is_not_cut_in_half() -> None:
    assert clean("abc\u202e", limit=6) == "abc…"


def test_tabs_of_a_log_keep_its_columns() -> None:
    assert clean_multiline("a\tb\r\ncc\td") == "a       b\ncc      d"


@given(st.text(st.characters(max_codepoint=0x7F), max_size=200))
def test_the_quick_way_through_ascii_shows_what_the_other_way_shows(text: str) -> None:
    assert clean(text) + "é" == clean(text + "é")
