"""The cause of a crash, out of its evidence. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from backends.crashes.causes.rule import LIBVIRT
from backends.crashes.causes.table import RULES
from backends.crashes.causes.unknown import unknown
from backends.model.crash import Cause, CrashKind, Evidence, Source

_LINES = 200
"""The newest of each place's are looked at."""
_LETTERS = 1024
"""Of each line."""
_OF_GUESTS = re.compile(r"(?:agent command|[Gg]uest agent|dnsmasq|hostname=)")
"""Lines of the host that hold words which a guest has chosen: they are no evidence of what the host did."""


def cause_of(kind: CrashKind, evidence: Sequence[Evidence]) -> Cause:
    """By the first rule that knows a line; otherwise the last error line, word for word; never a guess.

    Never raises, whatever the lines hold; its words are one line of at most about 200 cells.
    """
    heard = tuple(_heard(evidence))
    for rule in RULES:
        if rule.kinds and kind not in rule.kinds:
            continue
        for source, line in heard:
            if rule.hears(source) and (cause := rule.knows(line)):
                return cause
    return unknown(kind, evidence)


def _heard(evidence: Sequence[Evidence]) -> Iterator[tuple[Source, str]]:
    """Each line that rules may read, newest first, the place that tells most first."""
    for each in evidence:
        for line in reversed(each.lines[-_LINES:]):
            text = line[:_LETTERS]
            if each.source not in LIBVIRT or not _OF_GUESTS.search(text):
                yield each.source, text
