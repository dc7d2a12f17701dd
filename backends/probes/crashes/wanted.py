"""What one kind of evidence wants from a look at a host. Each parser module says it; the script asks for all."""

from __future__ import annotations

from dataclasses import dataclass, field

from backends.probes.survey.asking import Questions

SINCE = "@SINCE"
"""Within a word of a command it stands for the time from which on the look is to tell: `--since=@SINCE` becomes
`--since=@1769860000` (systemd.time(7)). The answer's name keeps it. Of all commands and small files, a look that only
follows what is new asks for these alone."""


@dataclass(frozen=True, slots=True)
class LogsWanted:
    """The ends of some logs. Each comes as a LogEnd; those that are older than the look goes back are left out."""

    patterns: tuple[str, ...]
    """The shell's. Rotated and compressed ones (xz, gz, bz2, zst) are matched by the pattern or not at all."""
    keep: str = ""
    """An extended regular expression (grep -E): only lines that match, and what is around them. Empty: all lines."""
    before: int = 0
    """So many lines before each that matches."""
    after: int = 0
    drop: str = ""
    """Of these, lines that match this one are left out. It sees `OFFSET:` before a line that `keep` matches, `OFFSET-`
    before one around it."""
    end_bytes: int = 256 * 1024
    """So much of the text, from its end."""
    always: bool = False
    """However old they are: they tell what is, not what was."""
    consoles: bool = False
    """And so of the files into which guests' consoles are written, wherever they are."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """All that one parser module wants."""

    questions: Questions = field(default_factory=Questions)
    logs: tuple[LogsWanted, ...] = ()
    files: tuple[str, ...] = ()
    """Patterns, the shell's, of files that come as FileSeen with their first bytes, however old they are."""
    only_whole: bool = False
    """A look that only follows what is new asks for nothing of it, its logs and files neither."""
