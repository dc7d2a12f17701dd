"""How long a guest does not answer while it moves, asked from this machine over the lab's network."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backends.fleet.mailbox import Board
from backends.fleet.supervisor import Supervisor
from backends.hypervisor.addresses import link_local
from backends.lab.guest import Guest
from backends.lab.guest_xml import GuestSpec
from backends.lab.lab import Lab
from backends.lab.process import wait_until
from backends.lab.specs import lab_specs
from backends.migration.gap import GapWatch, watch_gap
from backends.model.fleet import FleetState, HostView
from backends.model.guest import GuestKey
from backends.model.host import HostName, Link, LinkStatus
from backends.model.move import MoveRequest
from backends.remote.echo import EchoWatch

H1, H2 = HostName("h1"), HostName("h2")
READY_LINE = re.compile(r"LAB-GUEST READY .* ip=([\d.]+)/24\s")
WITHOUT_IPV6 = "echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6"
DOWNTIME = re.compile(r"Total downtime:\s+(\d+)\s+ms")


@pytest.fixture
async def source(lab: Lab, tmp_path: Path) -> AsyncIterator[Supervisor]:
    """What looks after h1 in the running program."""
    spec = lab_specs(lab.layout)[0]
    board = Board(FleetState(hosts={H1: HostView(spec, LinkStatus(Link.CONNECTING, datetime.now(UTC)))}))
    supervisor = Supervisor(spec, board, None, tmp_path)
    task = asyncio.ensure_future(supervisor.run())
    try:
        async with asyncio.timeout(20):
            async for changes in board.watch():
                if changes.state.hosts[H1].link.link is Link.UP:
                    break
        yield supervisor
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def make(lab: Lab, name: str) -> Guest:
    return await asyncio.to_thread(lab.guest, GuestSpec(name=name, arguments=("tick=20",)))


def address_of(guest: Guest) -> str:
    """As the guest itself told when it started, by the end of a line that may still be on its way."""
    wait_until(lambda: bool(READY_LINE.search(text_of(guest))), timeout_s=10, what="the guest's address")
    found = READY_LINE.search(text_of(guest))
    assert found is not None
    return found[1]


def text_of(guest: Guest) -> str:
    return guest.console.read_text(errors="replace")


def request(lab: Lab, guest: Guest, address: str = "") -> MoveRequest:
    uuid = lab.host("h1").virsh("domuuid", guest.name)
    return MoveRequest(GuestKey(H1, "qemu", uuid), guest.name, H2, echo_address=address)


async def watches(watch: GapWatch) -> None:
    """Wait until the guest has answered."""
    async with asyncio.timeout(10):
        while watch.why_not:  # noqa: ASYNC110 - nothing waits for that in the program
            await asyncio.sleep(0.01)


def virsh_migrate(lab: Lab, guest: Guest) -> None:
    lab.host("h1").virsh("migrate", "--live", "--p2p", guest.name, "qemu+ssh://root@h2/system", timeout_s=60)


async def test_the_gap_of_a_move_is_what_its_users_see(lab: Lab, source: Supervisor) -> None:
    guest = await make(lab, "answers")
    asked = request(lab, guest, address_of(guest))
    with guest.watch() as ticks:
        async with watch_gap(asked, source) as watch:
            await watches(watch)
            await asyncio.to_thread(ticks.wait_for_more)
            await asyncio.to_thread(virsh_migrate, lab, guest)
            gap = await watch.result()
        await asyncio.to_thread(ticks.wait_for_more)
    job = await asyncio.to_thread(lab.host("h1").virsh, "domjobinfo", guest.name, "--completed")
    told = DOWNTIME.search(job)
    assert told is not None and gap is not None
    assert gap.how == f"echo to {asked.echo_address}"
    assert gap.milliseconds >= int(told[1]) - 2 * gap.interval_ms, "libvirt's figure is only a part of it"
    seen_ms = ticks.report().largest_gap_s * 1000
    print(  # noqa: T201 - the figures of the run, shown by pytest -s and -rP
        f"\necho: {gap.milliseconds} ms, every {gap.interval_ms} ms; ticks: {seen_ms:.0f} ms; libvirt: {told[1]} ms"
    )


async def test_a_guest_on_the_way_to_its_host_needs_no_address(lab: Lab, source: Supervisor) -> None:
    guest = await make(lab, "neighbour")
    await answers_its_neighbours(lab, guest)
    async with watch_gap(request(lab, guest), source) as watch:
        await watches(watch)
        await asyncio.to_thread(virsh_migrate, lab, guest)
        gap = await watch.result()
    assert gap is not None
    assert gap.how.startswith("echo to fe80::")
    assert gap.how.endswith(f"%{lab.layout.bridge}")


async def answers_its_neighbours(lab: Lab, guest: Guest) -> None:
    """A guest that has just started first finds out whether its own IPv6 address is taken (RFC 4862): about 1 s."""
    interfaces = await asyncio.to_thread(lab.host("h1").virsh, "domiflist", guest.name)
    async with EchoWatch(f"{link_local(interfaces.split()[-1])}%{lab.layout.bridge}") as echo:
        assert await echo.answers(10)


async def test_without_an_address_there_is_no_figure_and_a_reason(lab: Lab, source: Supervisor) -> None:
    guest = await make(lab, "unknown")
    await asyncio.to_thread(guest.type, lab.host("h1"), f"sh {WITHOUT_IPV6}")
    async with watch_gap(request(lab, guest), source) as watch:
        await asyncio.to_thread(virsh_migrate, lab, guest)
        assert await watch.result() is None
    assert watch.why_not == "no address of the guest is known"


async def test_an_address_where_nobody_answers_gives_no_figure(lab: Lab, source: Supervisor) -> None:
    guest = await make(lab, "mute")
    nobody = f"{lab.layout.subnet}.199"
    async with watch_gap(request(lab, guest, nobody), source) as watch:
        await asyncio.to_thread(virsh_migrate, lab, guest)
        assert await watch.result() is None


async def test_a_guest_that_answers_only_after_its_stop_has_no_gap_to_tell(
    lab: Lab, source: Supervisor
) -> None:
    guest = await make(lab, "late")
    async with watch_gap(request(lab, guest, address_of(guest)), source) as watch:
        watch.switching()
        async with EchoWatch(address_of(guest)) as other:
            assert await other.answers(5)
            for _ in range(10):
                assert await other.answers_again(5)
        assert await watch.result() is None
    assert "before the guest was stopped" in watch.why_not


async def test_a_guest_that_never_comes_back_is_told_as_that(lab: Lab, source: Supervisor) -> None:
    guest = await make(lab, "lost")
    async with watch_gap(request(lab, guest, address_of(guest)), source) as watch:
        await watches(watch)
        await asyncio.to_thread(lab.host("h1").virsh, "destroy", guest.name)
        gap = await watch.result()
    assert gap is not None
    assert gap.milliseconds >= 1000
    assert "has not answered since" in gap.how


async def test_a_host_that_hangs_delays_neither_the_beginning_nor_the_end(
    lab: Lab, source: Supervisor
) -> None:
    guest = await make(lab, "frozen")
    asked = request(lab, guest)
    await asyncio.to_thread(lab.freeze, "h1")
    began_s = time.monotonic()
    async with watch_gap(asked, source) as watch:
        assert await watch.result() is None
        await asyncio.sleep(0.1)
    assert time.monotonic() - began_s < 1
