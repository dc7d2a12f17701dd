"""The jobs of a host's guests are found soon, cheaply, and in spite of a guest that does not answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import libvirt
import pytest

from backends.embedded import embedded_specs, node_xml
from backends.fleet import jobs
from backends.fleet.jobs import watch_jobs
from backends.hypervisor import job_sweep
from backends.hypervisor.connection import Connection
from backends.hypervisor.job_sweep import JobSweep
from backends.model.guest import GuestKey
from backends.model.host import HostName, HostSpec, Link, Reach
from backends.model.move import RunningJob
from tests.supervised import Supervised, supervised

H1 = HostName("h1")


def fails(code: int) -> Callable[[], Any]:
    """An answer that is libvirt's error."""

    def answer() -> Any:
        error = libvirt.libvirtError("no")
        error.err = (code, libvirt.VIR_FROM_QEMU, "no", 2, "", None, None, 0, 0)
        raise error

    return answer


def migrates() -> dict[str, int]:
    """The statistics of a job that runs."""
    return {
        "type": libvirt.VIR_DOMAIN_JOB_UNBOUNDED,
        "operation": libvirt.VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT,
        "time_elapsed": 1500,
        "data_processed": 3,
        "data_remaining": 4,
    }


def rests() -> dict[str, int]:
    """The same of a guest without a job."""
    return {"type": libvirt.VIR_DOMAIN_JOB_NONE}


class Domain:
    """A guest of a scripted host: libvirt's test driver has no jobs."""

    def __init__(self, uuid: str, job: Callable[[], Any], state: int = libvirt.VIR_DOMAIN_RUNNING) -> None:
        self.asked = 0
        self.jobs = job
        self._uuid = uuid
        self._state = state

    def UUIDString(self) -> str:  # noqa: N802 - libvirt's name
        """As libvirt's."""
        return self._uuid

    def name(self) -> str:
        """With something in it that no terminal should see."""
        return f"name of {self._uuid}\x1b"

    def state(self) -> tuple[int, int]:
        """As libvirt's."""
        return self._state, 0

    def jobStats(self) -> Any:  # noqa: N802 - libvirt's name
        """As the test says."""
        self.asked += 1
        return self.jobs()


class Host:
    """What a sweep asks of a virConnect, put in the place of a real one's answers."""

    def __init__(self, *domains: Domain) -> None:
        self.domains = {domain.UUIDString(): domain for domain in domains}

    def listAllDomains(self, _flags: int) -> list[Domain]:  # noqa: N802 - libvirt's name
        """As libvirt's."""
        return list(self.domains.values())

    def lookupByUUIDString(self, uuid: str) -> Domain:  # noqa: N802 - libvirt's name
        """As libvirt's."""
        return self.domains.get(uuid) or fails(libvirt.VIR_ERR_NO_DOMAIN)()


@asynccontextmanager
async def sweep_of(*domains: Domain) -> AsyncIterator[JobSweep]:
    """On the lanes of a real connection, which asks the scripted host."""
    connection = await Connection.open("test:///default", host="h1")
    real = connection.call_aside

    async def aside(operation: str, work: Callable[[Any], Any], *, deadline_s: float | None) -> Any:
        return await real(operation, lambda _conn: work(Host(*domains)), deadline_s=deadline_s)

    connection.call_aside = aside  # type: ignore[method-assign]
    try:
        yield JobSweep(connection, H1, "qemu")
    finally:
        connection.close()


def job(uuid: str, operation: str, *figures: float) -> RunningJob:
    """As it is told: the name made safe."""
    elapsed, processed, remaining = figures or (0.0, 0, 0)
    key = GuestKey(H1, "qemu", uuid)
    return RunningJob(key, f"name of {uuid}␛", operation, elapsed, int(processed), int(remaining))


async def test_of_all_guests_those_with_jobs_are_told() -> None:
    async with sweep_of(Domain("a", rests), Domain("b", migrates), Domain("c", rests)) as sweep:
        assert await sweep.run() == (job("b", "migration out", 1.5, 3, 4),)
        assert await sweep.run(["b", "gone"]) == (job("b", "migration out", 1.5, 3, 4),)
        assert await sweep.run(["a"]) == ()


async def test_a_guest_that_comes_in_is_told_without_figures() -> None:
    refuses = fails(libvirt.VIR_ERR_OPERATION_UNSUPPORTED)
    off = Domain("off", refuses, libvirt.VIR_DOMAIN_SHUTOFF)
    async with sweep_of(Domain("in", refuses, libvirt.VIR_DOMAIN_PAUSED), off) as sweep:
        assert await sweep.run() == (job("in", "migration in"),)


@pytest.mark.parametrize(
    "code", [libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_OPERATION_INVALID, libvirt.VIR_ERR_OPERATION_TIMEOUT]
)
async def test_a_guest_that_cannot_be_asked_hides_no_other(code: int) -> None:
    async with sweep_of(Domain("a", fails(code)), Domain("b", migrates)) as sweep:
        assert [found.guest.uuid for found in await sweep.run()] == ["b"]


async def test_a_driver_without_jobs_is_asked_once() -> None:
    guests = [Domain(name, fails(libvirt.VIR_ERR_NO_SUPPORT)) for name in "ab"]
    async with sweep_of(*guests) as sweep:
        assert await sweep.run() == await sweep.run() == ()
        assert [guest.asked for guest in guests] == [1, 0]


@contextmanager
def hangs() -> Iterator[Callable[[], Any]]:
    """An answer that comes with the end of the block."""
    release = threading.Event()
    try:
        yield release.wait
    finally:
        release.set()


async def test_a_guest_that_hangs_is_left_out_and_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_sweep, "SWEEP_DEADLINE_S", 0.1)
    with hangs() as never:
        ill, after = Domain("b", never), Domain("c", migrates)
        async with sweep_of(Domain("a", migrates), ill, after) as sweep:
            assert [found.guest.uuid for found in await sweep.run()] == ["a"]
            assert [found.guest.uuid for found in await sweep.run()] == ["a", "c"]
            assert ill.asked == 1


async def test_one_that_hung_is_asked_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_sweep, "SWEEP_DEADLINE_S", 0.1)
    monkeypatch.setattr(job_sweep, "HUNG_S", 0.0)
    with hangs() as never:
        ill = Domain("b", never)
        async with sweep_of(ill) as sweep:
            assert await sweep.run() == ()
            ill.jobs = migrates
            assert [found.guest.uuid for found in await sweep.run()] == ["b"]


# -- hosts that come and go -----------------------------------------------------------------------------


class Heard:
    """What was told of hosts."""

    def __init__(self) -> None:
        self.told: list[tuple[HostName, tuple[RunningJob, ...]]] = []
        self._news = asyncio.Event()

    def __call__(self, host: HostName, found: tuple[RunningJob, ...]) -> None:
        self.told.append((host, found))
        self._news.set()

    async def times(self, count: int) -> None:
        """Wait until so much was told."""
        async with asyncio.timeout(10):
            while len(self.told) < count:
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def watched(hosts: Supervised, heard: Heard) -> AsyncIterator[asyncio.Task[None]]:
    """The jobs of h1, while the block lasts."""
    task = asyncio.ensure_future(watch_jobs(hosts.supervisors[H1], hosts.board, heard))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_the_first_look_is_made_as_soon_as_the_host_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MIN_INTERVAL_S", 3600.0)
    monkeypatch.setattr(jobs, "MAX_INTERVAL_S", 3600.0)
    async with embedded_specs(1, 3) as (spec,):
        one = HostSpec(H1, spec.reach, spec.target)
        async with supervised([one], wait=False) as hosts:
            heard = Heard()
            async with watched(hosts, heard):
                await heard.times(1)
                assert hosts.board.state.hosts[H1].link.link is Link.UP
                session = hosts.supervisors[H1].current()
                session.jobs_stir.set()  # an event of a job
                await heard.times(2)


async def test_a_host_that_goes_and_comes_back_is_looked_at_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MIN_INTERVAL_S", 3600.0)
    monkeypatch.setattr(jobs, "MAX_INTERVAL_S", 3600.0)
    file = tmp_path / "h1.xml"
    file.write_text(node_xml(1, 2))
    async with supervised([HostSpec(H1, Reach.URI, f"test://{file}")]) as hosts:
        heard = Heard()
        async with watched(hosts, heard) as task:
            await heard.times(1)
            session = hosts.supervisors[H1].current()
            session.connection("test").close()
            await heard.times(3)  # none, then the first look of the next session
            assert hosts.supervisors[H1].current() is not session
            assert not task.done()


async def test_a_host_that_never_answers_tells_nothing() -> None:
    async with supervised([HostSpec(H1, Reach.URI, "test:///no/such.xml")], wait=False) as hosts:
        heard = Heard()
        async with watched(hosts, heard):
            await hosts.until(lambda state: state.hosts[H1].link.link is Link.DOWN)
            assert heard.told == []
