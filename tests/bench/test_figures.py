"""The benchmarks' own arithmetic, and the terminal they time with."""

from __future__ import annotations

import sys
import time

import pytest

from tests.bench.figures import Figure, percentile, ratios, table
from tests.bench.terminal import MARKER, NeverShownError, Terminal

ECHO = f"""
import sys, tty
tty.setraw(0)
row = 0
def paint(): sys.stdout.write("\\x1b[2J\\x1b[H" + "\\r\\n" * row + "{MARKER} row%d" % row); sys.stdout.flush()
paint()
while sys.stdin.buffer.read(3):
    row += 1
    paint()
"""
"""A program that moves its cursor one row down for each key of three bytes."""


def test_a_figure_is_over_only_when_it_exceeds_its_aim() -> None:
    assert Figure(name="a", value=50, unit="ms", at_most=50).verdict == "ok"
    assert Figure(name="a", value=51, unit="ms", at_most=50).verdict == "over"
    assert Figure(name="a", value=51, unit="ms").verdict == ""


def test_figures_are_aligned_with_units_and_thousands() -> None:
    lines = table(
        [
            Figure(name="cell", value=52, unit="B", at_most=100, peer=8_000),
            Figure(name="idle", value=54_708.4, unit="B", note="jitter"),
        ]
    )
    assert lines[1].split() == ["cell", "52", "B", "100", "B", "ok", "8,000", "B"]
    assert lines[2].split() == ["idle", "54,708", "B", "jitter"]
    assert lines[1].index("52 B") + 4 == lines[2].index("54,708 B") + 8


def test_the_99th_percentile_of_100_values_is_the_99th() -> None:
    assert percentile(list(range(1, 101)), 0.99) == 99
    assert percentile([3.0], 0.99) == 3.0


def test_ratios_go_pair_by_pair() -> None:
    assert ratios([2, 3], [1, 2]) == [2, 1.5]
    with pytest.raises(ValueError, match="shorter"):
        ratios([2, 3], [1])


def test_a_key_is_timed_to_the_paint_that_moves_the_cursor() -> None:
    with Terminal([sys.executable, "-c", ECHO]) as terminal:
        terminal.until(lambda shown: shown.row == "row0", "row0")
        began_s = time.monotonic()
        took_s = terminal.time_key("down")
        assert 0 < took_s <= time.monotonic() - began_s
        assert terminal.row == "row1"
        sent = terminal.total_bytes
        assert terminal.settle(0.05) == []
        assert terminal.total_bytes == sent


def test_what_never_appears_is_told_with_the_screen() -> None:
    with (
        Terminal([sys.executable, "-c", ECHO]) as terminal,
        pytest.raises(NeverShownError, match=r"row9\n.*row0"),
    ):
        terminal.until(lambda shown: shown.row == "row9", "row9", timeout_s=1)
