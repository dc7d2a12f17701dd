"""Guests that are off move as their definitions, whole and with what is not shown of them."""

from __future__ import annotations

from pathlib import Path

import libvirt

from backends.api import Fleet
from backends.hypervisor import saving
from backends.hypervisor.connection import Connection
from backends.model.guest import GuestAction, GuestState
from backends.model.move import MoveMode, MoveRequest, Result
from tests.contract.saved_and_offline_moves.on_two_hosts import HERE, NAME, THERE, ended, places, start, words
from tests.watching import guest_named, until


async def be_off(fleet: Fleet) -> None:
    await fleet.act(guest_named(fleet.state, NAME).key, GuestAction.FORCE_OFF)
    await until(fleet, lambda state: guest_named(state, NAME).state is GuestState.OFF)


async def test_the_definition_of_a_guest_that_is_off_moves(fleet: Fleet) -> None:
    await be_off(fleet)
    move = await ended(fleet, await start(fleet, MoveMode.OFFLINE))
    assert move.outcome is not None
    assert (move.outcome.result, move.outcome.where) == (Result.SUCCEEDED, THERE)
    assert await places(fleet) == {THERE: GuestState.OFF}
    await fleet.act(guest_named(fleet.state, NAME).key, GuestAction.START)
    await until(fleet, lambda state: guest_named(state, NAME).state is GuestState.RUNNING)


async def test_a_guest_that_was_started_since_the_checks_is_not_touched(fleet: Fleet) -> None:
    await be_off(fleet)
    guest = guest_named(fleet.state, NAME)
    checked = await fleet.preflight(MoveRequest(guest.key, guest.name, THERE, MoveMode.OFFLINE))
    await fleet.act(guest.key, GuestAction.START)
    move = await ended(fleet, fleet.start_move(checked, accept_doubts=True))
    assert move.outcome is not None and move.outcome.result is Result.FAILED
    assert "somebody has started it" in words(move)
    assert await places(fleet) == {HERE: GuestState.RUNNING}


async def test_passwords_and_autostart_move_along_and_are_not_shown(tmp_path: Path) -> None:
    """Read and defined as a move does it, on one test host."""
    host = tmp_path / "host.xml"
    host.write_text(
        "<node><domain type='test'><name>vault</name><uuid>00000009-0000-4000-8000-000000000009</uuid>"
        "<memory>1024</memory><os><type>hvm</type></os><devices>"
        "<graphics type='vnc' port='5900' passwd='sesame'/></devices></domain></node>"
    )
    connection = await Connection.open(f"test://{host}", host="h1")
    uuid = "00000009-0000-4000-8000-000000000009"
    await saving.set_autostart(connection, uuid)
    definition = await saving.read_whole_definition(connection, uuid)
    assert "sesame" in definition.xml and "sesame" not in repr(definition)
    assert definition.persistent and definition.autostart

    def forget(conn: libvirt.virConnect) -> None:
        domain = conn.lookupByUUIDString(uuid)
        domain.setAutostart(0)

    await connection.call("forget", forget)
    await saving.define(connection, definition.xml, autostart=definition.autostart)
    assert await saving.read_whole_definition(connection, uuid) == definition
    connection.close()
