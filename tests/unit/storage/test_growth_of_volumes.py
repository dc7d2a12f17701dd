"""How a disk on a logical volume grows: the LUN, the device, the group and the volume, as far as each has to.

Forms: sysfs and `multipath -ll` as in test_multipath.py, `lvm fullreport` as in test_lvm.py.
"""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from backends.model.storage import GrowKind
from backends.probes.storage.images import Image, Images
from backends.probes.storage.lvm import REPORT
from backends.probes.survey.readings import Gap, Reading
from backends.storage.growth.layers import ground_of
from tests.unit.host_files import host
from tests.unit.storage.disks_of_hosts import block_files
from tests.unit.storage.plans import INSIDE, OFF, TOLD, USABLE, changed, kinds, plan, sizes
from tests.unit.storage.stacks import (
    EXTENT,
    GIB,
    MIB,
    group_report,
    lun_files,
    multipath_files,
    on_device,
    on_volume,
)


def test_a_group_with_room_only_needs_its_volume_extended_to_whole_extents() -> None:
    stack = on_volume(group_report(), lun_files(10 * GIB), virtual_bytes=USABLE - 2 * GIB)
    found = plan(stack, USABLE - 1 * GIB + 1)
    after = USABLE - 1 * GIB + EXTENT
    assert kinds(found) == [GrowKind.EXTEND_LV, TOLD, INSIDE]
    assert sizes(found) == [(USABLE - 2 * GIB, after)] * 3
    assert found.after_bytes == after
    assert shlex.split(found.steps[0].command)[-1] == f"lvextend -L {after}b vg/web"
    assert any("extents of 4.0 MiB" in doubt for doubt in found.doubts)


def test_a_volume_that_was_extended_already_is_left_out() -> None:
    stack = on_volume(group_report(), lun_files(10 * GIB), virtual_bytes=1 * GIB)
    found = plan(stack, USABLE - 2 * GIB)
    assert kinds(found) == [TOLD, INSIDE]
    assert sizes(found)[0] == (1 * GIB, USABLE - 2 * GIB)


def test_a_guest_that_is_off_needs_no_telling() -> None:
    found = plan(on_volume(group_report(), lun_files(10 * GIB), state=OFF), USABLE)
    assert kinds(found) == [GrowKind.EXTEND_LV, INSIDE]


def test_a_group_without_room_first_takes_what_its_device_has() -> None:
    stack = on_volume(group_report(free=0), lun_files(20 * GIB), virtual_bytes=USABLE)
    found = plan(stack, 15 * GIB)
    grown = (20 * GIB - MIB) // EXTENT * EXTENT
    assert kinds(found) == [GrowKind.RESIZE_PV, GrowKind.EXTEND_LV, TOLD, INSIDE]
    assert sizes(found)[:2] == [(USABLE, grown), (USABLE, 15 * GIB)]
    assert shlex.split(found.steps[0].command)[-1] == "pvresize /dev/sdb"


def test_a_lun_without_more_has_to_grow_on_its_storage_and_the_host_then_follows() -> None:
    stack = on_volume(group_report(), lun_files(10 * GIB), virtual_bytes=USABLE - 2 * GIB)
    found = plan(stack, 20 * GIB)
    assert kinds(found) == [
        *(GrowKind.GROW_LUN, GrowKind.RESCAN_LUN, GrowKind.RESIZE_PV, GrowKind.EXTEND_LV),
        *(TOLD, INSIDE),
    ]
    lun, rescan, physical, volume, *_ = found.steps
    assert (lun.ours, rescan.ours) == (False, True)
    assert lun.before_bytes == 10 * GIB
    assert lun.after_bytes is not None and physical.after_bytes is not None
    assert (lun.after_bytes - MIB) // EXTENT * EXTENT >= physical.after_bytes >= 20 * GIB
    assert "naa.6001405b1629f80d52a4c898f8856e43" in lun.words
    assert shlex.split(rescan.command)[-1] == "echo 1 | tee /sys/class/block/sdb/device/rescan"
    assert volume.after_bytes == 20 * GIB
    assert any("no other host" in doubt for doubt in found.doubts)


def test_what_the_plan_asks_of_a_lun_is_enough_for_it() -> None:
    stack = on_volume(group_report(), lun_files(10 * GIB), virtual_bytes=USABLE - 2 * GIB)
    asked = plan(stack, 20 * GIB).steps[0].after_bytes
    assert asked is not None
    grown = on_volume(group_report(), lun_files(asked), virtual_bytes=USABLE - 2 * GIB)
    assert kinds(plan(grown, 20 * GIB)) == [GrowKind.RESIZE_PV, GrowKind.EXTEND_LV, TOLD, INSIDE]


def test_a_group_on_the_hosts_own_disk_is_told_how_much_it_lacks() -> None:
    own = block_files(f"vdb/size:{10 * GIB // 512}", links=["vdb -> ../../devices/virtio1/block/vdb"])
    found = plan(
        on_volume(group_report(device="/dev/vdb"), own, virtual_bytes=USABLE - 2 * GIB), USABLE + GIB
    )
    assert "lacks 1.0 GiB" in found.refused
    assert "vgextend vg" in found.hint


def test_multipath_takes_the_new_size_before_lvm_does() -> None:
    report = group_report(device="/dev/mapper/mpatha", free=0)
    found = plan(on_volume(report, multipath_files(10 * GIB, 10 * GIB), virtual_bytes=USABLE), 20 * GIB)
    assert kinds(found)[:4] == [
        *(GrowKind.GROW_LUN, GrowKind.RESCAN_LUN, GrowKind.RESIZE_MULTIPATH, GrowKind.RESIZE_PV)
    ]
    rescan, resize = found.steps[1], found.steps[2]
    assert "sdb/device/rescan" in rescan.command
    assert "sdc/device/rescan" in rescan.command
    assert shlex.split(resize.command)[-1] == "multipathd resize map mpatha"
    rescanned = plan(on_volume(report, multipath_files(10 * GIB, 21 * GIB), virtual_bytes=USABLE), 20 * GIB)
    assert kinds(rescanned)[:2] == [GrowKind.RESIZE_MULTIPATH, GrowKind.RESIZE_PV]


@pytest.mark.parametrize(
    ("report", "word"),
    [
        (group_report(vg_attr="wzx-n-"), "exported"),
        (group_report(vg_attr="wz-pn-", vg_missing_pv_count="1"), "missing"),
        (group_report(vg_attr="rz--n-"), "read-only"),
        (group_report(lv={"lv_attr": "-ri-ao----"}), "read-only"),
        (group_report(lv={"lv_attr": "owi-ao----"}), "has snapshots"),
        (group_report(lv={"lv_attr": "swi-ao----"}), "is a snapshot"),
        (group_report(lv={"lv_health_status": "refresh_needed"}), "refresh needed"),
    ],
)
def test_a_volume_that_lvm_would_not_extend_is_refused_before_it_is_tried(report: str, word: str) -> None:
    assert word in plan(on_volume(report, lun_files(10 * GIB), virtual_bytes=GIB), USABLE).refused


def test_a_group_that_may_lie_on_a_copy_of_its_disk_is_left_alone() -> None:
    """LVM says so while it does what it is told (lib/cache/lvmcache.c)."""
    said = "  WARNING: Not using device /dev/sdc for PV ghoqVh-rrBE-wTpi-dmR6-q0g0-dKoz-eveAOU.\n"
    stack = on_volume("", {}, virtual_bytes=GIB)
    files = {**lun_files(10 * GIB), REPORT.name: Reading(group_report(), said=said)}
    found = plan(changed(stack, ground=ground_of("/dev/vg/web", host(files), is_file=False)), USABLE)
    assert "/dev/sdc is a copy" in found.refused and found.steps == ()


@pytest.mark.parametrize("field", ["vg_free", "vg_extent_size"])
def test_a_group_of_which_lvm_does_not_tell_all_is_left_alone(field: str) -> None:
    report = group_report(**{field: ""})  # type: ignore[arg-type]  # a field of the report
    assert "does not tell" in plan(on_volume(report, lun_files(10 * GIB), virtual_bytes=GIB), USABLE).refused


def test_a_group_that_hosts_share_is_a_doubt_with_the_kind_of_its_lock() -> None:
    report = group_report(vg_attr="wz--ns", vg_lock_type="sanlock")
    found = plan(on_volume(report, lun_files(10 * GIB), virtual_bytes=GIB), USABLE)
    assert any("sanlock" in doubt for doubt in found.doubts)


def test_a_thin_volume_is_promised_room_and_the_pool_may_not_keep_it() -> None:
    pool = {
        "lv_name": "pool0",
        "lv_uuid": "XjexG5-Ok7V-AjWo-DtAx-Y4xN-uFct-cBtZxT",
        "lv_attr": "twi-aotz--",
        "lv_size": str(4 * GIB),
        "data_percent": "75.00",
    }
    web = {"lv_attr": "Vwi-aotz--", "pool_lv": "pool0", "lv_size": str(2 * GIB)}
    stack = on_volume(group_report(free=0, lv=web, more=[pool]), lun_files(10 * GIB), virtual_bytes=2 * GIB)
    found = plan(stack, 8 * GIB)
    assert kinds(found) == [GrowKind.EXTEND_LV, TOLD, INSIDE]
    assert any("pool0 has 1.0 GiB left" in doubt for doubt in found.doubts)
    assert not any("pool0" in doubt for doubt in plan(stack, 2 * GIB + 512 * MIB).doubts)


def test_an_account_that_is_not_root_cannot_extend_volumes() -> None:
    found = plan(on_volume(group_report(), lun_files(10 * GIB), virtual_bytes=GIB, is_root=False), USABLE)
    assert "may not change devices" in found.refused
    assert "root" in found.hint


def test_a_qcow2_image_on_a_volume_gets_room_for_its_own_tables_too() -> None:
    stack = on_volume(group_report(), lun_files(10 * GIB), virtual_bytes=7 * GIB)
    disk = replace(stack.disk, format="qcow2")
    image = Images((Image("/dev/vg/web", "qcow2", 7 * GIB, 7 * GIB),))
    found = plan(replace(stack, disk=disk, images=image), 9 * GIB)
    assert kinds(found) == [GrowKind.EXTEND_LV, TOLD, INSIDE]
    assert found.after_bytes == 9 * GIB
    assert found.steps[0].after_bytes is not None
    assert 9 * GIB < found.steps[0].after_bytes < 9 * GIB + 16 * MIB


def test_a_host_whose_lvm_may_not_be_asked_says_what_would_help() -> None:
    files = {
        **block_files(
            f"dm-3/size:{GIB // 512}",
            "dm-3/dm/name:vg-web",
            "dm-3/dm/uuid:LVM-gkV1GfbL5ko5cS1NTQn1CJQmAY3ck21AwQ2T0Ww8zQZHPYAL3YmQBquHCTYrccKE",
        ),
        REPORT.name: Reading(gap=Gap.DENIED, said="lvm: Permission denied"),
    }
    found = plan(on_device("/dev/dm-3", files, virtual_bytes=GIB), 2 * GIB)
    assert found.refused == "/dev/mapper/vg-web: permission denied"
    assert "root" in found.hint
