"""The columns of the list of moves."""

from __future__ import annotations

from collections.abc import Callable

from backends.model.move import Move
from tui.format import UNKNOWN, long_rate, percent, stopwatch, stopwatch_interval, time_of_day
from tui.glyphs import Glyphs
from tui.widgets.bar import bar
from tui.widgets.grid_columns import Align, Cell, Column, Tone
from tui.words.move import phase_cell

_BAR_WIDTH = 20


def move_columns(glyphs: Glyphs) -> list[Column[Move]]:
    """Guest, way, phase, bar, percent, rate, time, start."""

    def progress_bar(move: Move) -> Cell:
        if move.progress is None:
            return Cell("")
        return Cell(
            "".join(bar(move.progress.fraction, _BAR_WIDTH, glyphs)),
            Tone.DIM if move.phase.final else Tone.BUSY,
        )

    return [
        Column(
            id="guest", title="GUEST", cell=lambda move: Cell(move.request.name), width=12, flex=2, priority=9
        ),
        Column(
            id="way",
            title="FROM, TO",
            cell=lambda move: Cell(f"{move.source} {glyphs.arrow} {move.request.destination}"),
            width=12,
            flex=1,
            max_width=30,
            priority=8,
        ),
        Column(
            id="phase",
            title="PHASE",
            cell=lambda move: phase_cell(move.phase),
            width=14,
            sort=lambda move: move.phase.value,
            priority=9,
        ),
        Column(id="bar", title="", cell=progress_bar, width=_BAR_WIDTH, priority=6),
        _figure("done", "DONE", 4, lambda move: percent(move.progress.fraction) if move.progress else "", 7),
        _figure("rate", "SENT", 9, _rate, 5),
        _figure("eta", "STILL", 11, lambda move: _eta(move, glyphs), 4),
        _figure("time", "TIME", 7, _time, 5),
        Column(
            id="started",
            title="STARTED",
            cell=lambda move: Cell(time_of_day(move.started), Tone.DIM),
            width=10,
            sort=lambda move: move.started,
            descending_first=True,
            priority=3,
        ),
    ]


def _figure(
    column_id: str, title: str, width: int, text: Callable[[Move], str], priority: int
) -> Column[Move]:
    return Column(
        id=column_id,
        title=title,
        cell=lambda move: Cell(text(move), Tone.DIM if move.phase.final else Tone.NORMAL),
        width=width,
        align=Align.RIGHT,
        priority=priority,
    )


def _rate(move: Move) -> str:
    return long_rate(move.progress.rate_bytes_s) if move.progress and not move.phase.final else ""


def _eta(move: Move, glyphs: Glyphs) -> str:
    if move.phase.final or move.progress is None:
        return ""
    return stopwatch_interval(*move.progress.eta_s, glyphs) if move.progress.eta_s else UNKNOWN


def _time(move: Move) -> str:
    if move.outcome:
        return stopwatch(move.outcome.total_s)
    return stopwatch(move.progress.elapsed_s) if move.progress else ""
