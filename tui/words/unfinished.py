"""What moves have left behind, in words: a row each, and the selected one in full."""

from __future__ import annotations

from backends.model.unfinished import Unfinished, UnfinishedKind
from tui.widgets.grid_columns import Cell, Column, Tone
from tui.widgets.lines import Line, dim, line, wrap

ALARMS = (UnfinishedKind.RUNS_TWICE, UnfinishedKind.POSTCOPY_BROKEN)
"""What needs a person now."""

_ORDER = {kind: number for number, kind in enumerate(UnfinishedKind)}


def unfinished_tone(kind: UnfinishedKind) -> Tone:
    """How urgent it looks."""
    return Tone.ALARM if kind in ALARMS else Tone.DOUBT


def unfinished_columns() -> list[Column[Unfinished]]:
    """What, whose, where, and what mends it."""
    return [
        Column(
            id="kind",
            title="LEFT TO DO",
            cell=lambda left: Cell(left.kind.value, unfinished_tone(left.kind)),
            width=19,
            sort=lambda left: _ORDER[left.kind],
            priority=9,
        ),
        Column(
            id="guest",
            title="GUEST",
            cell=lambda left: Cell(left.name),
            width=12,
            flex=2,
            max_width=40,
            priority=8,
        ),
        Column(
            id="host",
            title="ON",
            cell=lambda left: Cell(left.guest.host),
            width=6,
            flex=1,
            max_width=30,
            priority=8,
        ),
        Column(id="mend", title="MEND", cell=_mend, width=37, flex=1, max_width=60, priority=7),
    ]


def _mend(left: Unfinished) -> Cell:
    if left.mend is None:
        return Cell("only a person can decide", Tone.DIM)
    return Cell(left.mend.value, Tone.BUSY)


def unfinished_detail(left: Unfinished | None, key: str, width: int) -> list[Line]:
    """What is wrong, how to mend it, and the command that does the same."""
    if left is None:
        return []
    lines = wrap(left.text, width - 1, unfinished_tone(left.kind), indent=" ", first=line(" "))
    if left.mend:
        lines.append(line(Cell(f" {key}", Tone.BUSY), f"  {left.mend.value} on {left.guest.host}"))
    if left.command:
        head = line(dim("    the same by hand: " if left.mend else " by hand: "))
        lines += wrap(left.command, width - 1, Tone.DIM, indent="    ", first=head)
    return lines


def unfinished_words(left: Unfinished) -> str:
    """One line of plain text."""
    return f"{left.kind.value}: {left.text}"
