"""Do the two hosts' clocks agree? A guest's own clock jumps with its host's, and logs of both become hard to read."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass

from backends.migration.checks.context import Context
from backends.model.move import Check, Verdict
from backends.remote.shell import Shell

NOTICED_S, TROUBLE_S = 2.0, 60.0
_STAMP = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Reading:
    """A host's clock against ours."""

    ahead_s: float
    exact_to_s: float
    """Half of the time that the answer took."""


async def skew(context: Context) -> list[Check]:
    """Both clocks against ours, at the same time."""
    shells = context.source.shell, context.destination.shell
    if shells[0] is None or shells[1] is None:
        return [
            Check("host.clock", "clocks", Verdict.NOTE, "not compared: a host is reached by libvirt alone")
        ]
    source, destination = await asyncio.gather(*(_read(shell) for shell in shells if shell is not None))
    return [skew_verdict(source, destination, context.destination.host)]


async def _read(shell: Shell) -> Reading | None:
    before, started = time.time(), time.monotonic()
    answer = await shell.run(("date", "+%s.%N"))
    took = time.monotonic() - started
    stamp = _STAMP.fullmatch(answer.out.strip())
    return Reading(float(stamp[0]) - (before + took / 2), took / 2) if stamp else None


def skew_verdict(source: Reading | None, destination: Reading | None, host: str) -> Check:
    """Pure."""
    if source is None or destination is None:
        return Check(
            "host.clock", "clocks", Verdict.NOTE, "not compared: a host's date does not tell fractions"
        )
    skew_s = destination.ahead_s - source.ahead_s
    certain_s = max(0.0, abs(skew_s) - source.exact_to_s - destination.exact_to_s)
    evidence = f"the clock of {host} is {abs(skew_s):.1f} s {'ahead' if skew_s > 0 else 'behind'}"
    mend = "let both hosts set their clocks by NTP"
    if certain_s > TROUBLE_S:
        return Check("host.clock", "clocks", Verdict.WARNING, evidence, mend)
    if certain_s > NOTICED_S:
        return Check("host.clock", "clocks", Verdict.NOTE, evidence, mend)
    return Check("host.clock", "clocks", Verdict.OK, "they agree to within 2 s")
