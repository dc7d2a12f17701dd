"""A host's clock against ours."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from backends.remote.shell import Shell

COMMAND = ("date", "+%s.%N")
_STAMP = re.compile(r"(\d{1,12})\.(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Reading:
    """A host's clock against ours."""

    ahead_s: float
    exact_to_s: float
    """Half of the time that the question and the answer were on their way."""


async def read(shell: Shell) -> Reading | None:
    """None where the host's `date` does not tell fractions of a second. Raises FerryError."""
    before, started = time.time(), time.monotonic()
    answer = await shell.run(COMMAND)
    took = time.monotonic() - started
    return against(answer.out, answer.out, asked_at=before, took_s=took)


def against(began: str, ended: str, *, asked_at: float, took_s: float) -> Reading | None:
    """Pure: what the host's clock said when its work began and ended, between our question and its answer.

    What the host took for its work in between does not make the reading less exact (RFC 5905, section 8).
    """
    first, last = _STAMP.fullmatch(began.strip()), _STAMP.fullmatch(ended.strip())
    if not first or not last:
        return None
    start, end = float(first[0]), float(last[0])
    on_the_way = max(0.0, took_s - max(0.0, end - start))
    return Reading((start + end) / 2 - (asked_at + took_s / 2), on_the_way / 2)
