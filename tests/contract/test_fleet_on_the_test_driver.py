"""The whole way from libvirt to the fleet's state, on libvirt's own in-process test driver."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backends.api import ActionError, Fleet, LinkError, embedded_hosts, open_fleet, parse_host
from backends.model.fleet import FleetState
from backends.model.guest import GuestAction, GuestKey, GuestState
from backends.model.host import HostName, Link
from backends.model.move import Check, MoveRequest, Verdict
from tests.hostile import NAMES, hostile_host
from tests.watching import all_up, guest_named, until


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    async with embedded_hosts(count=2, guests=3) as specs, open_fleet(specs) as opened:
        await until(opened, all_up)
        yield opened


async def test_all_guests_of_all_hosts_are_there(fleet: Fleet) -> None:
    assert sorted(guest.name for guest in fleet.state.guests()) == [
        "build-102",
        "build-202",
        "db-101",
        "db-201",
        "web-100",
        "web-200",
    ]
    assert all(guest.state is GuestState.RUNNING for guest in fleet.state.guests())


async def test_definitions_arrive_by_themselves(fleet: Fleet) -> None:
    state = await until(fleet, lambda state: all(guest.disks for guest in state.guests()))
    disk = guest_named(state, "web-100").disks[0]
    assert (disk.target, disk.source) == ("vda", "/guest/images/web-100.img")


@pytest.mark.parametrize(
    ("actions", "ends_as"),
    [
        ([GuestAction.PAUSE], GuestState.PAUSED),
        ([GuestAction.PAUSE, GuestAction.RESUME], GuestState.RUNNING),
        ([GuestAction.SHUT_DOWN], GuestState.OFF),
        ([GuestAction.FORCE_OFF], GuestState.OFF),
        ([GuestAction.FORCE_OFF, GuestAction.START], GuestState.RUNNING),
    ],
)
async def test_an_action_is_done_and_seen(
    fleet: Fleet, actions: list[GuestAction], ends_as: GuestState
) -> None:
    key = guest_named(fleet.state, "web-100").key
    for action in actions:
        await fleet.act(key, action)
    state = await until(fleet, lambda state: _state(state, key) is ends_as)
    assert _state(state, key) is ends_as


def _state(state: FleetState, key: GuestKey) -> GuestState:
    guest = state.guest(key)
    return guest.state if guest else GuestState.UNKNOWN


async def test_a_change_of_state_is_dated(fleet: Fleet) -> None:
    key = guest_named(fleet.state, "web-100").key
    await fleet.act(key, GuestAction.PAUSE)
    state = await until(fleet, lambda state: _state(state, key) is GuestState.PAUSED)
    guest = state.guest(key)
    assert guest is not None
    assert guest.since is not None


async def test_what_cannot_be_done_says_why(fleet: Fleet) -> None:
    key = guest_named(fleet.state, "web-100").key
    with pytest.raises(ActionError) as caught:
        await fleet.act(key, GuestAction.START)
    assert "already running" in str(caught.value)
    assert caught.value.host == "test-1"


async def test_an_unknown_host_is_an_error_and_no_crash(fleet: Fleet) -> None:
    with pytest.raises(LinkError):
        await fleet.definition(GuestKey(HostName("elsewhere"), "test", "u"))


async def test_the_definition_is_shown_indented(fleet: Fleet) -> None:
    text = await fleet.definition(guest_named(fleet.state, "web-100").key)
    assert "<name>web-100</name>" in text
    assert "\n" in text


async def test_a_host_that_is_not_there_is_down_with_a_reason_and_stops_no_other() -> None:
    async with embedded_hosts(count=1, guests=1) as specs:
        missing = parse_host("test:///no/such/file.xml", name="missing")
        async with open_fleet([missing, *specs]) as fleet:
            await until(fleet, lambda state: state.hosts[specs[0].name].link.link is Link.UP)
            state = await until(fleet, lambda state: state.hosts[missing.name].link.link is Link.DOWN)
            link = state.hosts[missing.name].link
            assert link.reason
            assert link.next_attempt is not None
            assert len(list(state.guests())) == 1


async def test_preflight_of_a_driver_that_cannot_migrate_leaves_no_silent_yes(fleet: Fleet) -> None:
    guest = guest_named(fleet.state, "web-100")
    heard: list[Check] = []
    checked = await fleet.preflight(MoveRequest(guest.key, guest.name, HostName("test-2")), heard.append)
    assert checked.refused or checked.doubtful
    assert sorted(check.id for check in heard) == sorted(check.id for check in checked.checks)
    severities = [check.verdict.severity for check in checked.checks]
    assert severities == sorted(severities, reverse=True)


async def test_a_refused_move_does_not_start(fleet: Fleet) -> None:
    guest = guest_named(fleet.state, "web-100")
    checked = await fleet.preflight(MoveRequest(guest.key, guest.name, guest.key.host))
    assert checked.checks[0].verdict is Verdict.REFUSE
    with pytest.raises(ActionError):
        fleet.start_move(checked, accept_doubts=True)
    assert not fleet.state.moves


async def test_an_error_of_the_block_comes_out_as_it_is() -> None:
    async with embedded_hosts(count=1, guests=1) as specs:
        with pytest.raises(ZeroDivisionError):
            async with open_fleet(specs):
                raise ZeroDivisionError


async def test_hostile_names_arrive_as_text_only(tmp_path: Path) -> None:
    async with open_fleet([hostile_host(tmp_path)]) as fleet:
        state = await until(fleet, all_up)
        names = [guest.name for guest in state.guests()]
        assert len(names) == len(NAMES)
        for name in names:
            assert len(name) <= 1024
            assert not {unicodedata.category(character) for character in name} & {
                "Cc",
                "Cf",
                "Cs",
                "Zl",
                "Zp",
            }


async def test_leaving_is_quick_even_with_many_hosts() -> None:
    async with embedded_hosts(count=20, guests=5) as specs:
        opening = open_fleet(specs)
        fleet = await opening.__aenter__()
        await until(fleet, all_up, 60)
        async with asyncio.timeout(5):
            await opening.__aexit__(None, None, None)
        assert not [task for task in asyncio.all_tasks() if "Supervisor" in repr(task)]
