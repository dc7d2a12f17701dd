"""A question that a survey answers with one fact: what it is about is written once, the answer comes in four forms."""

from __future__ import annotations

from dataclasses import dataclass

from backends.model.capability import Fact, Section
from backends.probes.survey.readings import Readings
from backends.untrusted import clean

STRANGE = "what it says is not understood"
"""The trouble of a file that is there, readable, and not of the form that the kernel documents."""
_LIMIT = 400
"""Cells of a fact's value."""


@dataclass(frozen=True, slots=True)
class Question:
    """What stays the same of a fact, whatever the answer. What is put in may come from a host: it is cleaned here."""

    id: str
    section: Section
    label: str

    def answer(
        self, value: str, source: str, *, number: float | None = None, mend: str = "", limit: int = _LIMIT
    ) -> Fact:
        """It is known. `mend` says what to do where the answer is not the best one."""
        return Fact(
            self.id,
            self.section,
            self.label,
            value=clean(value, limit=limit),
            source=clean(source),
            number=number,
            mend=mend,
        )

    def unknown(self, trouble: str, source: str = "", *, mend: str = "") -> Fact:
        """It is not known, for this reason."""
        return Fact(
            self.id, self.section, self.label, source=clean(source), trouble=clean(trouble), mend=clean(mend)
        )

    def untold(self, readings: Readings, path: str) -> Fact:
        """It is not known: the file is not there, may not be read, or holds what nobody understands."""
        trouble, mend = readings.trouble(path)
        return self.unknown(trouble or STRANGE, path, mend=mend)


def whole(text: str) -> int | None:
    """A file's whole number, as the kernel writes them; None for anything else."""
    stripped = text.strip()
    short = stripped.isascii() and stripped.isdigit() and len(stripped) <= 20  # what 64 bits can hold
    return int(stripped) if short else None


def switch(text: str) -> bool | None:
    """A module's boolean parameter: `Y`, `N` (param_get_bool), or `1`, `0` (param_get_int); None for anything else."""
    return {"Y": True, "1": True, "N": False, "0": False}.get(text.strip())


def lines_of(text: str, key: str) -> list[str]:
    """What stands after `KEY :` in each line that begins so."""
    pairs = (line.partition(":") for line in text.splitlines())
    return [value.strip() for name, colon, value in pairs if colon and name.strip() == key]


def listed(words: list[str], most: int = 8) -> str:
    """`a, b and 3 more`."""
    rest = len(words) - most
    return ", ".join(words[:most]) + (f" and {rest} more" if rest > 0 else "")
