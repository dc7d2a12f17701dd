"""Figures as the benchmarks report them, and the arithmetic behind them. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number. `at_most` is the aim, `peer` what the nearest other program does; None: there is none."""

    name: str
    value: float
    unit: str
    """`s`, `ms`, `MiB`, `B`, or `x` for a ratio."""
    at_most: float | None = None
    peer: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """`ok`, `over`, or nothing where there is no aim."""
        if self.at_most is None:
            return ""
        return "ok" if self.value <= self.at_most else "over"

    def as_json(self, benchmark: str) -> dict[str, Any]:
        """For `--json`: one object a line."""
        return {"event": "figure", "benchmark": benchmark, **asdict(self), "verdict": self.verdict}


_TITLES = ("FIGURE", "MEASURED", "AIM", "", "PEER", "NOTE")
_RIGHT = (1, 2, 4)
"""Columns of numbers, which are aligned on the right."""


def table(figures: Sequence[Figure]) -> list[str]:
    """Aligned lines, titles first."""
    rows = [_TITLES, *(_cells(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_TITLES))]
    return ["  ".join(_padded(row, widths)).rstrip() for row in rows]


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.rjust(width) if column in _RIGHT else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]


def _cells(figure: Figure) -> tuple[str, ...]:
    return (
        figure.name,
        _shown(figure.value, figure.unit),
        "" if figure.at_most is None else _shown(figure.at_most, figure.unit),
        figure.verdict,
        "" if figure.peer is None else _shown(figure.peer, figure.unit),
        figure.note,
    )


def _shown(value: float, unit: str) -> str:
    """Three significant digits, thousands apart: `1.24 s`, `54,708 B`."""
    digits = 0 if value == 0 or abs(value) >= 100 else max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {unit}"


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: the least value that `share` (0..1] of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(values: Sequence[float], unit: str = "s") -> str:
    """For a note beside a median: how far apart the runs were."""
    return f"{len(values)} runs, {_shown(min(values), unit)} to {_shown(max(values), unit)}"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Pair by pair: ours over theirs."""
    return [our / their for our, their in zip(ours, theirs, strict=True)]


def in_milliseconds(seconds: Sequence[float]) -> list[float]:
    """The same in milliseconds."""
    return [second * 1000 for second in seconds]


def largest_gap(times_s: Sequence[float]) -> float:
    """The longest time between two neighbours; 0 when there are no two."""
    return max((after - before for before, after in pairwise(times_s)), default=0.0)


def latency(name: str, seconds: Sequence[float], *, p99_at_most_ms: float | None = None) -> list[Figure]:
    """p50 and p99 of many times."""
    times = in_milliseconds(seconds)
    return [
        Figure(name=f"{name}, p50", value=median(times), unit="ms", note=f"{len(times)} keys"),
        Figure(
            name=f"{name}, p99",
            value=percentile(times, 0.99),
            unit="ms",
            at_most=p99_at_most_ms,
            note=f"worst {max(times):.0f} ms",
        ),
    ]
