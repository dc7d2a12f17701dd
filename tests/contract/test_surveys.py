"""A survey puts together what libvirt and the host's own files tell: of this machine, and of libvirt's test driver."""

from __future__ import annotations

from backends.api import open_fleet, parse_host
from backends.capabilities.survey import conclude
from backends.hypervisor.driver_offer import DriverOffer
from backends.model.capability import GuestKind, HardwareVerdict, Section, Support
from backends.model.host import HostName
from tests.watching import until

HERE, TEST = HostName("local"), HostName("test-default")


async def test_this_machine_is_asked_by_one_command_and_the_state_keeps_the_answer() -> None:
    async with open_fleet([parse_host("local")]) as fleet:
        await fleet.settled(10)
        found = await fleet.survey(HERE)
        assert fleet.state.hosts[HERE].capabilities == found
    assert found.commands == 1
    assert found.words("kernel.release")
    assert found.words("memory.total")
    assert all(fact.value or fact.trouble for fact in found.facts)
    order = [fact.section for fact in found.facts]
    assert order == sorted(order, key=list(Section).index)
    assert len({fact.id for fact in found.facts}) == len(found.facts)


async def test_a_host_that_is_reached_by_libvirt_alone_says_so_and_makes_nothing_up() -> None:
    async with open_fleet([parse_host("test:///default")]) as fleet:
        await until(fleet, lambda state: state.hosts[TEST].link.answers)
        found = await fleet.survey(TEST)
    assert found.commands == 0
    assert found.hardware.verdict is HardwareVerdict.UNKNOWN
    assert found.hardware.evidence == "libvirt alone does not tell"
    files = found.fact("machine.files")
    assert files is not None
    assert "SSH" in files.mend
    assert found.support(GuestKind.CONTAINER).support is Support.NO


def test_a_host_of_which_neither_files_nor_a_driver_tell_is_not_known() -> None:
    silent = DriverOffer("qemu", trouble="permission denied")
    found = conclude(HERE, None, [silent], commands=0, took_s=0.1)
    assert {found.support(kind).support for kind in GuestKind} == {Support.UNKNOWN}
    assert found.hardware.verdict is HardwareVerdict.UNKNOWN
    guests = found.fact("libvirt.qemu.guests")
    assert guests is not None
    assert guests.trouble == "permission denied"
