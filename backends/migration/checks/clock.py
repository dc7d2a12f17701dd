"""Do the two hosts' clocks agree? A guest's own clock jumps with its host's, and logs of both become hard to read."""

from __future__ import annotations

import asyncio

from backends.migration.checks.context import Context
from backends.model.move import Check, Verdict
from backends.probes.clock import Reading, read

NOTICED_S, TROUBLE_S = 2.0, 60.0


async def skew(context: Context) -> list[Check]:
    """Both clocks against ours, at the same time."""
    shells = context.source.shell, context.destination.shell
    if shells[0] is None or shells[1] is None:
        return [
            Check("host.clock", "clocks", Verdict.NOTE, "not compared: a host is reached by libvirt alone")
        ]
    source, destination = await asyncio.gather(*(read(shell) for shell in shells if shell is not None))
    return [skew_verdict(source, destination, context.destination.host)]


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
