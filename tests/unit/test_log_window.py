"""A window on a log: whatever is read in whatever order, its lines follow each other and are those of the log."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.scripted_crashes import ScriptedLog
from tui.log_window import Growth, LogWindow

TEXT = "".join(f"line {number:03}\n" for number in range(300))


def whole(window: LogWindow) -> bool:
    """No gap, no line twice."""
    return all(one.end == other.begin for one, other in zip(window.lines, window.lines[1:], strict=False))


@given(st.text("ab\n", max_size=120), st.integers(0, 130), st.lists(st.integers(0, 2), max_size=6))
def test_lines_follow_each_other_whatever_is_read(text: str, offset: int, steps: list[int]) -> None:
    async def scenario() -> None:
        log = ScriptedLog("h1: log", text)
        window = LogWindow(log)
        await window.read_around(min(offset, log.size_bytes), 3)
        for step in steps:
            if step == 0:
                await window.read_before(2)
            elif step == 1:
                await window.read_after(2)
            else:
                window.drop(len(window.lines) // 3, 2 * len(window.lines) // 3 + 1)
            assert whole(window)
        while not window.has_begin and window.lines:
            await window.read_before(5)
        while not window.has_end:
            await window.read_after(5)
        if len(steps) == steps.count(0) + steps.count(1):
            assert [line.text for line in window.lines] == text.splitlines()

    asyncio.run(scenario())


async def test_a_place_in_the_middle_of_a_line_shows_that_line() -> None:
    window = LogWindow(ScriptedLog("h1: log", TEXT))
    await window.read_around(104, 5)
    assert window.holds(104)
    assert window.lines[window.index_of(104)].text == "line 011"


async def test_the_last_line_goes_on_when_its_rest_is_written() -> None:
    log = ScriptedLog("h1: log", "one\ntwo")
    window = LogWindow(log)
    await window.read_end(10)
    log.data = b"one\ntwo and more\nthree\n"
    assert await window.read_grown(10) is Growth.GROWN
    assert [line.text for line in window.lines] == ["one", "two and more", "three"]
    assert await window.read_grown(10) is Growth.NONE


async def test_a_log_that_is_shorter_than_it_was_has_begun_anew() -> None:
    log = ScriptedLog("h1: log", TEXT)
    window = LogWindow(log)
    await window.read_end(10)
    log.data = b"fresh\n"
    assert await window.read_grown(10) is Growth.ANEW
    await window.read_end(10)
    assert [line.text for line in window.lines] == ["fresh"]
    assert window.size_bytes == 6


@pytest.mark.parametrize("text", ["", "\n", "no newline", "\n\n\n"])
async def test_logs_of_next_to_nothing_have_both_ends(text: str) -> None:
    window = LogWindow(ScriptedLog("h1: log", text))
    await window.read_end(10)
    assert window.has_begin
    assert window.has_end
    await window.read_around(0, 10)
    assert window.has_begin
    assert window.has_end
