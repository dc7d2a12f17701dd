"""The columns of the list of moves."""

from __future__ import annotations

from collections.abc import Callable

from backends.model.move import Move, Result
from tui.format import (
    UNKNOWN,
    long_rate,
    long_size,
    milliseconds,
    percent,
    stopwatch,
    stopwatch_interval,
    time_of_day,
    total_time,
)
from tui.glyphs import Glyphs
from tui.widgets.bar import bar
from tui.widgets.grid_columns import Align, Cell, Column, Tone
from tui.words.move import phase_cell

_BAR_WIDTH = 13

_PROGRESS_WIDTH = _BAR_WIDTH + 5
"""The bar and its percents, or what came of the move."""


def move_columns(glyphs: Glyphs) -> list[Column[Move]]:
    """Guest, way, phase, progress or what came of it, bytes, rate, time, start."""
    return [
        Column(
            id="guest",
            title="GUEST",
            cell=lambda move: Cell(move.request.name),
            width=12,
            flex=2,
            max_width=40,
            priority=9,
        ),
        Column(
            id="way",
            title="FROM, TO",
            cell=lambda move: Cell(f"{move.source} {glyphs.arrow} {move.request.destination}"),
            width=10,
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
        Column(
            id="progress",
            title="PROGRESS",
            cell=lambda move: _progress(move, glyphs),
            width=_PROGRESS_WIDTH,
            priority=7,
        ),
        _figure("sent", "SENT", 8, _sent, 6),
        _figure("rate", "RATE", 9, _rate, 4),
        _figure("eta", "STILL NEEDS", 11, lambda move: _eta(move, glyphs), 5),
        _figure("time", "TIME", 7, _time, 6),
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
        cell=lambda move: Cell(text(move)),
        width=width,
        align=Align.RIGHT,
        priority=priority,
    )


def _progress(move: Move, glyphs: Glyphs) -> Cell:
    """How far it is; after its end what a user wants to know first of it."""
    outcome = move.outcome
    if outcome is None:
        if move.progress is None:
            return Cell("")
        share = move.progress.fraction
        return Cell(f"{''.join(bar(share, _BAR_WIDTH, glyphs))} {percent(share):>4}", Tone.BUSY)
    if outcome.result is Result.SUCCEEDED:
        stood_still = outcome.downtime_ms
        return Cell(f"stood still {milliseconds(stood_still)}" if stood_still is not None else "", Tone.DIM)
    return Cell(f"is on {outcome.where}" if outcome.where else "where is not known", Tone.DIM)


def _sent(move: Move) -> str:
    if move.outcome:
        return long_size(move.outcome.transferred_bytes)
    return long_size(move.progress.processed_bytes) if move.progress else ""


def _rate(move: Move) -> str:
    return long_rate(move.progress.rate_bytes_s) if move.progress and not move.phase.final else ""


def _eta(move: Move, glyphs: Glyphs) -> str:
    if move.phase.final or move.progress is None:
        return ""
    return stopwatch_interval(*move.progress.eta_s, glyphs) if move.progress.eta_s else UNKNOWN


def _time(move: Move) -> str:
    if move.outcome:
        return total_time(move.outcome.total_s)
    return stopwatch(move.progress.elapsed_s) if move.progress else ""
