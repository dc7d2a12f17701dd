"""Lines of logs become rows of a screen: nothing is lost, nothing is wider than the screen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.log_rows import Row, cut, pieces, printable, spans_of, wrapped

TEXTS = st.text(st.characters(codec="utf-8"), max_size=80).map(printable) | st.text(
    "ab 漢字ｅ́", max_size=40
).map(printable)


@given(TEXTS, st.integers(2, 30))
def test_a_wrapped_line_is_whole_and_no_row_is_too_wide(text: str, width: int) -> None:
    rows = wrapped(text, width)
    assert "".join(text[row.first : row.last] for row in rows) == text
    assert all(cell_len(text[row.first : row.last]) <= width for row in rows)


@given(TEXTS, st.integers(0, 60), st.integers(1, 30))
def test_a_cut_line_is_never_wider_than_the_screen(text: str, start: int, width: int) -> None:
    row = cut(text, start, width)
    assert 0 <= row.first <= row.last <= len(text)
    assert row.pad + cell_len(text[row.first : row.last]) <= width


def test_a_wide_letter_at_the_edge_is_blank() -> None:
    assert cut("漢字ab", 1, 4) == Row(1, 3, 1)
    assert cut("漢字ab", 0, 3) == Row(0, 1)


def test_letters_beyond_ascii_are_found_where_they_stand() -> None:
    text = "naïve QEMU says: no space, NO SPACE"
    assert [text[a:b] for a, b in spans_of(text, "no space")] == ["no space", "NO SPACE"]
    assert spans_of(text, "") == ()


def test_a_letter_that_grows_when_it_is_small_marks_the_whole_line_rather_than_a_wrong_place() -> None:
    text = "İİ disk full"
    assert spans_of(text, "disk") == ((0, len(text)),)
    assert spans_of(text, "nothing") == ()


@given(st.text("abAB ", max_size=40), st.text("ab", min_size=1, max_size=3), st.integers(1, 20))
def test_pieces_of_a_row_are_the_row(text: str, wanted: str, width: int) -> None:
    spans = spans_of(text, wanted)
    for row in wrapped(text, width):
        found = pieces(row, spans)
        assert "".join(text[a:b] for a, b, _ in found) == text[row.first : row.last]
        assert all(any(begin <= a and b <= end for begin, end in spans) for a, b, inside in found if inside)


@pytest.mark.parametrize("hostile", ["\x1b]52;c;AAAA\x07", "a\x9b31m", "x\u202ey", "\x00"])
def test_what_the_backend_let_through_is_a_question_mark(hostile: str) -> None:
    assert printable(hostile).isprintable()
    assert len(printable(hostile)) == len(hostile)
