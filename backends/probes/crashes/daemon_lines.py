"""What libvirt's daemons have to say: lines of their own logs, and of the journal. Pure.

Of their own logs a line is `2026-01-31 12:00:00.123+0000: 80: error : FUNCTION:LINE : MESSAGE` (virLogMessage); a
message of several lines goes on without that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from backends.model.crash import Source
from backends.probes.crashes.log_time import STAMP, seconds
from backends.probes.crashes.looked import LogEnd, Looked
from backends.probes.crashes.wanted import SINCE, LogsWanted
from backends.probes.survey.asking import Command

DAEMONS = ("libvirtd", "virtqemud", "virtxend", "virtlxcd", "virtchd", "virtlockd", "virtlogd")
JOURNAL = Command(
    (
        "journalctl",
        "--output=json",
        "--no-pager",
        f"--since={SINCE}",
        "--priority=err",
        "--lines=500",
        *(f"SYSLOG_IDENTIFIER={name}" for name in DAEMONS),
    )
)
"""Where no file is named in their configuration, errors go there (libvirt's logging.html)."""
LOGS = LogsWanted(
    patterns=tuple(
        f"/var/log/libvirt/{name}.log{end}" for name in DAEMONS for end in ("", ".[0-9]*", "-[0-9]*")
    ),
    keep=": error : ",
    after=4,
    end_bytes=512 * 1024,
)
_LINE = re.compile(
    rf"(?P<at>{STAMP}): \d+: (?P<level>[a-z]+) : (?:(?P<function>[\w.]+):\d+ : )?(?P<text>.*)", re.DOTALL
)
MOST_LINES = 20
"""Of one message."""
_RELAYED = "virNetClientProgramDispatchError"
"""Errors that another host's daemon has answered with (src/rpc/virnetclientprogram.c): they are told there."""
_SURPRISED = re.compile(
    r"unexpectedly closed the monitor|process exited while connecting to monitor|early end of file from monitor"
)
"""qemuProcessReportLogError's words: only while a guest is started or taken over."""


@dataclass(frozen=True, slots=True)
class DaemonLine:
    """One message. Texts are NOT yet safe to show."""

    at_s: float
    """The host's clock."""
    lines: tuple[str, ...]
    source: Source
    daemon: str
    log: LogEnd | None = None
    """The file; None where it is the journal's."""
    offset: int | None = None

    @property
    def place(self) -> str:
        """Where it stands. NOT yet safe to show."""
        return self.log.path if self.log else f"journal of {self.daemon}"

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(self.lines)


def daemon_lines(looked: Looked) -> tuple[DaemonLine, ...]:
    """Errors alone, oldest first."""
    of_logs = (
        line for log in looked.logs_like("/var/log/libvirt/*.log*") if _daemon(log) for line in _of_log(log)
    )
    return tuple(sorted((*of_logs, *_of_journal(looked)), key=lambda line: line.at_s))


def monitors_closed(looked: Looked) -> tuple[float, ...]:
    """When libvirt was surprised that QEMU closed its monitor, as a guest was started or taken over; oldest first."""
    return tuple(line.at_s for line in daemon_lines(looked) if _SURPRISED.search(line.text))


def _daemon(log: LogEnd) -> str:
    name = log.path.removeprefix("/var/log/libvirt/").partition(".log")[0]
    return name if name in DAEMONS else ""


def _of_log(log: LogEnd) -> Iterator[DaemonLine]:
    begun: tuple[float, int | None] | None = None
    lines: list[str] = []
    for offset, line in (*log.lines(), (None, f"1970-01-01 00:00:00.000+0000: 0: {'end'} : ")):
        match = _LINE.fullmatch(line)
        if match is None:
            if begun and len(lines) < MOST_LINES and line.strip():
                lines.append(line)
            continue
        if begun:
            yield DaemonLine(begun[0], tuple(lines), Source.DAEMON_LOG, _daemon(log), log, begun[1])
        at_s = seconds(match["at"])
        is_own = match["level"] == "error" and match["function"] != _RELAYED
        begun = (at_s, offset) if at_s is not None and is_own else None
        lines = [line]


def _of_journal(looked: Looked) -> Iterator[DaemonLine]:
    """journalctl(1), --output=json: a line an entry; a message that is no text is a list of numbers."""
    for line in looked.readings.text(JOURNAL.name).split("\n"):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(entry, dict) or entry.get("CODE_FUNC") == _RELAYED:
            continue
        at_us, message = entry.get("__REALTIME_TIMESTAMP"), entry.get("MESSAGE")
        if isinstance(message, list):
            message = _decoded(message)
        if isinstance(at_us, str) and re.fullmatch(r"[0-9]{1,17}", at_us) and isinstance(message, str):
            daemon = str(entry.get("SYSLOG_IDENTIFIER", ""))
            lines = tuple(each for each in message.split("\n") if each.strip())[:MOST_LINES]
            yield DaemonLine(int(at_us) / 1e6, lines, Source.JOURNAL, daemon)


def _decoded(numbers: list[object]) -> str:
    return bytes(each for each in numbers if isinstance(each, int) and 0 <= each < 256).decode(
        errors="replace"
    )
