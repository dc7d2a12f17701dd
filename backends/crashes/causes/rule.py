"""What a rule is: a pattern over lines of evidence, and what it says to an operator."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from backends.model.crash import Cause, CrashKind, Source
from backends.untrusted import clean

_WORDS_LIMIT = 200
"""Cells of what a cause says, and of what mends it."""
_VALUE_LIMIT = 110
"""Of one thing taken out of the text: a path, a name."""
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_NAMED = re.compile(r"\{(\w+)\}")
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")

QEMU = frozenset({Source.QEMU_LOG, Source.XEN_LOG, Source.LIBXL_LOG})
"""Where QEMU speaks for itself: below libvirt, xl and xend."""
LIBVIRT = frozenset({Source.DAEMON_LOG, Source.JOURNAL})
"""Where libvirt's daemons speak, and repeat QEMU's last words."""
HYPERVISOR = QEMU | LIBVIRT | {Source.LXC_LOG}
HOST_KERNEL = frozenset({Source.KERNEL, Source.JOURNAL})
TOLD = frozenset({Source.EVENT, Source.STATE})
"""What libvirt says of a guest without a log."""

STARTS = frozenset({CrashKind.NOT_STARTED, CrashKind.INCOMING})
OF_GUESTS = frozenset(
    {CrashKind.ENDED, CrashKind.NOT_STARTED, CrashKind.INCOMING, CrashKind.IO_ERROR, CrashKind.DUMP}
)
"""All but a panic: its reason is the guest's own, whatever else its logs hold."""
OF_HOSTS = frozenset(kind for kind in CrashKind if kind.of_host)


@dataclass(frozen=True, slots=True)
class Rule:
    """Rules are asked in the order of their table: what explains more comes before what only follows from it.

    Patterns are searched in lines of up to 1,024 letters that may be hostile: no pattern may need more time than the
    line is long, times a small number. So nothing that repeats stands beside what repeats the same letters.
    """

    id: str
    """Of the cause: several texts may tell of one."""
    pattern: re.Pattern[str]
    """Searched in each line of evidence, newest line first."""
    words: str | Callable[[re.Match[str]], str]
    """One line; `{name}` is replaced by the pattern's group of that name (one that ends in `kib` is shown as a size).
    What stands in brackets is left out where a group in it has met nothing."""
    mend: str = ""
    """In the same form."""
    sources: frozenset[Source] = frozenset()
    """Only evidence of these; empty: of any."""
    kinds: frozenset[CrashKind] = frozenset()
    """Only crashes of these kinds; empty: of any."""
    only_if: Callable[[re.Match[str]], bool] | None = None

    def hears(self, source: Source) -> bool:
        """Is it about text from there?"""
        return not self.sources or source in self.sources

    def knows(self, line: str) -> Cause | None:
        """What the line means; None where it is another's."""
        match = self.pattern.search(line)
        if match is None or (self.only_if is not None and not self.only_if(match)):
            return None
        words = self.words(match) if callable(self.words) else _filled(self.words, match)
        return Cause(
            clean(words, limit=_WORDS_LIMIT), self.id, clean(_filled(self.mend, match), limit=_WORDS_LIMIT)
        )


def _filled(words: str, match: re.Match[str]) -> str:
    """The groups in place of their names. What they hold is taken as it is: brackets and braces of its own stay."""
    groups = match.groupdict()

    def kept(optional: re.Match[str]) -> str:
        names = _NAMED.findall(optional[1])
        return optional[1] if all(groups.get(name) for name in names) else ""

    return _NAMED.sub(lambda named: _shown(named[1], groups.get(named[1]) or "?"), _OPTIONAL.sub(kept, words))


def _shown(name: str, value: str) -> str:
    if name.endswith("kib"):
        return _size(int(value)) if value.isascii() and value.isdecimal() and len(value) < 18 else "?"
    return clean(value.strip(), limit=_VALUE_LIMIT)


def _size(kib: int) -> str:
    amount, unit = float(kib), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.0f} {_UNITS[unit]}" if unit == 0 else f"{amount:.1f} {_UNITS[unit]}"
