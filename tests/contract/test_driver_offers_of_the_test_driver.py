"""A driver is asked what it offers over a real connection: libvirt's in-process test driver."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import libvirt
import pytest

from backends.errors import DeadlineError, LinkError
from backends.hypervisor.connection import MAX_ASIDE, Connection
from backends.hypervisor.driver_offer import read_offer
from backends.hypervisor.offer_facts import offer_facts
from backends.hypervisor.offer_kinds import kind_support
from backends.model.capability import Support


@pytest.fixture
async def connection() -> AsyncIterator[Connection]:
    opened = await Connection.open("test:///default", host="h1")
    yield opened
    opened.close()


async def test_the_test_driver_tells_its_guests_and_no_emulator(connection: Connection) -> None:
    offer = await read_offer(connection, "test")
    assert (offer.driver, offer.hypervisor, offer.arch, offer.trouble) == ("test", "TEST", "i686", "")
    assert offer.archs["i686"].os_types == {"hvm", "xen"} and offer.archs["i686"].kinds == {"test"}
    assert [cell.memory_bytes for cell in offer.capabilities.cells] == [2 << 30, 4 << 30]
    assert offer.unknown == () and offer.emulators == ()
    assert "virConnectGetDomainCapabilities" in offer.emulators_trouble, "libvirt says what it cannot do"
    assert [each.support for each in kind_support([offer])] == [Support.YES, Support.YES, Support.NO]
    assert {fact.id for fact in offer_facts(offer)} >= {"libvirt.test.guests", "libvirt.test.cpu_modes"}


async def test_a_refusal_is_the_drivers_trouble_and_not_the_hosts(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsupported = libvirt.virConnect.getDomainCapabilities
    monkeypatch.setattr(libvirt.virConnect, "getCapabilities", unsupported)
    offer = await read_offer(connection, "test")
    assert offer.capabilities.forms == () and "not supported" in offer.trouble
    assert [each.support for each in kind_support([offer])] == [Support.UNKNOWN] * 3
    assert connection.usable


async def test_an_emulator_that_hangs_costs_its_own_answer_only(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr("backends.hypervisor.driver_offer.PROBE_DEADLINE_S", 0.2)
    monkeypatch.setattr(libvirt.virConnect, "getDomainCapabilities", lambda *_: release.wait())
    offer = await read_offer(connection, "test")
    release.set()
    assert offer.archs and offer.emulators_trouble == "no answer within 0.2 s"
    assert await connection.call("ask", lambda conn: str(conn.getType())) == "TEST"


async def test_a_server_that_is_older_than_the_question_is_no_broken_link(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def older(*_: object) -> str:
        words = "unknown procedure: 342"  # virNetServerProgramDispatchCall, src/rpc/virnetserverprogram.c
        error = libvirt.libvirtError(words)
        error.err = (libvirt.VIR_ERR_RPC, libvirt.VIR_FROM_RPC, words, 2, None, None, None, -1, -1)
        raise error

    monkeypatch.setattr(libvirt.virConnect, "getDomainCapabilities", older)
    offer = await read_offer(connection, "test")
    assert offer.archs and offer.emulators_trouble == "unknown procedure: 342"


async def test_a_connection_that_is_gone_is_no_answer(connection: Connection) -> None:
    connection.close()
    with pytest.raises(LinkError):
        await read_offer(connection, "test")


async def test_long_jobs_on_the_connection_do_not_keep_the_question_waiting_for_ever(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backends.hypervisor.driver_offer.PROBE_DEADLINE_S", 0.05)
    release = threading.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(MAX_ASIDE):
            group.create_task(connection.call_aside("move", lambda _conn: release.wait(), deadline_s=None))
        await asyncio.sleep(0)  # both have taken their place
        with pytest.raises(DeadlineError, match="long calls occupy"):
            await read_offer(connection, "test")
        release.set()
    assert (await read_offer(connection, "test")).archs
