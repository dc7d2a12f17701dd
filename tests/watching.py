"""Waiting for something to become true of a fleet, never for time to pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from backends.api import Fleet
from backends.model.fleet import FleetState
from backends.model.guest import Guest
from backends.model.host import HostName, Link


async def until(fleet: Fleet, holds: Callable[[FleetState], bool], timeout_s: float = 20) -> FleetState:
    """The first state in which it holds. Fails with the links and guests that were there instead."""
    try:
        async with asyncio.timeout(timeout_s):
            async for changes in fleet.watch():
                if holds(changes.state):
                    return changes.state
    except TimeoutError:
        hosts = [
            f"{view.spec.name}: {view.link} {[(g.name, g.state.value) for g in view.guests.values()]}"
            for view in fleet.state.hosts.values()
        ]
        raise AssertionError(f"not within {timeout_s:g} s; the fleet is\n" + "\n".join(hosts)) from None
    raise AssertionError("the fleet was closed")


def link_is(host: str, *links: Link) -> Callable[[FleetState], bool]:
    """Has this host one of these links?"""
    return lambda state: state.hosts[HostName(host)].link.link in links


def all_up(state: FleetState) -> bool:
    """Are all hosts up?"""
    return all(view.link.link is Link.UP for view in state.hosts.values())


def guest_named(state: FleetState, name: str) -> Guest:
    """The guest of this name that is active, else any of this name."""
    found = [guest for guest in state.guests() if guest.name == name]
    assert found, f"no guest {name}"
    return next((guest for guest in found if guest.state.active), found[0])
