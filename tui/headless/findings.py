"""Findings as text: worst first, guests that share one together, each with its evidence and what mends it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from backends.model.posture import Finding, Severity
from tui.headless.output import Ink
from tui.headless.paragraphs import Entry

INK = {
    Severity.HIGH: Ink.ALARM,
    Severity.MEDIUM: Ink.DOUBT,
    Severity.LOW: Ink.PLAIN,
    Severity.UNKNOWN: Ink.DIM,
    Severity.GOOD: Ink.GOOD,
}
WORST_FIRST = tuple(Severity)
WIDTH = max(len(severity.value) for severity in Severity)
"""Of the column of severities."""


def to_show(findings: Iterable[Finding], *, everything: bool) -> list[Finding]:
    """Worst first; what is as it should be only with `everything`."""
    found = [finding for finding in findings if everything or finding.severity is not Severity.GOOD]
    return sorted(found, key=lambda finding: WORST_FIRST.index(finding.severity))


def of_one(findings: Iterable[Finding]) -> list[Finding]:
    """To be told where all are about one guest that is named already."""
    return to_show((replace(finding, guest=None) for finding in findings), everything=False)


def grouped(findings: Sequence[Finding]) -> list[list[Finding]]:
    """What reads the same but for the guest goes together, where the first of them stands."""
    groups: dict[tuple[Severity, str, str, str, str], list[Finding]] = {}
    for finding in findings:
        key = (finding.severity, finding.id, finding.title, finding.evidence, finding.mend)
        groups.setdefault(key, []).append(finding)
    return list(groups.values())


def entries(same: Sequence[Finding], *, subject: str = "") -> Iterator[Entry]:
    """One group of `grouped`; `subject` is what it is about, where the place does not tell."""
    first = same[0]
    yield (first.severity.value, first.title, INK[first.severity])
    if subject:
        yield ("", f"on: {subject}", Ink.PLAIN)
    if names := [finding.name for finding in same if finding.guest is not None]:
        yield ("", f"{'guest' if len(names) == 1 else 'guests'}: {', '.join(names)}", Ink.PLAIN)
    if first.evidence:
        yield ("", first.evidence, Ink.PLAIN)
    if first.mend:
        yield ("", f"mend: {first.mend}", Ink.BOLD)
