"""What libvirt's events tell of crashes comes into the state by itself, on libvirt's own in-process test driver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import libvirt
import pytest

from backends.api import Fleet, embedded_hosts, open_fleet
from backends.hypervisor.events import DomainEvent, DomainEventKind, register
from backends.model.crash import CrashKind, Source
from backends.model.fleet import FleetState
from backends.service.fleet import FleetService
from tests.watching import all_up, guest_named, until


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    """Two hosts with three guests each."""
    async with embedded_hosts(count=2, guests=3) as specs, open_fleet(specs) as opened:
        await until(opened, all_up)
        yield opened


def has_records(state: FleetState) -> bool:
    """Does any host have one?"""
    return any(view.crashes and view.crashes.records for view in state.hosts.values())


async def crash(fleet: Fleet, name: str) -> None:
    """The test driver has no panics: a dump that is to end the guest as crashed tells the same event."""
    assert isinstance(fleet, FleetService)
    guest = guest_named(fleet.state, name)
    session = fleet._supervisors[guest.key.host].current()
    connection = session.connection(guest.key.driver)
    await connection.call(
        "crash",
        lambda conn: conn.lookupByUUIDString(guest.key.uuid).coreDump("/dev/null", libvirt.VIR_DUMP_CRASH),
    )


async def test_a_crash_is_a_record_at_once_without_anybody_looking(fleet: Fleet) -> None:
    guest = guest_named(fleet.state, "web-100")

    await crash(fleet, "web-100")
    state = await until(fleet, has_records)

    crashes = state.hosts[guest.key.host].crashes
    assert crashes is not None
    (record,) = crashes.records
    assert crashes.of_guest(guest.key) == record
    assert record.kind is CrashKind.PANIC
    assert record.evidence[0].source is Source.EVENT
    assert record.at is not None
    assert abs(datetime.now(UTC) - record.at) < timedelta(seconds=20)


async def test_a_look_keeps_what_events_have_told_and_says_that_there_is_no_shell(fleet: Fleet) -> None:
    guest = guest_named(fleet.state, "web-100")
    await crash(fleet, "web-100")
    await until(fleet, has_records)

    crashes = await fleet.crashes(guest.key.host)

    assert len(crashes.records) == 1
    assert [gap.why for gap in crashes.gaps] == ["this host is reached by libvirt alone"]


async def test_following_looks_at_each_host_and_ends_with_its_block(fleet: Fleet) -> None:
    async with fleet.follow_crashes(), asyncio.timeout(20):
        await until(fleet, lambda state: all(view.crashes for view in state.hosts.values()))
        async with fleet.follow_crashes():
            pass
        await crash(fleet, "web-200")
        await until(fleet, has_records)


@pytest.mark.parametrize(
    ("action", "reason", "told"),
    [
        (
            libvirt.VIR_DOMAIN_EVENT_IO_ERROR_PAUSE,
            "enospc",
            "I/O error: virtio-disk0, no space left (paused)",
        ),
        (libvirt.VIR_DOMAIN_EVENT_IO_ERROR_PAUSE, "", "I/O error: virtio-disk0, no reason told (paused)"),
        (libvirt.VIR_DOMAIN_EVENT_IO_ERROR_REPORT, "enospc", ""),
    ],
)
async def test_an_io_error_is_a_crash_only_if_the_guest_stands_for_it(
    action: int, reason: str, told: str
) -> None:
    heard: list[DomainEvent] = []
    callbacks: dict[int, object] = {}

    class Connection:
        """Keeps what is registered: no real disk breaks here."""

        def domainEventRegisterAny(  # noqa: N802
            self, _domain: object, event: int, callback: object, _opaque: object
        ) -> int:
            callbacks[event] = callback
            return event

    class Domain:
        def UUIDString(self) -> str:  # noqa: N802
            return "some-uuid"

    register(Connection(), asyncio.get_running_loop(), heard.append)
    io_error = callbacks[libvirt.VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON]
    assert callable(io_error)
    io_error(Connection(), Domain(), "/srv/disk.img", "virtio-disk0", action, reason, None)
    await asyncio.sleep(0)

    (event,) = heard
    assert event.kind is DomainEventKind.LIFECYCLE
    assert (event.crash.words if event.crash else "") == told


async def test_two_who_ask_at_the_same_time_are_told_of_one_look(fleet: Fleet) -> None:
    host = next(iter(fleet.state.hosts))

    first, second = await asyncio.gather(fleet.crashes(host), fleet.crashes(host))

    assert first.at == second.at
