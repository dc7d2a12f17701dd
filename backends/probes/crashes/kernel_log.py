"""What the host's kernel tells of processes that it has ended: out of memory, or at a fault of their own.

From the journal, else from syslog's files, else from the kernel's ring buffer. What several of them tell is told once,
by the best of them. The forms are those of mm/oom_kill.c since 2.6.32, of arch/x86/mm/fault.c (show_signal_msg), of
arch/x86/kernel/traps.c, and of systemd-oomd. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from backends.model.crash import CrashGap, CrashKind, Evidence, Source
from backends.probes.crashes import host_processes, host_time, journal_entries, kernel_text
from backends.probes.crashes.looked import LogEnd, Looked
from backends.probes.crashes.sighting import Sighting
from backends.probes.crashes.wanted import SINCE, LogsWanted, Wanted
from backends.probes.survey.asking import Command, Questions
from backends.probes.survey.readings import Gap
from backends.untrusted import clean

_WORDS = (
    "invoked.oom-killer",
    "oom-kill:",
    "Kill(ed)?.process",
    "killed.as.a.result.of.limit",
    "segfault.at",
    "traps:",
    "general.protection",
    "Kernel.panic.-.not.syncing",
)
KEPT = "|".join(_WORDS)
JOURNAL = Command(
    (
        *("journalctl", "-q", "--no-pager", "-o", "json", "--output-fields=MESSAGE", f"--since={SINCE}"),
        *("-g", f"{KEPT}|due.to.memory.pressure", "_TRANSPORT=kernel", "+", "_COMM=systemd-oomd"),
    )
)
"""journalctl(1): `-g` since systemd 237. Fields of one name are alternatives, `+` parts groups of them."""
RING = Command(("sh", "-c", f"dmesg|grep${{IFS}}-E${{IFS}}'{KEPT}'"))
"""The words of a question hold no blank; the shell puts one for each ${IFS}."""
LOGS = LogsWanted(
    ("/var/log/kern.log*", "/var/log/messages*", "/var/log/syslog*", "/var/log/kernel*"),
    keep=KEPT.replace(".", " "),
    end_bytes=4 * 1024 * 1024,
)
WANTED = Wanted(
    questions=Questions(
        files=(host_time.UPTIME,), commands=(host_time.ZONE, journal_entries.BOOTS, JOURNAL, RING)
    ),
    logs=(LOGS,),
)

_INVOKED = re.compile(r"(.{1,64}) invoked oom-killer: ")
_CHOSEN = "oom-kill:constraint="
_LIMIT = re.compile(r"Task in (\S+) killed as a result of limit of (\S+)")
_KILL = re.compile(
    r"(?:Out of memory|Memory cgroup out of memory)(?: \([^)]*\))?: Kill process (\d{1,10}) \((.*)\)"
)
_KILLED = re.compile(r"Killed process (\d{1,10})(?:, UID \d+,)? \((.*?)\)(?:\.?$|,? (?:total-vm|vsz):)")
_OOMD = re.compile(r"Killed (/\S+) due to (memory (?:pressure|used)[^\n]*)")
_TRAP = re.compile(
    r"(?:traps: )?(.{1,64}?)\[(\d{1,10})\]:? (segfault at |general protection|trap [a-z]|unhandled signal)"
)
_RING_MEND = "log in as root; or: set kernel.dmesg_restrict=0, or give this account CAP_SYSLOG"
_NEAR_S = 90.0
"""What syslog has and what the journal has of one event."""
_RING_NEAR_S = 3600.0
"""The ring buffer's clock stands still while a host sleeps, and drifts."""


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    at_s: float | None
    offset: int | None = None


@dataclass(slots=True)
class _Place:
    source: Source
    name: str
    lines: list[_Line]
    exact: bool = True
    path: str = ""
    size_bytes: int | None = None
    trouble: str = ""


@dataclass(slots=True)
class _Killing:
    """What has been told so far of one killing."""

    lines: list[_Line] = field(default_factory=list)
    cgroup: str = ""
    pid: int | None = None
    comm: str = ""


def sightings(looked: Looked) -> Iterator[Sighting]:
    """Each event once. Pure."""
    told: list[Sighting] = []
    for place in _places(looked):
        near = _NEAR_S if place.exact else _RING_NEAR_S
        own = list(_of_place(place))
        told += [each for each in own if not any(_is_same(each, other, near) for other in told)]
    yield from told


def gaps(looked: Looked) -> Iterator[CrashGap]:
    """The ring buffer counts only where the journal is not read. Pure."""
    readings = looked.readings
    if readings.text(JOURNAL.name) or readings.text(journal_entries.BOOTS.name).strip():
        return
    if readings.reading(RING.name).gap is Gap.DENIED:
        yield CrashGap("the kernel's messages", "permission denied", _RING_MEND)


def _places(looked: Looked) -> Iterator[_Place]:
    """The best first."""
    yield _Place(Source.KERNEL, "journalctl -k", _of_journal(looked.readings.text(JOURNAL.name)))
    ahead = host_time.zone_s(looked.readings)
    for log in looked.logs_like(*LOGS.patterns):
        place = _Place(Source.KERNEL, clean(log.path, limit=1024), _of_log(log, ahead))
        place.path, place.size_bytes, place.trouble = log.path, log.size_bytes, log.unread
        yield place
    boot = host_time.boot_s(looked.readings)
    yield _Place(Source.KERNEL, "dmesg", _of_ring(looked.readings.text(RING.name), boot, ahead), exact=False)


def _is_same(one: Sighting, other: Sighting, near_s: float) -> bool:
    if one.kind is not other.kind or one.pid != other.pid or one.process != other.process:
        return False
    return one.at_s is None or other.at_s is None or abs(one.at_s - other.at_s) <= near_s


def _of_journal(text: str) -> list[_Line]:
    """Oldest first: with some options newer ones tell the newest first."""
    lines = [line for line in map(_entry, text.split("\n")) if line]
    return sorted(lines, key=lambda line: line.at_s or 0.0)


def _entry(text: str) -> _Line | None:
    told = journal_entries.entry(text)
    if told is None:
        return None
    message = journal_entries.text_of(told.get("MESSAGE"))
    at = journal_entries.seconds(told.get("__REALTIME_TIMESTAMP"))
    return _Line(message, at) if message else None


def _of_log(log: LogEnd, ahead_s: float) -> list[_Line]:
    found = []
    for offset, text in log.lines():
        line = kernel_text.read(text, ahead_s=ahead_s, not_after_s=log.mtime_s)
        if line.of_kernel:
            found.append(_Line(line.text, line.at_s, offset))
    return found


def _of_ring(text: str, boot_s: float | None, ahead_s: float) -> list[_Line]:
    found = []
    for each in text.split("\n") if text else []:
        line = kernel_text.read(each, ahead_s=ahead_s)
        known = boot_s is not None and line.uptime_s is not None
        at = (boot_s or 0.0) + (line.uptime_s or 0.0) if known else line.at_s
        found.append(_Line(line.text, at))
    return found


def _of_place(place: _Place) -> Iterator[Sighting]:
    killing = _Killing()
    for line in place.lines:
        text = line.text[:4096]
        if _INVOKED.search(text):
            killing = _Killing([line])
        elif _CHOSEN in text:
            killing.lines.append(line)
            killing.cgroup, killing.comm, killing.pid = _chosen(text)
        elif match := _LIMIT.search(text):
            killing.lines.append(line)
            killing.cgroup = match[1]
        elif match := _KILL.search(text):
            killing.lines.append(line)
            killing.comm, killing.pid = match[2], _number(match[1])
        elif match := _KILLED.search(text):
            killing.lines.append(line)
            yield from _killed(place, killing, _number(match[1]), match[2])
            killing = _Killing()
        else:
            yield from _of_line(place, line, text)


def _chosen(text: str) -> tuple[str, str, int | None]:
    """(control group, name, pid) of `...,task_memcg=/GROUP,task=NAME,pid=39079,uid=107`. A group may hold commas."""
    told = text.partition(",task_memcg=")[2]
    cgroup, _, rest = told.rpartition(",task=")
    comm, _, numbers = rest.rpartition(",pid=")
    digits = numbers.partition(",")[0].strip()
    return cgroup, comm, int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 10 else None


def _killed(place: _Place, killing: _Killing, pid: int | None, comm: str) -> Iterator[Sighting]:
    """A thread may be named where the process was chosen, and the other way round."""
    is_same = killing.pid in (None, pid)
    guest = host_processes.guest_of_cgroup(killing.cgroup) if is_same else ""
    kind = host_processes.kind_of(comm) or (host_processes.kind_of(killing.comm) if is_same else None)
    if kind is None and guest and "qemu" in killing.cgroup:  # any other thread's name
        kind = CrashKind.ENDED
    if kind is None:
        return
    lines = killing.lines if is_same else killing.lines[-1:]
    name = comm if kind is CrashKind.PROCESS else ""
    yield _sighting(place, lines, kind, pid, guest if kind is CrashKind.ENDED else "", name)


def _of_line(place: _Place, line: _Line, text: str) -> Iterator[Sighting]:
    if match := _OOMD.search(text):
        if guest := host_processes.guest_of_cgroup(match[1]):
            yield _sighting(place, [line], CrashKind.ENDED, None, guest, "")
    elif match := _TRAP.match(text):
        kind = host_processes.kind_of(match[1], host_processes.binary_in(text))
        if kind is not None:
            name = match[1] if kind is CrashKind.PROCESS else ""
            is_thread = match[1].startswith("CPU ")
            yield _sighting(place, [line], kind, None if is_thread else _number(match[2]), "", name)
    elif "Kernel panic - not syncing" in text:
        yield _sighting(place, [line], CrashKind.HOST_PANIC, None, "", "")


def _sighting(
    place: _Place, lines: Sequence[_Line], kind: CrashKind, pid: int | None, guest: str, process: str
) -> Sighting:
    evidence = Evidence(
        source=place.source,
        place=place.name,
        lines=tuple(clean(line.text, limit=kernel_text.LINE_LIMIT) for line in lines),
        path=place.path,
        offset=lines[0].offset,
        size_bytes=place.size_bytes,
        trouble=place.trouble,
    )
    return Sighting(kind, evidence, lines[-1].at_s, place.exact, guest=guest, pid=pid, process=process)


def _number(text: str) -> int | None:
    number = int(text)
    return number or None
