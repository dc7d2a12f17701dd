"""`virt-ferry posture`: how safe each host and its guests are set up."""

from __future__ import annotations

from collections.abc import Sequence

from backends.model.posture import Posture, Severity
from tui.headless.capability_lines import finding_line, posture_line
from tui.headless.each_host import ask_each
from tui.headless.exits import Exit
from tui.headless.findings import WIDTH, WORST_FIRST, entries, grouped, to_show
from tui.headless.output import Ink, Output
from tui.headless.paragraphs import tell_entries
from tui.headless.session import HostOptions, settled_fleet


async def posture(options: HostOptions, *, everything: bool, json: bool) -> Exit:
    """Ask all hosts at once. REFUSED when a finding is high; else FAILED when a host was not looked at."""
    out = Output()
    async with settled_fleet(options) as (fleet, state):
        answers = await ask_each(state, fleet.posture)
    found = [answer for answer in answers if answer is not None]
    for number, each in enumerate(found):
        if json:
            tell_objects(out, each, everything=everything)
            continue
        if number:
            out.line()
        tell_posture(out, each, everything=everything)
    return exit_of(answers)


def exit_of(answers: Sequence[Posture | None]) -> Exit:
    """What a script needs to know; None is a host that did not answer: nobody knows how safe that one is."""
    if any(answer is not None and answer.worst is Severity.HIGH for answer in answers):
        return Exit.REFUSED
    return Exit.SUCCEEDED if answers and None not in answers else Exit.FAILED


def tell_objects(out: Output, posture: Posture, *, everything: bool) -> None:
    """A line each, worst first, and the sum of all."""
    for finding in to_show(posture.findings, everything=everything):
        out.json(finding_line(posture.host, finding))
    out.json(posture_line(posture))


def tell_posture(out: Output, posture: Posture, *, everything: bool) -> None:
    """How many there are of each severity, then the findings; guests that share one are named together."""
    out.line(f"{out.ink(posture.host, Ink.BOLD)}: {summary(posture)}")
    for same in grouped(to_show(posture.findings, everything=everything)):
        tell_entries(out, list(entries(same)), width=WIDTH)


def summary(posture: Posture) -> str:
    """`2 high, 1 unknown, 9 good`."""
    severities = [finding.severity for finding in posture.findings]
    counts = [(severities.count(severity), severity.value) for severity in WORST_FIRST]
    return ", ".join(f"{count} {word}" for count, word in counts if count) or "nothing was looked at"
