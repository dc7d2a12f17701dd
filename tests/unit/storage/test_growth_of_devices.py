"""How a disk that is a whole device, or that QEMU reaches over a network, grows; or the way to go if it cannot.

Forms: sysfs as in test_multipath.py.
"""

from __future__ import annotations

import pytest

from backends.model.storage import GrowKind
from backends.probes.survey.readings import Reading
from tests.unit.storage.disks_of_hosts import ISCSI_DISK, VIRTUAL, block_files
from tests.unit.storage.plans import INSIDE, OFF, TOLD, kinds, network, plan
from tests.unit.storage.stacks import GIB, lun_files, on_device


def lone(name: str, where: str, *attributes: str) -> dict[str, str | Reading]:
    """A host with one device of 4 KiB."""
    return block_files(
        f"{name}/size:8", *(f"{name}/{each}" for each in attributes), links=[f"{name} -> {where}"]
    )


def test_a_lun_that_is_the_disk_itself_grows_by_a_rescan() -> None:
    found = plan(on_device("/dev/sdb", lun_files(10 * GIB), virtual_bytes=10 * GIB), 20 * GIB)
    assert kinds(found) == [GrowKind.GROW_LUN, GrowKind.RESCAN_LUN, TOLD, INSIDE]
    grown = plan(on_device("/dev/sdb", lun_files(25 * GIB), virtual_bytes=10 * GIB), 20 * GIB)
    assert kinds(grown) == [TOLD, INSIDE]
    assert grown.after_bytes == 25 * GIB
    assert any("whole device" in doubt for doubt in grown.doubts)


@pytest.mark.parametrize(
    ("path", "files", "word"),
    [
        ("/dev/sdb1", lone("sdb1", f"{ISCSI_DISK}/sdb/sdb1", "partition:1"), "partition"),
        ("/dev/loop3", lone("loop3", f"{VIRTUAL}/loop3"), "losetup"),
        ("/dev/md0", lone("md0", f"{VIRTUAL}/md0"), "mdadm"),
        ("/dev/vdb", lone("vdb", "../../devices/virtio1/block/vdb"), "own"),
        (
            "/dev/dm-1",
            lone("dm-1", f"{VIRTUAL}/dm-1", "dm/name:luks", "dm/uuid:CRYPT-LUKS2-ab-luks"),
            "device-mapper",
        ),
    ],
)
def test_a_device_that_has_no_more_is_refused_with_the_way_to_go(
    path: str, files: dict[str, str | Reading], word: str
) -> None:
    found = plan(on_device(path, files, virtual_bytes=4096), GIB)
    assert word in f"{found.refused} {found.hint}"


def test_a_lun_that_qemu_opens_by_itself_needs_no_rescan_of_the_host() -> None:
    found = plan(network("iscsi:iqn.2026-11.lab:disks/1@10.0.0.10:3260"), 20 * GIB)
    assert kinds(found) == [GrowKind.GROW_LUN, TOLD, INSIDE]
    assert "10.0 GiB more" in found.steps[0].words


def test_qemu_grows_an_rbd_image_and_cannot_grow_an_nbd_export() -> None:
    assert kinds(plan(network("rbd:pool/web@10.0.0.1"), 20 * GIB)) == [TOLD, INSIDE]
    assert "only while" in plan(network("rbd:pool/web@10.0.0.1", state=OFF), 20 * GIB).refused
    assert "nbd" in plan(network("nbd:web@10.0.0.1"), 20 * GIB).refused
