"""`virt-ferry attach` and `virt-ferry abort`: moves that are under way already."""

from __future__ import annotations

from backends.model.fleet import FleetState
from backends.model.move import Move, Origin, Outcome, Result, RunningJob
from tui.headless.exits import Exit, UsageError
from tui.headless.jobs import find_job
from tui.headless.output import Output
from tui.headless.session import HostOptions, settled_fleet
from tui.headless.watch import MoveWatch
from tui.words.jobs import abort_command
from tui.words.way import starter, who_words


async def attach(options: HostOptions, job: str, *, json: bool) -> Exit:
    """Watch it until its end, as `migrate` does. ctrl-c ends the watching, not the move."""
    out = Output()
    async with settled_fleet(options) as (fleet, _):
        move = _must_be_move(await find_job(fleet, job), fleet.state)
        if not json and (who := who_words(move)):
            out.line(f"{move.request.name}, {move.source} to {move.request.destination}: {who}")
        return await MoveWatch(fleet, move.id, move.request, out, json=json, may_abort=False).until_the_end()


async def abort(options: HostOptions, job: str, *, yes: bool, json: bool) -> Exit:
    """Ask it to stop, and wait for the truth. Raises FerryError when it cannot be asked (any more)."""
    out = Output()
    async with settled_fleet(options) as (fleet, _):
        move = _must_be_move(await find_job(fleet, job), fleet.state)
        if move.phase.final:
            raise UsageError(f"the move {move.id} is over: {move.phase.value}")
        if move.origin is Origin.ELSEWHERE and not yes:
            raise UsageError(
                f"the move of {move.request.name} is not yours: {starter(move)} started it",
                "--yes stops it all the same",
            )
        watch = MoveWatch(fleet, move.id, move.request, out, json=json, may_abort=False)
        await fleet.abort_move(move.id)
        return _exit_of_abort(await watch.outcome(), move)


def _exit_of_abort(outcome: Outcome, move: Move) -> Exit:
    """Stopped is what stays where it was, whatever its own program calls that; what was quicker has arrived."""
    if outcome.result is Result.INDETERMINATE:
        return Exit.INDETERMINATE
    has_stayed = outcome.result in (Result.CANCELLED, Result.FAILED) and outcome.where == move.source
    return Exit.SUCCEEDED if has_stayed else Exit.FAILED


def _must_be_move(found: Move | RunningJob, state: FleetState) -> Move:
    if isinstance(found, Move):
        return found
    raise UsageError(
        f"{found.name} on {found.guest.host} is not being moved: it is a {found.operation}",
        f"to stop it: {abort_command(found, state)}",
    )
