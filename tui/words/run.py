"""A move in flight as a picture: the bar with its figures, and the plot."""

from __future__ import annotations

from backends.model.move import Move
from tui.format import part_of, percent
from tui.glyphs import Glyphs
from tui.widgets.bar import bar
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, length, line
from tui.widgets.plot import Plot, Sample, Series
from tui.words.move import figures, phase_cell

_BAR_MOST = 60
"""Cells beyond which a bar tells no more."""


def bar_picture(move: Move, glyphs: Glyphs, width: int) -> list[Line]:
    """Phase, bar, percent and bytes; below it the numbers."""
    progress = move.progress
    phase = (Cell(" "), phase_cell(move.phase))
    if progress is None or move.phase.final:
        return [phase]
    done = progress.total_bytes - progress.remaining_bytes
    after = line(
        Cell(f" {percent(progress.fraction):>4}", Tone.TITLE),
        "   ",
        part_of(done, progress.total_bytes),
    )
    before = (*phase, Cell(" " * max(1, 17 - length(phase))))
    room = max(10, min(_BAR_MOST, width - length(before) - length(after) - 2))
    full, rest = bar(progress.fraction, room, glyphs)
    bar_line = (*before, Cell(full, Tone.BUSY), Cell(rest, Tone.DIM), *after)
    return [bar_line, *figures(progress, glyphs)]


def plot_picture(move: Move, glyphs: Glyphs, width: int, *, band_height: int) -> list[Line]:
    """Rate and dirty rate over time, on one scale."""
    if len(move.history) < 2:
        return []
    samples = [
        Sample(progress.elapsed_s, (progress.rate_bytes_s, progress.dirty_bytes_s))
        for progress in move.history
    ]
    plot = Plot(
        series=(Series("sent", Tone.BUSY), Series("written by the guest", Tone.NORMAL)),
        band_height=band_height,
        glyphs=glyphs,
    )
    return [(Cell(" "), *cells) for cells in plot.lines(samples, width - 2)]
