"""All words whose origin the tables beside this file name: their rule knows them, and no guest can forge them."""

from __future__ import annotations

import pytest

from backends.model.crash import CrashKind, Source
from tests.unit.crashes import test_causes_of_ends, test_causes_of_locks, test_causes_of_starts
from tests.unit.crashes.told import cause

ALL = [*test_causes_of_ends.ALL, *test_causes_of_starts.ALL, *test_causes_of_locks.ALL]
IDS = [f"{row[3]}: {row[2][:40]}" for row in ALL]


@pytest.mark.parametrize(("kind", "source", "line", "rule", "words"), ALL, ids=IDS)
def test_real_words_are_known(kind: CrashKind, source: Source, line: str, rule: str, words: str) -> None:
    """And what they name is told."""
    told = cause(kind, source, "something before it", line)
    assert (told.id, told.known) == (rule, True)
    assert words in told.words
    assert "{" not in told.words + told.mend


@pytest.mark.parametrize(("kind", "line"), [(row[0], row[2]) for row in ALL], ids=IDS)
def test_a_guest_cannot_forge_them_on_its_console(kind: CrashKind, line: str) -> None:
    """It writes there what it likes."""
    assert not cause(kind, Source.CONSOLE, line).known
