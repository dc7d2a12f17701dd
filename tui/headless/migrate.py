"""`virt-ferry migrate`: one move, told as it goes, and its truth as the exit status."""

from __future__ import annotations

import asyncio
from functools import partial

from backends.api import ActionError, FerryError, Fleet
from backends.model.guest import GuestState
from backends.model.move import MoveRequest, Outcome, Preflight, Result, Verdict
from tui.headless.check import tell_preflight
from tui.headless.exits import EXIT_OF_RESULT, Exit
from tui.headless.lines import plan_line
from tui.headless.move_lines import outcome_line
from tui.headless.output import Ink, Output
from tui.headless.session import HostOptions, find_guest, find_host, settled_fleet
from tui.headless.watch import MoveWatch
from tui.headless.wishes import MoveOptions


async def migrate(
    hosts: HostOptions, guest: str, to: str, wanted: MoveOptions, *, accept_doubts: bool, json: bool
) -> Exit:
    """Check, move and watch. ctrl-c asks the job to stop; a second one leaves it alone and ends."""
    out = Output()
    async with settled_fleet(hosts) as (fleet, state):
        found = find_guest(state, guest)
        request = wanted.request(state, found, find_host(state, to))
        unmoved = partial(_not_started, out, request, found.state, json=json)
        try:
            preflight = await _checked(fleet, out, request, json=json)
            if refusal := _refusal(preflight, accept_doubts):
                return unmoved(Result.REFUSED, refusal)
            move = fleet.start_move(preflight, accept_doubts=accept_doubts)
        except ActionError as error:
            return unmoved(Result.REFUSED, str(error))
        except FerryError as error:
            return unmoved(Result.FAILED, str(error))
        except asyncio.CancelledError:
            unmoved(Result.CANCELLED, "interrupted before it began")
            raise
        return await MoveWatch(fleet, move, request, out, json=json).until_the_end()


async def _checked(fleet: Fleet, out: Output, request: MoveRequest, *, json: bool) -> Preflight:
    if json:
        out.json(plan_line(request))
    preflight = await fleet.preflight(request)
    tell_preflight(out, preflight, json=json)
    return preflight


def _refusal(preflight: Preflight, accept_doubts: bool) -> str:
    """Why the move does not start; empty when it does."""
    if preflight.refused:
        blocking: tuple[Verdict, ...] = (Verdict.REFUSE,)
    elif preflight.doubtful and not accept_doubts:
        blocking = (Verdict.WARNING, Verdict.UNKNOWN)
    else:
        return ""
    found = (answer for answer in preflight.checks if answer.verdict in blocking)
    return "; ".join(f"{answer.title}: {answer.evidence}" for answer in found)


def _not_started(
    out: Output, request: MoveRequest, state: GuestState, result: Result, reason: str, *, json: bool
) -> Exit:
    """The guest has not been touched: say so, and why."""
    outcome = Outcome(result, request.guest.host, state, reason, total_s=0.0)
    if json:
        out.json(outcome_line(request.name, outcome))
    else:
        out.line(f"{out.ink('not started', Ink.ALARM)}: {reason}")
    return EXIT_OF_RESULT[result]
