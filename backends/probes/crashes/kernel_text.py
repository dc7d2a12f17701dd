"""What a kernel says: the stamps before its lines, and which of its lines tell why it gave up.

The same text comes from a guest's console, a vmcore-dmesg.txt, pstore, the journal and syslog's files. The words are
Linux's (kernel/panic.c, lib/bug.c, arch/*/mm/fault.c, arch/*/kernel/traps.c, kernel/watchdog.c), Xen's own
(xen/drivers/char/console.c) and those of BSD's kernels (panic(9)). Pure; nothing of it is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backends.probes.crashes import host_time
from backends.untrusted import clean

LINE_LIMIT = 400
_LONGEST = 1024
"""Letters of a line that are looked at: a kernel writes no longer ones (LOG_LINE_MAX), a hostile guest does."""
MOST_LINES = 24
"""That tell of one end."""
_WINDOW = 160
"""So many lines before a panic may hold what led to it: registers, code, two call traces."""
_FRAMES = 6

KEPT = (
    r"Kernel panic - not syncing|BUG:|kernel BUG at|Oops|general protection fault|[Uu]nable to handle kernel|"
    r"Hardware Error|LOCKUP|soft lockup|RIP: |PC is at|pc : |Comm: |Call Trace|Call trace|Trigger a crash|Panic on CPU|"
    r"panic: |Fatal trap|Internal error|Machine check|Linux version"
)
"""For grep -E: the lines that are needed of a long log; call traces come with what is around them."""


@dataclass(frozen=True, slots=True)
class KernelLine:
    """One line without what stands before it."""

    text: str
    """NOT yet safe to show."""
    at_s: float | None = None
    """On the host's clock, where the line tells it."""
    uptime_s: float | None = None
    """Of the kernel that says it."""
    of_kernel: bool = True
    """False: syslog has it from another program."""


@dataclass(frozen=True, slots=True)
class End:
    """How a kernel ended, or what it survived."""

    is_panic: bool
    """False: an Oops or a lockup, of which a kernel may go on."""
    lines: tuple[str, ...]
    """Safe to show, in their order: what led to it, where, and the first of the call trace."""
    first: int
    """Index of the first of them among the lines that were read."""
    last: int
    at_s: float | None = None
    uptime_s: float | None = None


_LEVEL = re.compile(r"<\d{1,3}>")
_UPTIME = re.compile(r"\[ {0,12}(\d{1,10}\.\d{1,9})\] ?(?:\[ *[TC]\d{1,10}\] ?)?")
_CTIME = re.compile(r"\[[A-Z][a-z]{2} ([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d) (\d{4})\] ?")
_SYSLOG = re.compile(
    r"(?:([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d:\d\d:\d\d)|"
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:[.,]\d{1,9})?(Z|[+-]\d\d:?\d\d)?) "
    r"(?:<?[a-z0-9]{1,10}\.[a-z]{1,10}>? )?(\S{1,255}) ([^\s:]{1,80}): ?"
)
"""rsyslog's traditional and RFC 3339 forms, syslog-ng's and journalctl's short ones."""

_XEN = r"^(?:\(XEN\) )?(?:\[[^\]]{1,40}\] )?Panic on CPU \d"
_OF_XEN = re.compile(_XEN)
"""Why is told by the lines after it."""
_PANIC = re.compile(rf"Kernel panic - not syncing|{_XEN}|^panic: |^panic\(cpu \d|^Fatal trap \d+:|^PANIC: ")
_SURVIVED = re.compile(
    r"Trigger a crash|\bOops(?:: | \[)|^BUG: |"
    r"\bBUG: (?:unable to handle|soft lockup|kernel NULL|scheduling)|kernel BUG at |"
    r"\bgeneral protection fault(?:, |: )|[Uu]nable to handle kernel |hard LOCKUP|Internal error: |"
    r"\[Hardware Error\]: .*(?:Machine Check|PROCESSOR|fatal)|^Machine check in kernel|Watchdog CPU:"
)
_WHERE = re.compile(
    r"(?:^|\s)(?:RIP: (?!0033:)|RIP  ?\[|EIP(?: is at|: )|PC is at |pc : |NIP \[|CPU: \d+ .*Comm: |Pid: \d+, comm:)"
)
"""0033 is the segment of programs: where they have called the kernel says nothing of why it gave up."""
_SAYS = re.compile(r"[A-Za-z]{3}.*[A-Za-z]{3}")
_TRACE = re.compile(r"^Call [Tt]race:|^Backtrace:")
_FRAME = re.compile(
    r"^ *(?:\[<?[0-9a-f]{8,16}>?\] ?){0,2}(?:\? )?[\w.$]{1,80}(?:\+0x[0-9a-f]{1,8}/0x[0-9a-f]{1,8}|\(.{0,80}\))"
)
_BOOT = re.compile(r"^Linux version \d|^(?:\(XEN\) )?Xen version \d|^Booting Linux on ")


def read(line: str, *, ahead_s: float = 0.0, not_after_s: float | None = None) -> KernelLine:
    """`ahead_s`: the host's zone; `not_after_s`: when the log was written last, for lines without a year."""
    rest = line[:_LONGEST].rstrip("\r")
    at: float | None = None
    of_kernel = True
    if match := _SYSLOG.match(rest):
        at = _syslog_time(match, ahead_s, not_after_s)
        of_kernel = match[7].partition("[")[0] in ("kernel", "vmunix", "klogd")
        rest = rest[match.end() :]
    if match := _LEVEL.match(rest):
        rest = rest[match.end() :]
    if match := _CTIME.match(rest):
        at = _ctime(match, ahead_s)
        rest = rest[match.end() :]
    uptime: float | None = None
    if match := _UPTIME.match(rest):
        uptime = float(match[1])
        rest = rest[match.end() :]
    return KernelLine(rest, at, uptime, of_kernel)


def ends(lines: Sequence[KernelLine]) -> Iterator[End]:
    """Each panic; and, after the last of them, an Oops or lockup that was survived or that nothing followed."""
    begin = 0
    for index, line in enumerate(lines):
        if index < begin or not _PANIC.search(line.text):
            continue
        last = _last_of(lines, index)
        yield _end(lines, max(begin, index - _WINDOW), index, last)
        begin = last + 1
    survived = [index for index in range(begin, len(lines)) if _SURVIVED.search(lines[index].text)]
    if survived:
        yield _end(lines, survived[0], None, min(len(lines) - 1, survived[-1] + _WINDOW))


def boots_after(lines: Sequence[KernelLine], index: int) -> bool:
    """Has the machine been started after this line?"""
    return any(_BOOT.search(line.text) for line in lines[index + 1 :])


def _last_of(lines: Sequence[KernelLine], panic: int) -> int:
    """A panic says its name again at its end, and a second one may come of it: all one."""
    last = min(panic + 3, len(lines) - 1) if _OF_XEN.search(lines[panic].text) else panic
    for index in range(panic + 1, min(len(lines), panic + _WINDOW)):
        if _BOOT.search(lines[index].text):
            break
        if _PANIC.search(lines[index].text) or _FRAME.search(lines[index].text):
            last = index
    return last


def _end(lines: Sequence[KernelLine], first: int, panic: int | None, last: int) -> End:
    first = max([first, *(index for index in range(first, last) if _BOOT.search(lines[index].text))])
    chosen = _chosen(lines, first, panic, last)
    stamp = lines[panic if panic is not None else chosen[0]]
    return End(
        is_panic=panic is not None,
        lines=tuple(clean(lines[index].text.expandtabs(8), limit=LINE_LIMIT) for index in chosen),
        first=chosen[0],
        last=last,
        at_s=stamp.at_s,
        uptime_s=stamp.uptime_s,
    )


def _chosen(lines: Sequence[KernelLine], first: int, panic: int | None, last: int) -> list[int]:
    chosen: list[int] = []
    frames = 0
    seen: set[str] = set()
    for index in range(first, last + 1):
        text = lines[index].text
        if _OF_XEN.search(text):
            frames = -2
        elif frames < 0 and _SAYS.search(text):
            frames += 1
        elif _PANIC.search(text) or _SURVIVED.search(text) or _WHERE.search(text):
            frames = 0
        elif _TRACE.search(text):
            frames = _FRAMES
        elif frames > 0 and _FRAME.search(text):
            frames -= 1
        else:
            continue
        key = text.strip()
        if key not in seen:
            seen.add(key)
            chosen.append(index)
    if len(chosen) > MOST_LINES:
        keep = chosen[: MOST_LINES - 4] + chosen[-4:]
        chosen = sorted({*keep, panic} if panic is not None and panic in chosen else keep)
    return chosen


def _syslog_time(match: re.Match[str], ahead_s: float, not_after_s: float | None) -> float | None:
    if match[1]:
        return host_time.without_year(
            match[1], int(match[2]), match[3], ahead_s=ahead_s, not_after_s=not_after_s
        )
    zone = host_time.zone_of(match[5] or "")
    return host_time.in_name(match[4], ahead_s=ahead_s if zone is None else zone)


def _ctime(match: re.Match[str], ahead_s: float) -> float | None:
    if match[1] not in host_time.MONTHS:
        return None
    day, hour, minute, second, year = (int(match[number]) for number in range(2, 7))
    month = host_time.MONTHS.index(match[1]) + 1
    return host_time.seconds(year, month, day, hour, minute, second, ahead_s=ahead_s)
