"""kdump of hosts in words: would a crash of the kernel leave a dump, and what to do where it would not."""

from __future__ import annotations

from dataclasses import dataclass

from backends.model.crash import Kdump, KdumpVerdict, TargetKind
from backends.model.host import HostName
from backends.model.posture import Finding, Severity
from tui.format import UNKNOWN, long_size, size
from tui.glyphs import Glyphs
from tui.widgets.grid_columns import Align, Cell, Column, Tone
from tui.widgets.lines import EMPTY, Line, dim, line, wrap
from tui.words.crash import field
from tui.words.posture import severity_cell

_SHORT = {
    KdumpVerdict.READY: "ready",
    KdumpVerdict.NOT_LOADED: "not loaded",
    KdumpVerdict.NO_MEMORY: "not reserved",
    KdumpVerdict.NOT_POSSIBLE: "not possible",
    KdumpVerdict.UNKNOWN: "not known",
}
_TONES = {
    KdumpVerdict.READY: Tone.GOOD,
    KdumpVerdict.NOT_LOADED: Tone.DOUBT,
    KdumpVerdict.NO_MEMORY: Tone.DOUBT,
}
_ORDER = {
    KdumpVerdict.NOT_LOADED: 0,
    KdumpVerdict.NO_MEMORY: 1,
    KdumpVerdict.NOT_POSSIBLE: 2,
    KdumpVerdict.UNKNOWN: 3,
    KdumpVerdict.READY: 5,
}
_NOT_LOOKED_AT = 4
_SEVERITIES = tuple(Severity)


@dataclass(frozen=True, slots=True)
class KdumpRow:
    """A host, and what is known of its kdump."""

    host: HostName
    kdump: Kdump | None = None
    trouble: str = ""
    """Why nothing is known, or nothing newer."""
    current: bool = True


def verdict_cell(row: KdumpRow, glyphs: Glyphs, *, short: bool = False) -> Cell:
    """A sign and words."""
    if row.kdump is None:
        return Cell(f"{glyphs.unknown} not looked at", Tone.DIM)
    verdict = row.kdump.verdict
    words = _SHORT[verdict] if short else verdict.value
    if not row.current:
        return Cell(f"{glyphs.stale} {words}", Tone.DOUBT)
    signs = {
        KdumpVerdict.READY: glyphs.ok,
        KdumpVerdict.NOT_LOADED: glyphs.warning,
        KdumpVerdict.NO_MEMORY: glyphs.warning,
        KdumpVerdict.NOT_POSSIBLE: glyphs.dash,
        KdumpVerdict.UNKNOWN: glyphs.unknown,
    }
    return Cell(f"{signs[verdict]} {words}", _TONES.get(verdict, Tone.DIM))


def kdump_columns(glyphs: Glyphs) -> list[Column[KdumpRow]]:
    """Verdict, what is reserved, the service, where dumps go, the room there against the memory, the last result."""

    def text(column_id: str, title: str, width: int, priority: int, flex: int = 0) -> Column[KdumpRow]:
        def cell(row: KdumpRow) -> Cell:
            words = _texts(row.kdump)[column_id]
            return Cell(words, Tone.DIM if words == UNKNOWN or not row.current else Tone.NORMAL)

        return Column(id=column_id, title=title, cell=cell, width=width, flex=flex, priority=priority)

    def bytes_(column_id: str, title: str, width: int, priority: int) -> Column[KdumpRow]:
        def cell(row: KdumpRow) -> Cell:
            value = getattr(row.kdump, column_id) if row.kdump else None
            return Cell(size(value), Tone.DIM if value is None or not row.current else Tone.NORMAL)

        return Column(id=column_id, title=title, cell=cell, width=width, align=Align.RIGHT, priority=priority)

    return [
        Column(
            id="host",
            title="HOST",
            cell=lambda row: Cell(row.host),
            width=8,
            flex=1,
            max_width=20,
            sort=lambda row: row.host,
            priority=9,
        ),
        Column(
            id="verdict",
            title="KDUMP",
            cell=lambda row: verdict_cell(row, glyphs, short=True),
            width=15,
            sort=lambda row: (_ORDER[row.kdump.verdict] if row.kdump else _NOT_LOOKED_AT, row.host),
            priority=9,
        ),
        bytes_("reserved_bytes", "RESERVED", 8, 6),
        text("service", "SERVICE", 16, 4, flex=1),
        text("target", "DUMPS GO TO", 16, 7, flex=2),
        bytes_("free_bytes", "FREE", 6, 5),
        bytes_("memory_bytes", "MEMORY", 6, 5),
        text("last", "LAST RESULT", 18, 3, flex=4),
    ]


def _texts(kdump: Kdump | None) -> dict[str, str]:
    if kdump is None:
        return dict.fromkeys(("service", "target", "last"), UNKNOWN)
    return {
        "service": kdump.service or UNKNOWN,
        "target": target_words(kdump) or UNKNOWN,
        "last": kdump.last or UNKNOWN,
    }


def target_words(kdump: Kdump) -> str:
    """`NFS nas:/crash`; a local path is told by itself."""
    if kdump.target_kind in (TargetKind.UNKNOWN, TargetKind.LOCAL) or not kdump.target:
        return kdump.target
    return f"{kdump.target_kind.value} {kdump.target}"


def kdump_lines(row: KdumpRow, glyphs: Glyphs, width: int) -> list[Line]:
    """One host in full: the verdict, what it rests on, then what was looked at, worst first."""
    lines = [line(Cell(f" {row.host}  ", Tone.TITLE), verdict_cell(row, glyphs))]
    if row.trouble:
        lines += wrap(row.trouble, width - 1, Tone.DOUBT, indent=" ", first=line(" "))
    kdump = row.kdump
    if kdump is None:
        if not row.trouble:
            words = (
                "what it does with a crash of its kernel is in its files, and it is reached by libvirt alone"
            )
            lines += wrap(words, width - 1, Tone.DIM, indent=" ", first=line(" "))
        return lines
    lines += _fact("reserved", long_size(kdump.reserved_bytes), width)
    lines += _fact("service", kdump.service or UNKNOWN, width)
    lines += _fact("target", f"{kdump.target_kind.value}  {kdump.target}".rstrip(), width)
    room = f"{long_size(kdump.free_bytes)} free" if kdump.free_bytes is not None else "nobody knows how much"
    memory = long_size(kdump.memory_bytes)
    lines += _fact("room", f"{room}; a dump of all memory takes at most {memory}", width)
    lines += _fact("made by", kdump.core_collector or UNKNOWN, width)
    lines += _fact("last", kdump.last or "no dump is known", width)
    ordered = sorted(kdump.findings, key=lambda each: _SEVERITIES.index(each.severity))
    for finding in ordered:
        lines += [EMPTY] if finding is ordered[0] else []
        lines += _finding(finding, glyphs, width)
    return lines


def _fact(label: str, words: str, width: int) -> list[Line]:
    return field(label, words, width, Tone.DIM if words == UNKNOWN else Tone.NORMAL)


def _finding(finding: Finding, glyphs: Glyphs, width: int) -> list[Line]:
    """What was looked at, what was seen, and what to do."""
    indent = " " * 12
    cell = severity_cell(finding.severity, glyphs)
    first = line(" ", Cell(f"{cell.text:<11}", cell.tone), Cell(f"{finding.title}: ", Tone.NORMAL))
    lines = wrap(finding.evidence, width - 1, Tone.DIM, indent=indent, first=first)
    if finding.mend:
        arrow = line(indent, Cell(f"{glyphs.arrow} ", cell.tone))
        lines += wrap(finding.mend, width - 1, indent=indent + " " * (len(glyphs.arrow) + 1), first=arrow)
    return lines


def kdump_heading(rows: list[KdumpRow]) -> Line:
    """How many hosts would leave a dump."""
    ready = sum(row.kdump is not None and row.kdump.verdict is KdumpVerdict.READY for row in rows)
    looked = sum(row.kdump is not None for row in rows)
    tone = Tone.GOOD if ready and ready == looked else Tone.DOUBT
    return line(Cell(f"  {ready}", tone), dim(f" of {looked} ready")) if looked else ()
