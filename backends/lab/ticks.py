"""A guest's life sign, watched from outside: the numbered ticks it prints on its serial console.

The guest's own clock stops while it moves, so only a watcher outside can tell how long it stood still, and
only the numbers can tell that nothing was lost or done twice.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

from backends.lab.errors import LabError

TICK = re.compile(rb"tick (\d+) mono=(\d+)")
INTERVAL_S = 0.1
"""Time between a guest's ticks, unless its tick= argument says otherwise."""
LOOK_EVERY_S = 0.004
"""How exact the times are: ordinary files cannot be waited for without a poll."""


@dataclass(frozen=True, slots=True)
class Tick:
    """One tick: its number, the guest's clock, and when it was seen here (time.monotonic)."""

    number: int
    guest_ms: int
    seen_s: float


@dataclass(frozen=True, slots=True)
class TickReport:
    """What a series of ticks says about the guest."""

    count: int
    largest_gap_s: float
    lost: tuple[int, ...]
    repeated: tuple[int, ...]

    @property
    def intact(self) -> bool:
        """Every tick came once and in order."""
        return self.count > 0 and not self.lost and not self.repeated


def report(ticks: Sequence[Tick]) -> TickReport:
    """Judge `ticks`, which are in the order in which they were printed."""
    pairs = list(pairwise(ticks))
    return TickReport(
        count=len(ticks),
        largest_gap_s=max((after.seen_s - before.seen_s for before, after in pairs), default=0.0),
        lost=tuple(missing for before, after in pairs for missing in range(before.number + 1, after.number)),
        repeated=tuple(after.number for before, after in pairs if after.number <= before.number),
    )


class TickParser:
    """Finds ticks in console output that arrives in pieces. Pure."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes, seen_s: float) -> Iterable[Tick]:
        """The ticks of the lines that `data` completes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if found := TICK.search(line):
                yield Tick(int(found[1]), int(found[2]), seen_s)


class TickWatch:
    """Collects a guest's ticks while it is entered; follows the console file wherever the guest runs.

    Use it around an operation and ask for `report()` afterwards. Thread-safe.
    """

    def __init__(self, console: Path) -> None:
        self._console = console
        self._ticks: list[Tick] = []
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"ticks of {console.stem}", daemon=True)

    def __enter__(self) -> Self:
        self._file = self._console.open("rb")
        self._file.seek(0, 2)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._file.close()

    @property
    def ticks(self) -> tuple[Tick, ...]:
        with self._changed:
            return tuple(self._ticks)

    def report(self) -> TickReport:
        return report(self.ticks)

    def wait_for_more(self, count: int = 3, *, timeout_s: float = 10) -> None:
        """Return when `count` more ticks were seen: the guest lives.

        Raises:
            LabError: they did not come within `timeout_s`.
        """
        self.wait_for(len(self.ticks) + count, timeout_s=timeout_s)

    def wait_for(self, total: int, *, timeout_s: float = 10) -> None:
        """Return when `total` ticks were seen since the watch began.

        Raises:
            LabError: there were fewer after `timeout_s`.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._ticks) >= total, timeout_s):
                raise LabError(
                    f"{self._console.stem} printed {len(self._ticks)} of {total} ticks within {timeout_s:g} s"
                )

    def _follow(self) -> None:
        parser = TickParser()
        while not self._stop.wait(LOOK_EVERY_S):
            if data := self._file.read():
                with self._changed:
                    self._ticks.extend(parser.feed(data, time.monotonic()))
                    self._changed.notify_all()
