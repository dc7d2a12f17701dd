"""A move in post-copy, the state with no way back: its memory is on two hosts. Nothing may be destroyed then."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backends.lab.channels import Channel
from backends.lab.guest import Guest
from backends.lab.process import wait_until
from tests.faults.moving import Program
from tests.faults.oracle import Place
from tests.faults.scene import End, Scene

PREPARED = ("--post-copy", "--bandwidth", "16")
BY_POLICY = ("--last-resort", "post-copy", "--max-downtime", "40")
LINK, TRICKLE = "400mbit", "12mbit"
"""The guest writes more than the link carries; in post-copy the link is so slow that there is time for a fault."""


def busy_guest(scene: Scene, name: str) -> Guest:
    """It writes all over half of its memory, and needs all of it again at once on the other host."""
    return scene.guest(name, dirty_mib_s=150, working_set_mib=48)


def runs_in_postcopy(scene: Scene, name: str) -> bool:
    """Has it been switched over, and is its memory still coming?"""
    return scene.lab.host("h2").virsh(f"domstate --reason {name}", check=False) == "running (post-copy)"


def switch_over(scene: Scene, program: Program, name: str) -> None:
    """By virsh, as another administrator would: sooner than by the policy, and the engine has to notice."""
    scene.lab.rate("h2", LINK)
    program.until_memory_flows()
    scene.lab.host("h1").virsh(f"migrate-postcopy {name}")
    wait_until(lambda: runs_in_postcopy(scene, name), timeout_s=20, what="the guest to run on h2")
    scene.lab.rate("h2", TRICKLE)


def in_postcopy(
    scene: Scene, name: str, fault: Callable[[], None], *, heal: Callable[[], None] | None = None
) -> End:
    """The fault in the middle of post-copy, and the end."""
    with scene.move(name, *PREPARED) as program:
        switch_over(scene, program, name)
        fault()
        if heal is not None:
            heal()
        return scene.end(program, name, timeout_s=40)


def test_a_post_copy_that_loses_its_channel_keeps_both_halves(scene: Scene) -> None:
    busy_guest(scene, "halved")

    def reset() -> None:  # at both ends: on a slow link the news of it may get lost
        for host in ("h1", "h2"):
            scene.lab.host(host).faults.reset_transfers()

    end = in_postcopy(scene, "halved", reset)
    assert end.verdict == "indeterminate"
    assert end.truth.place is Place.SPLIT, end.truth
    assert "destroy neither" in end.words
    assert "--postcopy-resume" in end.words
    assert end.truth.on("h1").reason == "post-copy failed"
    assert end.truth.on("h2").reason in ("post-copy", "post-copy failed")  # it may not have noticed yet


def test_a_post_copy_whose_daemons_lose_each_other_ends_alone(scene: Scene) -> None:
    guest = busy_guest(scene, "on-its-own")

    def heal() -> None:
        scene.lab.rate("h2", "off")

    end = in_postcopy(
        scene, "on-its-own", lambda: scene.lab.block("h2", Channel.CONTROL, peer="h1"), heal=heal
    )
    scene.lives(guest, "h2")
    assert end.outcome["where"] == "h2"


@pytest.mark.parametrize("host", ["h1", "h2"])
def test_a_post_copy_that_loses_a_half_has_lost_the_memory_and_says_so(scene: Scene, host: str) -> None:
    busy_guest(scene, "broken")
    end = in_postcopy(scene, "broken", lambda: scene.lab.host(host).faults.kill_guest("broken"))
    assert end.verdict in ("indeterminate", "failed")
    assert "memory" in end.words and "lost" in end.words, end.words
    assert "start" in end.words


def test_the_last_resort_switches_over_and_an_abort_then_is_too_late(scene: Scene) -> None:
    scene.lab.rate("h2", LINK)
    guest = busy_guest(scene, "too-late")
    with scene.move("too-late", *BY_POLICY) as program:
        program.until_phase("post-copy", timeout_s=60)
        scene.lab.rate("h2", "120mbit")
        program.interrupt()
        end = scene.end(program, "too-late")
    assert end.verdict == "succeeded"
    assert "will not converge" in end.log
    scene.lives(guest, "h2")
