"""Containers beside machines: libvirt's LXC driver and its QEMU driver on one host, in one list."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from backends.api import Fleet, open_fleet
from backends.lab.container import READY, ContainerSpec
from backends.lab.guest_xml import GuestSpec
from backends.lab.lab import Lab
from backends.lab.process import wait_until
from backends.lab.specs import lab_specs
from backends.model.capability import GuestKind, Support
from backends.model.comparison import Fit, Hurdle
from backends.model.fleet import FleetState
from backends.model.guest import GuestAction, GuestState
from backends.model.host import HostName, Link
from backends.model.move import Check, MoveMode, MoveRequest, Verdict
from tests.watching import all_up, guest_named, until

H1, H2 = HostName("h1"), HostName("h2")
MIB = 2**20


async def make(lab: Lab, fleet: Fleet, name: str = "box") -> None:
    """A container on h1 that runs and that the fleet knows."""
    await asyncio.to_thread(lab.container, ContainerSpec(name=name))
    await until(fleet, is_(name, GuestState.RUNNING))


def is_(name: str, wanted: GuestState) -> Callable[[FleetState], bool]:
    return lambda state: any(guest.name == name and guest.state is wanted for guest in state.guests())


async def test_a_container_appears_beside_a_machine_of_its_host(lab: Lab, fleet: Fleet) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="web"))
    await make(lab, fleet)
    state = await until(fleet, is_("web", GuestState.RUNNING))
    box, web = guest_named(state, "box"), guest_named(state, "web")
    assert (box.key.host, box.key.driver, box.kind) == (H1, "lxc", "lxc")
    assert (web.key.host, web.key.driver, web.kind) == (H1, "qemu", "qemu")
    assert (box.vcpus, box.memory_bytes, box.persistent) == (1, 32 * MIB, True)
    assert state.hosts[H1].link.link is Link.UP
    assert state.hosts[H1].link.reason == ""


async def test_a_container_and_a_machine_of_one_name_are_two_guests(lab: Lab, fleet: Fleet) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="twin"), wait=False)
    await make(lab, fleet, "twin")
    both = await until(fleet, lambda state: len(list(state.guests())) == 2)
    assert {guest.key.driver for guest in both.guests()} == {"qemu", "lxc"}
    machine = next(guest for guest in both.guests() if guest.key.driver == "qemu")
    await fleet.act(machine.key, GuestAction.FORCE_OFF)
    state = await until(fleet, is_("twin", GuestState.OFF))
    assert guest_named(state, "twin").key.driver == "lxc", "the other one runs on"


async def test_a_machine_and_a_container_of_one_name_have_their_own_times_of_start(lab: Lab) -> None:
    await asyncio.to_thread(lab.container, ContainerSpec(name="twin"))
    await asyncio.to_thread(lab.guest, GuestSpec(name="twin"))
    async with open_fleet(lab_specs(lab.layout)[:1]) as fleet:
        state = await until(fleet, all_up)
    since = {guest.key.driver: guest.since for guest in state.guests()}
    assert since["lxc"] is not None
    assert since["qemu"] is not None
    assert since["lxc"] < since["qemu"]


async def test_a_container_does_what_it_is_told(lab: Lab, fleet: Fleet) -> None:
    await make(lab, fleet)
    key = guest_named(fleet.state, "box").key
    for action, state in (
        (GuestAction.PAUSE, GuestState.PAUSED),
        (GuestAction.RESUME, GuestState.RUNNING),
        (GuestAction.FORCE_OFF, GuestState.OFF),
        (GuestAction.START, GuestState.RUNNING),
    ):
        await fleet.act(key, action)
        await until(fleet, is_("box", state))
    assert await asyncio.to_thread(lab.host("h1").containers) == {"box": "running"}


async def test_a_container_ends_by_itself_when_it_is_asked_to(lab: Lab, fleet: Fleet) -> None:
    await make(lab, fleet)
    await fleet.act(guest_named(fleet.state, "box").key, GuestAction.SHUT_DOWN)
    await until(fleet, is_("box", GuestState.OFF))


async def test_a_container_shows_what_it_uses_and_nothing_for_what_libvirt_does_not_count(
    lab: Lab, fleet: Fleet
) -> None:
    await make(lab, fleet)
    key = guest_named(fleet.state, "box").key
    state = await until(fleet, lambda state: (s := state.sample(key)) is not None and s.cpu is not None)
    sample = state.sample(key)
    assert sample is not None
    assert sample.cpu is not None
    assert 0 <= sample.cpu < 1
    assert sample.memory_bytes is not None
    assert 0 < sample.memory_bytes <= 32 * MIB
    assert (sample.disk_bytes_s, sample.net_bytes_s) == (None, None)
    assert state.hosts[H1].link.link is Link.UP


async def test_a_container_is_there_again_when_libvirt_was_started_anew(lab: Lab, fleet: Fleet) -> None:
    await make(lab, fleet)
    await asyncio.to_thread(lab.host("h1").faults.kill_daemon)
    await until(fleet, lambda state: state.hosts[H1].link.link is not Link.UP)
    state = await until(fleet, lambda state: state.hosts[H1].link.link is Link.UP, 40)
    assert guest_named(state, "box").state is GuestState.RUNNING


@pytest.mark.parametrize("mode", [MoveMode.LIVE, MoveMode.PAUSED, MoveMode.SAVED])
async def test_a_running_container_is_not_moved_and_the_reason_is_its_driver(
    lab: Lab, fleet: Fleet, mode: MoveMode
) -> None:
    await make(lab, fleet)
    box = guest_named(fleet.state, "box")
    found = await fleet.preflight(MoveRequest(box.key, box.name, H2, mode))
    check = next(check for check in found.checks if check.id == "host.driver")
    assert check.verdict is Verdict.REFUSE
    assert "lxc driver" in check.evidence
    assert "offline" in check.mend
    assert unclear(found.checks) == []


def unclear(checks: tuple[Check, ...]) -> list[Check]:
    """What is not known, and is no doubt about the container but about a question that does not fit it."""
    return [check for check in checks if check.verdict is Verdict.UNKNOWN]


async def test_a_container_that_is_off_is_said_to_leave_its_files_behind(lab: Lab, fleet: Fleet) -> None:
    await asyncio.to_thread(lab.container, ContainerSpec(name="box"), start=False)
    state = await until(fleet, is_("box", GuestState.OFF))
    box = guest_named(state, "box")
    found = await fleet.preflight(MoveRequest(box.key, box.name, H2, MoveMode.OFFLINE))
    check = next(check for check in found.checks if check.id == "guest.folder")
    assert check.verdict is Verdict.WARNING
    assert "h2 has no /var/lib/libvirt/containers/box" in check.evidence
    assert not any(check.verdict is Verdict.REFUSE for check in found.checks)
    assert unclear(found.checks) == []


async def test_a_container_is_judged_by_its_own_driver_and_hides_nothing_of_the_machine_beside_it(
    lab: Lab, fleet: Fleet
) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="web"), wait=False)
    await make(lab, fleet)
    fit = (await fleet.compare([H1, H2])).fit(H1, H2)
    assert fit is not None
    assert fit.fit is Fit.PART
    assert {guest.name: guest.fit for guest in fit.guests} == {"web": Fit.YES, "box": Fit.NO}
    (box,) = (guest for guest in fit.guests if guest.name == "box")
    assert [(why.hurdle, why.certain) for why in box.obstacles] == [(Hurdle.DRIVER, True)]
    assert [guest.name for guest in (await fleet.baseline([H1, H2])).guests] == ["web"]
    findings = (await fleet.posture(H1)).findings
    confined = [finding.evidence for finding in findings if finding.id == "guests.confinement"]
    assert any(evidence.startswith("lxc: not confined: box") for evidence in confined)
    assert any(evidence.startswith("qemu: not confined: web") for evidence in confined)


async def test_a_survey_tells_both_kinds_of_guests_of_one_host(lab: Lab, fleet: Fleet) -> None:
    await make(lab, fleet)
    found = await fleet.survey(H1)
    machines, containers = found.support(GuestKind.FULL), found.support(GuestKind.CONTAINER)
    assert (machines.support, containers.support) == (Support.EMULATED, Support.YES)
    assert machines.detail.startswith("qemu:")
    assert containers.detail.startswith("lxc:")


# The lab's own --------------------------------------------------------------------------------


async def test_the_lab_forgets_a_paused_container_and_its_files(lab: Lab) -> None:
    host = lab.host("h1")
    await asyncio.to_thread(lab.container, ContainerSpec(name="box"))
    await asyncio.to_thread(host.virsh, "suspend box", driver="lxc")
    assert next(node for node in lab.status() if node.name == "h1").containers == {"box": "paused"}
    await asyncio.to_thread(lab.clear)
    assert host.containers() == {}
    assert not host.containers_folder.exists()
    assert host.virsh("list --all --name", driver="lxc") == ""


async def test_a_host_with_a_paused_container_loses_its_power_at_once(lab: Lab) -> None:
    await asyncio.to_thread(lab.container, ContainerSpec(name="box"))
    await asyncio.to_thread(lab.host("h1").virsh, "suspend box", driver="lxc")
    await asyncio.to_thread(lab.crash, "h1")
    assert lab.host("h1").cgroup.pids() == []
    await asyncio.to_thread(lab.boot, "h1")
    assert lab.host("h1").containers() == {"box": "shut off"}


async def test_a_container_sees_nothing_of_its_host_but_its_folder(lab: Lab) -> None:
    host = lab.host("h1")
    await asyncio.to_thread(lab.container, ContainerSpec(name="box"))
    root = host.containers_folder / "box"
    assert {path.name for path in root.iterdir()} >= {"bin", "init", READY}
    inside = host.virsh("list --name", driver="lxc")
    assert inside == "box"
    (root / READY).unlink()
    host.virsh("destroy box; start box", driver="lxc")
    wait_until((root / READY).exists, timeout_s=10, what="the container to write into its own folder")
