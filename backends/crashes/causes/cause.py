"""The cause of a crash, out of its evidence. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from backends.model.crash import Cause, CrashKind, Evidence


def cause_of(kind: CrashKind, evidence: Sequence[Evidence]) -> Cause:
    """By the first rule that knows a line; otherwise the last error line, word for word; never a guess."""
    last = next((line for each in evidence for line in reversed(each.lines)), "")
    return Cause(last or kind.value)
