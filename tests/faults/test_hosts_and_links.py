"""A live move, and something goes wrong with a host or a link on the way: where is the guest, and what is told?"""

from __future__ import annotations

import time

import pytest

from backends.lab.channels import Channel
from tests.faults.oracle import Place
from tests.faults.scene import Scene

HANGING_S = 3.0
"""Shorter than a daemon of the lab waits for a silent peer."""


def test_a_cut_link_that_stays_cut_leaves_the_guest_where_it_was(scene: Scene) -> None:
    guest = scene.guest("cut-off")
    end = scene.after("cut-off", lambda: scene.lab.cut("h2"), unasked=("h2",))
    assert end.verdict == "failed"
    scene.lives(guest, "h1")
    assert end.outcome["reason"]


def test_a_cut_link_that_heals_early_delays_the_move_and_no_more(scene: Scene) -> None:
    guest = scene.guest("delayed")
    with scene.move("delayed", "--bandwidth", "16") as program:
        program.until_memory_flows()
        scene.lab.cut("h2")
        time.sleep(2)  # the fault itself lasts this long
        scene.lab.heal("h2")
        scene.hurry("delayed")
        end = scene.end(program, "delayed")
    assert end.verdict == "succeeded"
    scene.lives(guest, "h2")


def test_our_own_link_cut_for_a_while_is_told_and_the_move_goes_on(scene: Scene) -> None:
    guest = scene.guest("unwatched")
    with scene.move("unwatched", "--bandwidth", "6") as program:
        program.until_memory_flows()
        scene.lab.block("h1", Channel.CONTROL, peer="client")
        program.until_phase("reconciling", timeout_s=30)
        scene.lab.unblock("h1")
        scene.hurry("unwatched")
        end = scene.end(program, "unwatched")
    assert end.verdict == "succeeded"
    assert "the link to h1 is lost" in end.words
    scene.lives(guest, "h2")


def test_daemons_that_lose_each_other_give_up_and_the_guest_stays(scene: Scene) -> None:
    guest = scene.guest("kept")
    end = scene.after("kept", lambda: scene.lab.block("h2", Channel.CONTROL, peer="h1"), "--bandwidth", "6")
    assert end.verdict == "failed"
    scene.lives(guest, "h1")


def test_a_transfer_that_loses_its_connection_leaves_the_guest_where_it_was(scene: Scene) -> None:
    guest = scene.guest("torn")
    end = scene.after("torn", scene.lab.host("h1").faults.reset_transfers)
    assert end.verdict == "failed"
    scene.lives(guest, "h1")


def test_a_destination_without_memory_takes_nothing(scene: Scene) -> None:
    guest = scene.guest("heavy")
    scene.lab.host("h2").faults.take_memory()
    with scene.move("heavy") as program:
        end = scene.end(program, "heavy")
    assert end.verdict in ("failed", "refused")
    # libvirt tells all of QEMU's words, or, at random, none; QEMU's last line alone speaks of its buffer for code.
    assert "Cannot allocate memory" in end.words or "jit buffer" in end.words, end.words
    scene.lives(guest, "h1")


def test_a_destination_that_loses_power_costs_the_guest_nothing(scene: Scene) -> None:
    guest = scene.guest("spared")
    end = scene.after("spared", lambda: scene.lab.crash("h2"), unasked=("h2",))
    assert end.verdict == "failed"
    scene.lives(guest, "h1")


def test_a_source_that_loses_power_takes_the_guest_with_it_and_nobody_says_that_it_runs(scene: Scene) -> None:
    scene.guest("doomed")
    with scene.move("doomed", "--bandwidth", "16") as program:
        program.until_memory_flows()
        scene.lab.crash("h1")
        scene.lab.boot("h1")
        end = scene.end(program, "doomed")
    assert end.truth.place is Place.OFF, end.truth
    assert "h1" in end.truth.hosts
    assert end.verdict in ("failed", "indeterminate")


@pytest.mark.parametrize("host", ["h1", "h2"])
def test_a_daemon_that_is_killed_in_pre_copy_leaves_the_guest_running(scene: Scene, host: str) -> None:
    guest = scene.guest("daemon-less")
    end = scene.after("daemon-less", scene.lab.host(host).faults.kill_daemon)
    assert end.verdict == "failed"
    scene.lives(guest, "h1")


def test_a_destination_that_hangs_for_a_while_stops_nothing_for_good(scene: Scene) -> None:
    guest = scene.guest("patient")
    with scene.move("patient", "--bandwidth", "16") as program:
        program.until_memory_flows()
        scene.lab.freeze("h2")
        time.sleep(HANGING_S)  # the fault itself lasts this long
        assert scene.look("patient").on("h1").executing
        scene.lab.thaw("h2")
        scene.hurry("patient")
        end = scene.end(program, "patient")
    scene.lives(guest, end.truth.host)


def test_a_changed_host_key_is_told_with_both_fingerprints_and_never_accepted(scene: Scene) -> None:
    guest = scene.guest("wary")
    scene.lab.host("h2").faults.change_host_key()
    with scene.move("wary") as program:
        end = scene.end(program, "wary", unasked=("h2",))
        complaints = program.complaints
    assert end.verdict == "refused"
    told = f"{end.words} {complaints}"
    assert "key" in told
    assert told.count("SHA256:") >= 2, told
    scene.lives(guest, "h1")
