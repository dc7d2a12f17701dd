"""The columns of the lists of moves: those in flight, and those of the journal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from backends.model.move import Move, Origin, Result
from tui.format import (
    UNKNOWN,
    ago,
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
from tui.words.way import SOMEBODY

_BAR_WIDTH = 13

_PROGRESS_WIDTH = _BAR_WIDTH + 5
"""The bar and its percents, or what came of the move."""


def move_columns(glyphs: Glyphs) -> list[Column[Move]]:
    """Guest, way, phase, progress or what came of it, bytes, rate, time, who, start."""
    return [
        *_who_goes_where(glyphs),
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
            id="by",
            title="STARTED BY",
            cell=_starter,
            width=15,
            flex=1,
            max_width=30,
            sort=lambda move: move.origin.value,
            priority=5,
        ),
        Column(
            id="started",
            title="STARTED",
            cell=lambda move: Cell(time_of_day(move.started), Tone.DIM),
            width=10,
            sort=lambda move: (not move.phase.final, move.started),
            descending_first=True,
            priority=3,
        ),
    ]


def history_columns(glyphs: Glyphs, clock: Callable[[], datetime]) -> list[Column[Move]]:
    """When, guest, way, mode, result, stop, time, bytes, who."""
    return [
        Column(
            id="when",
            title="WHEN",
            cell=lambda move: Cell(ago(move.started, clock()), Tone.DIM),
            width=10,
            align=Align.RIGHT,
            sort=lambda move: move.started,
            descending_first=True,
            priority=8,
        ),
        *_who_goes_where(glyphs),
        Column(
            id="mode",
            title="MODE",
            cell=lambda move: Cell(move.request.mode.value, Tone.DIM),
            width=7,
            sort=lambda move: move.request.mode.value,
            priority=5,
        ),
        Column(
            id="result",
            title="RESULT",
            cell=lambda move: phase_cell(move.phase),
            width=13,
            sort=lambda move: move.phase.value,
            priority=9,
        ),
        _figure("stop", "STOPPED", 8, _stop, 7),
        _figure("time", "TIME", 7, _time, 6),
        _figure("sent", "SENT", 8, _sent, 4),
        Column(
            id="by",
            title="STARTED BY",
            cell=lambda move: Cell(move.who, Tone.DIM),
            width=16,
            flex=2,
            max_width=40,
            sort=lambda move: move.who,
            priority=3,
        ),
    ]


def _who_goes_where(glyphs: Glyphs) -> list[Column[Move]]:
    return [
        Column(
            id="guest",
            title="GUEST",
            cell=lambda move: Cell(move.request.name),
            width=12,
            flex=2,
            max_width=40,
            sort=lambda move: move.request.name.casefold(),
            priority=9,
        ),
        Column(
            id="way",
            title="FROM, TO",
            cell=lambda move: Cell(f"{move.source} {glyphs.arrow} {move.request.destination}"),
            width=10,
            flex=1,
            max_width=30,
            sort=lambda move: (move.source, move.request.destination),
            priority=8,
        ),
    ]


def _starter(move: Move) -> Cell:
    match move.origin:
        case Origin.HERE:
            return Cell("this session", Tone.DIM)
        case Origin.EARLIER:
            return Cell("earlier session")
        case Origin.ELSEWHERE:
            return Cell(move.who.partition(",")[0] or SOMEBODY, Tone.DOUBT)


def _stop(move: Move) -> str:
    return milliseconds(move.outcome.downtime_ms) if move.outcome else UNKNOWN


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
        return Cell(f"stopped {milliseconds(stood_still)}" if stood_still is not None else "", Tone.DIM)
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
