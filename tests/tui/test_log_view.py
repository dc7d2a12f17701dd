"""A user reads, searches and follows a log of a host (a scripted fleet)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from backends.errors import ActionError, FerryError, LinkError
from backends.model.fleet import CrashesChanged
from backends.model.log import LogLine, LogMatches
from tests.tui.crashed import NO_SPACE, QEMU_LOG, crashed, log_text, looking, qemu_log, record, told
from tests.tui.log_page import H1, position, reading, rows, with_log
from tests.tui.scripted_crashes import ScriptedLog
from tests.tui.terminal_bytes import on_a_wire
from tui.app import FerryApp
from tui.bridge import Bridge
from tui.dialogs.questions import QuestionDesk
from tui.screens.log_page import LogScreen
from tui.session import Session
from tui.settings import Settings
from tui.widgets.log_view import LogView

# -- reading ----------------------------------------------------------------------------------------


async def test_a_log_opens_where_it_tells_of_the_crash_with_those_lines_marked() -> None:
    async with reading(crashed()) as program:
        await program.sees("No space left on device (28)")
        marked = [row for row in rows(program) if row.startswith("│ ")]
        assert [row[2:12] for row in marked] == ["2026-11-24", "qemu-syste", "2026-11-24"]
        assert any(row.startswith("  00089 ") for row in rows(program)), "what was before is there, too"
        await program.sees("h1  /var/log/libvirt/qemu/web-01.log")


async def test_keys_go_by_rows_pages_and_to_both_ends() -> None:
    async with reading(crashed(), size=(120, 24)) as program:
        await program.sees("00089")
        await program.press("home")
        await program.until(lambda: rows(program)[0].startswith("  00000 "))
        await program.press("down", "j", "k")
        await program.until(lambda: rows(program)[0].startswith("  00001 "))
        await program.press("pagedown")
        await program.until(lambda: rows(program)[0].startswith("  00020 "))
        await program.press("pageup")
        await program.until(lambda: rows(program)[0].startswith("  00001 "))
        await program.press("G")
        await program.until(lambda: rows(program)[-1].startswith("  00149 "))
        assert "100%" in position(program)
        await program.press("e")
        await program.sees("No space left on device (28)")
        await program.press("g")
        await program.until(lambda: rows(program)[0].startswith("  00000 "))


async def test_long_lines_are_cut_scrolled_sideways_or_wrapped() -> None:
    text = "begin " + "x" * 130 + " middle " + "y" * 130 + " end\nsecond\n"
    async with reading(with_log(ScriptedLog("h1: log", text)), size=(100, 24)) as program:
        await program.sees("second")
        assert rows(program)[0].endswith("…")
        await program.press("right", "right")
        await program.sees("middle")
        await program.press("left", "left", "left")
        await program.sees("begin")
        await program.press("w")
        await program.sees("yyy end")
        assert "begin" in rows(program)[0]
        assert rows(program)[3].strip() == "second"


class HugeLog(ScriptedLog):
    """5 GiB in lines of 100 bytes, each made when it is asked for; counts what is asked for."""

    def __init__(self) -> None:
        super().__init__("h1: huge", "")
        self.size_bytes = 5 * 1024**3 // 100 * 100
        self.asked_lines = 0

    async def refresh(self) -> int:
        """It does not grow."""
        return self.size_bytes

    async def before(self, offset: int, count: int) -> tuple[LogLine, ...]:
        """Made up."""
        last = offset // 100
        return self._made(max(0, last - count), last)

    async def after(self, offset: int, count: int) -> tuple[LogLine, ...]:
        """Made up."""
        first = -(-offset // 100)
        return self._made(first, min(first + count, self.size_bytes // 100))

    def _made(self, first: int, last: int) -> tuple[LogLine, ...]:
        self.asked_lines += last - first
        return tuple(LogLine(n * 100, n * 100 + 100, f"line {n}") for n in range(first, last))


async def test_of_a_log_of_5_gib_only_some_screens_are_asked_for_and_kept() -> None:
    log = HugeLog()
    fleet = with_log(log)
    crash = replace(NO_SPACE, evidence=(qemu_log("x", offset=None, size=log.size_bytes),))
    fleet.host_crashes = {H1: told("h1", crash)}
    async with looking(fleet, size=(100, 40)) as program:
        await program.sees("stopped by I/O error")
        await program.press("enter", "enter")
        last = log.size_bytes // 100 - 1
        await program.sees(f"line {last}")
        await program.press("home")
        await program.until(lambda: rows(program)[0].strip() == "line 0")
        step = program.widget(LogView).size.height - 1
        for page in range(1, 30):
            await program.press("pagedown")
            await program.sees(f"  line {page * step}\n")
        assert log.asked_lines < 40 * 40, "about as many lines as were on the screen"
        assert len(program.widget(LogView).port.lines) < 500, "what was far away is forgotten"


async def test_an_empty_log_says_so() -> None:
    async with reading(with_log(ScriptedLog("h1: log", ""))) as program:
        await program.sees("The log is empty.")
        await program.press("down", "pageup", "G", "home", "f", "w", "right")
        await program.sees("The log is empty.")


@pytest.mark.parametrize("size", [(80, 24), (200, 50), (40, 10)])
async def test_hostile_bytes_never_reach_the_terminal(size: tuple[int, int]) -> None:
    hostile = "\x1b]52;c;cm0gLXJm\x07 \x1b[2J\x9b31m \u202edcba\u2066 \x00\x7f"
    fleet = with_log(ScriptedLog("h1: log", (hostile + " 漢字" * 30 + "\n") * 40))
    app = FerryApp(Session(fleet, Bridge(fleet), Settings()), QuestionDesk())
    async with on_a_wire(app, size) as (pilot, wire):
        wire.take()
        app.push_screen(LogScreen(H1, NO_SPACE.evidence[0]))
        for keys in (("home",), ("w",), ("right",), ("slash", *"dcba", "enter"), ("n",)):
            await pilot.press(*keys)
            await pilot.pause(0.05)
        sent = wire.take().decode().replace("\x1b]22;default\x07", "")  # Textual's own: the mouse's pointer
        assert "dcba" in sent, "its letters are shown"
        for foreign in ("\x1b]52", "\x1b[2J", "\x9b", "\u202e", "\u2066", "\x00", "\x7f", "\x07"):
            assert foreign not in sent


# -- slow and broken hosts --------------------------------------------------------------------------


class SlowLog(ScriptedLog):
    """Answers when the test lets it, or breaks."""

    def __init__(self, text: str) -> None:
        super().__init__("h1: log", text)
        self.may_answer = asyncio.Event()
        self.breaks: FerryError | None = None

    async def before(self, offset: int, count: int) -> tuple[LogLine, ...]:
        """When it may."""
        await self._wait()
        return await super().before(offset, count)

    async def after(self, offset: int, count: int) -> tuple[LogLine, ...]:
        """When it may."""
        await self._wait()
        return await super().after(offset, count)

    async def _wait(self) -> None:
        await self.may_answer.wait()
        if self.breaks:
            raise self.breaks


async def test_while_a_slow_host_reads_the_screen_says_so_and_keys_work() -> None:
    log = SlowLog(log_text())
    async with reading(with_log(log), size=(120, 24)) as program:
        await program.sees("Reading /var/log/libvirt/qemu/web-01.log ...")
        log.may_answer.set()
        await program.sees("No space left on device (28)")
        log.may_answer.clear()
        await program.press("home")
        await program.sees("reading ...")
        assert "No space left on device (28)" in program.text(), "what was there stays"
        await program.press("G")
        log.may_answer.set()
        await program.until(lambda: rows(program)[-1].startswith("  00149 "))
        await program.press("question_mark")
        await program.sees("A log of a host")


async def test_a_log_that_cannot_be_opened_says_why_and_can_be_tried_again() -> None:
    fleet = with_log(
        ActionError("permission denied", hint="setfacl -m u:ferry:r /var/log/libvirt/qemu/web-01.log")
    )
    async with reading(fleet) as program:
        await program.sees("It cannot be read: permission denied")
        await program.sees("setfacl -m u:ferry:r")
        fleet.logs = {QEMU_LOG: ScriptedLog("h1: log", log_text())}
        await program.press("r")
        await program.sees("No space left on device (28)")


async def test_a_link_that_breaks_while_reading_is_told_and_the_place_is_kept() -> None:
    log = SlowLog(log_text())
    log.may_answer.set()
    fleet = with_log(log)
    async with reading(fleet, size=(120, 24)) as program:
        await program.sees("No space left on device (28)")
        log.breaks = LinkError("connection lost", host="h1", hint="it is tried again by itself")
        await program.press("home")
        await program.sees("not read: h1: connection lost (it is tried again by itself); r opens it anew")
        assert "No space left on device (28)" in program.text()
        fleet.logs = {QEMU_LOG: ScriptedLog("h1: log", log_text())}
        await program.press("r")
        await program.no_longer_sees("not read")
        assert "No space left on device (28)" in program.text()


# -- searching --------------------------------------------------------------------------------------


class SearchedLog(ScriptedLog):
    """Finds one line at a time, when the test lets it."""

    def __init__(self, text: str) -> None:
        super().__init__("h1: log", text)
        self.may_go_on = asyncio.Semaphore(0)
        self.closed = False

    async def search(self, text: str) -> AsyncGenerator[LogMatches, None]:
        """Step by step."""
        begins = tuple(line.begin for line in self._lines() if text in line.text)
        try:
            for number in range(1, len(begins) + 1):
                await self.may_go_on.acquire()
                yield LogMatches(begins[:number], begins[number - 1], self.size_bytes)
            yield LogMatches(begins, self.size_bytes, self.size_bytes, finished=True)
        finally:
            self.closed = True


async def test_a_search_goes_to_the_next_line_that_has_the_words_and_steps_from_one_to_the_next() -> None:
    async with reading(crashed(), size=(120, 24)) as program:
        await program.sees("No space left on device (28)")
        await program.press("home")
        await program.until(lambda: rows(program)[0].startswith("  00000 "))
        await program.press("slash", *"STARTING", "enter")
        await program.until(lambda: any(row.startswith("▸ 2026-11-24 13:58:41") for row in rows(program)))
        await program.sees('"STARTING" 1 of 1')
        await program.press("n")
        await program.sees("from the beginning on")
        await program.press("escape")
        await program.no_longer_sees("STARTING")
        await program.press("slash", *"0009", "enter")
        await program.sees('"0009" 2 of 11')
        await program.press("n", "n")
        await program.sees('"0009" 4 of 11')
        await program.press("N")
        await program.sees('"0009" 3 of 11')
        await program.until(lambda: any(row.startswith("▸ 00091") for row in rows(program)))


async def test_a_search_that_finds_nothing_says_so() -> None:
    async with reading(crashed()) as program:
        await program.sees("No space left")
        await program.press("slash", *"bsod", "enter")
        await program.sees('"bsod" in no line')
        await program.press("n")
        await program.sees("nothing was found")


async def test_a_long_search_shows_what_it_has_and_can_be_broken_off() -> None:
    log = SearchedLog(log_text())
    async with reading(with_log(log), size=(120, 24)) as program:
        await program.sees("No space left")
        await program.press("home")
        await program.until(lambda: rows(program)[0].startswith("  00000 "))
        await program.press("slash", *"warning", "enter")
        await program.sees("searching 0% ...")
        for _ in range(3):
            log.may_go_on.release()
        await program.sees("1 of 3  searching")
        await program.press("n")
        await program.sees("2 of 3  searching")
        await program.press("escape")
        await program.no_longer_sees("searching")
        await program.until(lambda: log.closed)
        assert isinstance(program.app.screen, LogScreen), "the first esc ends the search, not the page"
        await program.press("escape")
        await program.sees("PIECES OF EVIDENCE")


# -- following --------------------------------------------------------------------------------------


async def test_following_shows_new_lines_as_they_come_and_only_them() -> None:
    log = ScriptedLog("h1: log", log_text())
    async with reading(with_log(log), size=(120, 24)) as program:
        await program.sees("No space left")
        await program.press("f")
        await program.sees("following")
        await program.until(lambda: rows(program)[-1].startswith("  00149 "))
        log.data += b"a new line\n"
        await program.until(lambda: rows(program)[-1].strip() == "a new line")
        await program.press("up", "up", "up")
        log.data += b"another\n"
        await program.until(lambda: program.widget(LogView).size_bytes == len(log.data))
        assert "another" not in program.text(), "who reads further up stays there"
        await program.press("G")
        await program.until(lambda: rows(program)[-1].strip() == "another")
        await program.press("f")
        await program.no_longer_sees("following")


async def test_a_log_that_is_rotated_meanwhile_is_told_and_shown_anew() -> None:
    log = ScriptedLog("h1: log", log_text())
    async with reading(with_log(log), size=(120, 24)) as program:
        await program.sees("No space left")
        await program.press("f")
        await program.sees("following")
        log.data = b"fresh log\n"
        await program.sees("it began anew: truncated or rotated")
        await program.sees("fresh log")
        assert "No space left" not in program.text()


async def test_news_of_a_crash_make_an_open_log_look_for_more() -> None:
    log = ScriptedLog("h1: log", "one\n")
    fleet = with_log(log)
    async with reading(fleet) as program:
        await program.sees("one")
        log.data += b"two\n"
        fleet.tell(CrashesChanged(H1, told("h1", NO_SPACE, record("h1", "cache-7"))))
        await program.sees("two")


async def test_a_log_that_is_followed_and_does_not_grow_costs_nothing() -> None:
    fleet = crashed()
    app = FerryApp(Session(fleet, Bridge(fleet), Settings()), QuestionDesk())
    async with on_a_wire(app, (120, 36)) as (pilot, wire):
        app.push_screen(LogScreen(H1, NO_SPACE.evidence[0]))
        await pilot.pause(0.3)
        await pilot.press("f")
        await pilot.pause(0.3)
        wire.take()
        await pilot.pause(1.2)
        assert wire.take() == b""


async def test_what_was_said_last_is_in_sight_where_not_all_of_it_fits() -> None:
    start = [f"  -device {number} \\" for number in range(70)]
    text = "\n".join(
        ["2026-11-24 16:00:42.386+0000: starting up", *start, "ended without a word", "after it", ""]
    )
    fleet = with_log(ScriptedLog("h1: log", text * 3))
    told_of = qemu_log("2026-11-24 16:00:42.386+0000: starting up", "ended without a word", offset=len(text))
    fleet.host_crashes = {H1: told("h1", replace(NO_SPACE, evidence=(told_of,)))}
    async with looking(fleet, size=(80, 24)) as program:
        await program.sees("told by")
        await program.press("enter", "enter")
        await program.sees("│ ended without a word")
        await program.press("home")
        await program.no_longer_sees("│ ended without a word")
        await program.press("e")
        await program.sees("│ ended without a word")
