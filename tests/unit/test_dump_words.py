"""What is said of a dump, of a guest's crash setting and of the crash that a guest or move has met. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import ActionError
from backends.model.crash import Cause, CrashKind
from backends.model.crash_setting import CrashWish, OnCrash, OnEnd
from backends.model.dump import DumpFormat, DumpPhase, DumpPlan, DumpProgress, DumpWish, WhileDumping
from backends.model.guest import GuestKey, GuestState
from backends.model.host import HostName
from backends.model.posture import Finding, Severity
from tests.tui.crashing import GIB, crash, dump_plan, setting
from tests.tui.scripted import guest
from tui.dumps import Dump
from tui.glyphs import ASCII, UNICODE
from tui.widgets.grid_columns import Tone
from tui.widgets.lines import Line, length
from tui.words.crash_link import crash_cell, crash_lines, crashed_words, has_stopped, move_crash_lines
from tui.words.crash_setting import CRASH_MEANINGS, END_MEANINGS, change_lines, changes, setting_lines
from tui.words.dump import FORMAT_WORDS, THEN_WORDS, dump_end_words, dump_verdict, form_words, plan_lines

WEB = guest("h1", "web-01")
KEY = GuestKey(HostName("h1"), "qemu", "1")
NOW = datetime.now(UTC)
PLAN = dump_plan(KEY)


def text(lines: list[Line]) -> str:
    """Without tones."""
    return "\n".join("".join(cell.text for cell in each) for each in lines)


def at(phase: DumpPhase, done: int = 0, total: int = 0, words: str = "") -> Dump:
    """Under way."""
    return Dump(PLAN, started=True, progress=DumpProgress(PLAN, phase, done, total, words))


# -- dumps ------------------------------------------------------------------------------------------


def test_each_choice_has_words() -> None:
    assert set(FORMAT_WORDS) == set(DumpFormat)
    assert set(THEN_WORDS) == set(WhileDumping)
    assert set(CRASH_MEANINGS) == set(OnCrash)
    assert set(END_MEANINGS) == set(OnEnd)


def test_a_full_dump_names_no_format() -> None:
    assert form_words(DumpWish(KEY, memory_only=False)) == "all of its state, as a save has it"
    assert "zlib" in form_words(DumpWish(KEY, format=DumpFormat.KDUMP_ZLIB))


def test_room_that_nobody_knows_is_not_made_up() -> None:
    said = text(
        plan_lines(replace(PLAN, free_bytes=None, local_path="/x", local_free_bytes=None), UNICODE, 100)
    )
    assert "free: not known on h1, not known here" in said


def test_a_plan_with_nothing_but_good_findings_is_possible_and_one_with_a_gap_is_doubtful() -> None:
    good = Finding("dump.room", "room", Severity.GOOD, "enough")
    gap = Finding("dump.room", "room", Severity.UNKNOWN, "df: permission denied", "log in as root")
    assert "✓ possible  " in text(dump_verdict(Dump(replace(PLAN, findings=(good,))), UNICODE, 100))
    doubtful = Dump(replace(PLAN, findings=(good, gap)))
    assert "possible, with doubts" in text(dump_verdict(doubtful, UNICODE, 100))
    assert "refused" in text(dump_verdict(Dump(replace(PLAN, refusal="no room")), UNICODE, 100))


def test_progress_without_a_total_tells_what_is_written_and_no_percents() -> None:
    said = text(dump_verdict(at(DumpPhase.DUMPING, 3 * GIB), UNICODE, 100))
    assert "written  3.00 GiB" in said
    assert "%" not in said
    assert "written" not in text(dump_verdict(at(DumpPhase.DUMPING), UNICODE, 100))


def test_a_dump_that_is_not_done_is_never_at_a_hundred_percent() -> None:
    assert " 99%" in text(dump_verdict(at(DumpPhase.DUMPING, 1999, 2000), UNICODE, 100))


def test_the_end_says_what_the_file_is_or_at_least_where() -> None:
    done = replace(at(DumpPhase.DONE, words="/d/web-01, 2 GiB, ELF 64-bit"), over=True, elapsed_s=12.3)
    assert "✓ /d/web-01, 2 GiB, ELF 64-bit   12.3 s" in text(dump_verdict(done, UNICODE, 100))
    assert dump_end_words(done) == "web-01 is dumped: /d/web-01, 2 GiB, ELF 64-bit"
    bare = replace(at(DumpPhase.DONE), over=True)
    assert f"h1: {PLAN.path}" in text(dump_verdict(bare, UNICODE, 100))
    assert dump_end_words(bare) == "web-01 is dumped"


def test_a_dump_that_ended_before_it_was_done_has_not_succeeded() -> None:
    broken = replace(at(DumpPhase.DUMPING, 1, 2), over=True)
    assert not broken.succeeded
    assert dump_end_words(broken) == "web-01 was not dumped: it ended without a word"
    failed = replace(broken, error=ActionError("no space left", host="h1"))
    assert dump_end_words(failed) == "web-01 was not dumped: h1: no space left"
    stopped = replace(broken, stopping=True, stopped=True)
    assert dump_end_words(stopped) == "the dump of web-01 was stopped: what was written is removed"


@given(
    st.integers(-(10**30), 10**30),
    st.integers(-(10**30), 10**30),
    st.text(max_size=200),
    st.sampled_from(DumpPhase),
    st.integers(20, 250),
)
def test_whatever_a_host_tells_of_a_dump_has_lines_that_fit(
    done: int, total: int, words: str, phase: DumpPhase, width: int
) -> None:
    dump = at(phase, done, total, words)
    for glyphs in (UNICODE, ASCII):
        assert dump_verdict(dump, glyphs, width)
        assert dump_verdict(replace(dump, over=True), glyphs, width)
    odd = DumpPlan(PLAN.wish, words, words, words, total, done, None, (), words, words)
    assert plan_lines(odd, UNICODE, width)


# -- crash settings ---------------------------------------------------------------------------------


def test_only_what_differs_is_a_change() -> None:
    was = setting(KEY, panic_devices=("isa",))
    wish = CrashWish(OnCrash.DESTROY, OnEnd.PRESERVE, None, panic_device=True)
    assert list(changes(was, wish)) == [("on_poweroff", "destroy", "preserve")]
    assert list(changes(was, CrashWish(panic_device=False))) == [("panic device", "isa", "none")]
    said = text(change_lines(list(changes(was, wish)), ASCII, 60))
    assert said == "on_poweroff   destroy -> preserve"


def test_what_a_guest_lacks_is_said() -> None:
    said = text(setting_lines(setting(KEY), UNICODE, 60))
    assert "no panic device" in said
    assert "is written to no file" in said
    assert "! after a panic: " in said


# -- crashes of guests ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "reason", "since_minutes_ago", "kind", "stopped"),
    [
        (GuestState.CRASHED, "crashed", 3, CrashKind.ENDED, True),
        (GuestState.OFF, "", 3, CrashKind.ENDED, True),
        (GuestState.OFF, "shutdown", 1, CrashKind.ENDED, False),
        (GuestState.OFF, "shutdown", None, CrashKind.ENDED, False),
        (GuestState.OFF, "failed", None, CrashKind.NOT_STARTED, True),
        (GuestState.OFF, "", None, CrashKind.ENDED, False),
        (GuestState.PAUSED, "I/O error", 3, CrashKind.IO_ERROR, True),
        (GuestState.PAUSED, "user", 1, CrashKind.IO_ERROR, False),
        (GuestState.RUNNING, "booted", 60, CrashKind.PANIC, True),
        (GuestState.RUNNING, "booted", 1, CrashKind.PANIC, False),
        (GuestState.RUNNING, "crashed", 60, CrashKind.PANIC, False),  # on_crash=restart keeps the process
        (GuestState.RUNNING, "booted", 60, CrashKind.ENDED, False),
        (GuestState.RUNNING, "booted", None, CrashKind.PANIC, False),
        (GuestState.OFF, "", 3, CrashKind.INCOMING, False),
        (GuestState.OFF, "", 3, CrashKind.DUMP, False),
    ],
)
def test_a_crash_counts_only_where_the_guest_has_not_run_since(
    state: GuestState, reason: str, since_minutes_ago: float | None, kind: CrashKind, stopped: bool
) -> None:
    since = None if since_minutes_ago is None else NOW - timedelta(minutes=since_minutes_ago)
    web = replace(WEB, state=state, reason=reason, since=since)
    assert has_stopped(web, crash(web, kind)) is stopped


def test_an_age_is_told_to_the_minute_and_coarser_when_it_is_older() -> None:
    for minutes, words in ((0.2, "just now"), (3, "3 min ago"), (59.5, "59 min ago"), (150, "2 h ago")):
        assert crashed_words(crash(WEB, minutes_ago=minutes), datetime.now(UTC)) == f"crashed {words}"
    unsure = crash(WEB, minutes_ago=60 * 24 * 3, exact=False)
    assert crashed_words(unsure, datetime.now(UTC)) == "crashed 3 d ago or before"
    assert crash_cell(unsure, UNICODE, datetime.now(UTC)).text == "✘ crashed"
    assert crashed_words(replace(unsure, at=None), NOW) == "crashed"


def test_a_crash_that_is_past_takes_one_quiet_line() -> None:
    long = crash(WEB, cause=Cause("word " * 100, "x", "mend " * 50))
    quiet = crash_lines(long, UNICODE, NOW, 80, matters=False, key="L")
    assert len(quiet) == 1
    assert {cell.tone for cell in quiet[0]} <= {Tone.DIM, Tone.NORMAL}
    loud = crash_lines(long, UNICODE, NOW, 80, matters=True, key="L", most=2)
    assert len(loud) in (4, 5)
    assert text(loud).endswith("L opens its record")


def test_no_word_of_a_host_makes_a_line_wider_than_its_pane() -> None:
    long = crash(WEB, cause=Cause("/" + "x" * 60 + " is gone " * 20, "x", "mend " * 50))
    for width in (40, 80, 200):
        lines = [
            *crash_lines(long, UNICODE, NOW, width, matters=True, key="L"),
            *move_crash_lines(long, "L", width),
        ]
        assert all(length(each) <= max(width, 80) for each in lines)
