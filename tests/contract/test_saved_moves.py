"""Guests that are moved through a saved state, on two of libvirt's test hosts: whole, or back where they were."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import libvirt
import pytest

from backends.api import ActionError, Fleet, LinkError, embedded_hosts, open_fleet
from backends.hypervisor import lifecycle, saving
from backends.hypervisor.connection import Connection
from backends.hypervisor.whereabouts import Whereabouts, whereabouts
from backends.migration import host_files
from backends.migration.ending.verdict import STARTING_UP
from backends.migration.record import MoveRecord
from backends.migration.transfer import saved, way_back
from backends.model.fleet import FleetState
from backends.model.guest import GuestAction, GuestState
from backends.model.host import HostName
from backends.model.move import Move, MoveId, MoveMode, MoveRequest, Result, TraceKind
from backends.remote.local import LocalShell
from backends.remote.shell import STALL_DEADLINE_S, Stream
from backends.service import FleetService
from tests.watching import all_up, guest_named, until

HERE, THERE = HostName("test-1"), HostName("test-2")
NAME = "web-100"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the saved states lie: of both hosts, as both are in this process."""
    states = tmp_path / "states"
    states.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(states))
    return states


@pytest.fixture
async def fleet(tmp_path: Path, folder: Path) -> AsyncIterator[Fleet]:
    async with embedded_hosts(count=2, guests=1) as specs, open_fleet(specs) as opened:
        await until(opened, all_up)
        yield opened


async def start(fleet: Fleet, mode: MoveMode = MoveMode.SAVED) -> MoveId:
    guest = guest_named(fleet.state, NAME)
    checked = await fleet.preflight(MoveRequest(guest.key, guest.name, THERE, mode))
    assert not checked.refused, checked.checks
    return fleet.start_move(checked, accept_doubts=True)


async def ended(fleet: Fleet, move: MoveId) -> Move:
    return (await until(fleet, lambda state: state.moves[move].phase.final, 60)).moves[move]


def at_stage(move: MoveId, stage: str) -> Callable[[FleetState], bool]:
    def holds(state: FleetState) -> bool:
        progress = state.moves[move].progress
        return progress is not None and progress.stage == stage

    return holds


async def places(fleet: Fleet) -> dict[str, GuestState]:
    """Which hosts know the guest, once the fleet has read it again after the move."""

    def agreed(state: FleetState) -> bool:
        hosts = {guest.key.host for guest in state.guests() if guest.name == NAME}
        return len(hosts) == 1

    state = await until(fleet, agreed)
    return {guest.key.host: guest.state for guest in state.guests() if guest.name == NAME}


def states_in(folder: Path) -> list[str]:
    return [file.name for file in folder.glob("*.save")]


def words(move: Move) -> str:
    return " / ".join(line.text for line in move.log)


class Hindered(LocalShell):
    """A shell of both hosts that does something else at one point."""

    def __init__(
        self,
        *,
        before_hash: Callable[[Path], object] | None = None,
        after_hash: Callable[[Path], object] | None = None,
        gate: asyncio.Event | None = None,
    ) -> None:
        super().__init__()
        self.before_hash, self.after_hash, self.gate = before_hash, after_hash, gate

    @asynccontextmanager
    async def open_process(
        self, argv: Sequence[str], *, stall_s: float = STALL_DEADLINE_S
    ) -> AsyncIterator[Stream]:
        arrived = Path(argv[-1]) if "sha256sum" in argv and argv[-1].endswith(".arrived.save") else None
        if "cat" in argv and self.gate:
            await self.gate.wait()
        if arrived and self.before_hash:
            self.before_hash(arrived)
        async with super().open_process(argv, stall_s=stall_s) as stream:
            yield stream
        if arrived and self.after_hash:
            self.after_hash(arrived)


def hinder(monkeypatch: pytest.MonkeyPatch, shell: LocalShell) -> None:
    monkeypatch.setattr(host_files, "LocalShell", lambda: shell)


async def test_a_guest_is_saved_carried_and_restored_and_nothing_is_left(fleet: Fleet, folder: Path) -> None:
    move = await ended(fleet, await start(fleet))
    outcome = move.outcome
    assert outcome is not None
    assert (outcome.result, outcome.where, outcome.state) == (Result.SUCCEEDED, THERE, GuestState.RUNNING)
    assert outcome.downtime_ms is not None and outcome.transferred_bytes
    assert await places(fleet) == {THERE: GuestState.RUNNING}
    assert guest_named(fleet.state, NAME).persistent
    assert states_in(folder) == []
    assert move.traces == () and outcome.left_to_do == ()
    stages = list(dict.fromkeys(sample.stage for sample in move.history))
    assert stages == ["saving", "carrying the state over", "restoring"]
    assert move.history[-1].fraction == 1.0


async def test_a_paused_guest_stays_paused(fleet: Fleet) -> None:
    key = guest_named(fleet.state, NAME).key
    await fleet.act(key, GuestAction.PAUSE)
    await until(fleet, lambda state: guest_named(state, NAME).state is GuestState.PAUSED)
    move = await ended(fleet, await start(fleet))
    assert move.outcome is not None and move.outcome.result is Result.SUCCEEDED
    assert await places(fleet) == {THERE: GuestState.PAUSED}


async def test_a_state_that_was_damaged_on_the_way_is_never_restored(
    fleet: Fleet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hinder(monkeypatch, Hindered(before_hash=lambda file: file.write_bytes(file.read_bytes()[::-1])))
    move = await ended(fleet, await start(fleet))
    assert move.outcome is not None and move.outcome.result is Result.FAILED
    assert "not what was carried" in move.outcome.reason
    assert await places(fleet) == {HERE: GuestState.RUNNING}
    assert states_in(folder) == []


async def test_a_destination_that_cannot_restore_it_leaves_it_to_the_source(
    fleet: Fleet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hinder(monkeypatch, Hindered(after_hash=lambda file: file.write_bytes(b"no state at all")))
    move = await ended(fleet, await start(fleet))
    assert move.outcome is not None
    assert (move.outcome.result, move.outcome.where) == (Result.FAILED, HERE)
    assert "restoring it on test-1 from its own file" in words(move)
    assert await places(fleet) == {HERE: GuestState.RUNNING}
    assert states_in(folder) == []


async def test_an_abort_while_the_state_is_carried_lets_it_go_on_where_it_was(
    fleet: Fleet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hinder(monkeypatch, Hindered(gate=asyncio.Event()))
    move_id = await start(fleet)
    await until(fleet, at_stage(move_id, "carrying the state over"))
    await until(fleet, lambda state: guest_named(state, NAME).state is GuestState.OFF)
    await fleet.abort_move(move_id)
    move = await ended(fleet, move_id)
    assert move.outcome is not None
    assert (move.outcome.result, move.outcome.where) == (Result.CANCELLED, HERE)
    assert await places(fleet) == {HERE: GuestState.RUNNING}
    assert states_in(folder) == []


async def test_a_guest_that_somebody_starts_meanwhile_is_not_started_twice(
    fleet: Fleet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = asyncio.Event()
    hinder(monkeypatch, Hindered(gate=gate))
    key = guest_named(fleet.state, NAME).key
    move_id = await start(fleet)
    await until(fleet, at_stage(move_id, "carrying the state over"))
    assert isinstance(fleet, FleetService)
    connection = fleet._supervisors[HERE].current().connection(key.driver)
    await lifecycle.act(connection, key.uuid, GuestAction.START)  # as another program would
    gate.set()
    move = await ended(fleet, move_id)
    assert move.outcome is not None
    assert (move.outcome.result, move.outcome.where) == (Result.FAILED, HERE)
    assert "somebody has started it" in words(move)
    assert await places(fleet) == {HERE: GuestState.RUNNING}


async def test_a_guest_that_ran_meanwhile_is_never_put_back_to_an_older_state(
    fleet: Fleet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started from its disks on its source, and ended again: they are newer than the memory that is carried."""
    gate = asyncio.Event()
    hinder(monkeypatch, Hindered(gate=gate))
    key = guest_named(fleet.state, NAME).key
    move_id = await start(fleet)
    await until(fleet, at_stage(move_id, "carrying the state over"))
    assert isinstance(fleet, FleetService)
    connection = fleet._supervisors[HERE].current().connection(key.driver)
    for action in (GuestAction.START, GuestAction.FORCE_OFF):
        await lifecycle.act(connection, key.uuid, action)
    gate.set()
    move = await ended(fleet, move_id)
    assert move.outcome is not None and move.outcome.result is Result.FAILED
    assert "is older than its disks, and is not restored" in words(move)
    assert not any(guest.state.active for guest in fleet.state.guests() if guest.name == NAME)
    assert states_in(folder) == [f"virt-ferry-{move.id}.save"]


async def test_a_restore_that_still_reads_is_waited_for_and_is_no_arrival(
    fleet: Fleet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a paused guest, whose restore fails after all: its memory is in the source's file alone."""
    real, asked = saving.restore, 0

    async def breaks(connection: Connection, path: str, *, paused: bool) -> None:
        if connection.host == THERE:
            raise LinkError("the connection broke", host=connection.host)
        await real(connection, path, paused=paused)

    async def reads_then_fails(connection: Connection, uuid: str) -> Whereabouts:
        nonlocal asked
        seen = await whereabouts(connection, uuid)
        if connection.host == HERE:
            return seen
        asked += 1
        if asked < 3:
            return replace(seen, state=GuestState.PAUSED, reason=STARTING_UP)
        return replace(seen, state=GuestState.OFF, reason="")

    await fleet.act(guest_named(fleet.state, NAME).key, GuestAction.PAUSE)
    await until(fleet, lambda state: guest_named(state, NAME).state is GuestState.PAUSED)
    monkeypatch.setattr(saving, "restore", breaks)
    monkeypatch.setattr(way_back, "whereabouts", reads_then_fails)
    monkeypatch.setattr(way_back, "FENCE_S", 0.1)
    move = await ended(fleet, await start(fleet))
    assert move.outcome is not None and asked == 3
    assert (move.outcome.result, move.outcome.where) == (Result.FAILED, HERE)
    assert "has it all the same" not in words(move)
    assert await places(fleet) == {HERE: GuestState.PAUSED}
    assert states_in(folder) == []


@pytest.mark.parametrize(
    ("before", "since", "then"),
    [
        (GuestAction.PAUSE, GuestAction.RESUME, GuestState.RUNNING),
        (None, GuestAction.PAUSE, GuestState.PAUSED),
    ],
)
async def test_it_goes_on_as_it_was_when_the_move_began_and_not_when_it_was_planned(
    fleet: Fleet, before: GuestAction | None, since: GuestAction, then: GuestState
) -> None:
    guest = guest_named(fleet.state, NAME)
    assert isinstance(fleet, FleetService)
    connection = fleet._supervisors[HERE].current().connection(guest.key.driver)
    if before is not None:
        await lifecycle.act(connection, guest.key.uuid, before)
    checked = await fleet.preflight(MoveRequest(guest.key, guest.name, THERE, MoveMode.SAVED))
    await lifecycle.act(connection, guest.key.uuid, since)
    move = await ended(fleet, fleet.start_move(checked, accept_doubts=True))
    assert move.outcome is not None
    assert (move.outcome.result, move.outcome.state) == (Result.SUCCEEDED, then)
    assert move.preflight is not None
    assert move.preflight.was_paused is (then is GuestState.PAUSED)  # as the next program is to find it


async def test_a_restore_whose_answer_is_lost_is_found_out(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = saving.restore

    async def mute(connection: Connection, path: str, *, paused: bool) -> None:
        await real(connection, path, paused=paused)
        raise LinkError("the connection broke", host=connection.host)

    monkeypatch.setattr(saving, "restore", mute)
    move = await ended(fleet, await start(fleet))
    assert move.outcome is not None and move.outcome.result is Result.SUCCEEDED
    assert "test-2 has it all the same" in words(move)
    assert await places(fleet) == {THERE: GuestState.RUNNING}


async def test_a_restore_that_never_reached_the_destination_is_taken_back(
    fleet: Fleet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = saving.restore

    async def unheard(connection: Connection, path: str, *, paused: bool) -> None:
        if connection.host == THERE:
            raise LinkError("the connection broke", host=connection.host)
        await real(connection, path, paused=paused)

    monkeypatch.setattr(saving, "restore", unheard)
    move = await ended(fleet, await start(fleet))
    assert move.outcome is not None
    assert (move.outcome.result, move.outcome.where) == (Result.FAILED, HERE)
    assert await places(fleet) == {HERE: GuestState.RUNNING}
    assert states_in(folder) == []


async def test_a_guest_that_ran_on_the_destination_is_never_put_back_to_an_older_state(
    fleet: Fleet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its disks have gone on: with its memory of before they would be ruined."""
    real = saving.restore

    async def run_and_end(connection: Connection, path: str, *, paused: bool) -> None:
        await real(connection, path, paused=paused)
        await lifecycle.act(connection, key.uuid, GuestAction.FORCE_OFF)
        raise LinkError("the connection broke", host=connection.host)

    key = guest_named(fleet.state, NAME).key
    monkeypatch.setattr(saving, "restore", run_and_end)
    move = await ended(fleet, await start(fleet))
    assert move.outcome is not None and move.outcome.result is not Result.SUCCEEDED
    assert "may have run" in words(move)
    assert not any(guest.state.active for guest in fleet.state.guests() if guest.name == NAME)
    assert states_in(folder) == [f"virt-ferry-{move.id}.save"]


async def test_a_guest_that_the_destination_may_run_is_not_restored_on_the_source(
    fleet: Fleet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    async def unreachable(connection: Connection, path: str, *, paused: bool) -> None:
        raise LinkError("the connection broke", host=connection.host)

    async def silent_there(connection: Connection, uuid: str) -> Whereabouts:
        if connection.host == THERE:
            raise LinkError("no route", host=THERE)
        return await whereabouts(connection, uuid)

    monkeypatch.setattr(saving, "restore", unreachable)
    monkeypatch.setattr(way_back, "whereabouts", silent_there)
    monkeypatch.setattr(way_back, "WAIT_DEADLINE_S", 1.0)
    monkeypatch.setattr(way_back, "FENCE_S", 0.1)
    move = await ended(fleet, await start(fleet))
    assert move.outcome is not None and move.outcome.result is not Result.SUCCEEDED
    assert guest_named(fleet.state, NAME).state is GuestState.OFF
    kept = states_in(folder)
    assert kept == [f"virt-ferry-{move.id}.save"]
    assert any(kept[0] in left for left in move.outcome.left_to_do)


async def test_everything_is_journalled_before_it_is_done(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was journalled is compared with what was about to be done, at each step."""
    journalled: set[tuple[TraceKind, str]] = set()
    seen: list[str] = []
    real_durable = MoveRecord.durable

    async def durable(record: MoveRecord) -> None:
        await real_durable(record)
        journalled.update((trace.kind, trace.host) for trace in record.move.traces)

    def watched(name: str, owner: object, needs: tuple[TraceKind, str]) -> None:
        real = getattr(owner, name)

        async def step(*arguments: object, **options: object) -> object:
            assert needs in journalled, name
            seen.append(name)
            return await real(*arguments, **options)

        monkeypatch.setattr(owner, name, step)

    monkeypatch.setattr(MoveRecord, "durable", durable)
    watched("save", saving, (TraceKind.STATE_FILE, HERE))
    watched("carry_file", saved, (TraceKind.STATE_FILE, THERE))
    watched("define", saving, (TraceKind.DEFINITION, THERE))
    watched("restore", saving, (TraceKind.STATE_FILE, THERE))
    await ended(fleet, await start(fleet))
    assert seen == ["save", "carry_file", "define", "restore"]


async def test_a_limit_on_the_downtime_makes_no_sense_and_is_refused(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = asyncio.Event()
    hinder(monkeypatch, Hindered(gate=gate))
    move_id = await start(fleet)
    await until(fleet, at_stage(move_id, "carrying the state over"))
    with pytest.raises(ActionError, match="downtime"):
        await fleet.set_max_downtime(move_id, 100)
    await fleet.set_bandwidth(move_id, 7)
    gate.set()
    assert "bandwidth limited to 7 MiB/s" in words(await ended(fleet, move_id))


# -- guests that are off ------------------------------------------------------------------------------


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
