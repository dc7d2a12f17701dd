"""How safe hosts and guests are set up, in words: calm, worst first, each with what mends it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from backends.api import FerryError
from backends.model.host import HostName
from backends.model.posture import Finding, Posture, Severity
from tui.filter import Predicate, parse
from tui.glyphs import Glyphs
from tui.widgets.grid_columns import Cell, Column, Tone
from tui.widgets.lines import Line, dim, line, wrap

_TONES = {
    Severity.HIGH: Tone.ALARM,
    Severity.MEDIUM: Tone.DOUBT,
    Severity.LOW: Tone.NORMAL,
    Severity.UNKNOWN: Tone.DIM,
    Severity.GOOD: Tone.GOOD,
}
_ORDER = {severity: number for number, severity in enumerate(Severity)}
_NOT_ASKED = "posture.not-asked"
"""The id of the line that stands for a host which could not be asked."""


@dataclass(frozen=True, slots=True)
class PostureRow:
    """A finding on a host."""

    host: HostName
    finding: Finding
    number: int = 0
    """Tells several findings of one id about one guest apart."""

    @property
    def key(self) -> tuple[object, ...]:
        """What makes it the same row when it is asked for anew."""
        return self.host, self.finding.id, self.finding.guest, self.number

    @property
    def urgency(self) -> tuple[int, str, str, str]:
        """Worst first; of equals by host, then guest."""
        return _ORDER[self.finding.severity], self.host, self.finding.name, self.finding.title


def rows_of(posture: Posture) -> list[PostureRow]:
    """All findings on one host."""
    seen: Counter[tuple[object, ...]] = Counter()
    rows: list[PostureRow] = []
    for finding in posture.findings:
        which = (finding.id, finding.guest)
        rows.append(PostureRow(posture.host, finding, seen[which]))
        seen[which] += 1
    return rows


def not_asked(host: HostName, error: FerryError) -> PostureRow:
    """The line of a host that could not be asked: nothing is known of it, which is no good news and no bad."""
    return PostureRow(
        host, Finding(_NOT_ASKED, "could not be asked", Severity.UNKNOWN, error.cause, error.hint)
    )


def severity_sign(severity: Severity, glyphs: Glyphs) -> str:
    """The sign before a severity."""
    match severity:
        case Severity.HIGH:
            return glyphs.refuse
        case Severity.MEDIUM:
            return glyphs.warning
        case Severity.LOW:
            return glyphs.note
        case Severity.UNKNOWN:
            return glyphs.unknown
        case Severity.GOOD:
            return glyphs.ok


def severity_cell(severity: Severity, glyphs: Glyphs) -> Cell:
    """A sign and a word."""
    return Cell(f"{severity_sign(severity, glyphs)} {severity.value}", _TONES[severity])


def posture_columns(glyphs: Glyphs) -> list[Column[PostureRow]]:
    """Severity, host, guest, what was asked, and what was seen where there is room for it."""
    return [
        Column(
            id="severity",
            title="SEVERITY",
            cell=lambda row: severity_cell(row.finding.severity, glyphs),
            width=9,
            sort=lambda row: row.urgency,
            priority=9,
        ),
        Column(
            id="host",
            title="HOST",
            cell=lambda row: Cell(row.host),
            width=8,
            flex=1,
            max_width=20,
            sort=lambda row: (row.host, row.urgency),
            priority=8,
        ),
        Column(
            id="guest",
            title="GUEST",
            cell=lambda row: Cell(
                row.finding.name or glyphs.dash, Tone.NORMAL if row.finding.name else Tone.DIM
            ),
            width=10,
            flex=1,
            max_width=24,
            sort=lambda row: (row.finding.name, row.urgency) if row.finding.name else None,
            priority=7,
        ),
        Column(
            id="finding",
            title="FINDING",
            cell=lambda row: Cell(row.finding.title),
            width=24,
            flex=4,
            max_width=44,
            sort=lambda row: row.finding.title.casefold(),
            priority=9,
        ),
        Column(
            id="seen",
            title="SEEN",
            cell=lambda row: Cell(row.finding.evidence, Tone.DIM),
            width=32,
            flex=12,
        ),
    ]


def posture_filter(query: str) -> Predicate[PostureRow] | None:
    """Words look at what was asked and seen, fields at the rest. Raises FilterError."""
    return parse(
        query,
        lambda row: f"{row.finding.title}: {row.finding.evidence}",
        {
            "host": lambda row: row.host,
            "guest": lambda row: row.finding.name,
            "severity": lambda row: row.finding.severity.value,
            "id": lambda row: row.finding.id,
        },
    )


def finding_lines(row: PostureRow, glyphs: Glyphs, width: int) -> list[Line]:
    """One finding in full."""
    finding = row.finding
    about = f"{finding.name} on {row.host}" if finding.name else row.host
    first = line(" ", severity_cell(finding.severity, glyphs), dim("  "))
    lines = wrap(finding.title, width - 1, Tone.TITLE, indent="   ", first=first)
    lines.append(line(dim(f" about    {about}")))
    lines += _field("seen", finding.evidence, width)
    if finding.mend:
        arrow = line(Cell(f" {glyphs.arrow:<9}", _TONES[finding.severity]))
        lines += wrap(finding.mend, width - 1, indent=" " * 10, first=arrow)
    if finding.source:
        lines += _field("source", finding.source, width, Tone.DIM)
    return lines


def _field(label: str, text: str, width: int, tone: Tone = Tone.NORMAL) -> list[Line]:
    return wrap(text, width - 1, tone, indent=" " * 10, first=line(dim(f" {label:<9}"))) if text else []


def posture_heading(rows: Iterable[PostureRow], asking: Sequence[str], *, shows_good: bool) -> Line:
    """How many findings of which kind, and who has not answered yet."""
    counts = Counter(row.finding.severity for row in rows)
    cells: list[Cell] = []
    for severity in Severity:
        if counts[severity]:
            words = severity.value + (" (not shown)" if severity is Severity.GOOD and not shows_good else "")
            cells += [Cell(f"  {counts[severity]} ", _TONES[severity]), dim(words)]
    if asking:
        names = ", ".join(asking) if len(asking) <= _NAMED_MOST else f"{len(asking)} hosts"
        cells.append(Cell(f"   asking {names} ...", Tone.BUSY))
    return tuple(cells)


_NAMED_MOST = 4
"""Hosts that are named; of more only the number is told."""


def nothing_found(answers: Mapping[HostName, Posture], asking: Sequence[str]) -> str:
    """What an empty table says."""
    if asking:
        return f"Asking {', '.join(asking)} how safe they are set up ..."
    looked = sum(len(posture.findings) for posture in answers.values())
    if not answers:
        return "No host answers, so that none can be asked: mode 2 says why."
    if not looked:
        return "These hosts have told nothing that says how safe they are set up."
    return f"Nothing found that needs you.\n\n{looked} things were looked at and are as they should be: a shows them."
