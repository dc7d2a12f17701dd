"""What can be chosen about a run, and the command under test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from backends.lab.layout import Layout
from tests.bench.figures import Figure

COMMAND = str(Path(sys.executable).with_name("virt-ferry"))
"""The installed program, beside the Python that runs the benchmarks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much is measured. More takes longer and is steadier."""

    starts: int = 5
    idle_s: float = 60.0
    keys: int = 200
    pairs: int = 6
    count: int = 30
    """Of faults, or of kills."""
    seed: int = 1
    """The same seed, the same faults at the same moments."""
    only: int | None = None
    """The number of the one fault to try again."""


Tell = Callable[[str], None]
"""Says what is being done now, for the person who waits."""

Benchmark = Callable[[Options, Tell], Iterable[Figure]]


def lab_environment(layout: Layout) -> dict[str, str]:
    """What makes `--lab` mean this lab."""
    return {"VIRT_FERRY_LAB": str(layout.root), "VIRT_FERRY_LAB_NET": layout.subnet}
