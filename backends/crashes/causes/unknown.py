"""What to say where no rule knows: the last error line, or exactly what is and what is not known. Never a guess."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from backends.model.crash import Cause, CrashKind, Evidence, Source
from backends.untrusted import clean

_LIMIT = 200
"""Cells."""
_LINES = 400
_ERROR = re.compile(
    r"error|fail|fatal|denied|cannot|could not|unable|abort|panic|\bbug\b|assert|invalid|refused|unexpected|not found|"
    r"unsupported|crash",
    re.IGNORECASE,
)
_STAMP = re.compile(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?:? ")
"""libvirt's and QEMU's; the record has the time."""
_NOT_SAID = re.compile(
    r"shutting down, reason=|: shutting down$|starting up|^[A-Z_]{2,40}=\S{0,1000} \\$|^-\S{1,64}(?: |$)|"
    r"char device (?:redirected|\S{1,200} redirected)|is tainted: |\bwarning: |deprecated|[Dd]omain id=\d|"
    r"qemu unexpectedly closed the monitor: ?$|End of file from qemu monitor$|^/usr/\S{1,200} \\?$"
)
"""What libvirt adds to QEMU's log, and what QEMU says of runs that go well."""
_TELLING = frozenset({Source.KERNEL, Source.CORE_DUMP, Source.CONSOLE, Source.GUEST_DUMP})
"""What tells something by being there at all."""
_WORDLESS = {
    CrashKind.ENDED: "process gone; nothing that was read says why",
    CrashKind.NOT_STARTED: "not started; nothing that was read says why",
    CrashKind.INCOMING: "not taken over; nothing that was read says why",
    CrashKind.PANIC: "guest panic; nothing that was read says why",
    CrashKind.IO_ERROR: "I/O error; nothing that was read says why",
    CrashKind.DUMP: "nothing that was read says what for",
    CrashKind.PROCESS: "daemon crashed; nothing that was read says why",
    CrashKind.HOST_PANIC: "host kernel crashed; nothing that was read says why",
    CrashKind.HOST_UNCLEAN: "host restarted without a shutdown; nothing says why: power loss, "
    "a reset, or a crash that left nothing",
}
_SILENT = "ended without a word: SIGKILL, or a crash; no core dump and no OOM kill known"


def unknown(kind: CrashKind, evidence: Sequence[Evidence]) -> Cause:
    """Pure. Its `known` is False."""
    said = list(_said(evidence))
    for line in said:
        if _ERROR.search(line):
            return Cause(line)
    if kind is CrashKind.ENDED and not said and _log_was_read(evidence):
        return Cause(_SILENT)
    return Cause(said[0] if said else _WORDLESS[kind])


def _said(evidence: Sequence[Evidence]) -> Iterator[str]:
    """What logs say, newest first, the place that tells most first."""
    for each in evidence:
        if not each.is_text or each.source in {Source.EVENT, Source.STATE}:
            continue
        for line in reversed(each.lines[-_LINES:]):
            text = line[:4096].strip()
            if text and not _NOT_SAID.search(text):
                yield clean(_STAMP.sub("", text, count=1).strip() or text, limit=_LIMIT)


def _log_was_read(evidence: Sequence[Evidence]) -> bool:
    """Is there a log of QEMU that was read to its end, with nothing else that tells of the end?"""
    logs = [each for each in evidence if each.source is Source.QEMU_LOG]
    others = any(each.source in _TELLING for each in evidence)
    return bool(logs) and not others and all(each.lines and not each.trouble for each in logs)
