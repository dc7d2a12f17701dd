"""`virt-ferry jobs`: the moves in flight, whoever started them, and other jobs that libvirt reports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from backends.api import Fleet
from backends.model.fleet import FleetState
from backends.model.guest import GuestKey
from backends.model.move import Move, Origin, RunningJob
from tui.format import duration, percent, size
from tui.headless.exits import Exit, UsageError
from tui.headless.lines import job_line, move_line
from tui.headless.output import Ink, Output
from tui.headless.session import HostOptions, settled_fleet
from tui.words.jobs import other_jobs

SEEN_S = 4.0
"""How long a job that hosts report may take to be known for what it is: the engine looks each second."""

LOOK_S = 0.5
"""How long the journal may take to tell of its moves, when no host reports a job."""

_LEAST_ID = 4
"""Letters of a move's id that are enough, if no other begins so."""

_TITLES = ("ID", "GUEST", "FROM", "TO", "JOB", "PHASE", ">DONE", ">ELAPSED", ">SENT", ">LEFT", "STARTED BY")

_WHOSE = {
    Origin.HERE: "this program",
    Origin.EARLIER: "an earlier program",
    Origin.ELSEWHERE: "somebody else",
}


async def jobs(options: HostOptions, *, json: bool) -> Exit:
    """Tell of all moves in flight and of all other jobs."""
    out = Output()
    async with settled_fleet(options) as (fleet, _):
        await known_jobs(fleet)
        moves, others = in_flight(fleet.state), other_jobs(fleet.state)
        if json:
            for line in (*map(move_line, moves), *map(job_line, others)):
                out.json(line)
        elif moves or others:
            out.table(_TITLES, [*map(_move_row, moves), *map(_job_row, others)])
        else:
            out.line("no jobs")
    return Exit.SUCCEEDED


def _move_row(move: Move) -> Sequence[str | tuple[str, Ink]]:
    progress = move.progress
    return (
        move.id,
        move.request.name,
        move.source,
        move.request.destination,
        f"move {move.request.mode.value}",
        (move.phase.value, Ink.BUSY),
        percent(progress.fraction) if progress else "",
        duration(progress.elapsed_s) if progress else "",
        size(progress.processed_bytes) if progress else "",
        size(progress.remaining_bytes) if progress else "",
        move.who or _WHOSE[move.origin],
    )


def _job_row(job: RunningJob) -> Sequence[str]:
    return (
        f"{job.guest.host}/{job.name}",
        job.name,
        job.guest.host,
        "",
        job.operation,
        "",
        "",
        duration(job.elapsed_s),
        size(job.processed_bytes),
        size(job.remaining_bytes),
        "",
    )


# -- finding one ----------------------------------------------------------------------------------------


def in_flight(state: FleetState) -> list[Move]:
    """Moves that have not ended, oldest first."""
    return sorted((move for move in state.moves.values() if not move.phase.final), key=lambda m: m.started)


async def known_jobs(fleet: Fleet) -> None:
    """Wait until every job that hosts report is known as a move or as another job."""
    reported = {job.guest for job in await fleet.running_jobs()}

    def all_known(state: FleetState) -> bool:
        known = {job.guest for job in state.jobs}
        for move in in_flight(state):
            known |= {move.request.guest, move.request.guest._replace(host=move.request.destination)}
        return reported <= known if reported else bool(known)

    await wait_until(fleet, all_known, SEEN_S if reported else LOOK_S)


async def wait_until(fleet: Fleet, holds: Callable[[FleetState], bool], timeout_s: float) -> bool:
    """True as soon as it holds; False when the time has passed."""
    try:
        async with asyncio.timeout(timeout_s):
            async for changes in fleet.watch():
                if holds(changes.state):
                    return True
    except TimeoutError:
        pass
    return False


async def find_job(fleet: Fleet, text: str) -> Move | RunningJob:
    """What `jobs` calls so: a move's id or its beginning, `HOST/GUEST`, or a guest's name. Waits a moment for it.

    Raises UsageError.
    """
    await wait_until(fleet, lambda state: bool(_candidates(state, text)), SEEN_S)
    found = _candidates(fleet.state, text)
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(f"no job {text!r}", "virt-ferry jobs lists them: take an ID of the first column")
    raise UsageError(f"{text!r} can mean {len(found)} jobs", "\n".join(id_of(job) for job in found))


def id_of(job: Move | RunningJob) -> str:
    """As the first column of `jobs`."""
    return job.id if isinstance(job, Move) else f"{job.guest.host}/{job.name}"


def _candidates(state: FleetState, text: str) -> list[Move | RunningJob]:
    exact = [move for move in state.moves.values() if move.id == text]
    if exact:
        return [*exact]
    moves = in_flight(state)
    by_id = [move for move in moves if len(text) >= _LEAST_ID and move.id.startswith(text)]
    by_name = [move for move in moves if _means(text, move.request.guest, move.request.name)]
    others = [job for job in other_jobs(state) if _means(text, job.guest, job.name)]
    return [*(by_id or by_name or others)]


def _means(text: str, key: GuestKey, name: str) -> bool:
    return text in (name, key.uuid, f"{key.host}/{name}", f"{key.host}/{key.uuid}")
