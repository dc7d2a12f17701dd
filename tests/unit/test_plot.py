"""Users see at a glance how far a move is and whether it gets ahead of the guest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.glyphs import ASCII, UNICODE, Glyphs
from tui.widgets.bar import bar, sparkline
from tui.widgets.grid_columns import Tone
from tui.widgets.plot import Plot, Sample, Series

MIB = 1024**2
BOTH = [UNICODE, ASCII]
PLOT = Plot(series=[Series("sent", Tone.BUSY), Series("written by the guest", Tone.NORMAL)])


def drawn(plot: Plot, samples: list[Sample], width: int = 80) -> list[str]:
    """The lines of a plot as text."""
    return ["".join(cell.text for cell in line) for line in plot.lines(samples, width)]


def steady(seconds: int, *values: float | None) -> list[Sample]:
    """One sample a second, always of the same values."""
    return [Sample(float(second), values) for second in range(seconds)]


@pytest.mark.parametrize("glyphs", BOTH, ids=lambda glyphs: glyphs.name)
@given(fraction=st.none() | st.floats(-1, 2), width=st.integers(0, 60))
def test_a_bar_always_fills_its_place(glyphs: Glyphs, fraction: float | None, width: int) -> None:
    assert cell_len("".join(bar(fraction, width, glyphs))) == width


def test_a_bar_is_full_only_when_all_is_done() -> None:
    assert bar(1, 4).rest == ""
    assert bar(0.999, 4).done == "███▉"
    assert bar(0.999, 4, ASCII) == ("###", "-")
    assert bar(None, 4) == ("", "░░░░")


def test_a_sparkline_has_its_newest_value_at_the_right() -> None:
    assert sparkline([0, 0.5, 1]) == "▁▄█"
    assert sparkline([0, 0.5, 1], width=2) == "▄█"
    assert sparkline([1], width=3) == "  █"
    assert sparkline([1, None, 0]) == "█ ▁"
    assert sparkline([0, 0.5, 1], ASCII) == ".=@"


def test_both_series_share_one_scale() -> None:
    lines = drawn(PLOT, steady(10, 128 * MIB, 32 * MIB))
    assert [line.partition("│")[0].strip() for line in lines] == ["128 MiB/s", "", "128 MiB/s", ""]
    assert "██████████" in lines[0]
    assert "██" not in lines[2]
    assert "▄▄▄▄▄▄▄▄▄▄" in lines[3]


def test_the_legend_says_what_is_drawn_and_its_newest_value() -> None:
    text = "\n".join(drawn(PLOT, steady(10, 112 * MIB, 31 * MIB)))
    for words in ("sent", "112 MiB/s", "written by the guest", "31 MiB/s"):
        assert words in text


def test_a_narrow_pane_gets_the_plot_without_its_legend() -> None:
    lines = drawn(PLOT, steady(10, 112 * MIB, 31 * MIB), width=40)
    assert "sent" not in "".join(lines)
    assert {cell_len(line) for line in lines} == {40}


def test_what_was_not_measured_is_a_gap_and_nothing_is_not() -> None:
    samples = [*steady(4, 0, None), Sample(4.0, (0, 0))]
    lines = drawn(PLOT, samples)
    assert "▁▁▁▁▁▁▁▁▁" in lines[1]
    assert lines[3].count("▁") == 1


def test_samples_that_come_late_leave_no_holes() -> None:
    samples = [Sample(0.0, (MIB, MIB)), Sample(2.6, (MIB, MIB)), Sample(7.1, (MIB, MIB))]
    assert "█" * 15 in drawn(PLOT, samples)[0]


def test_a_new_sample_leaves_the_cells_of_the_old_ones_alone() -> None:
    before, after = drawn(PLOT, steady(10, MIB, MIB)), drawn(PLOT, steady(11, MIB, MIB))
    for old, new in zip(before, after, strict=True):
        assert new.startswith(old.partition("  ")[0].rstrip())


def test_before_the_first_sample_there_is_an_empty_plot() -> None:
    assert all(set(line.partition("│")[2]) <= set(" sentwriby hgu") for line in drawn(PLOT, []))


@pytest.mark.parametrize("glyphs", BOTH, ids=lambda glyphs: glyphs.name)
@given(
    seconds=st.lists(st.floats(0, 1e6), unique=True),
    value=st.none() | st.floats(0, 1e15),
    width=st.integers(0, 120),
    band_height=st.integers(1, 4),
)
def test_a_plot_of_anything_fits_its_pane(
    glyphs: Glyphs, seconds: list[float], value: float | None, width: int, band_height: int
) -> None:
    plot = Plot(series=PLOT.series, band_height=band_height, glyphs=glyphs)
    lines = drawn(plot, [Sample(second, (value, 1.0)) for second in sorted(seconds)], width)
    assert len(lines) == 2 * band_height
    margin = max(cell_len(line.partition(glyphs.vertical)[0]) + 2 for line in lines)
    assert all(cell_len(line) <= max(width, margin) for line in lines)
