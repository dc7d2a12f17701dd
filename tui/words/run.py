"""A move in flight as a picture: bars with their figures, and the plot."""

from __future__ import annotations

from typing import NamedTuple

from backends.model.move import Move, MoveMode, MoveProgress, MoveRequest, Origin
from tui.format import UNKNOWN, long_rate, long_size, milliseconds, part_of, percent
from tui.glyphs import Glyphs
from tui.widgets.bar import bar
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, dim, length, line
from tui.widgets.plot import Plot, Sample, Series
from tui.words.mode import LAST_RESORT_WORDS
from tui.words.move import doing, eta_text, outlook_cell, phase_tone, stop_text
from tui.words.way import extra_words

_BAR_MOST = 60
"""Cells beyond which a bar tells no more."""

_LABEL, _VALUE, _SECOND_LABEL = 9, 12, 14
"""Widths of the columns of figures."""


class _Part(NamedTuple):
    """What one bar is about."""

    name: str
    total: int
    left: int


def bar_picture(move: Move, glyphs: Glyphs, width: int) -> list[Line]:
    """The phase, bars with percent and bytes; below them the numbers."""
    progress = move.progress
    phase = line(
        " ", Cell(doing(move), phase_tone(move.phase)), dim(f"   {extra_words(move.request)}".rstrip())
    )
    if progress is None or move.phase.final:
        return [phase]
    bars = [_bar_line(part, glyphs, width) for part in _parts(progress, move.request)]
    return [phase, *bars, *figures(move, progress, glyphs)]


def _parts(progress: MoveProgress, request: MoveRequest) -> list[_Part]:
    """Memory (or the saved state), and the disks where they are copied."""
    disk_total, disk_left = progress.disk_total_bytes, progress.disk_remaining_bytes
    name = "state" if request.mode is MoveMode.SAVED else "memory"
    memory = _Part(name, progress.total_bytes - disk_total, progress.remaining_bytes - disk_left)
    if not disk_total:
        return [memory]
    disks = _Part("disks", disk_total, disk_left)
    return (
        [memory, disks] if memory.total > 0 else [disks]
    )  # the disks are copied before the memory is counted


def _bar_line(part: _Part, glyphs: Glyphs, width: int) -> Line:
    done = part.total - part.left
    share = min(1.0, max(0.0, done / part.total)) if part.total > 0 else 0.0
    before = line(dim(f" {part.name:<{_LABEL}}"))
    after = line(
        Cell(f" {percent(share):>4}", Tone.TITLE),
        f"  {part_of(done, part.total):>17}",
        f"  {long_size(part.left):>8}",
        dim(" left"),
    )
    room = max(10, min(_BAR_MOST, width - length(before) - length(after) - 1))
    full, rest = bar(share, room, glyphs)
    return (*before, Cell(full, Tone.BUSY), Cell(rest, Tone.DIM), *after)


def figures(move: Move, progress: MoveProgress, glyphs: Glyphs) -> list[Line]:
    """The numbers under the bars, in columns; those of the switch only for a live move."""
    sent = Cell(long_rate(progress.rate_bytes_s), Tone.BUSY)
    needs = Cell(eta_text(progress, glyphs))
    if move.request.mode is not MoveMode.LIVE:
        return [_row("sent", sent, "still needs", needs)]
    written = Cell(long_rate(progress.dirty_bytes_s))
    is_foreign = move.origin is Origin.ELSEWHERE
    limit = Cell(milliseconds(progress.downtime_limit_ms))
    most = Cell(UNKNOWN if is_foreign else milliseconds(move.request.max_downtime_ms))
    stop = line(dim("expected stop "), stop_text(progress, glyphs))
    return [
        _row("sent", sent, "guest writes", written, outlook_cell(progress)),
        _row("downtime", limit, "at most", most, *stop),
        _row("needs", needs, "pass", Cell(str(progress.iteration or UNKNOWN)), *_resort(move, progress)),
    ]


def _resort(move: Move, progress: MoveProgress) -> Line:
    """What comes when it does not converge, or has come; nothing tells what somebody else has chosen."""
    if throttle := progress.throttle_percent:
        return line(dim("guest slowed by "), Cell(f"{throttle}%", Tone.DOUBT))
    if move.origin is Origin.ELSEWHERE:
        return ()
    return line(dim("last resort "), LAST_RESORT_WORDS[move.request.last_resort])


def _row(label: str, value: Cell, second_label: str, second: Cell, *more: Cell) -> Line:
    return line(
        dim(f" {label:<{_LABEL}}"),
        Cell(f"{value.text:>{_VALUE}}", value.tone),
        dim(f"   {second_label:<{_SECOND_LABEL}}"),
        Cell(f"{second.text:>{_VALUE}}", second.tone),
        "   ",
        *more,
    )


def plot_picture(move: Move, glyphs: Glyphs, width: int, *, band_height: int) -> list[Line]:
    """Rate and, where the guest runs, dirty rate over time, on one scale."""
    if len(move.history) < 2:
        return []
    series = [Series("sent", Tone.BUSY)]
    samples = [Sample(each.elapsed_s, (each.rate_bytes_s, each.dirty_bytes_s)) for each in move.history]
    if any(each.dirty_bytes_s is not None for each in move.history):
        series.append(Series("written by the guest", Tone.NORMAL))
    plot = Plot(series=series, band_height=band_height, glyphs=glyphs)
    return [(Cell(" "), *cells) for cells in plot.lines(samples, width - 2)]
