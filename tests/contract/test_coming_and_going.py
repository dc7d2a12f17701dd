"""Connections come and go for as long as the program runs, and leave nothing behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backends.api import embedded_hosts, open_fleet
from backends.fleet import supervisor
from backends.model.host import HostName, Link
from backends.service.fleet import FleetService
from tests.watching import all_up, until

ROUNDS = 12


@pytest.fixture
async def fleet(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FleetService]:
    monkeypatch.setattr(supervisor, "BACKOFF_FIRST_S", 0.01)
    monkeypatch.setattr(supervisor, "BACKOFF_MAX_S", 0.01)
    async with embedded_hosts(count=2, guests=2) as specs, open_fleet(specs) as opened:
        await until(opened, all_up)
        assert isinstance(opened, FleetService)
        yield opened


def lose(fleet: FleetService, host: str) -> None:
    """What libvirt's close callback does when a connection breaks."""
    session = fleet._supervisors[HostName(host)].current()
    session.connection("test")._was_closed("broken by a test")


async def lanes_have_ended(threads: int) -> None:
    """Lanes end in their own time; what they leave is counted when they have."""
    async with asyncio.timeout(10):
        for thread in threading.enumerate():
            if thread.name.startswith("lane-") and threading.active_count() > threads:
                await asyncio.to_thread(thread.join, 0.2)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_reconnecting_leaks_neither_threads_nor_files(fleet: FleetService) -> None:
    threads, files = threading.active_count(), open_files()
    for _ in range(ROUNDS):
        lose(fleet, "test-1")
        epoch = fleet.state.hosts[HostName("test-1")].epoch
        await until(fleet, lambda state, epoch=epoch: state.hosts[HostName("test-1")].epoch > epoch)  # type: ignore[misc]
        await until(fleet, all_up)
    await lanes_have_ended(threads)
    assert len([t for t in threading.enumerate() if t.name.startswith("lane-")]) <= 2
    assert open_files() <= files + 2


async def test_a_host_that_breaks_at_the_very_end_does_not_hold_the_exit() -> None:
    async with embedded_hosts(count=2, guests=2) as specs, asyncio.timeout(10):
        async with open_fleet(specs) as fleet:
            await until(fleet, all_up)
            assert isinstance(fleet, FleetService)
            for spec in specs:
                lose(fleet, spec.name)
        assert not [task for task in asyncio.all_tasks() if "Supervisor" in repr(task)]


async def test_a_link_that_does_not_hold_is_given_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "BACKOFF_FIRST_S", 30.0)
    monkeypatch.setattr(supervisor, "BACKOFF_MAX_S", 30.0)
    async with embedded_hosts(count=1, guests=1) as specs, open_fleet(specs) as fleet:
        await until(fleet, all_up)
        assert isinstance(fleet, FleetService)
        lose(fleet, "test-1")
        state = await until(fleet, lambda state: state.hosts[HostName("test-1")].link.link is Link.STALE)
        link = state.hosts[HostName("test-1")].link
        assert link.next_attempt is not None
        assert (link.next_attempt - link.since).total_seconds() > 10
        fleet.reconnect(HostName("test-1"))
        await until(fleet, all_up)
