"""A text is found in the same lines, however the log comes in."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from backends.crashes.scanner import Scanner, needles
from backends.crashes.windows import Window, pieces
from backends.model.log import MAX_LINE_BYTES

PARTS = st.sampled_from(
    [
        b"\n",
        b"a",
        b"ERR",
        b"or",
        b"Error\n",
        b"error error\n",
        b"\0" * 3000,
        "é€".encode() * 1500,
        b"erro" + b"z" * 9000,
    ]
)
TEXTS = st.lists(PARTS, max_size=20).map(b"".join)


def begins_by_hand(text: bytes, wanted: bytes) -> list[int]:
    """The pieces in which an occurrence begins that does not go past the end of its line."""
    lowered = text.lower()
    found = set()
    at = lowered.find(wanted)
    while at >= 0:
        found.add(at)
        at = lowered.find(wanted, at + 1)
    whole = list(pieces(Window(0, text, at_end=True)))
    return [begin for begin, end in whole if any(begin <= hit < end for hit in found)]


def scanned(text: bytes, wanted: tuple[bytes, ...], size: int) -> list[int]:
    scanner = Scanner(wanted, 0)
    found: list[int] = []
    for at in range(0, len(text), size):
        found += scanner.feed(text[at : at + size])
    return found + scanner.feed(b"", at_end=True)


@settings(deadline=None)
@given(TEXTS, st.integers(1, 60_000))
@example(b"x" * (MAX_LINE_BYTES - 2) + b"error" + b"y" * MAX_LINE_BYTES, 7)
@example("€".encode() * 6000 + b"error" + "€".encode() * 6000, 4096)
def test_what_is_found_does_not_depend_on_how_the_log_comes_in(text: bytes, size: int) -> None:
    size = max(size, len(text) // 200 + 1)
    assert scanned(text, (b"error",), size) == begins_by_hand(text, b"error")


def test_a_search_can_begin_at_any_line() -> None:
    scanner = Scanner((b"b",), 1_000_000)
    assert scanner.feed(b"a\nb\n", at_end=True) == [1_000_002]


def test_capital_letters_are_the_same_as_small_ones_also_outside_of_ascii() -> None:
    assert scanned("Größe\nGRÖSSE ÄNDERN\nändern\n".encode(), needles("ändern"), 100) == [8, 24]
    assert scanned(b"ENOSPC\nenospc\n", needles("Enospc"), 3) == [0, 7]


def test_nothing_is_looked_for_where_no_line_could_hold_it() -> None:
    assert needles("") == ()
    assert needles("\nx") == ()
    assert needles("one\ntwo") == (b"one",)
