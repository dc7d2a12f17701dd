"""What a rule is: a pattern over lines of evidence, and what it says to an operator."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from backends.model.crash import CrashKind, Source


@dataclass(frozen=True, slots=True)
class Rule:
    """Rules are asked in the order of their table: what explains more comes before what only follows from it."""

    id: str
    pattern: re.Pattern[str]
    """Searched in each line of evidence, newest line first."""
    words: str
    """One line; `{name}` is replaced by the pattern's group of that name."""
    mend: str = ""
    sources: frozenset[Source] = frozenset()
    """Only evidence of these; empty: of any."""
    kinds: frozenset[CrashKind] = frozenset()
    """Only crashes of these kinds; empty: of any."""
    only_if: Callable[[re.Match[str]], bool] | None = None
