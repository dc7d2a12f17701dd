"""Lines found in a piece of a log are those of the whole log, wherever the piece was cut out."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from backends.crashes.windows import CONTEXT_BYTES, Window, line_of, pieces
from backends.model.log import MAX_LINE_BYTES

PARTS = st.sampled_from(
    [
        b"",
        b"\n",
        b"\r\n",
        b"x",
        b"short line\n",
        b"\0" * 700,
        "ä€𝄞".encode() * 900,
        b"y" * 5000,
        b"\xff\xfe\n",
    ]
)
TEXTS = st.lists(PARTS, max_size=24).map(b"".join)


def of_whole(text: bytes) -> list[tuple[int, int]]:
    return list(pieces(Window(0, text, at_end=True)))


@given(TEXTS)
@example(b"")
def test_the_lines_of_a_log_are_all_of_it_and_none_is_longer_than_may_be(text: bytes) -> None:
    found = of_whole(text)
    assert b"".join(text[begin:end] for begin, end in found) == text
    assert all(0 < end - begin <= MAX_LINE_BYTES + 3 for begin, end in found)


@given(TEXTS)
def test_a_line_that_is_short_enough_is_not_cut(text: bytes) -> None:
    lines = [len(line) for line in text.split(b"\n")]
    found = of_whole(text)
    if max(lines) < MAX_LINE_BYTES:
        assert len(found) == text.count(b"\n") + (not text.endswith(b"\n") and text != b"")


@settings(deadline=None)
@given(TEXTS, st.data())
def test_what_a_window_knows_is_what_the_whole_log_says(text: bytes, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, len(text)))
    whole = of_whole(text)
    found = list(pieces(Window(begin, text[begin:end], at_end=end == len(text))))
    assert set(found) <= set(whole)
    inside = [
        piece for piece in whole if piece[0] >= begin + CONTEXT_BYTES and piece[1] <= end - CONTEXT_BYTES
    ]
    assert [piece for piece in found if piece in inside] == inside


@given(st.text(), st.integers(0, 2 * MAX_LINE_BYTES))
def test_a_character_is_never_cut_in_two(text: str, before: int) -> None:
    long = b"a" * before + text.replace("\n", "").encode() + "€𝄞é".encode() * 4000
    for begin, end in of_whole(long):
        long[begin:end].decode()


def test_a_gib_without_a_newline_is_known_from_any_part_of_it() -> None:
    begin = 2**30 + 12345
    found = list(pieces(Window(begin, bytes(4 * MAX_LINE_BYTES), at_end=False)))
    assert len(found) == 3
    assert all(start % MAX_LINE_BYTES == 0 and end - start == MAX_LINE_BYTES for start, end in found)


def test_a_line_is_shown_without_its_end_and_with_its_tabs_as_blanks() -> None:
    assert line_of(b"a\tb\r\n", 7).text == "a       b"
    assert (line_of(b"a\tb\r\n", 7).begin, line_of(b"a\tb\r\n", 7).end) == (7, 12)
    assert line_of(b"no end\r", 0).text == "no end␍"


def test_what_a_terminal_would_obey_is_shown_instead() -> None:
    shown = line_of(b"\x1b]52;c;aGk=\x07 \xc2\x9b31m \x9b31m \x00 \xe2\x80\xae\n", 0).text
    assert shown == "␛]52;c;aGk=␇ \\x9b31m \\x9b31m ␀ \\u202e"


@given(st.binary(max_size=300))
def test_whatever_a_log_holds_can_be_printed(raw: bytes) -> None:
    text = line_of(raw.replace(b"\n", b""), 0).text
    assert not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in text)


def test_nothing_of_a_long_line_is_left_out() -> None:
    assert line_of(b"\xff" * MAX_LINE_BYTES, 0).text == "\\xff" * MAX_LINE_BYTES
