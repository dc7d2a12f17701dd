"""`virt-ferry check`: would this move work?"""

from __future__ import annotations

from backends.model.move import Check, Preflight, Verdict
from tui.format import long_size
from tui.headless.exits import Exit
from tui.headless.lines import check_line, preflight_line
from tui.headless.output import Ink, Output
from tui.headless.session import HostOptions, find_guest, find_host, settled_fleet
from tui.headless.wishes import MoveOptions
from tui.words.way import way_words

VERDICT_INK = {
    Verdict.OK: Ink.GOOD,
    Verdict.NOTE: Ink.PLAIN,
    Verdict.UNKNOWN: Ink.DOUBT,
    Verdict.WARNING: Ink.DOUBT,
    Verdict.REFUSE: Ink.ALARM,
}


async def check(options: HostOptions, guest: str, to: str, wanted: MoveOptions, *, json: bool) -> Exit:
    """Ask all questions about a move. REFUSED when an obstacle is certain."""
    out = Output()
    async with settled_fleet(options) as (fleet, state):
        found = find_guest(state, guest)
        request = wanted.request(state, found, find_host(state, to))
        preflight = await fleet.preflight(request)
    tell_preflight(out, preflight, json=json)
    return Exit.REFUSED if preflight.refused else Exit.SUCCEEDED


def tell_preflight(out: Output, preflight: Preflight, *, json: bool) -> None:
    """All answers, worst first, and what they come to."""
    if json:
        for answer in preflight.checks:
            out.json(check_line(answer))
        out.json(preflight_line(preflight))
        return
    width = max((len(answer.title) for answer in preflight.checks), default=0)
    for answer in preflight.checks:
        _tell_check(out, answer, width)
    out.line()
    if not preflight.refused:
        _tell_way(out, preflight)
        out.line(out.ink(preflight.command, Ink.DIM))
    out.line(summary(preflight))


def _tell_way(out: Output, preflight: Preflight) -> None:
    """Which way it would go and what that costs, and the disks that would be copied."""
    out.line(way_words(preflight.request.mode, preflight.route))
    for copy in preflight.copies:
        over = ", written over one that is there" if copy.exists else ""
        out.line(f"copies {copy.target}, {long_size(copy.size_bytes)} {copy.format}: {copy.shown}{over}")


def _tell_check(out: Output, answer: Check, width: int) -> None:
    verdict = out.ink(f"{answer.verdict.value:<8}", VERDICT_INK[answer.verdict])
    out.line(f"{verdict} {answer.title:<{width}}  {answer.evidence}".rstrip())
    if answer.mend:
        out.line(f"{'':<8} {'':<{width}}  {out.ink('mend: ' + answer.mend, Ink.BOLD)}")


def summary(preflight: Preflight) -> str:
    """What the checks come to, in one sentence."""
    request = preflight.request
    count = sum(1 for answer in preflight.checks if answer.verdict is Verdict.REFUSE)
    if count:
        return f"{request.name} cannot move to {request.destination}: {count} of the checks refuse it"
    if preflight.doubtful:
        return f"{request.name} may move to {request.destination}, with doubts: --accept-doubts starts it"
    return f"{request.name} can move to {request.destination}"
