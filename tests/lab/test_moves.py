"""Real guests moved between real hosts: where they are, what was told, and what they saw themselves."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from backends.api import ActionError, Fleet
from backends.lab.errors import LabError
from backends.lab.guest_xml import Disk, GuestSpec
from backends.lab.lab import Lab
from backends.lab.layout import Layout
from backends.model.guest import GuestAction, GuestState
from backends.model.host import HostName
from backends.model.move import MoveRequest, Phase, Preflight, Result, Verdict
from tests.lab.moving import ended, hosts_of, make, under_way
from tests.watching import guest_named, until

H1, H2 = HostName("h1"), HostName("h2")
SLOW_MIB_S = 16
"""With this limit a guest of 128 MiB needs about 7 s."""


async def plan(fleet: Fleet, name: str, bandwidth_mib_s: int | None = None) -> Preflight:
    guest = guest_named(fleet.state, name)
    return await fleet.preflight(MoveRequest(guest.key, guest.name, H2, bandwidth_mib_s=bandwidth_mib_s))


async def test_a_live_move_loses_no_tick_and_leaves_nothing_behind(lab: Lab, fleet: Fleet) -> None:
    guest = await make(lab, fleet, GuestSpec(name="mover", dirty_mib_s=4))
    checked = await plan(fleet, "mover")
    assert not checked.refused and not checked.doubtful, checked.checks
    with guest.watch() as ticks:
        await asyncio.to_thread(ticks.wait_for_more)
        move = await ended(fleet, fleet.start_move(checked))
        await asyncio.to_thread(ticks.wait_for_more)
    report = ticks.report()
    outcome = move.outcome
    assert outcome is not None
    assert (outcome.result, outcome.where, outcome.state) == (Result.SUCCEEDED, H2, GuestState.RUNNING)
    assert outcome.left_to_do == ()
    assert outcome.transferred_bytes is not None and outcome.transferred_bytes > 50 * 2**20
    assert outcome.downtime_ms is not None
    assert report.intact, report
    assert await asyncio.to_thread(hosts_of, lab, "mover") == {"h2": "running"}
    print(  # noqa: T201 - the figures of the run, shown by pytest -s and -rP
        f"\nstopped {outcome.downtime_ms} ms by libvirt; largest gap between two ticks of 100 ms seen"
        f" from outside {report.largest_gap_s * 1000:.0f} ms; {report.count} ticks, none lost"
    )


async def test_the_table_follows_a_move(lab: Lab, fleet: Fleet) -> None:
    await make(lab, fleet, GuestSpec(name="seen"))
    await ended(fleet, fleet.start_move(await plan(fleet, "seen")))
    state = await until(fleet, lambda state: [g.key.host for g in state.guests() if g.name == "seen"] == [H2])
    assert guest_named(state, "seen").state is GuestState.RUNNING


async def test_a_limited_move_shows_how_it_goes_and_its_knobs_turn(lab: Lab, fleet: Fleet) -> None:
    guest = await make(lab, fleet, GuestSpec(name="slow", dirty_mib_s=8))
    move_id = fleet.start_move(await plan(fleet, "slow", bandwidth_mib_s=SLOW_MIB_S))
    await under_way(fleet, move_id)
    moving = fleet.state.move_of(guest_named(fleet.state, "slow").key)
    assert moving is not None and moving.id == move_id
    await fleet.set_max_downtime(move_id, 200)
    await until(fleet, lambda state: state.moves[move_id].phase is Phase.CONVERGING, 30)
    await fleet.set_bandwidth(move_id, 400)
    move = await ended(fleet, move_id)
    assert move.outcome is not None
    assert move.outcome.result is Result.SUCCEEDED
    fractions = [round(sample.fraction, 2) for sample in move.history]
    assert len(set(fractions)) >= 5
    assert any(sample.dirty_bytes_s for sample in move.history)
    assert any(sample.eta_s for sample in move.history)
    assert move.history[-1].downtime_limit_ms == 200
    words = " / ".join(line.text for line in move.log)
    assert "bandwidth limited to 400 MiB/s" in words
    assert "pass 2" in words
    with guest.watch() as ticks:
        await asyncio.to_thread(ticks.wait_for_more)


async def test_an_aborted_move_leaves_the_guest_running_where_it_was(lab: Lab, fleet: Fleet) -> None:
    guest = await make(lab, fleet, GuestSpec(name="stays"))
    with guest.watch() as ticks:
        move_id = fleet.start_move(await plan(fleet, "stays", bandwidth_mib_s=SLOW_MIB_S))
        await under_way(fleet, move_id)
        await fleet.abort_move(move_id)
        move = await ended(fleet, move_id)
        await asyncio.to_thread(ticks.wait_for_more)
    assert move.outcome is not None
    assert (move.outcome.result, move.outcome.where) == (Result.CANCELLED, H1)
    assert ticks.report().intact
    assert await asyncio.to_thread(hosts_of, lab, "stays") == {"h1": "running"}
    with pytest.raises(ActionError, match="has ended"):
        await fleet.abort_move(move_id)


async def test_an_abort_before_the_first_byte_is_not_lost(lab: Lab, fleet: Fleet) -> None:
    await make(lab, fleet, GuestSpec(name="regret"))
    move_id = fleet.start_move(await plan(fleet, "regret", bandwidth_mib_s=SLOW_MIB_S))
    await until(fleet, lambda state: state.moves[move_id].phase is Phase.PREPARING)
    await fleet.abort_move(move_id)
    move = await ended(fleet, move_id)
    assert move.outcome is not None
    assert (move.outcome.result, move.outcome.where) == (Result.CANCELLED, H1)


async def test_a_destination_that_loses_power_fails_the_move_and_not_the_guest(
    lab: Lab, fleet: Fleet
) -> None:
    guest = await make(lab, fleet, GuestSpec(name="survivor"))
    with guest.watch() as ticks:
        move_id = fleet.start_move(await plan(fleet, "survivor", bandwidth_mib_s=SLOW_MIB_S))
        await under_way(fleet, move_id)
        await asyncio.to_thread(lab.crash, "h2")
        move = await ended(fleet, move_id, 120)
        await asyncio.to_thread(ticks.wait_for_more)
    assert move.outcome is not None
    assert (move.outcome.result, move.outcome.where) == (Result.FAILED, H1)
    assert move.outcome.reason
    assert ticks.report().intact


async def test_a_guest_that_powers_off_meanwhile_is_no_riddle(lab: Lab, fleet: Fleet) -> None:
    guest = await make(lab, fleet, GuestSpec(name="sleeper"))
    move_id = fleet.start_move(await plan(fleet, "sleeper", bandwidth_mib_s=SLOW_MIB_S))
    await under_way(fleet, move_id)
    with pytest.raises(ActionError, match="being moved"):
        await fleet.act(guest_named(fleet.state, "sleeper").key, GuestAction.SHUT_DOWN)
    with pytest.raises(LabError):  # a guest that goes off at once answers nothing
        await asyncio.to_thread(guest.type, lab.host("h1"), "poweroff")
    move = await ended(fleet, move_id)
    assert move.outcome is not None
    assert move.outcome.state is GuestState.OFF
    assert "powered off" in move.outcome.reason


async def test_two_guests_move_at_once(lab: Lab, fleet: Fleet) -> None:
    for name in ("one", "two"):
        await make(lab, fleet, GuestSpec(name=name))
    moves = [fleet.start_move(await plan(fleet, name, bandwidth_mib_s=SLOW_MIB_S)) for name in ("one", "two")]
    ends = [await ended(fleet, move) for move in moves]
    assert [end.outcome.result for end in ends if end.outcome] == [Result.SUCCEEDED] * 2


# What must be refused --------------------------------------------------------------------------


async def test_a_disk_of_the_same_path_that_is_not_shared_is_refused_by_proof(lab: Lab, fleet: Fleet) -> None:
    guest = await make(lab, fleet, GuestSpec(name="lonely", disk=Disk.LOCAL))
    path = "/var/lib/libvirt/images/lonely.img"
    await asyncio.to_thread(lab.host("h2").exec, "truncate", "-s", "64M", path)
    checked = await plan(fleet, guest.name)
    assert checked.refused
    worst = checked.checks[0]
    assert (worst.id, worst.verdict) == ("disk.vda.shared", Verdict.REFUSE)
    assert "does not see" in worst.evidence
    left = await asyncio.to_thread(lab.host("h1").exec, "ls", "-A", "/var/lib/libvirt/images")
    assert ".virt-ferry" not in left.stdout, "the marker is removed"


async def test_a_taken_name_is_refused_and_the_other_guest_left_alone(lab: Lab, fleet: Fleet) -> None:
    await make(lab, fleet, GuestSpec(name="twin"))
    other = (
        "<domain type='qemu'><name>twin</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>"
        "<os><type arch='x86_64'>hvm</type></os></domain>"
    )
    await asyncio.to_thread(lab.host("h2").exec, "virsh", "define", "/dev/stdin", stdin=other)
    await until(fleet, lambda state: len([g for g in state.guests() if g.name == "twin"]) == 2)
    checked = await plan(fleet, "twin")
    assert checked.refused
    assert checked.checks[0].id == "guest.name"
    with pytest.raises(ActionError):
        fleet.start_move(checked, accept_doubts=True)
    assert await asyncio.to_thread(hosts_of, lab, "twin") == {"h1": "running", "h2": "shut off"}


async def test_a_paused_guest_is_refused_for_a_live_move(lab: Lab, fleet: Fleet) -> None:
    await make(lab, fleet, GuestSpec(name="paused"))
    await fleet.act(guest_named(fleet.state, "paused").key, GuestAction.PAUSE)
    checked = await plan(fleet, "paused")
    assert checked.refused
    assert "resume" in checked.checks[0].mend


async def test_a_network_disk_needs_no_proof(lab: Lab, fleet: Fleet) -> None:
    await make(lab, fleet, GuestSpec(name="on-lun", disk=Disk.ISCSI))
    checked = await plan(fleet, "on-lun")
    assert not checked.refused and not checked.doubtful
    move = await ended(fleet, fleet.start_move(checked))
    assert move.outcome is not None
    assert move.outcome.result is Result.SUCCEEDED


async def test_a_source_that_may_not_log_in_to_the_destination_is_told_before_the_start(
    lab: Lab, fleet: Fleet
) -> None:
    await make(lab, fleet, GuestSpec(name="stranger"))
    keys = "/root/.ssh/authorized_keys"
    before = (await asyncio.to_thread(lab.host("h2").exec, "cat", keys)).stdout
    client_only = before.splitlines()[0] + "\n"
    await asyncio.to_thread(lab.host("h2").exec, "tee", keys, stdin=client_only)
    try:
        checked = await plan(fleet, "stranger")
    finally:
        await asyncio.to_thread(lab.host("h2").exec, "tee", keys, stdin=before)
    worst = checked.checks[0]
    assert (worst.id, worst.verdict) == ("peer.login", Verdict.WARNING)
    assert "key" in worst.mend


# The command line ------------------------------------------------------------------------------


@contextlib.contextmanager
def migrating(layout: Layout, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`virt-ferry migrate ... --json` on this lab; killed at the end if it still runs."""
    environment = {
        **os.environ,
        "VIRT_FERRY_LAB": str(layout.root),
        "VIRT_FERRY_LAB_NET": layout.subnet,
    }
    command = [sys.executable, "-m", "tui", "migrate", *arguments, "--lab", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def lines(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)


def run_to_progress(process: subprocess.Popen[str]) -> dict[str, Any]:
    return next(event for event in lines(process) if event["event"] == "progress")


def test_the_command_streams_and_ends_with_the_outcome(lab: Lab) -> None:
    lab.guest(GuestSpec(name="streamed"))
    with migrating(lab.layout, "streamed", "--to", "h2", "--bandwidth", str(SLOW_MIB_S)) as process:
        events = list(lines(process))
        assert process.wait(10) == 0
    assert all("event" in event for event in events)
    outcome = events[-1]
    assert outcome["event"] == "outcome"
    assert {key: outcome[key] for key in ("verdict", "guest", "where", "state")} == {
        "verdict": "succeeded",
        "guest": "streamed",
        "where": "h2",
        "state": "running",
    }
    assert outcome["downtime_ms"] >= 0
    assert outcome["bytes"] > 50 * 2**20
    assert outcome["total_s"] > 2
    assert len({event["remaining_bytes"] for event in events if event["event"] == "progress"}) >= 5


def test_a_program_killed_in_mid_move_does_not_stop_the_move(lab: Lab) -> None:
    guest = lab.guest(GuestSpec(name="orphan"))
    with guest.watch() as ticks:
        with migrating(lab.layout, "orphan", "--to", "h2", "--bandwidth", str(SLOW_MIB_S)) as process:
            run_to_progress(process)
            process.kill()
            process.wait(10)
        assert hosts_of(lab, "orphan")["h1"] == "running"
        wait_until_running_on(lab, "h2", "orphan")
        ticks.wait_for_more()
    assert ticks.report().intact


def wait_until_running_on(lab: Lab, host: str, name: str) -> None:
    """virsh itself waits for the event; a guest that arrived before is seen by its state."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        for _ in range(60):
            if hosts_of(lab, name).get(host) == "running":
                return
            lab.host(host).exec(
                "timeout", "1", "virsh", "event", "--all", "--domain", name, "--timeout", "1", check=False
            )
    raise AssertionError(f"{name} did not arrive on {host}: {hosts_of(lab, name)}")


def test_ctrl_c_asks_the_move_to_cancel_and_waits_for_the_truth(lab: Lab) -> None:
    lab.guest(GuestSpec(name="undone"))
    with migrating(lab.layout, "undone", "--to", "h2", "--bandwidth", str(SLOW_MIB_S)) as process:
        run_to_progress(process)
        process.send_signal(signal.SIGINT)
        outcome = list(lines(process))[-1]
        assert process.wait(30) == 4
    assert (outcome["verdict"], outcome["where"]) == ("cancelled", "h1")
    assert hosts_of(lab, "undone") == {"h1": "running"}


def test_a_refused_move_ends_with_its_own_exit_code(lab: Lab) -> None:
    lab.guest(GuestSpec(name="stuck", disk=Disk.LOCAL))
    lab.host("h2").exec("truncate", "-s", "64M", "/var/lib/libvirt/images/stuck.img")
    with migrating(lab.layout, "stuck", "--to", "h2") as process:
        outcome = list(lines(process))[-1]
        assert process.wait(10) == 3
    assert outcome["verdict"] == "refused"
    assert "disk vda" in outcome["reason"]


async def test_a_control_link_lost_in_mid_move_is_told_and_taken_up_again(lab: Lab, fleet: Fleet) -> None:
    guest = await make(lab, fleet, GuestSpec(name="unwatched"))
    with guest.watch() as ticks:
        move_id = fleet.start_move(await plan(fleet, "unwatched", bandwidth_mib_s=8))
        await under_way(fleet, move_id)
        kill_our_sessions = 'kill $(ps -o pid= --ppid "$(cat /run/sshd.pid)")'
        await asyncio.to_thread(lab.host("h1").exec, "sh", "-c", kill_our_sessions)
        await until(fleet, lambda state: state.moves[move_id].phase is Phase.RECONCILING)
        await until(fleet, lambda state: state.moves[move_id].phase in (Phase.COPYING, Phase.CONVERGING), 30)
        seen = len(fleet.state.moves[move_id].history)
        await until(fleet, lambda state: len(state.moves[move_id].history) > seen)
        await fleet.set_bandwidth(move_id, 400)
        move = await ended(fleet, move_id)
        await asyncio.to_thread(ticks.wait_for_more)
    assert move.outcome is not None
    assert (move.outcome.result, move.outcome.where) == (Result.SUCCEEDED, H2)
    assert move.outcome.left_to_do == ()
    words = " / ".join(line.text for line in move.log)
    assert "the link to h1 is lost" in words
    assert "the transfer still runs" in words
    assert "libvirt ended the transfer" not in words
    assert ticks.report().intact
    assert await asyncio.to_thread(hosts_of, lab, "unwatched") == {"h2": "running"}


async def test_a_move_that_was_taken_up_again_can_be_aborted(lab: Lab, fleet: Fleet) -> None:
    await make(lab, fleet, GuestSpec(name="recalled"))
    move_id = fleet.start_move(await plan(fleet, "recalled", bandwidth_mib_s=4))
    await under_way(fleet, move_id)
    await asyncio.to_thread(
        lab.host("h1").exec, "sh", "-c", 'kill $(ps -o pid= --ppid "$(cat /run/sshd.pid)")'
    )
    await until(fleet, lambda state: state.moves[move_id].phase in (Phase.COPYING, Phase.RECONCILING))
    await until(fleet, lambda state: state.moves[move_id].phase is Phase.COPYING, 30)
    await fleet.abort_move(move_id)
    move = await ended(fleet, move_id)
    assert move.outcome is not None
    assert (move.outcome.result, move.outcome.where) == (Result.CANCELLED, H1)
    assert await asyncio.to_thread(hosts_of, lab, "recalled") == {"h1": "running"}
