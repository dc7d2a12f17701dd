"""Who can take whose guests, on real hosts: what is told holds when it is tried."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from backends.api import Fleet, open_fleet
from backends.hypervisor.cpu import missing_features
from backends.lab.container import ContainerSpec
from backends.lab.guest_xml import GuestSpec
from backends.lab.lab import Lab
from backends.lab.overlay import overlay_in_use
from backends.lab.specs import lab_specs
from backends.model.comparison import Comparison, Fit, GuestFit, Hurdle
from backends.model.guest import Guest
from backends.model.host import HostName
from backends.model.move import MoveRequest, Verdict
from tests.lab.moving import make
from tests.lab.seeding import NEW_MACHINE, OTHER_UUID, UUID, must_be, sh, start, the, xml
from tests.watching import all_up, guest_named, until

H1, H2, H3 = HostName("h1"), HostName("h2"), HostName("h3")
NEWER = "sha-ni"
"""A feature that QEMU 10 emulates and QEMU 7.2 does not (virsh domcapabilities --virttype qemu on both)."""


@pytest.fixture
async def mixed(lab: Lab) -> AsyncIterator[Fleet]:
    """As `fleet`, with h3 on the machine's own, older QEMU. It is mended after the test, as every fault is."""
    if not overlay_in_use(lab.layout):
        pytest.skip("the machine's own QEMU is the only one here")
    await asyncio.to_thread(lab.crash, "h3")
    await asyncio.to_thread(lab.boot, "h3", old_qemu=True)
    async with open_fleet(lab_specs(lab.layout)) as opened:
        await until(opened, all_up)
        yield opened


def guest_fit(found: Comparison, guest: Guest, destination: HostName) -> GuestFit:
    fit = found.fit(guest.key.host, destination)
    assert fit is not None
    return next(each for each in fit.guests if each.guest == guest.key)


async def known(fleet: Fleet, name: str) -> Guest:
    return guest_named(
        await until(fleet, lambda state: any(guest.name == name for guest in state.guests())), name
    )


async def test_like_hosts_take_each_others_guests(lab: Lab, fleet: Fleet) -> None:
    await make(lab, fleet, GuestSpec(name="web"))
    found = await fleet.compare()
    assert found.hosts == (H1, H2, H3) and not found.left_out
    assert {(fit.source, fit.destination): fit.fit for fit in found.fits} == {
        (here, there): Fit.YES for here in found.hosts for there in found.hosts if here != there
    }, found
    assert guest_fit(found, guest_named(fleet.state, "web"), H2).active


async def test_a_feature_that_one_host_lacks_is_named_by_the_matrix_by_the_check_and_by_libvirt(
    lab: Lab, mixed: Fleet
) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="picky", cpu_features=(NEWER,)))
    guest = await known(mixed, "picky")
    found = await mixed.compare()

    there = guest_fit(found, guest, H3)
    assert there.fit is Fit.NO, there
    (reason,) = (obstacle for obstacle in there.obstacles if obstacle.certain)
    assert (reason.hurdle, reason.missing) == (Hurdle.CPU, (NEWER,))
    assert reason.words == f"h3 does not give {NEWER}"
    assert guest_fit(found, guest, H2).fit is Fit.YES

    preflight = await mixed.preflight(MoveRequest(guest.key, guest.name, H3))
    assert preflight.refused
    must_be(the(preflight, "host.cpu"), Verdict.REFUSE, reason.words, reason.mend)

    command = ("virsh", "migrate", "--live", "picky", "qemu+ssh://root@h3/system")
    tried = await asyncio.to_thread(lab.host("h1").exec, *command, check=False)
    assert tried.returncode != 0
    assert missing_features(tried.stderr) == (NEWER,), tried.stderr


async def test_a_newer_machine_type_is_told_as_the_check_tells_it(lab: Lab, mixed: Fleet) -> None:
    await start(lab, xml(machine=NEW_MACHINE))
    guest = await known(mixed, "probe")
    there = guest_fit(await mixed.compare((H1, H3)), guest, H3)
    check = the(await mixed.preflight(MoveRequest(guest.key, guest.name, H3)), "host.machine")
    (reason,) = (obstacle for obstacle in there.obstacles if obstacle.hurdle is Hurdle.MACHINE)
    assert (reason.certain, reason.words, reason.mend) == (True, check.evidence, check.mend)


async def test_a_new_guest_of_a_newer_host_does_not_fit_on_an_older_one(mixed: Fleet) -> None:
    found = await mixed.compare()
    to_older = found.fit(H1, H3)
    assert to_older is not None and to_older.fit is Fit.NO
    assert NEWER in next(obstacle.missing for obstacle in to_older.obstacles if obstacle.certain)


async def test_a_host_that_hangs_is_left_out_and_the_rest_is_answered(lab: Lab, fleet: Fleet) -> None:
    await asyncio.to_thread(lab.freeze, "h3")
    async with asyncio.timeout(15):
        found = await fleet.compare()
    assert found.hosts == (H1, H2)
    ((name, reason),) = found.left_out
    assert name == H3 and reason
    assert {fit.fit for fit in found.fits} == {Fit.YES}


async def test_a_container_stays_where_it_is_and_a_machine_beside_it_does_not(lab: Lab, fleet: Fleet) -> None:
    await asyncio.to_thread(lab.container, ContainerSpec(name="box"))
    await start(lab, xml())
    box, machine = await known(fleet, "box"), await known(fleet, "probe")
    found = await fleet.compare((H1, H2))
    there = guest_fit(found, box, H2)
    assert there.fit is Fit.NO
    assert [obstacle.hurdle for obstacle in there.obstacles] == [Hurdle.DRIVER]
    assert guest_fit(found, machine, H2).fit is Fit.YES
    whole = found.fit(H1, H2)
    assert whole is not None and whole.fit is Fit.PART


async def test_the_common_processor_can_be_given_by_an_older_host_and_by_a_newer_one(
    lab: Lab, mixed: Fleet
) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="picky", cpu_features=(NEWER,)))
    await asyncio.to_thread(lab.guest, GuestSpec(name="modest"))
    await known(mixed, "modest")
    found = await mixed.baseline((H1, H3))
    assert (found.hosts, found.arch, found.kind) == ((H1, H3), "x86_64", "qemu")
    assert NEWER in dict(found.dropped)[H1]

    told = {guest.name: guest for guest in found.guests}
    assert told["picky"].needs_restart and NEWER in told["picky"].reason
    assert told["modest"].fits_already and not told["modest"].needs_restart

    for host, uuid in (("h1", UUID), ("h3", OTHER_UUID)):
        with_it = xml(rest=found.xml, name=f"baseline-{host}", uuid=uuid)
        await sh(lab, host, f"virsh create /dev/stdin <<'END'\n{with_it}\nEND")
    again = await mixed.compare((H1, H3))
    for here, there in ((H1, H3), (H3, H1)):
        guest = guest_fit(again, await known(mixed, f"baseline-{here}"), there)
        assert not any(obstacle.hurdle is Hurdle.CPU for obstacle in guest.obstacles), guest
