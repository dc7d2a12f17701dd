"""What libvirt's daemons tell of guests that did not start, or could not be taken over. Pure.

Their errors name no guest: whose they are is told by the image that they name, or by the guest whose own log says in
the same moment that its start has failed, if that is one alone.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from backends.model.crash import CrashKind, Evidence, Source
from backends.probes.crashes.daemon_lines import (
    JOURNAL,
    LOGS,
    MOST_LINES,
    DaemonLine,
    daemon_lines,
    monitors_closed,
)
from backends.probes.crashes.looked import Looked
from backends.probes.crashes.qemu_log import kind_of
from backends.probes.crashes.qemu_runs import runs
from backends.probes.crashes.sighting import Sighting
from backends.probes.crashes.wanted import Wanted
from backends.probes.survey.asking import Questions
from backends.untrusted import LINE_LIMIT, clean

WANTED = Wanted(questions=Questions(commands=(JOURNAL,)), logs=(LOGS,))
_BEFORE_S, _AFTER_S = 1.5, 0.1
"""libvirt reports an error, takes back what it has begun, and then writes the guest's end."""
_IDLE = re.compile(
    r"unable to canonicalize|End of file while reading data|no domain with matching|Domain not found|"
    r"Unable to read from socket|Cannot recv data|Unable to open /dev/kvm|"
    r"agent command|guest agent|migration statistics are available only on"
)
"""Errors that libvirtd writes down while nothing has failed, or somebody has only asked for what is not there; and
those of guests' agents, which answer with words of their own (src/qemu/qemu_agent.c, qemuAgentCheckError)."""
_NOT_STARTED = (
    re.compile(r"Cannot access (?:storage|backing) file '(?P<path>/[^']+)'"),
    re.compile(r"process exited while connecting to monitor"),
    re.compile(r"Could not open '(?P<path>/[^']+)'"),
    re.compile(r"Failed to get (?:shared )?\"(?:write|consistent read|resize)\" lock"),
    re.compile(r"Lockspace resource '(?P<path>/[^']+)' is locked"),
    re.compile(r"(?:Unable|Failed) to acquire lock"),
    re.compile(
        r"guest CPU doesn't match|guest and host CPU are not compatible|CPU is incompatible with host CPU"
    ),
    re.compile(
        r"Unable to find (?:any|a matching) firmware|unable to find any (?:emulator|master var store)"
    ),
    re.compile(r"guest failed to start"),
)
"""virStorageSourceReportBrokenChain, qemuProcessReportLogError, QEMU's block layer, virtlockd, sanlock, cpu_x86.c,
qemu_firmware.c, lxc_process.c."""
_INCOMING = re.compile(r"load of migration failed|error while loading state")
_NOT_LOADED_LATE = re.compile(r"unexpectedly closed the monitor")


class _Failed(NamedTuple):
    """A guest that did not start, or did not come in."""

    ended_s: float
    guest: str
    kind: CrashKind


def sightings(looked: Looked) -> Iterator[Sighting]:
    """One for the errors that were told as a guest failed to start, or to come in; one for each that says so itself."""
    closed = monitors_closed(looked)
    failed = sorted(
        (
            _Failed(run.ended_s, run.guest, kind)
            for run in runs(looked)
            if (kind := kind_of(run, closed)) in (CrashKind.NOT_STARTED, CrashKind.INCOMING)
            and run.ended_s is not None
        ),
        key=_ended_s,
    )
    explained: dict[tuple[_Failed, str], list[DaemonLine]] = {}
    for line in daemon_lines(looked):
        if _IDLE.search(line.text):
            continue
        kind, path = _told(line)
        if whose := _whose(line, failed):
            explained.setdefault((whose, line.place), []).append(line)
        elif kind:
            yield Sighting(kind, _evidence([line]), at_s=line.at_s, path=path)
    for (whose, _), lines in explained.items():
        path = next((path for line in lines if (path := _told(line)[1])), "")
        yield Sighting(whose.kind, _evidence(lines), at_s=lines[0].at_s, guest=whose.guest, path=path)


def _told(line: DaemonLine) -> tuple[CrashKind | None, str]:
    """What the words alone tell, and the image that they name."""
    found = [match for match in (pattern.search(line.text) for pattern in _NOT_STARTED) if match]
    path = next((match["path"] for match in found if "path" in match.re.groupindex), "")
    if _INCOMING.search(line.text):
        return CrashKind.INCOMING, path
    return (CrashKind.NOT_STARTED if found else None), path


def _ended_s(failed: _Failed) -> float:
    return failed.ended_s


def _whose(line: DaemonLine, failed: Sequence[_Failed]) -> _Failed | None:
    """`failed`: by their ends, as a host may tell of thousands."""
    begin = bisect_left(failed, line.at_s - _AFTER_S, key=_ended_s)
    near = failed[begin : bisect_right(failed, line.at_s + _BEFORE_S, key=_ended_s)]
    return near[0] if len({each.guest for each in near}) == 1 else None


def _evidence(lines: Sequence[DaemonLine]) -> Evidence:
    """Of one log."""
    first = lines[0]
    shown = tuple(clean(each, limit=LINE_LIMIT) for line in lines for each in line.lines)[:MOST_LINES]
    if first.log is None:
        return Evidence(Source.JOURNAL, clean(first.place), shown)
    return Evidence(
        Source.DAEMON_LOG,
        clean(first.place, limit=LINE_LIMIT),
        shown,
        path=first.log.path,
        offset=first.offset,
        size_bytes=first.log.size_bytes,
        trouble=first.log.trouble,
        mend=first.log.mend,
    )
