"""The oracle itself: that it sees what is wrong, and is content with what is not."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from backends.lab.guest_xml import GuestSpec, domain_xml
from backends.lab.lab import Lab
from backends.lab.node import Power
from backends.lab.process import wait_until
from tests.faults.console import complaints, lives
from tests.faults.disk import BLOCK, missing
from tests.faults.oracle import Oracle, Place, Truth, agrees, judge
from tests.faults.sight import Sight
from tests.heartbeat import Heartbeats

RUNS = ("running", "booted", True)
PAUSED = ("paused", "user", False)
COMING = ("paused", "migrating", False)
BROKEN = ("paused", "post-copy failed", False)


def sight(host: str, state: str, reason: str, executing: bool) -> Sight:
    return Sight(host, Power.RUNNING, 1, executing, True, state, reason, persistent=True)


def off(host: str) -> Sight:
    return Sight(host, Power.RUNNING, answered=True, state="shut off", reason="destroyed", persistent=True)


def gone(host: str) -> Sight:
    return Sight(host, Power.RUNNING, answered=True)


@pytest.mark.parametrize(
    ("sights", "place", "hosts"),
    [
        ((sight("h1", *RUNS), gone("h2")), Place.RUNS, ("h1",)),
        ((off("h1"), sight("h2", *RUNS)), Place.RUNS, ("h2",)),
        ((sight("h1", *RUNS), sight("h2", *COMING)), Place.RUNS, ("h1",)),
        ((sight("h1", *PAUSED), sight("h2", *COMING)), Place.PAUSED, ("h1",)),
        ((sight("h1", *COMING), gone("h2")), Place.PAUSED, ("h1",)),
        ((sight("h1", *COMING), sight("h2", *COMING)), Place.UNSETTLED, ("h1", "h2")),
        ((sight("h1", *RUNS), sight("h2", *RUNS)), Place.DOUBLED, ("h1", "h2")),
        ((sight("h1", *BROKEN), sight("h2", *BROKEN)), Place.SPLIT, ("h1", "h2")),
        ((off("h1"), gone("h2")), Place.OFF, ("h1",)),
        ((gone("h1"), gone("h2")), Place.LOST, ()),
    ],
)
def test_both_hosts_together_tell_the_place(
    sights: tuple[Sight, ...], place: Place, hosts: tuple[str, ...]
) -> None:
    assert judge(sights) == (place, hosts)


def said(
    verdict: str, where: str | None, state: str = "running", left: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {"verdict": verdict, "where": where, "state": state, "left_to_do": left}


AT_SOURCE = Truth(Place.RUNS, ("h1",), (sight("h1", *RUNS), gone("h2")))
AT_DESTINATION = Truth(Place.RUNS, ("h2",), (gone("h1"), sight("h2", *RUNS)))
LEFT_DEFINED = Truth(Place.RUNS, ("h2",), (off("h1"), sight("h2", *RUNS)))
TWICE = Truth(Place.DOUBLED, ("h1", "h2"), (sight("h1", *RUNS), sight("h2", *RUNS)))


@pytest.mark.parametrize(
    ("outcome", "truth", "unasked", "honest"),
    [
        (said("succeeded", "h2"), AT_DESTINATION, (), True),
        (said("succeeded", "h2"), AT_SOURCE, (), False),
        (said("succeeded", "h1"), AT_SOURCE, (), False),
        (said("succeeded", "h2", "paused"), AT_DESTINATION, (), False),
        (said("succeeded", "h2"), LEFT_DEFINED, (), False),
        (said("succeeded", "h2"), LEFT_DEFINED, ("h1",), True),
        (said("succeeded", "h2", left=("undefine it",)), LEFT_DEFINED, (), True),
        (said("failed", "h1"), AT_SOURCE, (), True),
        (said("failed", "h2"), AT_DESTINATION, (), False),
        (said("indeterminate", None, "unknown"), AT_SOURCE, (), False),
        (said("indeterminate", None, "unknown", ("ask h2",)), AT_SOURCE, ("h2",), True),
        (said("indeterminate", None, "unknown"), AT_SOURCE, ("h2",), False),
        (said("failed", "h1"), TWICE, (), False),
        (said("indeterminate", None, "unknown", ("decide",)), TWICE, (), True),
    ],
)
def test_what_was_told_is_held_against_the_truth(
    outcome: dict[str, Any], truth: Truth, unasked: tuple[str, ...], honest: bool
) -> None:
    assert (agrees(outcome, truth, source="h1", destination="h2", unasked=unasked) == []) is honest


def test_a_console_shows_what_was_lost_and_what_came_again() -> None:
    ticks = b"tick 1 mono=1\ntick 2 mono=2\n"
    assert complaints(b"LAB-GUEST READY\n" + ticks + b"LAB-GUEST READY\n" + ticks) == []
    assert lives(ticks + b"tick 4 mono=4\n")[0].lost == (3,)
    assert lives(ticks + ticks)[0].repeated == (1,)
    assert "disk Input/output error" in complaints(ticks + b"disk write 7: Input/output error\n")[0]
    assert complaints(ticks + b"disk write 7: Input/output error[    5.2] reboot: Restarting system\n") == []
    assert lives(ticks + b"Kernel panic - not syncing\n")[0].panicked


def test_a_disk_shows_the_write_that_it_did_not_get(tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    blocks = 9
    image.write_bytes(bytes(blocks * BLOCK))

    def write(number: int, block: int) -> None:
        with image.open("r+b") as file:
            file.seek(block * BLOCK)
            file.write(b"LABSEQ %d\n" % number)

    for number in range(1, 21):  # goes round twice
        write(number, 1 + number % (blocks - 1))
    write(20, 0)
    assert missing(image) == []
    write(11, 1 + 19 % (blocks - 1))
    assert missing(image) == [19]


def test_a_heartbeat_that_comes_again_is_heard_and_a_reboot_is_none() -> None:
    with Heartbeats("127.0.0.1") as heartbeat, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as guest:
        address, port = heartbeat.argument.removeprefix("hb=").split(":")
        for number in (*range(60), *range(60), 40):
            guest.sendto(f"hb {number} 0".encode(), (address, int(port)))
        wait_until(lambda: heartbeat.heard_twice == (40,), timeout_s=5, what="the packets")


def test_a_guest_that_runs_on_two_hosts_is_seen_as_doubled(lab: Lab) -> None:
    spec = GuestSpec(name="twice")
    guest = lab.guest(spec)
    lab.host("h2").virsh("create /dev/stdin", stdin=domain_xml(spec, lab.layout, 1))
    wait_until(
        lambda: "came again" in " ".join(complaints(guest.console.read_bytes())),
        timeout_s=30,
        what="ticks that come again",
    )
    truth = Oracle(lab, "twice").look()
    assert truth.place is Place.DOUBLED, truth
    assert truth.complaints
