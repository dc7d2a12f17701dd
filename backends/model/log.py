"""Lines of a log on a host, read piece by piece: the log may be larger than anybody's memory."""

from __future__ import annotations

from dataclasses import dataclass

MAX_LINE_BYTES = 16 * 1024
"""A longer line is shown in pieces of this size."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line, or a piece of a very long one."""

    begin: int
    """Its first byte in the text, from the text's beginning."""
    end: int
    """The first byte after it, its newline included."""
    text: str
    """Without newline; safe to show."""


@dataclass(frozen=True, slots=True)
class LogMatches:
    """How far a search has come."""

    begins: tuple[int, ...]
    """Where the lines that match begin, ascending; at most 10,000."""
    searched_bytes: int
    """Of `total_bytes`."""
    total_bytes: int
    finished: bool = False
    cut: bool = False
    """There are more matches than are told."""


@dataclass(frozen=True, slots=True)
class Saving:
    """How far the copy of a host's file to this machine has come."""

    done_bytes: int
    total_bytes: int | None
    """None: not known (a compressed log is saved as it is read)."""
    finished: bool = False
