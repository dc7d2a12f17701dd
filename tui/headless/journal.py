"""`virt-ferry history`, `audit` and `unfinished`: what was done, and what is left to do."""

from __future__ import annotations

from datetime import UTC, datetime

from backends.api import Fleet, open_fleet
from backends.model.fleet import FleetState
from backends.model.history import AuditLine
from backends.model.move import Move
from backends.model.unfinished import Unfinished
from tui.format import ago, milliseconds, size, total_time
from tui.headless.exits import Exit, UsageError
from tui.headless.jobs import known_jobs, wait_until
from tui.headless.move_lines import act_line, past_line, unfinished_line
from tui.headless.output import Ink, Output
from tui.headless.session import HostOptions, settled_fleet
from tui.headless.watch import OUTCOME_INK
from tui.words.audit import DONE, went_well
from tui.words.unfinished import ALARMS

_MOVES = (
    "ID",
    ">WHEN",
    "GUEST",
    "FROM",
    "TO",
    "MODE",
    "RESULT",
    "IS ON",
    ">STOPPED",
    ">TIME",
    ">SENT",
    "STARTED BY",
)
_ACTS = (">WHEN", "WHO", "WHAT", "RESULT")

COMPARED_S = 1.0
"""How long it takes to compare the hosts with each other, once all of them have answered."""

FOUND_S = 3.0
"""The same, where something is known to be found."""


async def history(text: str, *, limit: int, json: bool) -> Exit:
    """Tell of ended moves, newest first. No host is asked."""
    out = Output()
    async with open_fleet(()) as fleet:
        moves = await fleet.history(text, limit=limit)
    if json:
        for move in moves:
            out.json(past_line(move))
    elif moves:
        out.table(_MOVES, [_move_row(move) for move in moves])
    else:
        out.line("no such move in the journal" if text else "no move in the journal")
    return Exit.SUCCEEDED


def _move_row(move: Move) -> list[str | tuple[str, Ink]]:
    outcome = move.outcome
    return [
        move.id,
        ago(move.started, datetime.now(UTC)),
        move.request.name,
        move.source,
        move.request.destination,
        move.request.mode.value,
        (outcome.result.value, OUTCOME_INK[outcome.result]) if outcome else move.phase.value,
        (outcome.where or "?") if outcome else "",
        milliseconds(outcome.downtime_ms) if outcome else "",
        total_time(outcome.total_s) if outcome else "",
        size(outcome.transferred_bytes) if outcome else "",
        move.who,
    ]


async def audit(text: str, *, limit: int, json: bool) -> Exit:
    """Tell who did what, newest first. No host is asked."""
    out = Output()
    async with open_fleet(()) as fleet:
        acts = await fleet.audit(text, limit=limit)
    if json:
        for act in acts:
            out.json(act_line(act))
    elif acts:
        out.table(_ACTS, [_act_row(act) for act in acts])
    else:
        out.line("nothing of that in the journal" if text else "nothing has been done")
    return Exit.SUCCEEDED


def _act_row(act: AuditLine) -> list[str | tuple[str, Ink]]:
    ink = Ink.GOOD if went_well(act) else Ink.DOUBT
    return [ago(act.at, datetime.now(UTC)), act.who, act.what, (act.result, ink)]


async def unfinished(options: HostOptions, *, mend: str | None, json: bool) -> Exit:
    """Tell what moves have left to do; or mend one of it."""
    out = Output()
    async with settled_fleet(options) as (fleet, _):
        await known_jobs(fleet)
        if mend is not None:
            return await _mend(fleet, out, mend)
        await wait_until(fleet, lambda state: bool(state.unfinished), COMPARED_S)
        _tell(out, fleet.state, json=json)
    return Exit.SUCCEEDED


async def _mend(fleet: Fleet, out: Output, wanted: str) -> Exit:
    """Raises UsageError when there is no such thing, or only a person can decide; ActionError when it failed."""
    await wait_until(fleet, lambda state: any(left.id == wanted for left in state.unfinished), FOUND_S)
    found = next((left for left in fleet.state.unfinished if left.id == wanted), None)
    if found is None:
        raise UsageError(f"nothing with the id {wanted!r} is left to do", "virt-ferry unfinished lists it")
    if found.mend is None:
        raise UsageError(f"only a person can decide: {found.text}", found.command)
    await fleet.mend(found)
    out.line(f"{found.name}: {found.mend.value} on {found.guest.host}: {DONE}")
    return Exit.SUCCEEDED


def _tell(out: Output, state: FleetState, *, json: bool) -> None:
    for left in state.unfinished:
        if json:
            out.json(unfinished_line(left))
        else:
            _tell_one(out, left)
    if not state.unfinished and not json:
        out.line("nothing is left to do")


def _tell_one(out: Output, left: Unfinished) -> None:
    ink = Ink.ALARM if left.kind in ALARMS else Ink.DOUBT
    out.line(f"{out.ink(left.kind.value, ink)}: {left.text}")
    out.line(f"  id    {left.id}")
    if left.mend:
        out.line(f"  mend  {left.mend.value}: virt-ferry unfinished --mend {left.id}")
    else:
        out.line("  mend  only a person can decide")
    if left.command:
        out.line(f"  hand  {out.ink(left.command, Ink.DIM)}")
