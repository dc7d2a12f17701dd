"""Jobs that somebody else starts on real hosts are seen within two seconds, and gone when they are over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from backends.fleet import jobs
from backends.fleet.jobs import watch_jobs
from backends.lab.guest_xml import GuestSpec
from backends.lab.lab import Lab
from backends.lab.specs import lab_specs
from backends.model.host import HostName
from backends.model.move import RunningJob
from tests.supervised import supervised

SEEN_WITHIN_S = 2.0


class Jobs:
    """The newest jobs of each host, as they are told."""

    def __init__(self) -> None:
        self.of: dict[str, tuple[RunningJob, ...]] = {}
        self._news = asyncio.Event()

    def heard(self, host: HostName, found: tuple[RunningJob, ...]) -> None:
        """From the watch."""
        self.of[host] = found
        self._news.set()

    async def until(self, holds: Callable[[], bool], timeout_s: float = 20) -> float:
        """Wait for it; the seconds that it took."""
        began_s = time.monotonic()
        async with asyncio.timeout(timeout_s):
            while not holds():
                self._news.clear()
                await self._news.wait()
        return time.monotonic() - began_s

    def operations(self, host: str) -> list[tuple[str, str]]:
        """Guest and operation of each."""
        return [(job.name, job.operation) for job in self.of.get(host, ())]


@asynccontextmanager
async def jobs_of(lab: Lab, *hosts: str) -> AsyncIterator[Jobs]:
    """Watched while the block lasts; begins when all were told once."""
    found = Jobs()
    async with supervised([spec for spec in lab_specs(lab.layout) if spec.name in hosts]) as running:
        tasks = [
            asyncio.ensure_future(watch_jobs(supervisor, running.board, found.heard))
            for supervisor in running.supervisors.values()
        ]
        try:
            await found.until(lambda: len(found.of) == len(hosts))
            yield found
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


@asynccontextmanager
async def somebody_migrates(lab: Lab, name: str) -> AsyncIterator[None]:
    """From h1 to h2 by virsh, so slowly that it lasts longer than the block; aborted with it."""
    h1 = lab.host("h1")
    command = ("virsh", "migrate", "--live", "--p2p", "--bandwidth", "4", name, "qemu+ssh://root@h2/system")
    moving = asyncio.ensure_future(asyncio.to_thread(h1.exec, *command, check=False, timeout_s=120))
    try:
        yield
    finally:
        await asyncio.to_thread(h1.exec, "virsh", "domjobabort", name, check=False)
        await moving


def job_runs(lab: Lab, name: str) -> None:
    """Returns when h1 itself says so."""
    deadline_s = time.monotonic() + 20
    while "Unbounded" not in lab.host("h1").exec("virsh", "domjobinfo", name, check=False).stdout:
        assert time.monotonic() < deadline_s, "no job"


@pytest.mark.parametrize("by", ["looking again", "its event"])
async def test_a_move_that_somebody_starts_is_seen_and_gone_with_its_end(
    lab: Lab, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by == "its event":
        monkeypatch.setattr(jobs, "_interval_s", lambda _sweeps, **_hosts: 3600.0)
    await asyncio.to_thread(lab.guest, GuestSpec(name="foreign"))
    async with jobs_of(lab, "h1", "h2") as found:
        async with somebody_migrates(lab, "foreign"):
            await asyncio.to_thread(job_runs, lab, "foreign")
            late_s = await found.until(lambda: found.operations("h1") == [("foreign", "migration out")])
            assert late_s < SEEN_WITHIN_S
            first = found.of["h1"][0]
            await found.until(lambda: found.of["h1"][0].processed_bytes > first.processed_bytes)
            assert found.operations("h2") == []  # h1 tells it, with its figures
        await found.until(lambda: found.operations("h1") == [])


async def test_a_move_that_runs_already_is_seen_at_once_from_either_end(lab: Lab) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="foreign"))
    async with somebody_migrates(lab, "foreign"):
        await asyncio.to_thread(job_runs, lab, "foreign")
        async with jobs_of(lab, "h1") as found:
            assert found.operations("h1") == [("foreign", "migration out")]
        async with jobs_of(lab, "h2") as found:
            assert found.operations("h2") == [("foreign", "migration in")]
