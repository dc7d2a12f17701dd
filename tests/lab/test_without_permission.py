"""An account without rights on real hosts: what it may know is told, and for the rest which permission it needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from backends.api import ActionError, Fleet, LinkError, open_fleet
from backends.lab.configuration import ACCOUNT
from backends.lab.guest_xml import GuestSpec
from backends.lab.lab import Lab
from backends.lab.specs import lab_specs
from backends.model.guest import GuestAction, GuestKey
from backends.model.host import HostName, Link
from tests.watching import link_is, until

H1, H2, H3 = (HostName(name) for name in ("h1", "h2", "h3"))


@pytest.fixture
async def joe(lab: Lab) -> AsyncIterator[Fleet]:
    """The lab's hosts as somebody sees them who may log in and nothing more."""
    async with open_fleet(lab_specs(lab.layout, user=ACCOUNT)) as opened:
        for host in (H1, H2, H3):
            await until(opened, link_is(host, Link.DEGRADED))
        yield opened


async def test_who_may_not_use_libvirt_is_told_which_socket_and_which_group(lab: Lab, joe: Fleet) -> None:
    link = joe.state.hosts[H1].link
    assert link.reason == "permission denied: /run/libvirt/libvirt-sock"
    assert "group libvirt" in link.hint


async def test_who_may_not_use_libvirt_sees_the_load_and_can_do_nothing_to_guests(
    lab: Lab, joe: Fleet
) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="web"), wait=False)
    state = await until(
        joe, lambda state: (load := state.hosts[H1].load) is not None and load.cpu is not None
    )
    load = state.hosts[H1].load
    assert load is not None
    assert load.memory_used_bytes
    assert list(state.guests()) == []
    with pytest.raises((ActionError, LinkError), match="permission denied"):
        await joe.act(GuestKey(H1, "qemu", "00000000-0000-0000-0000-000000000000"), GuestAction.START)


async def test_the_hint_is_right_who_is_in_the_group_sees_the_guests(lab: Lab) -> None:
    await asyncio.to_thread(lab.guest, GuestSpec(name="web"), wait=False)
    group = lab.host("h1").exec("cat", "/etc/group").stdout
    joined = group.replace("libvirt:x:64056:\n", f"libvirt:x:64056:{ACCOUNT}\n")
    assert joined != group
    try:
        lab.host("h1").exec("tee", "/etc/group", stdin=joined)
        async with open_fleet(lab_specs(lab.layout, user=ACCOUNT)[:1]) as fleet:
            state = await until(fleet, link_is("h1", Link.UP))
            assert [guest.name for guest in state.guests()] == ["web"]
    finally:
        lab.host("h1").exec("tee", "/etc/group", stdin=group)
