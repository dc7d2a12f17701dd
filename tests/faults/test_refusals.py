"""Faults that are there before the first byte: refused by their own check, and nothing is touched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from backends.lab.guest_xml import Disk
from backends.lab.lab import Lab
from backends.lab.overlay import overlay_in_use
from tests.faults.moving import Event, Program
from tests.faults.oracle import Place
from tests.faults.scene import Scene

OTHER = (
    "<domain type='qemu'><name>{name}</name>{uuid}<memory unit='MiB'>64</memory><vcpu>1</vcpu>"
    "<os><type arch='x86_64'>hvm</type></os></domain>"
)


def refusals(program: Program) -> dict[str, Event]:
    """The checks that refused it, by their id."""
    return {
        event["id"]: event
        for event in program.events
        if event["event"] == "check" and event["verdict"] == "refuse"
    }


@contextmanager
def refused(scene: Scene, name: str, *options: str) -> Iterator[dict[str, Event]]:
    """A move that must be refused, by checks that have evidence; the guest runs on."""
    with scene.move(name, *options) as program:
        end = scene.end(program, name)
    assert end.verdict == "refused", program.transcript()
    assert end.truth.host == "h1"
    found = refusals(program)
    assert all(check["evidence"] for check in found.values())
    yield found


@pytest.mark.parametrize("taken", ["name", "uuid"])
def test_a_taken_name_or_uuid_is_a_conflict_and_the_other_guest_is_untouched(
    scene: Scene, taken: str
) -> None:
    scene.guest("twin")
    uuid = scene.lab.host("h1").virsh("domuuid twin")
    xml = (
        OTHER.format(name="twin", uuid="")
        if taken == "name"
        else OTHER.format(name="other", uuid=f"<uuid>{uuid}</uuid>")
    )
    scene.lab.host("h2").virsh("define /dev/stdin", stdin=xml)
    before = scene.lab.host("h2").guests()
    with scene.move("twin") as program:
        outcome = program.outcome()
    assert outcome["verdict"] == "refused", program.transcript()
    assert any(id_.startswith("guest.") for id_ in refusals(program)), program.transcript()
    assert scene.lab.host("h2").guests() == before
    assert scene.lab.host("h1").guests() == {"twin": "running"}


def test_missing_processor_features_are_named(scene: Scene) -> None:
    if not overlay_in_use(scene.lab.layout):
        pytest.skip("the machine's own QEMU is as new as the lab's")
    scene.guest("modern", cpu_features=("sha-ni",))
    scene.lab.crash("h2")
    scene.lab.boot("h2", old_qemu=True)
    with refused(scene, "modern") as found:
        assert any("sha-ni" in check["evidence"] for check in found.values()), found


def test_a_path_that_both_hosts_have_and_do_not_share_is_found_out(scene: Scene) -> None:
    scene.guest("lonely", disk=Disk.LOCAL)
    scene.lab.host("h2").exec("truncate", "-s", "64M", "/var/lib/libvirt/images/lonely.img")
    with refused(scene, "lonely") as found:
        assert "disk.vda.shared" in found


def test_a_guest_that_somebody_else_moves_is_left_to_him(scene: Scene, lab: Lab) -> None:
    guest = scene.guest("theirs")
    script = "virsh migrate --live --p2p --persistent --bandwidth 8 theirs qemu+ssh://root@h2/system >/dev/null 2>&1 &"
    lab.host("h1").exec("sh", "-c", script)
    with scene.move("theirs") as program:
        outcome = program.outcome()
    assert outcome["verdict"] == "refused", program.transcript()
    assert any(id_.startswith("guest.") for id_ in refusals(program))
    lab.host("h1").virsh("domjobabort theirs")
    scene.lives(guest, "h1")


def test_a_guest_that_runs_on_both_hosts_is_alarming_and_nothing_is_done_to_it(scene: Scene) -> None:
    scene.guest("double")
    xml = scene.lab.host("h1").virsh("dumpxml double --inactive")
    scene.lab.host("h2").virsh("create /dev/stdin", stdin=xml)
    with scene.move("double") as program:
        outcome = program.outcome()
    assert outcome["verdict"] == "refused", program.transcript()
    assert scene.look("double").place is Place.DOUBLED
