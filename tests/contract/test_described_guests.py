"""What definitions tell of guests comes a little after the guests; who needs it can wait (libvirt's test driver)."""

from __future__ import annotations

from backends.api import embedded_hosts, open_fleet, parse_host
from backends.model.host import Link


async def test_who_waits_for_definitions_knows_the_disks_of_all_guests() -> None:
    async with embedded_hosts(3, 40) as specs, open_fleet(specs) as fleet:
        guests = list((await fleet.settled(20, described=True)).guests())
    assert len(guests) == 120
    assert all(guest.disks for guest in guests)


async def test_a_host_that_is_down_is_not_waited_for() -> None:
    nowhere = parse_host("test:///nowhere/node.xml")
    async with embedded_hosts(1, 1) as specs, open_fleet([*specs, nowhere]) as fleet:
        state = await fleet.settled(20, described=True)
    assert state.hosts[nowhere.name].link.link is Link.DOWN
    assert all(guest.disks for guest in state.guests())
