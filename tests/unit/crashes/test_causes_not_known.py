"""Where no rule knows: the last words as they are, or what is and is not known; and hostile text never misleads."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.crashes.causes.cause import cause_of
from backends.crashes.causes.rule import Rule
from backends.crashes.causes.table import RULES
from backends.model.crash import CrashKind, Evidence, Source
from backends.untrusted import clean
from tests.unit.crashes.patience import PATIENCE_S
from tests.unit.crashes.told import cause, said

ENDED, STARTED = CrashKind.ENDED, CrashKind.NOT_STARTED
QEMU = Source.QEMU_LOG
_RUN = (
    "2024-03-01 09:00:00.000+0000: starting up libvirt version: 9.0.0, qemu version: 7.2.22, hostname: h1",
    "LC_ALL=C \\",
    "/usr/bin/qemu-system-x86_64 \\",
    "-name guest=vm1,debug-threads=on \\",
    "char device redirected to /dev/pts/3 (label charserial0)",
    "2024-03-01T09:00:00.4Z qemu-system-x86_64: warning: host doesn't support requested feature: CPUID.07H:EBX.hle",
    "2024-03-01 10:00:00.000+0000: shutting down, reason=crashed",
)
"""libvirt src/qemu/qemu_domain.c, qemu_process.c: a run of which QEMU itself says nothing that went wrong."""
_SILENT = "ended without a word: SIGKILL, or a crash; no core dump and no OOM kill known"


def test_a_qemu_that_was_killed_leaves_no_word_and_the_operator_reads_that() -> None:
    """SIGKILL cannot be told from a crash by its log."""
    told = cause(ENDED, QEMU, *_RUN)
    assert not told.known
    assert told.words == _SILENT


def test_that_libvirt_lost_the_monitor_is_no_word_of_qemu() -> None:
    """libvirt src/qemu/qemu_monitor.c."""
    lost = said(Source.JOURNAL, "internal error: End of file from qemu monitor")
    assert cause_of(ENDED, (said(QEMU, *_RUN), lost)).words == _SILENT


def test_it_is_not_said_of_a_log_that_could_not_be_read() -> None:
    """Then it is not known whether there were words."""
    told = cause_of(ENDED, (said(QEMU, trouble="permission denied"),))
    assert told.words == "process gone; nothing that was read says why"


def test_it_is_not_said_where_somebody_else_tells_something() -> None:
    """A core dump is there, whatever a rule knows of it."""
    told = cause_of(
        ENDED,
        (said(QEMU, *_RUN), Evidence(Source.CORE_DUMP, "/var/lib/systemd/coredump/core.zst", is_text=False)),
    )
    assert told.words != _SILENT


def test_the_last_error_line_is_told_without_its_time() -> None:
    """The record has the time."""
    told = cause(
        STARTED,
        QEMU,
        *_RUN[:5],
        "2024-03-01T09:00:01.4Z qemu-system-x86_64: -device frob: Device 'frob' is not a valid device: unsupported",
        "Try 'qemu-system-x86_64 -device help' for a list",
        "2024-03-01 09:00:01.500+0000: shutting down, reason=failed",
    )
    assert told.words == "qemu-system-x86_64: -device frob: Device 'frob' is not a valid device: unsupported"
    assert not told.known and not told.mend


def test_without_an_error_line_the_last_line_is_told() -> None:
    """Never a guess."""
    assert (
        cause(STARTED, QEMU, "qemu-system-x86_64: so it goes", _RUN[-1]).words
        == "qemu-system-x86_64: so it goes"
    )


@pytest.mark.parametrize("kind", CrashKind)
def test_every_kind_has_words_where_nothing_at_all_was_told(kind: CrashKind) -> None:
    """One line each."""
    told = cause_of(kind, ())
    assert told.words and not told.known


def test_a_mere_event_is_not_told_as_the_cause() -> None:
    """`stopped (failed)` says that, not why."""
    told = cause(ENDED, Source.EVENT, "libvirt event: stopped (failed)")
    assert told.words == "process gone; nothing that was read says why"


def test_brackets_and_braces_of_hostile_text_stay_what_they_are() -> None:
    """A path may hold what the rules' own words hold."""
    told = cause(
        STARTED, Source.JOURNAL, "Cannot access storage file '/srv/{path}[x]{}': No such file or directory"
    )
    assert told.words == "image missing: /srv/{path}[x]{}"


def test_a_path_of_a_thousand_letters_is_cut() -> None:
    """A list has one line for a cause."""
    told = cause(
        STARTED, Source.JOURNAL, f"Cannot access storage file '/{'a' * 900}': No such file or directory"
    )
    assert told.id == "missing-image" and len(told.words) <= 200
    assert told.words.startswith("image missing: /aaa")


def test_numbers_of_five_thousand_digits_are_ordinary() -> None:
    """Python refuses to turn them into numbers."""
    digits = "9" * 5000
    for line in (
        f"Out of memory: Killed process {digits} (qemu) total-vm:{digits}kB, anon-rss:{digits}kB",
        f"Memory cgroup out of memory: Killed process 1 (qemu) total-vm:{digits[:15]}kB, anon-rss:{digits[:15]}kB",
        f"KVM internal error. Suberror: {digits}",
        f"panic hyper-v: arg1='0x{digits}'",
        f"qemu: terminating on signal {digits} from pid {digits}",
    ):
        for source in Source:
            assert cause(ENDED, source, line).words


_PIECES = sorted(
    {piece for rule in RULES for piece in re.findall(r"[A-Za-z][A-Za-z ':/]{5,}", rule.pattern.pattern)}
)
"""Parts of the patterns' own text: what a hostile line would be made of."""


@pytest.mark.parametrize("rule", RULES, ids=[f"{number} {rule.id}" for number, rule in enumerate(RULES)])
def test_no_line_makes_a_rule_slow(rule: Rule) -> None:
    """Lines that begin to match again and again, and never do."""
    own = re.findall(r"[A-Za-z][A-Za-z ':/=.\"-]{2,}", rule.pattern.pattern)
    for piece in (*own, "'/", "a", " ", "0", "/a:1: ", "((", "[["):
        line = (piece * 1024)[:1024]
        began = time.process_time()
        rule.knows(line)
        assert time.process_time() - began < PATIENCE_S, piece


def test_a_log_of_nothing_but_hostile_lines_takes_no_long() -> None:
    """As many and as long as a parser may bring."""
    lines = tuple((piece * 4096)[:4096] for piece in _PIECES[:200])
    began = time.process_time()
    cause_of(ENDED, tuple(said(source, *lines) for source in (QEMU, Source.KERNEL, Source.JOURNAL)))
    assert time.process_time() - began < 5 * PATIENCE_S


_KINDS = st.sampled_from(list(CrashKind))
_LINES = st.lists(
    st.one_of(st.text(), st.sampled_from(_PIECES), st.lists(st.sampled_from(_PIECES)).map("'".join))
)
_EVIDENCE = st.builds(
    Evidence,
    source=st.sampled_from(list(Source)),
    place=st.text(),
    lines=_LINES.map(tuple),
    is_text=st.booleans(),
    trouble=st.sampled_from(["", "permission denied"]),
)


@settings(deadline=None)
@given(_KINDS, st.lists(_EVIDENCE, max_size=4))
def test_any_evidence_gives_one_safe_line(kind: CrashKind, evidence: list[Evidence]) -> None:
    """Whatever it holds."""
    told = cause_of(kind, evidence)
    assert told.words and told.words == clean(told.words, limit=200)
    assert told.mend == clean(told.mend, limit=200)
    assert told.known or not told.mend


def test_ids_are_stable_words_for_scripts() -> None:
    """And every rule says something of its own."""
    for rule in RULES:
        assert re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", rule.id), rule.id
        named = set(
            re.findall(
                r"\{(\w+)\}", f"{rule.words} {rule.mend}" if isinstance(rule.words, str) else rule.mend
            )
        )
        assert named <= set(rule.pattern.groupindex), rule.id
