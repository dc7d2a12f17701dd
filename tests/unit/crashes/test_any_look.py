"""Whatever a host answers to a look, nonsense or a lie: no parser fails, and what it has made can be joined."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.crashes.timeline import Joined, joining
from backends.crashes.whose import Whose
from backends.model.host import HostName
from backends.probes.crashes import kernel_log, script
from backends.probes.crashes.collected import collected
from backends.probes.crashes.kdump import read_kdump
from backends.probes.crashes.looked import FileSeen, LogEnd, Looked
from backends.probes.crashes.parsers import PARSERS
from backends.probes.crashes.sighting import Sighting
from backends.probes.survey.asking import Questions
from backends.probes.survey.readings import Reading, Readings
from tests.unit.crashes.looked_hosts import ANY_READING, ANY_TEXT, NOW_S, is_presentable, log, looked
from tests.unit.crashes.patience import PATIENCE_S

ROUND = script.merged(each.WANTED for each in PARSERS)
_PIECES = st.sampled_from(
    (
        "2026-05-28 20:26:40.123+0000: ",
        "9999-99-99 99:99:99.999+0000: ",
        "starting up libvirt version: 9.0.0",
        "-uuid 11111111-1111-1111-1111-111111111111 \\",
        "-incoming defer \\",
        "shutting down, reason=crashed",
        "shutting down, reason=failed",
        "panic hyper-v: arg1='0x1'",
        "80: error : virX:1 : ",
        "Cannot access storage file '/srv/a.img'",
        "process exited while connecting to monitor: ",
        "[    1.500000] ",
        "Kernel panic - not syncing: ",
        "Oops: 0000 [#1]",
        "Out of memory: Killed process 77 (qemu-system-x86) ",
        "qemu-system-x86[77]: segfault at 0 ip 0 sp 0 error 4 in ",
        "May 28 20:26:40 host kernel: ",
        "(XEN) Domain 8 (vcpu#0) crashed on cpu#1:",
        "Domain 8 has shut down, reason code 3 0x3",
        "<domstatus state='paused' reason='ioerror' pid='222'>",
        "    <name>web</name>",
        '{"__REALTIME_TIMESTAMP": "1780000000000000", "MESSAGE": "',
        '", "_PID": 3, "COREDUMP_CMDLINE": "qemu -name guest=a", "SYSLOG_IDENTIFIER": []}',
        "reboot   system boot  6.1.0 Thu May 28 20:26:40 2026 - crash",
        "\n",
        "\n",
    )
)
_TEXTS = st.lists(st.one_of(_PIECES, ANY_TEXT), max_size=12).map("".join)
_TIMES = st.one_of(st.just(NOW_S), st.sampled_from((0.0, -1.0, 1e11, 9.9e18)), st.floats(0, 1e19))
_NAMES = st.one_of(
    st.sampled_from(("web", "1-web-2026-05-28-20:26:40", "core.qemu.0.b.77.1780000000000000", "", ".log")),
    st.text(alphabet="-.0123456789:abn\u202e \udcff", max_size=30),
)


def paths(patterns: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Such as match one of the shell's patterns, and some that do not."""

    def named(pattern: str, name: str) -> str:
        return pattern.replace("[0-9]", "1").replace("*", name or "x")

    return st.builds(named, st.sampled_from(patterns), _NAMES)


_LOGS = st.builds(
    LogEnd,
    paths(tuple(pattern for each in ROUND.logs for pattern in each.patterns)),
    st.integers(0, 10**19),
    _TIMES,
    _TEXTS,
    st.lists(st.integers(0, 10**19), max_size=4).map(tuple),
    st.sampled_from(("", "truncated", "permission denied")),
    is_console=st.booleans(),
)
_FILES = st.builds(
    FileSeen,
    paths(ROUND.files),
    st.integers(0, 10**19),
    _TIMES,
    st.booleans(),
    st.binary(max_size=64),
    st.none() | st.integers(0, 10**19),
)


def _asked(questions: Questions) -> tuple[str, ...]:
    known = (*questions.files, *questions.heads, *questions.bytes_of, *questions.names, *questions.devices)
    return ("began", "id -u", *known, *(each.name for each in questions.commands))


_ANSWERS = st.dictionaries(
    st.one_of(st.sampled_from(_asked(ROUND.questions)), paths(_asked(ROUND.questions))),
    st.one_of(ANY_READING, _TEXTS.map(Reading)),
    max_size=8,
)
_LOOKS = st.builds(
    Looked,
    st.builds(Readings, st.just("root"), st.booleans(), st.none() | _TIMES, _TIMES, _TIMES, _ANSWERS),
    st.lists(_LOGS, max_size=5).map(tuple),
    st.lists(_FILES, max_size=5).map(tuple),
    since_s=_TIMES,
)


def told(host: Looked) -> list[Sighting]:
    """By all parsers."""
    return [each for parser in PARSERS for each in parser.sightings(host)]


def join(sightings: list[Sighting], ahead_s: float | None) -> Joined:
    """All at once."""
    steps = joining(HostName("h1"), sightings, Whose((), sightings), ahead_s=ahead_s, ids={})
    while True:
        try:
            next(steps)
        except StopIteration as end:
            joined: Joined = end.value
            return joined


@settings(max_examples=400)
@given(_LOOKS)
def test_no_answer_of_a_host_is_too_much_for_any_parser(host: Looked) -> None:
    sightings = told(host)
    joined = join(sightings, host.readings.clock_ahead_s)
    read_kdump(host)
    list(kernel_log.gaps(host))

    assert all(is_presentable(each) for each in sightings)
    kept = {each for record in joined.records for each in record.evidence}
    assert kept == {each.evidence for each in sightings}
    for record in joined.records:
        assert all(text.isprintable() for text in (record.name, record.cause.words, record.cause.mend))


_SECTIONS = st.sampled_from(
    (
        *("logs", "aside", "seen", "begins", "done", "left 1", "batch 1", "batch 99", "did 1", "tail"),
        *("tail 1 0", "tail 9 9", "plain 1 0", "plain x y", "shut 1", "shut 999", "missing 1"),
    )
)
_LISTED = st.lists(
    st.one_of(
        _TEXTS,
        st.builds(
            "{} {} {} 8 512 {}".format,
            st.one_of(st.integers(0, 10**20), st.just("hidden")),
            st.integers(0, 30),
            st.one_of(st.integers(0, 10**20), st.sampled_from(("hidden", "odd"))),
            _NAMES,
        ),
    ),
    max_size=5,
).map("\n".join)


@given(st.dictionaries(_SECTIONS, st.one_of(_LISTED, _TEXTS).map(Reading), max_size=8))
def test_sections_that_were_made_up_are_put_together_to_something_that_can_be_read(
    sections: dict[str, Reading],
) -> None:
    host = collected(Readings("root", False, None, 0.1, 0.1, sections), ROUND.logs)
    told(host)
    assert all(text.isprintable() for gap in host.gaps for text in (gap.what, gap.why, gap.mend))


def _stamps(count: int) -> Iterator[str]:
    for number in range(count):
        yield time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(NOW_S + 2 * number)) + ".000+0000"


@pytest.mark.parametrize("reason", ["failed", "crashed"])
def test_a_guest_and_a_daemon_that_fail_again_and_again_do_not_hold_up_the_screen(reason: str) -> None:
    """As many lines as one look brings of each."""
    errors = "process exited while connecting to monitor"
    daemon = "\n".join(f"{stamp}: 80: error : virX:1 : {errors}" for stamp in _stamps(6000))
    guest = "\n".join(
        f"-incoming defer \\\n{stamp}: shutting down, reason={reason}" for stamp in _stamps(9000)
    )
    host = looked(
        logs=[log("/var/log/libvirt/libvirtd.log", daemon), log("/var/log/libvirt/qemu/web.log", guest)]
    )
    for parser in PARSERS:
        began = time.process_time()
        list(parser.sightings(host))
        assert time.process_time() - began < PATIENCE_S
