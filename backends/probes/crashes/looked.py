"""What one look at a host has brought: ends of logs, lists of files, and answers of commands. Parsers begin here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from backends.model.crash import CrashGap
from backends.probes.survey.readings import Readings


@dataclass(frozen=True, slots=True)
class LogEnd:
    """The end of one log, or what a filter on the host has kept of it. Text is NOT yet safe to show."""

    path: str
    size_bytes: int
    mtime_s: float
    """The host's clock."""
    text: str
    """Whole lines, without the newline at its end. Bytes that are no UTF-8 have become U+FFFD."""
    offsets: tuple[int, ...] = ()
    """For each line of `text`, where it begins in the file, in bytes; empty where that is not known (compressed)."""
    trouble: str = ""
    """Why there is no text although the file is there, or why it is not all (`truncated`); safe to show."""
    mend: str = ""
    is_console: bool = False
    """A guest's console is written into it."""

    @property
    def unread(self) -> str:
        """Its trouble where there is no text: that only the end was read takes nothing from what stands there."""
        return "" if self.text else self.trouble

    def lines(self) -> Iterator[tuple[int | None, str]]:
        """Each line with its offset."""
        texts = self.text.split("\n") if self.text else []
        for number, text in enumerate(texts):
            yield (self.offsets[number] if number < len(self.offsets) else None), text


@dataclass(frozen=True, slots=True)
class FileSeen:
    """A file that counts by being there: a dump, a core, a vmcore. Its path is NOT yet safe to show."""

    path: str
    size_bytes: int
    mtime_s: float
    readable: bool
    begins: bytes = b""
    """Its first bytes (at most 64), which tell what it is; empty where they were not asked for or not readable."""
    allocated_bytes: int | None = None
    """What it takes on the disk: far less than its size where it is sparse, or was cut off."""


@dataclass(frozen=True, slots=True)
class Looked:
    """All of one host."""

    readings: Readings
    """Small files and commands, as any round of questions has them."""
    logs: tuple[LogEnd, ...] = ()
    files: tuple[FileSeen, ...] = ()
    gaps: tuple[CrashGap, ...] = field(default=())
    """What could not be looked at."""
    since_s: float = 0.0
    """So far back was asked, on the host's clock."""

    def logs_like(self, *patterns: str) -> Iterator[LogEnd]:
        """Those whose path matches one of the patterns (fnmatch)."""
        return (log for log in self.logs if any(fnmatchcase(log.path, each) for each in patterns))

    def files_under(self, *folders: str) -> Iterator[FileSeen]:
        """Those below one of the folders."""
        return (file for file in self.files if file.path.startswith(tuple(f"{each}/" for each in folders)))
