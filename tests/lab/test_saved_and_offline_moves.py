"""Real guests moved through a saved state, and guests that are off: no tick lost, nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from backends.api import Fleet, open_fleet
from backends.lab.guest import Guest, define
from backends.lab.guest_xml import GuestSpec
from backends.lab.lab import Lab
from backends.lab.specs import lab_specs
from backends.model.fleet import FleetState
from backends.model.guest import GuestAction, GuestState
from backends.model.host import HostName, Link
from backends.model.move import Move, MoveId, MoveMode, MoveRequest, Result
from tests.watching import guest_named, link_is, until

H1, H2 = HostName("h1"), HostName("h2")
SLOW_MIB_S = 4
"""A saved guest of the lab is some 60 MiB: carried in a quarter of a minute, unless the limit is lifted."""


async def make(lab: Lab, fleet: Fleet, spec: GuestSpec, *, transient: bool = False) -> Guest:
    guest = await asyncio.to_thread(lambda: lab.guest(spec, transient=transient))
    await until(fleet, lambda state: any(g.name == spec.name for g in state.guests()))
    return guest


async def start(
    fleet: Fleet, name: str, mode: MoveMode = MoveMode.SAVED, bandwidth_mib_s: int | None = None
) -> MoveId:
    guest = guest_named(fleet.state, name)
    request = MoveRequest(guest.key, guest.name, H2, mode, bandwidth_mib_s=bandwidth_mib_s)
    checked = await fleet.preflight(request)
    assert not checked.refused, checked.checks[0]
    return fleet.start_move(checked, accept_doubts=True)


async def ended(fleet: Fleet, move: MoveId, timeout_s: float = 90) -> Move:
    return (await until(fleet, lambda state: state.moves[move].phase.final, timeout_s)).moves[move]


def at_stage(move: MoveId, stage: str) -> Callable[[FleetState], bool]:
    """Is a part of this stage done?"""

    def holds(state: FleetState) -> bool:
        progress = state.moves[move].progress
        return progress is not None and progress.stage == stage and progress.processed_bytes > 0

    return holds


def carrying(move: MoveId) -> Callable[[FleetState], bool]:
    """Is a part of the state over?"""
    return at_stage(move, "carrying the state over")


def hosts_of(lab: Lab, name: str) -> dict[str, str]:
    """Which hosts know the guest, and its state there, as virsh says: the engine is not asked."""
    found = {}
    for host in ("h1", "h2", "h3"):
        answer = lab.host(host).exec("virsh", "domstate", name, check=False)
        if answer.returncode == 0:
            found[host] = answer.stdout.strip()
    return found


def files_left(lab: Lab) -> list[str]:
    """Saved states of ours on any host."""
    found = []
    for host in ("h1", "h2", "h3"):
        listing = lab.host(host).exec("find", "/var/lib/libvirt", "/var/tmp", "-name", "virt-ferry-*").stdout
        found += [f"{host}:{path}" for path in listing.splitlines()]
    return found


async def test_a_guest_goes_on_on_the_other_host_with_the_memory_it_had(lab: Lab, fleet: Fleet) -> None:
    guest = await make(lab, fleet, GuestSpec(name="frozen", dirty_mib_s=4))
    with guest.watch() as ticks:
        await asyncio.to_thread(ticks.wait_for_more)
        move = await ended(fleet, await start(fleet, "frozen"))
        await asyncio.to_thread(ticks.wait_for_more)
    report, outcome = ticks.report(), move.outcome
    assert outcome is not None
    assert (outcome.result, outcome.where, outcome.state) == (Result.SUCCEEDED, H2, GuestState.RUNNING)
    assert report.intact, report
    assert outcome.left_to_do == ()
    assert await asyncio.to_thread(hosts_of, lab, "frozen") == {"h2": "running"}
    assert await asyncio.to_thread(files_left, lab) == []
    assert outcome.transferred_bytes is not None and outcome.transferred_bytes > 20 * 2**20
    print(  # noqa: T201 - the figures of the run, shown by pytest -s and -rP
        f"\nstood still {outcome.downtime_ms} ms as the engine counts, {report.largest_gap_s * 1000:.0f} ms as seen"
        f" from outside; {outcome.transferred_bytes / 2**20:.0f} MiB of state; {report.count} ticks, none lost"
    )


async def test_a_paused_guest_stays_paused_and_goes_on_when_it_is_told_to(lab: Lab, fleet: Fleet) -> None:
    guest = await make(lab, fleet, GuestSpec(name="asleep"))
    with guest.watch() as ticks:
        await asyncio.to_thread(ticks.wait_for_more)
        await fleet.act(guest_named(fleet.state, "asleep").key, GuestAction.PAUSE)
        await until(fleet, lambda state: guest_named(state, "asleep").state is GuestState.PAUSED)
        move = await ended(fleet, await start(fleet, "asleep"))
        assert move.outcome is not None
        assert (move.outcome.result, move.outcome.state) == (Result.SUCCEEDED, GuestState.PAUSED)
        assert await asyncio.to_thread(hosts_of, lab, "asleep") == {"h2": "paused"}
        before = len(ticks.ticks)
        await asyncio.to_thread(lab.host("h2").virsh, "resume", "asleep")
        await asyncio.to_thread(ticks.wait_for, before + 3)
    assert ticks.report().intact


async def test_a_transient_guest_comes_over_and_stays_transient(lab: Lab, fleet: Fleet) -> None:
    guest = await make(lab, fleet, GuestSpec(name="fleeting"), transient=True)
    with guest.watch() as ticks:
        move = await ended(fleet, await start(fleet, "fleeting"))
        await asyncio.to_thread(ticks.wait_for_more)
    assert move.outcome is not None and move.outcome.result is Result.SUCCEEDED
    assert ticks.report().intact
    assert await asyncio.to_thread(hosts_of, lab, "fleeting") == {"h2": "running"}
    persistent = await asyncio.to_thread(lab.host("h2").virsh, "list", "--all", "--persistent", "--name")
    assert "fleeting" not in persistent.split()


async def test_an_abort_while_the_state_is_carried_lets_it_run_on_with_no_file_left(
    lab: Lab, fleet: Fleet
) -> None:
    guest = await make(lab, fleet, GuestSpec(name="regret", dirty_mib_s=2))
    with guest.watch() as ticks:
        await asyncio.to_thread(ticks.wait_for_more)
        move_id = await start(fleet, "regret", bandwidth_mib_s=SLOW_MIB_S)
        await until(fleet, carrying(move_id))
        await fleet.abort_move(move_id)
        move = await ended(fleet, move_id)
        await asyncio.to_thread(ticks.wait_for_more)
    assert move.outcome is not None
    assert (move.outcome.result, move.outcome.where) == (Result.CANCELLED, H1)
    assert ticks.report().intact
    assert await asyncio.to_thread(hosts_of, lab, "regret") == {"h1": "running"}
    assert await asyncio.to_thread(files_left, lab) == []


@contextmanager
def slow_disk(lab: Lab, host: str) -> Iterator[None]:
    """What libvirt writes on this host does not reach the disk before the block has ended: its writer is stopped."""
    leave = threading.Event()
    stopped: set[int] = set()

    def stop_writers() -> None:
        while not leave.wait(0.005):
            for pid in set(lab.host(host).cgroup.pids()) - stopped:
                with contextlib.suppress(OSError):
                    if b"libvirt_iohelper" in Path(f"/proc/{pid}/cmdline").read_bytes():
                        os.kill(pid, signal.SIGSTOP)
                        stopped.add(pid)

    watcher = threading.Thread(target=stop_writers)
    watcher.start()
    try:
        yield
    finally:
        leave.set()
        watcher.join()
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


async def test_an_abort_while_it_is_saved_lets_it_run_on(lab: Lab, fleet: Fleet) -> None:
    guest = await make(lab, fleet, GuestSpec(name="early"))
    with guest.watch() as ticks:
        await asyncio.to_thread(ticks.wait_for_more)
        with slow_disk(lab, "h1"):
            move_id = await start(fleet, "early")
            await until(fleet, at_stage(move_id, "saving"), 60)
            await fleet.abort_move(move_id)
        move = await ended(fleet, move_id)
        await asyncio.to_thread(ticks.wait_for_more)
    assert move.outcome is not None
    assert (move.outcome.result, move.outcome.where) == (Result.CANCELLED, H1)
    assert "canceled by client" in " / ".join(line.text for line in move.log)
    assert ticks.report().intact
    assert await asyncio.to_thread(files_left, lab) == []


async def test_the_limit_is_lifted_on_the_way(lab: Lab, fleet: Fleet) -> None:
    await make(lab, fleet, GuestSpec(name="hurry"))
    move_id = await start(fleet, "hurry", bandwidth_mib_s=1)  # a minute, if it stayed
    state = await until(fleet, carrying(move_id))
    progress = state.moves[move_id].progress
    assert progress is not None and progress.total_bytes > 20 * 2**20
    await until(fleet, lambda state: (p := state.moves[move_id].progress) is not None and p.eta_s is not None)
    await fleet.set_bandwidth(move_id, 1000)
    move = await ended(fleet, move_id, 25)
    assert move.outcome is not None and move.outcome.result is Result.SUCCEEDED


@contextmanager
def small_disks(lab: Lab, host: str, sizes: dict[str, str]) -> Iterator[None]:
    """Folders of the host on disks of their own, so small."""
    for folder, size in sizes.items():
        lab.host(host).exec("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder)
    try:
        yield
    finally:
        for folder in sizes:
            lab.host(host).exec("umount", "-l", folder)


async def test_a_state_goes_where_there_is_room_for_it(lab: Lab, fleet: Fleet) -> None:
    guest = await make(lab, fleet, GuestSpec(name="roomy"))
    with guest.watch() as ticks, small_disks(lab, "h2", {"/var/lib/libvirt/qemu/save": "8m"}):
        move = await ended(fleet, await start(fleet, "roomy"))
        await asyncio.to_thread(ticks.wait_for_more)
    assert move.outcome is not None and move.outcome.result is Result.SUCCEEDED
    assert f"/var/tmp/virt-ferry-{move.id}" in " / ".join(line.text for line in move.log)
    assert ticks.report().intact


async def test_a_destination_without_room_gives_the_guest_back(lab: Lab, fleet: Fleet) -> None:
    guest = await make(lab, fleet, GuestSpec(name="cramped"))
    sizes = {"/var/lib/libvirt/qemu/save": "8m", "/var/tmp": "80m"}
    with guest.watch() as ticks, small_disks(lab, "h2", sizes):
        move = await ended(fleet, await start(fleet, "cramped"))
        await asyncio.to_thread(ticks.wait_for_more)
    assert move.outcome is not None
    assert (move.outcome.result, move.outcome.where) == (Result.FAILED, H1)
    assert "no space: /var/tmp has" in move.outcome.reason
    assert ticks.report().intact


async def test_a_destination_that_dies_on_the_way_gives_the_guest_back(lab: Lab, fleet: Fleet) -> None:
    guest = await make(lab, fleet, GuestSpec(name="orphan"))
    with guest.watch() as ticks:
        await asyncio.to_thread(ticks.wait_for_more)
        move_id = await start(fleet, "orphan", bandwidth_mib_s=SLOW_MIB_S)
        await until(fleet, carrying(move_id))
        await asyncio.to_thread(lab.crash, "h2")
        await until(fleet, lambda state: guest_named(state, "orphan").state is GuestState.RUNNING, 60)
        await asyncio.to_thread(ticks.wait_for_more)
        await asyncio.to_thread(lab.boot, "h2")
        move = await ended(fleet, move_id, 120)
    assert move.outcome is not None
    assert (move.outcome.result, move.outcome.where) == (Result.FAILED, H1)
    assert ticks.report().intact
    assert await asyncio.to_thread(hosts_of, lab, "orphan") == {"h1": "running"}
    state = await until(fleet, lambda state: any(one.name == "orphan" for one in state.unfinished))
    for one in state.unfinished:  # what of the state was on the dead host's disk
        await fleet.mend(one)
    assert await asyncio.to_thread(files_left, lab) == []


async def test_a_source_whose_network_is_cut_restores_it_when_it_answers_again(
    lab: Lab, fleet: Fleet
) -> None:
    guest = await make(lab, fleet, GuestSpec(name="waiting"))
    with guest.watch() as ticks:
        await asyncio.to_thread(ticks.wait_for_more)
        move_id = await start(fleet, "waiting", bandwidth_mib_s=SLOW_MIB_S)
        await until(fleet, carrying(move_id))
        await asyncio.to_thread(lab.cut, "h1")
        await until(fleet, link_is("h1", Link.STALE, Link.DOWN), 30)
        await asyncio.to_thread(lab.heal, "h1")
        move = await ended(fleet, move_id, 90)
        await asyncio.to_thread(ticks.wait_for_more)
    assert move.outcome is not None
    assert (move.outcome.result, move.outcome.where) == (Result.FAILED, H1)
    assert ticks.report().intact
    assert await asyncio.to_thread(files_left, lab) == []


async def test_the_next_program_gives_back_what_a_killed_one_had_in_hand(lab: Lab) -> None:
    guest = await asyncio.to_thread(lab.guest, GuestSpec(name="dropped"))
    with guest.watch() as ticks:
        await asyncio.to_thread(ticks.wait_for_more)
        await asyncio.to_thread(carry_and_be_killed, lab, "dropped")
        assert await asyncio.to_thread(hosts_of, lab, "dropped") == {"h1": "shut off"}
        async with open_fleet(lab_specs(lab.layout)) as fleet:
            state = await until(fleet, lambda state: any(m.phase.final for m in state.moves.values()), 60)
            await asyncio.to_thread(ticks.wait_for_more)
    (move,) = state.moves.values()
    assert move.outcome is not None
    assert (move.outcome.result, move.outcome.where) == (Result.FAILED, H1)
    assert ticks.report().intact
    assert await asyncio.to_thread(hosts_of, lab, "dropped") == {"h1": "running"}
    assert await asyncio.to_thread(files_left, lab) == []


def carry_and_be_killed(lab: Lab, name: str) -> None:
    """Another program of ours, killed while the state is on its way."""
    command = [sys.executable, "-m", "tui", "migrate", name, "--to", "h2", "--mode", "saved"]
    command += ["--accept-doubts", "--lab", "--json"]
    lab.rate("h2", "32mbit")
    environment = {"VIRT_FERRY_LAB": str(lab.layout.root), "VIRT_FERRY_LAB_NET": lab.layout.subnet}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                event = json.loads(line)
                if event.get("stage") == "carrying the state over" and event["processed_bytes"] > 0:
                    return
        finally:
            process.kill()
    raise AssertionError("the other program ended by itself")


async def test_the_definition_of_a_guest_that_is_off_moves_and_starts_there(lab: Lab, fleet: Fleet) -> None:
    guest = await asyncio.to_thread(lambda: define(GuestSpec(name="cold"), lab.host("h1"), start=False))
    await asyncio.to_thread(lab.host("h1").virsh, "autostart", "cold")
    await until(fleet, lambda state: any(g.name == "cold" for g in state.guests()))
    move = await ended(fleet, await start(fleet, "cold", MoveMode.OFFLINE))
    assert move.outcome is not None
    assert (move.outcome.result, move.outcome.where) == (Result.SUCCEEDED, H2)
    assert await asyncio.to_thread(hosts_of, lab, "cold") == {"h2": "shut off"}
    listed = await asyncio.to_thread(lab.host("h2").virsh, "list", "--all", "--autostart", "--name")
    assert "cold" in listed.split()
    await asyncio.to_thread(lab.host("h2").virsh, "start", "cold")
    await asyncio.to_thread(guest.wait_ready)
