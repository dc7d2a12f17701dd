"""The program dies, or its user changes his mind, in the middle of a move."""

from __future__ import annotations

from typing import Any

from tests.faults.moving import Program
from tests.faults.oracle import Oracle, Place
from tests.faults.scene import SLOWLY, Scene


def told(scene: Scene, command: str) -> list[dict[str, Any]]:
    """What a command tells, line by line."""
    with Program(scene.lab.layout, command) as program:
        program.status()
    return [dict(event) for event in program.events]


def test_a_killed_program_stops_nothing_and_the_next_one_shows_the_move(scene: Scene) -> None:
    guest = scene.guest("orphan")
    with scene.move("orphan", "--bandwidth", "8") as program:
        program.until_memory_flows()
        program.kill()
    lines = told(scene, "jobs")
    assert [line["guest"] for line in lines] == ["orphan"], lines
    with Program(scene.lab.layout, "attach", "orphan") as again:
        again.wait_for(lambda event: event["event"] == "phase", "the move taken up")
        scene.hurry("orphan")
        end = scene.end(again, "orphan")
    assert end.verdict == "succeeded"
    scene.lives(guest, "h2")


def test_a_killed_program_that_drove_the_move_itself_leaves_the_guest_and_what_mends_it(scene: Scene) -> None:
    guest = scene.guest("driven")
    h2 = scene.lab.host("h2")
    keys = "/root/.ssh/authorized_keys"
    every_key = h2.exec("cat", keys).stdout
    h2.exec("tee", keys, stdin=every_key.splitlines()[0] + "\n")  # h1 may not log in any more, we may
    try:
        with scene.move("driven", *SLOWLY) as program:
            program.until_memory_flows()
            preflight = program.wait_for(lambda event: event["event"] == "preflight", "checks")
            assert preflight["route"] == "client-managed"
            program.kill()
        truth = Oracle(scene.lab, "driven").settled()
    finally:
        h2.exec("tee", keys, stdin=every_key)
    assert truth.host, truth
    if truth.place is Place.PAUSED:
        left = [line for line in told(scene, "unfinished") if line["guest"] == "driven"]
        assert left and left[0]["command"], left
        return
    scene.lives(guest, truth.host)


def test_an_abort_leaves_the_guest_running_where_it_was(scene: Scene) -> None:
    guest = scene.guest("stays")
    with scene.move("stays", *SLOWLY) as program:
        program.until_memory_flows()
        program.interrupt()
        end = scene.end(program, "stays")
    assert end.verdict == "cancelled"
    scene.lives(guest, "h1")
