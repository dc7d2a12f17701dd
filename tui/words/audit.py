"""The columns of the list of acts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from backends.model.history import AuditLine
from backends.model.move import Result
from tui.format import ago, moment
from tui.widgets.grid_columns import Align, Cell, Column, Tone
from tui.widgets.lines import Line, line, wrap

DONE = "done"
"""The result of an act that was carried out (AuditLine.result)."""


def went_well(act: AuditLine) -> bool:
    """Was it carried out? The end of a move is told with its result and the reason: `succeeded: web-01 runs on h2`."""
    return act.result == DONE or act.result.partition(":")[0] == Result.SUCCEEDED.value


def audit_columns(clock: Callable[[], datetime]) -> list[Column[AuditLine]]:
    """When, who, what, and what came of it."""
    return [
        Column(
            id="when",
            title="WHEN",
            cell=lambda act: Cell(ago(act.at, clock()), Tone.DIM),
            width=10,
            align=Align.RIGHT,
            sort=lambda act: act.at,
            descending_first=True,
            priority=8,
        ),
        Column(
            id="who",
            title="WHO",
            cell=lambda act: Cell(act.who, Tone.DIM),
            width=12,
            flex=1,
            max_width=40,
            sort=lambda act: act.who,
            priority=6,
        ),
        Column(id="what", title="WHAT", cell=lambda act: Cell(act.what), width=24, flex=3, priority=9),
        Column(
            id="result",
            title="RESULT",
            cell=lambda act: Cell(act.result, Tone.GOOD if went_well(act) else Tone.DOUBT),
            width=10,
            flex=2,
            sort=lambda act: act.result,
            priority=8,
        ),
    ]


def audit_detail(act: AuditLine, width: int) -> list[Line]:
    """The selected act in full."""
    tone = Tone.GOOD if went_well(act) else Tone.DOUBT
    texts = ((f"{moment(act.at)}   {act.who}", Tone.DIM), (act.what, Tone.NORMAL), (act.result, tone))
    return [each for text, tone in texts for each in wrap(text, width - 1, tone, indent=" ", first=line(" "))]
