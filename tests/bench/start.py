"""From the start of the process to the first paint, on libvirt's in-process test hosts."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from tests.bench.cold import drop_from_cache
from tests.bench.figures import Figure, spread
from tests.bench.options import COMMAND, Options, Tell
from tests.bench.terminal import Terminal

AIM_S = 1.0
HEADER, TABLE, KEYS = "virt-ferry", "GUESTS", "quit"
"""Words of the first line, of the table's heading, and of the last line."""
ALL_GUESTS = "GUESTS  24"
"""Three hosts with eight guests each: what --embedded has."""


def start(options: Options, tell: Tell) -> Iterable[Figure]:
    """Cold starts, then warm ones."""
    for kind, prepare in (("cold", _make_cold), ("warm", _leave_warm)):
        paints, lists = [], []
        for run in range(options.starts):
            tell(f"{kind} start {run + 1} of {options.starts}")
            prepare()
            paint_s, list_s = _one_start()
            paints.append(paint_s)
            lists.append(list_s)
        aim = AIM_S if kind == "cold" else None
        yield Figure(
            name=f"{kind} start to first paint",
            value=median(paints),
            unit="s",
            at_most=aim,
            note=spread(paints),
        )
        yield Figure(name=f"{kind} start to all guests", value=median(lists), unit="s", note=spread(lists))


def _one_start() -> tuple[float, float]:
    """Seconds to the first whole screen, and to the last guest."""
    with Terminal([COMMAND, "--embedded"]) as terminal:
        painted_s = terminal.until(first_paint, "the first paint")
        listed_s = terminal.until(lambda shown: shown.shows(ALL_GUESTS), ALL_GUESTS)
        return painted_s - terminal.started_s, listed_s - terminal.started_s


def first_paint(terminal: Terminal) -> bool:
    """Header, table and keys are on the screen."""
    return all(terminal.shows(words) for words in (HEADER, TABLE, KEYS))


def _make_cold() -> None:
    drop_from_cache()


def _leave_warm() -> None:
    """The start before has read everything."""
