"""The jobs that libvirt runs on a host's guests, whoever started them, known soon and at little cost.

An event tells of most jobs as they begin; asking every guest in turn finds the rest, and what ran before we came.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping

from backends.errors import FerryError
from backends.fleet.mailbox import Board
from backends.fleet.session import Session
from backends.fleet.supervisor import Supervisor
from backends.hypervisor.job_sweep import JobSweep
from backends.hypervisor.jobs import MIGRATION_IN
from backends.model.host import HostName
from backends.model.move import RunningJob

_log = logging.getLogger(__name__)

Heard = Callable[[HostName, tuple[RunningJob, ...]], None]

MIN_INTERVAL_S = 2.0
BUDGET = 0.01
"""Share of one processor that all hosts' sweeps together may take of this program."""
COST_BESIDES = 5.0
"""All that a look costs, in processor time of the thread that asks: measured over SSH, event loops included."""
MAX_INTERVAL_S = 60.0
SETTLING_S = 0.2
"""Between two looks at the least: an event may come before libvirt counts the job, and many may come at once."""


async def watch_jobs(supervisor: Supervisor, board: Board, heard: Heard) -> None:
    """Tell `heard` all jobs of one host after each look, until cancelled; none, once it does not answer any more.

    The first look is made as soon as the host is up. A guest that comes in from another host that answers is not told:
    that host tells of the same job, with its figures.
    """
    while True:
        await supervisor.up.wait()
        session = supervisor.session
        if session is None:
            continue  # lost again before it was our turn
        try:
            await _while_up(supervisor, session, board, heard)
        finally:
            heard(supervisor.name, ())


async def _while_up(supervisor: Supervisor, session: Session, board: Board, heard: Heard) -> None:
    """All guests when it is time or something stirs; between that, those that have jobs."""
    clock = asyncio.get_running_loop().time
    sweeps = {
        driver: JobSweep(connection, session.host, driver)
        for driver, connection in session.connections.items()
    }
    jobs: tuple[RunningJob, ...] = ()
    due_s = clock()
    while supervisor.session is session:
        looks_at_all = clock() >= due_s or session.jobs_stir.is_set()
        session.jobs_stir.clear()
        found = await _look(sweeps, None if looks_at_all else jobs)
        if supervisor.session is session and found is not None:
            jobs = found
            heard(session.host, tuple(job for job in jobs if not _is_told_by_its_source(job, board)))
        if looks_at_all:
            due_s = clock() + _interval_s(sweeps.values(), hosts=len(board.state.hosts))
        await _pause(session, MIN_INTERVAL_S if jobs else due_s - clock())


def _interval_s(sweeps: Iterable[JobSweep], *, hosts: int) -> float:
    """Between two looks at all guests of a host, so that the hosts together keep to the budget."""
    cost_s = sum(sweep.cost_s for sweep in sweeps) * COST_BESIDES * hosts
    return min(MAX_INTERVAL_S, max(MIN_INTERVAL_S, cost_s / BUDGET))


async def _look(
    sweeps: Mapping[str, JobSweep], only: tuple[RunningJob, ...] | None
) -> tuple[RunningJob, ...] | None:
    """None when a driver does not answer now: then what was heard last stands until it does, or the host is lost."""
    found: list[RunningJob] = []
    for driver, sweep in sweeps.items():
        uuids = None if only is None else [job.guest.uuid for job in only if job.guest.driver == driver]
        if uuids == []:
            continue
        try:
            found += await sweep.run(uuids)
        except FerryError as error:
            _log.info("%s", error)
            return None
    return tuple(found)


def _is_told_by_its_source(job: RunningJob, board: Board) -> bool:
    if job.operation != MIGRATION_IN:
        return False
    for host, view in board.state.hosts.items():
        twin = view.guests.get(job.guest._replace(host=host))
        if host != job.guest.host and view.link.answers and twin is not None and twin.state.active:
            return True
    return False


async def _pause(session: Session, seconds: float) -> None:
    """Until it is time, or something stirs."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await session.jobs_stir.wait()
    await asyncio.sleep(SETTLING_S)
