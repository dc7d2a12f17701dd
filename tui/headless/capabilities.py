"""`virt-ferry capabilities`: what each host can do, and how that is known."""

from __future__ import annotations

from collections.abc import Iterator

from backends.model.capability import (
    Fact,
    GuestWidth,
    HardwareVerdict,
    HardwareVirtualization,
    HostCapabilities,
    KindSupport,
    Section,
    Support,
)
from tui.format import long_size
from tui.headless.capability_lines import capabilities_line, fact_line
from tui.headless.each_host import ask_each
from tui.headless.exits import Exit
from tui.headless.output import Ink, Output
from tui.headless.paragraphs import Entry, label_width, tell_entries
from tui.headless.session import HostOptions, settled_fleet

_HARDWARE_INK = {
    HardwareVerdict.USABLE: Ink.GOOD,
    HardwareVerdict.NESTED: Ink.GOOD,
    HardwareVerdict.LOCKED: Ink.ALARM,
    HardwareVerdict.NO_MODULE: Ink.ALARM,
    HardwareVerdict.TAKEN: Ink.ALARM,
    HardwareVerdict.NONE: Ink.PLAIN,
    HardwareVerdict.UNKNOWN: Ink.DOUBT,
}

_SUPPORT_INK = {
    Support.HARDWARE: Ink.GOOD,
    Support.EMULATED: Ink.DOUBT,
    Support.YES: Ink.GOOD,
    Support.NO: Ink.PLAIN,
    Support.UNKNOWN: Ink.DOUBT,
}


async def capabilities(options: HostOptions, *, sources: bool, json: bool) -> Exit:
    """Ask all hosts at once what they can do. FAILED when none answers."""
    out = Output()
    async with settled_fleet(options) as (fleet, state):
        answers = await ask_each(state, fleet.survey)
    found = [answer for answer in answers if answer is not None]
    for number, each in enumerate(found):
        if json:
            tell_objects(out, each)
            continue
        if number:
            out.line()
        tell_host(out, each, sources=sources)
    return Exit.SUCCEEDED if found else Exit.FAILED


def tell_objects(out: Output, found: HostCapabilities) -> None:
    """The verdicts on one line, then each fact on its own."""
    out.json(capabilities_line(found))
    for fact in found.facts:
        out.json(fact_line(found.host, fact))


def tell_host(out: Output, found: HostCapabilities, *, sources: bool) -> None:
    """The verdicts first, then the facts, section by section."""
    verdicts = list(_verdicts(found, sources=sources))
    sections = [(section, list(found.of(section))) for section in Section]
    width = label_width([label for label, _, _ in verdicts] + [fact.label for fact in found.facts])
    out.line(out.ink(found.host, Ink.BOLD))
    tell_entries(out, verdicts, width=width)
    for section, facts in sections:
        if facts:
            out.line()
            out.line(f"  {out.ink(section.value.upper(), Ink.DIM)}")
            entries = [entry for fact in facts for entry in _fact(fact, sources=sources)]
            tell_entries(out, entries, width=width)


def _verdicts(found: HostCapabilities, *, sources: bool) -> Iterator[Entry]:
    hardware = found.hardware
    yield ("virtualization hardware", _hardware_words(hardware), _HARDWARE_INK[hardware.verdict])
    yield from _details(hardware.evidence, "mend", hardware.mend, hardware.source if sources else "")
    for kind in found.kinds:
        yield (kind.kind.value, _kind_words(kind), _SUPPORT_INK[kind.support])
        yield from _details(source=kind.source if sources else "")
    for width in found.widths:
        yield (
            f"{width.label} guests",
            _width_words(width),
            Ink.DOUBT if width.allowed is None else Ink.PLAIN,
        )
        yield from _details(source=width.source if sources else "")


def _hardware_words(hardware: HardwareVirtualization) -> str:
    return ": ".join(filter(None, (hardware.technology, hardware.verdict.value)))


def _kind_words(kind: KindSupport) -> str:
    return "; ".join(filter(None, (kind.support.value, kind.detail)))


def _width_words(width: GuestWidth) -> str:
    answer = {True: "yes", False: "no", None: "not known"}[width.allowed]
    if width.allowed and width.memory_limit_bytes is not None:
        answer += f", with up to {long_size(width.memory_limit_bytes)} each"
    return "; ".join(filter(None, (answer, width.reason)))


def _fact(fact: Fact, *, sources: bool) -> Iterator[Entry]:
    if fact.known:
        yield (fact.label, fact.value or "none", Ink.PLAIN)
    else:
        yield (fact.label, f"not known: {fact.trouble}", Ink.DOUBT)
    yield from _details("", "needs", fact.mend, fact.source if sources else "")


def _details(evidence: str = "", word: str = "mend", mend: str = "", source: str = "") -> Iterator[Entry]:
    """Lines below a verdict or a fact, as far as there are any."""
    if evidence:
        yield ("", evidence, Ink.PLAIN)
    if mend:
        yield ("", f"{word}: {mend}", Ink.BOLD)
    if source:
        yield ("", f"from: {source}", Ink.DIM)
