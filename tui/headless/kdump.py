"""`virt-ferry kdump`: would a crash of each host's kernel leave a dump?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from backends.model.crash import HostCrashes, Kdump, KdumpVerdict, TargetKind
from tui.format import long_size
from tui.headless.crash_lines import kdump_line
from tui.headless.each_host import ask_each
from tui.headless.exits import Exit
from tui.headless.findings import WIDTH, entries, grouped, to_show
from tui.headless.output import Ink, Output
from tui.headless.paragraphs import Entry, tell_entries
from tui.headless.session import HostOptions, settled_fleet

_INK = {
    KdumpVerdict.READY: Ink.GOOD,
    KdumpVerdict.NOT_LOADED: Ink.ALARM,
    KdumpVerdict.NO_MEMORY: Ink.ALARM,
    KdumpVerdict.NOT_POSSIBLE: Ink.DOUBT,
    KdumpVerdict.UNKNOWN: Ink.DOUBT,
}


async def kdump(options: HostOptions, *, json: bool) -> Exit:
    """Ask all hosts at once. REFUSED where a crash would leave nothing."""
    out = Output()
    now = datetime.now(UTC)

    async with settled_fleet(options) as (fleet, state):
        answers = await ask_each(state, lambda host: fleet.crashes(host, now))
    found = [answer for answer in answers if answer is not None]
    for number, each in enumerate(found):
        if json:
            out.json(kdump_line(each.host, each.at, each.kdump))
            continue
        if number:
            out.line()
        tell_kdump(out, each)
    return exit_of(answers)


def exit_of(answers: Sequence[HostCrashes | None]) -> Exit:
    """The worst of all hosts; None is one that did not answer."""
    verdicts = [answer.kdump.verdict for answer in answers if answer is not None and answer.kdump is not None]
    if set(verdicts) - {KdumpVerdict.READY, KdumpVerdict.UNKNOWN}:
        return Exit.REFUSED
    if not answers or None in answers:
        return Exit.FAILED
    all_known = len(verdicts) == len(answers) and KdumpVerdict.UNKNOWN not in verdicts
    return Exit.SUCCEEDED if all_known else Exit.INDETERMINATE


def tell_kdump(out: Output, found: HostCrashes) -> None:
    """The verdict, what is set up, and what is not as it should be."""
    host = out.ink(found.host, Ink.BOLD)
    if found.kdump is None:
        out.line(f"{host}: {out.ink('not looked at: only libvirt reaches it', Ink.DOUBT)}")
        return
    out.line(f"{host}: {out.ink(found.kdump.verdict.value, _INK[found.kdump.verdict])}")
    tell_entries(out, list(_entries(found.kdump)), width=WIDTH)
    for same in grouped(to_show(found.kdump.findings, everything=False)):
        tell_entries(out, list(entries(same)), width=WIDTH)


def _entries(stands: Kdump) -> Iterator[Entry]:
    if stands.reserved_bytes is not None:
        yield ("memory", f"{long_size(stands.reserved_bytes)} reserved for the crash kernel", Ink.PLAIN)
    if stands.service:
        yield ("service", stands.service, Ink.PLAIN)
    if stands.target or stands.target_kind is not TargetKind.UNKNOWN:
        yield ("target", " ".join((stands.target_kind.value, stands.target)).strip(), Ink.PLAIN)
    if stands.free_bytes is not None:
        memory = f", the host's memory is {long_size(stands.memory_bytes)}" if stands.memory_bytes else ""
        yield ("room", f"{long_size(stands.free_bytes)} free there{memory}", Ink.PLAIN)
    if stands.core_collector:
        yield ("by", stands.core_collector, Ink.PLAIN)
    if stands.last:
        yield ("last", stands.last, Ink.PLAIN)
