"""A move that copies disks, and there is something wrong with the place where they go."""

from __future__ import annotations

from backends.lab.guest_xml import Disk
from tests.faults.disk import missing
from tests.faults.scene import Scene
from tests.faults.test_refusals import refused

COPYING = ("--copy-disks", "--bandwidth", "16")
IMAGES = "/var/lib/libvirt/images"
FILLED_KIB_S = 2048


def test_a_disk_that_is_copied_has_every_write(scene: Scene) -> None:
    guest = scene.guest("packed", disk=Disk.LOCAL, write_kib_s=FILLED_KIB_S)
    with scene.move("packed", "--copy-disks", "--bandwidth", "64") as program:
        end = scene.end(program, "packed")
    assert end.verdict == "succeeded", program.transcript()
    scene.lives(guest, "h2")
    image = scene.lab.layout.node("h2") / "var/lib/libvirt/images/packed.img"
    assert missing(image) == []


def test_a_destination_that_runs_out_of_room_leaves_the_guest_and_nothing_unnamed(scene: Scene) -> None:
    guest = scene.guest("bulky", disk=Disk.LOCAL, write_kib_s=FILLED_KIB_S)
    h2 = scene.lab.host("h2")
    h2.faults.shrink_images(96)
    with guest.watch() as ticks:
        ticks.wait_for_more(40)  # so that there is something to copy
    end = scene.after("bulky", h2.faults.fill_images, *COPYING)
    assert end.verdict == "failed"
    scene.lives(guest, "h1")
    left = h2.exec("ls", IMAGES).stdout.split()
    assert left == ["filler"] or "bulky.img" in end.words, left


def test_a_smaller_image_on_the_destination_is_refused_by_its_size(scene: Scene) -> None:
    scene.guest("snug", disk=Disk.LOCAL)
    scene.lab.host("h2").exec("truncate", "-s", "32M", f"{IMAGES}/snug.img")
    with refused(scene, "snug", *COPYING) as found:
        assert any("MiB" in check["evidence"] for check in found.values()), found
    assert scene.lab.host("h2").exec("stat", "-c", "%s", f"{IMAGES}/snug.img").stdout.strip() == str(
        32 * 2**20
    )
