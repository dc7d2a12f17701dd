"""A live move, and the guest does something of its own on the way, or its QEMU dies."""

from __future__ import annotations

from tests.faults.console import lives
from tests.faults.oracle import Place
from tests.faults.scene import Scene


def test_a_guest_that_powers_off_has_powered_off_and_did_not_fail(scene: Scene) -> None:
    guest = scene.guest("sleepy")
    end = scene.after("sleepy", lambda: guest.tell(scene.lab.host("h1"), "poweroff"))
    assert (end.truth.place, end.truth.hosts) == (Place.OFF, ("h1",))
    assert "powered off" in end.outcome["reason"]


def test_a_guest_that_reboots_arrives_and_nothing_alarming_is_told(scene: Scene) -> None:
    guest = scene.guest("restless")
    end = scene.after("restless", lambda: guest.tell(scene.lab.host("h1"), "reboot"), hurry=True)
    assert end.verdict == "succeeded"
    assert end.outcome["left_to_do"] == []
    guest.wait_ready()
    scene.lives(guest, "h2")
    assert len(lives(guest.console.read_bytes())) == 2


def test_a_guest_that_panics_is_on_one_host_and_not_on_two(scene: Scene) -> None:
    """libvirt tells of a panic only once the job that runs has ended: nobody can know of it during a move."""
    guest = scene.guest("frantic")
    end = scene.after("frantic", lambda: guest.tell(scene.lab.host("h1"), "panic"))
    assert len(end.truth.hosts) == 1, end.truth
    assert lives(guest.console.read_bytes())[-1].panicked


def test_a_qemu_that_dies_on_the_destination_leaves_the_guest_running(scene: Scene) -> None:
    guest = scene.guest("second-chance")
    end = scene.after("second-chance", lambda: scene.lab.host("h2").faults.kill_guest("second-chance"))
    assert end.verdict == "failed"
    assert end.outcome["reason"]
    scene.lives(guest, "h1")


def test_a_qemu_that_dies_on_the_source_is_said_to_be_dead(scene: Scene) -> None:
    scene.guest("mortal")
    end = scene.after("mortal", lambda: scene.lab.host("h1").faults.kill_guest("mortal"))
    assert (end.truth.place, end.truth.hosts) == (Place.OFF, ("h1",))
    assert end.verdict == "failed"
    assert "does not run" in end.outcome["reason"]
