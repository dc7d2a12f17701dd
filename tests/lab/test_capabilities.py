"""What real hosts can do: told rightly, with where it was read, and nothing that is not so."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from backends.api import FerryError, Fleet, open_fleet, parse_host
from backends.lab.container import ContainerSpec
from backends.lab.lab import Lab
from backends.model.capability import GuestKind, HardwareVerdict, HostCapabilities, Section, Support
from backends.model.host import HostName, Link
from tests.watching import link_is, until

H1, H2, H3 = HOSTS = tuple(HostName(name) for name in ("h1", "h2", "h3"))
MOST_COMMANDS = 3
"""What a host may be asked to run for one page of facts."""
SILENT_WITHIN_S = 15
OF_ONE_HOST = {"machine.hostname", "machine.clock", "machine.uptime", "memory.available", "memory.swap"}
"""Facts in which equal hosts differ, and that change by themselves."""


def machine_file(path: str) -> str:
    """A file of the kernel's, which is the hosts' kernel as well."""
    return Path(path).read_text()


async def survey_all(fleet: Fleet) -> list[HostCapabilities]:
    return list(await asyncio.gather(*(fleet.survey(host) for host in HOSTS)))


async def test_a_lab_host_takes_machines_by_emulation_only_and_containers(fleet: Fleet) -> None:
    found = await fleet.survey(H1)
    full, para, container = (found.support(kind) for kind in GuestKind)
    assert (full.support, para.support, container.support) == (Support.EMULATED, Support.NO, Support.YES)
    assert "qemu" in full.detail
    assert "kvm" not in full.detail
    assert "lxc" in container.detail
    assert [kind.kind for kind in found.kinds] == list(GuestKind)
    assert all(kind.source or kind.detail for kind in found.kinds)


async def test_the_verdict_on_the_processors_extension_rests_on_what_is_there(fleet: Fleet) -> None:
    """The hosts have no /dev/kvm; whether the processor has the extension is the machine's to know."""
    hardware = (await fleet.survey(H1)).hardware
    has_flag = bool({"vmx", "svm"} & set(machine_file("/proc/cpuinfo").split()))
    assert hardware.evidence
    assert hardware.source
    assert hardware.verdict not in (HardwareVerdict.LOCKED, HardwareVerdict.TAKEN)
    assert "/dev/kvm is" not in hardware.evidence, "there is none"
    if has_flag:
        assert "no /dev/kvm" in hardware.evidence
    else:
        assert "no vmx or svm flag" in hardware.evidence


async def test_facts_agree_with_the_machine_below(fleet: Fleet) -> None:
    found = await fleet.survey(H1)
    assert os.uname().release in found.words("kernel.release")
    total_kib = int(machine_file("/proc/meminfo").split()[1])
    memory, threads, clock = (
        found.fact(id_) for id_ in ("memory.total", "processor.threads", "machine.clock")
    )
    assert memory is not None
    assert memory.number == total_kib * 1024
    assert threads is not None
    assert threads.number == os.cpu_count()
    assert clock is not None
    assert clock.number is not None
    assert abs(clock.number) < 1, "it is the machine's own clock"


async def test_every_fact_has_a_source_or_a_reason_and_never_both_answer_and_trouble(fleet: Fleet) -> None:
    for found in await survey_all(fleet):
        assert found.commands <= MOST_COMMANDS
        ids = [fact.id for fact in found.facts]
        assert len(ids) == len(set(ids))
        for fact in found.facts:
            assert bool(fact.value) != bool(fact.trouble), fact
            assert fact.source or fact.trouble, fact
        assert {fact.section for fact in found.facts} == set(Section)


async def test_equal_hosts_tell_the_same(fleet: Fleet) -> None:
    first, *others = await survey_all(fleet)
    told = {fact.id: fact.value for fact in first.facts if fact.id not in OF_ONE_HOST}
    for other in others:
        assert {fact.id: fact.value for fact in other.facts if fact.id not in OF_ONE_HOST} == told
        assert (other.hardware, other.kinds, other.widths) == (first.hardware, first.kinds, first.widths)


async def test_a_survey_is_kept_in_the_state_until_the_next(fleet: Fleet) -> None:
    found = await fleet.survey(H2)
    state = await until(fleet, lambda state: state.hosts[H2].capabilities is not None)
    assert state.hosts[H2].capabilities == found
    assert state.hosts[H1].capabilities is None


async def test_a_frozen_host_is_an_error_in_time_and_delays_no_other(lab: Lab, fleet: Fleet) -> None:
    await asyncio.to_thread(lab.freeze, "h1")
    took: dict[HostName, float] = {}

    async def timed(host: HostName) -> HostCapabilities | FerryError:
        began = time.monotonic()
        try:
            return await fleet.survey(host)
        except FerryError as error:
            return error
        finally:
            took[host] = time.monotonic() - began

    frozen, *others = await asyncio.gather(*(timed(host) for host in HOSTS))
    assert isinstance(frozen, FerryError)
    assert frozen.host == "h1"
    assert all(isinstance(other, HostCapabilities) for other in others)
    assert took[H1] < SILENT_WITHIN_S
    assert max(took[H2], took[H3]) < took[H1]


async def test_a_host_without_power_is_an_error_that_names_it(lab: Lab, fleet: Fleet) -> None:
    await asyncio.to_thread(lab.crash, "h3")
    await until(fleet, link_is("h3", Link.STALE, Link.DOWN))
    with pytest.raises(FerryError) as caught:
        await fleet.survey(H3)
    assert caught.value.host == "h3"


async def test_a_host_reached_by_libvirt_alone_tells_what_libvirt_knows(lab: Lab) -> None:
    spec = parse_host(f"qemu+tcp://{lab.layout.address('h1')}/system")
    async with open_fleet([spec]) as fleet:
        await until(fleet, link_is(spec.name, Link.UP))
        found = await fleet.survey(spec.name)
    assert found.commands == 0
    assert found.support(GuestKind.FULL).support is Support.EMULATED
    files = found.fact("machine.files")
    assert files is not None
    assert "SSH" in files.mend


async def test_a_running_container_changes_nothing_of_what_its_host_can_do(lab: Lab, fleet: Fleet) -> None:
    before = await fleet.survey(H1)
    await asyncio.to_thread(lab.container, ContainerSpec(name="box"))
    after = await fleet.survey(H1)
    assert (after.hardware, after.kinds, after.widths) == (before.hardware, before.kinds, before.widths)


async def test_this_machine_is_surveyed_without_a_network() -> None:
    async with open_fleet([parse_host("local")]) as fleet:
        await until(fleet, link_is("local", Link.UP, Link.DEGRADED))
        found = await fleet.survey(HostName("local"))
    assert 0 < found.commands <= MOST_COMMANDS
    assert os.uname().release in found.words("kernel.release")
    assert found.words("processor.model")
    assert found.words("machine.hostname") == os.uname().nodename
