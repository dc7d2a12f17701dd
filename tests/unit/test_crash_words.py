"""Crashes in words: ages, kinds, gaps and commands that can be pasted."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from backends.model.crash import CrashKind, CrashRecord, Evidence, KdumpVerdict, Source
from backends.model.crash_setting import CrashSetting
from backends.model.guest import GuestKey
from backends.model.host import HostName, HostSpec, Reach
from backends.model.posture import Finding, Severity
from tests.tui.crashed import DOWN, DUMPED, INCOMING, NO_SPACE, NOT_READY, OOM, UNKNOWN, record
from tui.crashes import Reach as HowFar
from tui.filter import FilterError
from tui.glyphs import ASCII, UNICODE, Glyphs
from tui.widgets.lines import length
from tui.words.crash import (
    CrashRow,
    age_words,
    ago_words,
    crash_columns,
    crash_filter,
    crash_pane,
    kind_cell,
    kind_words,
)
from tui.words.crash_gaps import Blank, short_lines
from tui.words.crash_page import About, crash_page, harmless, log_command
from tui.words.crash_setting import setting_lines
from tui.words.kdump import KdumpRow, kdump_lines, verdict_cell

NOW = datetime.now(UTC)
H1 = HostSpec(HostName("h1"), Reach.SSH, "root@h1:2222")


@pytest.mark.parametrize(
    ("ago", "exact", "age", "sentence"),
    [
        (timedelta(seconds=12), True, "now", "just now"),
        (timedelta(seconds=12), False, "> now", "just now"),
        (timedelta(minutes=3), True, "3 min", "3 min ago"),
        (timedelta(hours=30), True, "30 h", "30 h ago"),
        (timedelta(days=4), False, "> 4 d", "4 d ago or before"),
        (timedelta(hours=-2, seconds=-1), True, "in 2 h", "in 2 h, by a clock that is wrong"),
    ],
)
def test_ages_change_once_a_minute_at_most_and_tell_what_is_not_exact(
    ago: timedelta, exact: bool, age: str, sentence: str
) -> None:
    each = replace(NO_SPACE, at=NOW - ago, exact=exact)
    assert age_words(each, NOW) == age
    assert ago_words(each, NOW) == sentence


def test_a_crash_without_a_time_says_so() -> None:
    each = replace(NO_SPACE, at=None)
    assert age_words(each, NOW) == "-"
    assert ago_words(each, NOW) == "nobody knows when"


@pytest.mark.parametrize("kind", list(CrashKind))
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=lambda glyphs: glyphs.name)
def test_every_kind_is_a_sign_and_words_that_fit_their_columns(kind: CrashKind, glyphs: Glyphs) -> None:
    row = CrashRow(record("h1", "web-01", kind))
    widths = {column.id: column.width for column in crash_columns(glyphs, lambda: NOW)}
    assert cell_len(kind_cell(row, glyphs).text) <= widths["kind"]
    assert cell_len(kind_cell(row, glyphs, short=True).text) <= widths["short-kind"]


EVERY = [CrashRow(NO_SPACE, is_open=True), *map(CrashRow, (OOM, UNKNOWN, INCOMING, DOWN, DUMPED))]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("host:h2", [OOM, INCOMING]),
        ("guest:web kind:dump", [DUMPED]),
        ("kind:panic", []),
        ("cause:no-space", [NO_SPACE]),
        ("known:no !kind:down !kind:dump", [UNKNOWN]),
        ("since:6h", [NO_SPACE, OOM]),
        ("!since:6h host:h1 kind:ended", [UNKNOWN]),
        ("since:2000-01-31T14:00+01:00 host:h3", [DOWN]),
        ("open:yes", [NO_SPACE]),
        ("source:core", [UNKNOWN]),
        ("killed", [OOM]),
        ("~signal 1[0-9]", [UNKNOWN]),
    ],
)
def test_the_filter_takes_words_and_fields(query: str, found: list[CrashRecord]) -> None:
    test = crash_filter(query)
    assert test
    assert [row.record for row in EVERY if test(row)] == found


@pytest.mark.parametrize("query", ["since:2x", "since:9999-01-01", "~(", "!since:tomorrow"])
def test_a_filter_that_means_nothing_says_why(query: str) -> None:
    with pytest.raises(FilterError) as caught:
        crash_filter(query)
    assert str(caught.value)


def test_every_kind_is_found_by_its_words_also_the_short_ones() -> None:
    for kind in CrashKind:
        row = CrashRow(record("h1", "x", kind))
        for words in (*kind.value.split(), *kind_words(kind, short=True).split(), kind.name.lower()):
            test = crash_filter(f"kind:{words}")
            assert test
            assert test(row)


def test_since_is_not_met_by_what_has_no_time() -> None:
    test = crash_filter("since:1d")
    assert test
    assert test(CrashRow(NO_SPACE))
    assert not test(CrashRow(replace(NO_SPACE, at=None)))
    still_typing = crash_filter("since:")
    assert still_typing
    assert still_typing(CrashRow(replace(NO_SPACE, at=None)))


@given(st.text(max_size=60), st.text(max_size=200), st.integers(1, 120))
def test_any_text_and_width_make_a_pane_and_a_page(name: str, words: str, width: int) -> None:
    each = replace(NO_SPACE, name=name, cause=replace(NO_SPACE.cause, words=words))
    row = CrashRow(each)
    assert crash_pane(row, UNICODE, width, 9)
    page = crash_page(About(row, 0.0, None, None), 1, UNICODE, width)
    assert len(page.begins) == 3
    assert all(0 < begin < len(page.lines) for begin in page.begins)


@given(st.text(max_size=200))
def test_a_name_for_a_local_file_is_harmless(text: str) -> None:
    name = harmless(text)
    assert name
    assert name[0] not in ".-"
    assert shlex.quote(name) == name
    assert "/" not in name


@pytest.mark.parametrize(
    ("path", "offset", "command"),
    [
        ("/var/log/a.log", 512, "ssh -p 2222 root@h1 -t 'less +512P /var/log/a.log'"),
        ("/var/log/a.log", None, "ssh -p 2222 root@h1 -t 'less +G /var/log/a.log'"),
        ("/var/log/a.log.1.gz", 0, "ssh -p 2222 root@h1 -t 'zcat /var/log/a.log.1.gz | less +G'"),
        ("/var/log/\x1b]0;x\x07", 0, ""),
        ("", 0, ""),
    ],
)
def test_the_command_that_shows_a_log_is_quoted_for_both_shells(
    path: str, offset: int | None, command: str
) -> None:
    assert log_command(H1, path, offset) == command


def test_a_path_with_blanks_and_quotes_stays_one_word_on_the_host() -> None:
    command = log_command(H1, "/var/log/it's; rm -rf $HOME", 1)
    there = shlex.split(command)[-1]
    assert shlex.split(there) == ["less", "+1P", "/var/log/it's; rm -rf $HOME"]


def test_gaps_never_take_more_lines_than_they_may() -> None:
    blanks = [Blank(HostName("h1"), f"thing {number} not read", "log in as root") for number in range(7)]
    for most in range(1, 9):
        lines = short_lines(blanks, UNICODE, 60, most)
        assert len(lines) <= most
        assert all(length(each) <= 60 for each in lines)


def test_reaching_further_back_ends() -> None:
    reach, steps = HowFar.WEEK, 0
    while further := reach.further:
        reach, steps = further, steps + 1
    assert steps == 2
    assert reach is HowFar.ALL


@pytest.mark.parametrize("verdict", list(KdumpVerdict))
def test_every_verdict_on_kdump_has_a_sign_and_fits_its_column(verdict: KdumpVerdict) -> None:
    row = KdumpRow(HostName("h1"), replace(NOT_READY, verdict=verdict))
    assert cell_len(verdict_cell(row, UNICODE, short=True).text) <= 15
    text = "\n".join("".join(cell.text for cell in each) for each in kdump_lines(row, UNICODE, 100))
    assert verdict.value in text
    assert text.index("high") < text.index("medium") < text.index("good")


def test_kdump_of_a_host_reached_by_libvirt_alone_says_why_nothing_is_known() -> None:
    text = "".join(cell.text for each in kdump_lines(KdumpRow(HostName("h1")), UNICODE, 200) for cell in each)
    assert "not looked at" in text
    assert "reached by libvirt alone" in text


def _text(lines: object) -> str:
    return "\n".join("".join(cell.text for cell in each) for each in lines)  # type: ignore[attr-defined]  # lines


def test_what_libvirt_itself_tells_stands_in_one_line_without_its_name_twice() -> None:
    told = Evidence(Source.EVENT, "libvirt's events", ("libvirt event: guest crashed (panicked)",))
    row = CrashRow(replace(NO_SPACE, evidence=(told,)))
    text = _text(crash_page(About(row, None, None, None), 0, UNICODE, 100).lines)
    assert "libvirt event  guest crashed (panicked)" in text
    assert text.count("libvirt event") == 1


def test_the_lines_of_all_evidence_are_under_the_list_where_there_is_room() -> None:
    ended = Evidence(Source.QEMU_LOG, "/var/log/libvirt/qemu/web.log", ("shutting down, reason=failed",))
    why = Evidence(Source.DAEMON_LOG, "/var/log/libvirt/libvirtd.log", ("Cannot access storage file",))
    row = CrashRow(replace(NO_SPACE, evidence=(ended, why)))
    assert "Cannot access storage file" in _text(crash_pane(row, UNICODE, 100, 12))
    assert len(crash_pane(row, UNICODE, 100, 7)) <= 7


def test_what_is_well_in_a_crash_setting_is_told_once_by_what_it_has() -> None:
    kept = Finding("console", "is it kept", Severity.GOOD, "in /var/log/web.log")
    lost = Finding("watchdog", "is a hang noticed", Severity.LOW, "it has no watchdog")
    guest = GuestKey(HostName("h1"), "qemu", "716c39c8-03a9-582f-8a7e-58b083286008")
    setting = replace(CrashSetting(guest), findings=(kept, lost), console_logs=("/var/log/web.log",))
    text = _text(setting_lines(setting, UNICODE, 100))
    assert text.count("/var/log/web.log") == 1
    assert "it has no watchdog" in text
