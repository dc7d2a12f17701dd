"""A plot of up to a few series over time, as lines of toned text for a `LineView`.

::

    128 MiB/s │     ▃▆████▇▇███▇▇▇▇▇  sent
              │ ▃▅▇█████████████████  112 MiB/s
    128 MiB/s │
              │ ▂▂▂▂▃▃▃▃▂▂▃▃▂▂▂▂▂▂▂▂  written by the guest

Each series has a band of its own and all share one scale, so that they can be compared without telling
colours apart. Time runs to the right. The plot grows from the left and when it is full, a cell stands
for twice the time: a new sample touches one cell instead of moving all of them, which costs a slow line
some forty bytes instead of the whole plot.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tui.format import duration, long_rate
from tui.glyphs import UNICODE, Glyphs
from tui.widgets.bar import step
from tui.widgets.grid_columns import Cell, Tone

_LEAST_WIDTH = 16
"""Cells below which a plot tells less than its legend: the legend goes first."""

_LEAST_SPAN_S = 0.5
"""Seconds a cell stands for at first: about as long as from one sample to the next."""

_STEPS = (1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768)
"""Tops of the scale, times a power of 1024: few, so that the scale seldom changes."""


class Sample(NamedTuple):
    """The values of all series at one time; None where one was not known."""

    time_s: float
    values: tuple[float | None, ...]


class Series(NamedTuple):
    """What a series is called and how it looks."""

    name: str
    tone: Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """How samples are drawn. `band_height` is the lines of each series, `label` the text of a value."""

    series: Sequence[Series]
    band_height: int = 2
    label: Callable[[float], str] = long_rate
    glyphs: Glyphs = UNICODE

    def lines(self, samples: Sequence[Sample], width: int) -> list[tuple[Cell, ...]]:
        """The plot in `width` cells; samples are in the order of time."""
        top = _scale(samples)
        axis = f"{self.label(top) if samples else ''} {self.glyphs.vertical} "
        legends = [self._legend(index, samples) for index in range(len(self.series))]
        legend_width = 2 + max(len(text) for texts in legends for text in texts)
        room = width - len(axis) - legend_width
        if room < _LEAST_WIDTH:
            room, legend_width = max(0, width - len(axis)), 0
        columns = _columns(samples, room, len(self.series))
        lines: list[tuple[Cell, ...]] = []
        for index, series in enumerate(self.series):
            values = [column[index] for column in columns]
            for line in range(self.band_height):
                floor = self.band_height - 1 - line
                drawn = "".join(self._cell(value, top, floor) for value in values).ljust(room)
                margin = axis if line == 0 else axis[-2:].rjust(len(axis))
                legend = f"  {legends[index][line]}" if legend_width and line < len(legends[index]) else ""
                lines.append((Cell(margin, Tone.DIM), Cell(drawn, series.tone), Cell(legend)))
        return lines

    def _legend(self, index: int, samples: Sequence[Sample]) -> list[str]:
        """Name, newest value and, below the last band, the time the whole plot covers."""
        newest = next((s.values[index] for s in reversed(samples) if s.values[index] is not None), None)
        texts = [self.series[index].name, "" if newest is None else self.label(newest)]
        if index == len(self.series) - 1 and samples:
            texts.append(f"in {duration(samples[-1].time_s - samples[0].time_s)}")
        return texts[: self.band_height]

    def _cell(self, value: float | None, top: float, floor: int) -> str:
        """What a value shows on the line `floor` of its band, counted from below."""
        if value is None:
            return " "
        half_step = 0.5 / (len(self.glyphs.ramp) - 1)
        filled = value / top * self.band_height - floor
        return step(filled, self.glyphs) if floor == 0 or filled > half_step else " "


def _scale(samples: Sequence[Sample]) -> float:
    """The least top of the scale that no value passes."""
    greatest = max((value for sample in samples for value in sample.values if value is not None), default=0.0)
    if greatest <= 1:
        return 1.0
    unit = 1024.0 ** int(math.log(greatest, 1024))
    return next((unit * top for top in _STEPS if unit * top >= greatest), unit * 1024)


def _columns(samples: Sequence[Sample], width: int, series: int) -> list[list[float | None]]:
    """The mean of each series in each of at most `width` equal spans of time.

    Where no sample was taken the last one still holds; only a sample of None makes a gap.
    """
    if not samples or width <= 0:
        return []
    span_s = _span(samples, width)
    by_column: dict[int, list[Sample]] = {}
    for sample in samples:
        by_column.setdefault(int(sample.time_s // span_s), []).append(sample)
    columns: list[list[float | None]] = []
    for number in range(min(by_column), max(by_column) + 1):
        if group := by_column.get(number):
            columns.append([_mean([sample.values[index] for sample in group]) for index in range(series)])
        else:
            columns.append(columns[-1])
    return columns


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _span(samples: Sequence[Sample], width: int) -> float:
    """Seconds a cell stands for. It doubles from size to size, so that old cells merge in pairs."""
    first_s, last_s = samples[0].time_s, samples[-1].time_s
    span_s = _LEAST_SPAN_S
    while last_s // span_s - first_s // span_s >= width:
        span_s *= 2
    return span_s
