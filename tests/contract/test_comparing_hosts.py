"""Comparing hosts that cannot be compared: on libvirt's own in-process test driver."""

from __future__ import annotations

import asyncio

import pytest

from backends.api import ActionError, embedded_hosts, open_fleet
from backends.model.comparison import Fit, Hurdle
from backends.model.host import HostName, HostSpec, Link, Reach
from tests.watching import all_up, link_is, until


async def test_hosts_of_the_test_driver_are_unknown_to_each_other_with_the_reason() -> None:
    async with embedded_hosts(count=2, guests=3) as specs, open_fleet(specs) as fleet:
        await until(fleet, all_up)
        found = await fleet.compare()
    assert found.hosts == ("test-1", "test-2") and not found.left_out
    assert {fit.fit for fit in found.fits} == {Fit.UNKNOWN}
    for fit in found.fits:
        assert len(fit.guests) == 3 and fit.fitting == 0
        assert all(guest.active and guest.name for guest in fit.guests)
        for obstacle in (*fit.obstacles, *(each for guest in fit.guests for each in guest.obstacles)):
            assert obstacle.hurdle is Hurdle.DRIVER and not obstacle.certain
            assert "test driver" in obstacle.words


async def test_a_host_that_is_down_is_left_out_and_hinders_nobody() -> None:
    async with embedded_hosts(count=2, guests=1) as specs:
        gone = HostSpec(HostName("gone"), Reach.URI, "test:///nowhere/at-all.xml")
        async with open_fleet([*specs, gone]) as fleet:
            await until(fleet, link_is("gone", Link.DOWN, Link.STALE))
            await until(fleet, lambda state: all(link_is(spec.name, Link.UP)(state) for spec in specs))
            async with asyncio.timeout(5):
                found = await fleet.compare()
    assert found.hosts == ("test-1", "test-2")
    ((name, reason),) = found.left_out
    assert name == "gone" and reason


async def test_a_set_of_hosts_without_processors_has_none_in_common() -> None:
    async with embedded_hosts(count=2, guests=1) as specs, open_fleet(specs) as fleet:
        await until(fleet, all_up)
        with pytest.raises(ActionError) as caught:
            await fleet.baseline()
    assert caught.value.host == "test-1" and caught.value.hint
