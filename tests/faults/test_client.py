"""The program dies, or its user changes his mind, in the middle of a move."""

from __future__ import annotations

from typing import Any

from tests.faults.moving import Program
from tests.faults.oracle import Oracle, Place
from tests.faults.scene import SLOWLY, Scene

AT_ONCE_S = 2.0
"""A relaunch shows the move within this, once the source is up (issue: reattach within 2 s of the host being up)."""


def jobs(scene: Scene, *words: str) -> list[dict[str, Any]]:
    """What `virt-ferry jobs` tells."""
    with Program(scene.lab.layout, "jobs", *words) as program:
        program.status()
    return [dict(event) for event in program.events]


def test_a_killed_program_stops_nothing_and_the_next_one_shows_the_move(scene: Scene) -> None:
    guest = scene.guest("orphan")
    with scene.move("orphan", "--bandwidth", "8") as program:
        program.until_memory_flows()
        program.kill()
    told = jobs(scene)
    assert [line for line in told if line.get("guest") == "orphan"], told
    truth = Oracle(scene.lab, "orphan").settled(40)
    assert (truth.place, truth.hosts) == (Place.RUNS, ("h2",)), truth
    scene.lives(guest, "h2")
    assert not truth.complaints


def test_an_abort_leaves_the_guest_running_where_it_was(scene: Scene) -> None:
    guest = scene.guest("stays")
    with scene.move("stays", *SLOWLY) as program:
        program.until_memory_flows()
        program.interrupt()
        end = scene.end(program, "stays")
    assert end.verdict == "cancelled"
    scene.lives(guest, "h1")
