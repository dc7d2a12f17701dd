"""What a plan to grow a disk says: only what has to grow, lowest first, with every size; or why it cannot be.

Forms: sysfs and `multipath -ll` as in test_multipath.py, `lvm fullreport` as in test_lvm.py.
"""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import ActionError
from backends.model.guest import Disk, DiskKind, GuestState
from backends.model.storage import GrowKind, GrowPlan
from backends.probes.storage.images import Image, Images
from backends.probes.storage.lvm import REPORT
from backends.probes.survey.readings import Gap, Reading
from backends.storage.growth.layers import Ground, Stack, ground_of
from backends.storage.growth.plan import draw
from tests.unit.host_files import host
from tests.unit.storage.disks_of_hosts import ISCSI_DISK, VIRTUAL, block_files
from tests.unit.storage.stacks import (
    EXTENT,
    GIB,
    IMAGES,
    MIB,
    group_report,
    lun_files,
    multipath_files,
    on_device,
    on_file,
    on_volume,
)

TOLD, INSIDE = GrowKind.RESIZE_GUEST_DISK, GrowKind.INSIDE_GUEST
USABLE = (10 * GIB - MIB) // EXTENT * EXTENT
OFF = GuestState.OFF


def kinds(plan: GrowPlan) -> list[GrowKind]:
    return [step.kind for step in plan.steps]


def sizes(plan: GrowPlan) -> list[tuple[int | None, int | None]]:
    return [(step.before_bytes, step.after_bytes) for step in plan.steps]


def plan(stack: Stack, size_bytes: int) -> GrowPlan:
    return draw(stack, size_bytes).plan


def changed(stack: Stack, **changes: object) -> Stack:
    return replace(stack, **changes)  # type: ignore[arg-type]  # fields by name


# Images -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image", ["raw", "qcow2"])
def test_qemu_grows_the_image_of_a_running_guest_and_tells_it_in_one_step(image: str) -> None:
    found = plan(on_file(image=image), 20 * GIB)
    assert kinds(found) == [TOLD, INSIDE]
    assert sizes(found) == [(10 * GIB, 20 * GIB)] * 2
    assert found.steps[0].command == f"virsh -c qemu+ssh://root@h1/system blockresize web vda {20 * GIB}B"
    assert (found.steps[0].online, found.steps[1].ours, found.doubts) == (True, False, ())


def test_the_image_of_a_guest_that_is_off_is_grown_by_qemu_img_with_its_path_quoted() -> None:
    found = plan(on_file(state=OFF, path="/srv/it's mine/web.img"), 20 * GIB)
    assert kinds(found) == [GrowKind.RESIZE_IMAGE, INSIDE]
    login, command = found.steps[0].command.split(" ", 2)[:2], shlex.split(found.steps[0].command)[-1]
    assert login == ["ssh", "root@h1"]
    assert shlex.split(command) == [
        *("qemu-img", "resize", "-q", "-f", "qcow2", "--"),
        *("/srv/it's mine/web.img", str(20 * GIB)),
    ]
    assert not found.steps[0].online
    assert any("is off" in doubt for doubt in found.doubts)


def test_an_image_that_this_account_may_not_write_is_grown_by_libvirt_or_not_at_all() -> None:
    locked = on_file(state=OFF, may_write=False)
    refused = plan(locked, 20 * GIB)
    assert "may not write" in refused.refused
    assert "root" in refused.hint
    found = plan(replace(locked, volume=("pool-uuid", "web.img")), 20 * GIB)
    assert kinds(found) == [GrowKind.RESIZE_VOLUME, INSIDE]
    assert f"vol-resize --pool pool-uuid web.img {20 * GIB}B" in found.steps[0].command


@pytest.mark.parametrize("asked", [0, 1, 10 * GIB - 512, 10 * GIB - 511, 10 * GIB, 1 << 70])
def test_a_disk_is_never_made_smaller_nor_left_as_it_is_nor_absurdly_large(asked: int) -> None:
    found = plan(on_file(), asked)
    assert found.refused
    assert found.steps == ()


def test_a_size_between_two_sectors_is_rounded_up_and_that_is_told() -> None:
    found = plan(on_file(), 20 * GIB + 1)
    assert found.after_bytes == 20 * GIB + 512
    assert any("rounded up" in doubt for doubt in found.doubts)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"is_moving": True}, "being moved"),
        ({"job": "backup"}, "backup"),
        ({"state": GuestState.UNKNOWN}, "not known whether"),
        ({"overlays_of": ("web-2",)}, "web-2"),
        ({"disk": Disk("vda", DiskKind.FILE, "/a", format="vmdk", path="/a")}, "vmdk"),
        ({"disk": Disk("vda", DiskKind.FILE, "/a", path="/a", read_only=True)}, "read-only"),
        ({"disk": Disk("sda", DiskKind.FILE, "/a", path="/a", device="cdrom")}, "cdrom"),
        ({"images": Images((Image("/a", "qcow2", 10 * GIB, snapshots=("monday",)),))}, "monday"),
        ({"images": Images((Image("/a", "qcow2", 10 * GIB, corrupt=True),))}, "damaged"),
        ({"guest": on_file().guest._replace(driver="test")}, "test"),
    ],
)
def test_what_would_do_harm_or_cannot_be_is_refused(changes: dict[str, object], word: str) -> None:
    found = plan(changed(on_file(), **changes), 20 * GIB)
    assert word in found.refused
    assert found.steps == ()


def test_a_folder_that_is_mounted_read_only_is_refused() -> None:
    assert "read-only" in plan(on_file(mounted="ro,relatime"), 20 * GIB).refused


def test_a_full_image_must_find_room_and_a_sparse_one_need_not() -> None:
    full = plan(on_file(image="raw", taken=10 * GIB, free=5 * GIB), 20 * GIB)
    assert "10.0 GiB more" in full.refused
    assert "5.0 GiB" in full.refused
    sparse = plan(on_file(image="raw", taken=8 * GIB, free=5 * GIB), 20 * GIB)
    assert not sparse.refused
    assert any("12.0 GiB more" in doubt and "paused" in doubt for doubt in sparse.doubts)


def test_room_that_is_just_enough_is_enough() -> None:
    assert plan(on_file(image="raw", taken=10 * GIB, free=10 * GIB), 20 * GIB).doubts == ()
    assert plan(on_file(image="raw", taken=8 * GIB, free=12 * GIB), 20 * GIB).doubts == ()
    assert plan(on_file(image="raw", taken=8 * GIB, free=12 * GIB), 20 * GIB + 4096).doubts


def test_a_volume_of_a_pool_grows_as_the_file_that_it_is_and_not_where_libvirt_does_not_tell_the_path() -> (
    None
):
    disk = Disk("vda", DiskKind.VOLUME, "default/web.img", format="qcow2")
    assert kinds(plan(on_file(disk=disk), 20 * GIB)) == [TOLD, INSIDE]
    lost = on_file(
        disk=disk, path="", images=Images(), ground=Ground(None, "libvirt does not tell where it is")
    )
    assert plan(lost, 20 * GIB).refused == "libvirt does not tell where it is"
    assert "not known what" in plan(changed(lost, ground=Ground()), 20 * GIB).refused


def test_what_is_not_known_of_the_room_or_the_image_is_a_doubt_and_no_guess() -> None:
    silent = plan(on_file(free=None), 20 * GIB)
    assert not silent.refused
    assert any("not known whether there is room" in doubt for doubt in silent.doubts)
    by_libvirt = on_file(images=Images((), "reached by libvirt alone"))
    blind = plan(by_libvirt, 20 * GIB)
    assert kinds(blind) == [TOLD, INSIDE]
    assert any("reached by libvirt alone" in doubt for doubt in blind.doubts)


def test_other_guests_of_the_same_disk_are_told_of() -> None:
    found = plan(on_file(shared_with=("web-2",)), 20 * GIB)
    assert any(doubt.startswith("web-2 will see") for doubt in found.doubts)


def test_a_disk_of_unknown_size_is_an_error_that_says_so() -> None:
    with pytest.raises(ActionError, match="not known how large") as raised:
        draw(on_file(virtual_bytes=None, images=Images((), "gone")), 20 * GIB)
    assert raised.value.hint == "gone"
    with pytest.raises(ActionError) as raised:
        draw(changed(network("iscsi:iqn/1@10.0.0.1"), virtual_bytes=None, ground=Ground()), 20 * GIB)
    assert "while the guest runs" in raised.value.hint


# Logical volumes --------------------------------------------------------------------------------------


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


# Devices and networks ---------------------------------------------------------------------------------


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


def network(source: str, **changes: object) -> Stack:
    disk = Disk("vda", DiskKind.NETWORK, source)
    return changed(on_file(disk=disk, path="", images=Images()), **changes)


def test_a_lun_that_qemu_opens_by_itself_needs_no_rescan_of_the_host() -> None:
    found = plan(network("iscsi:iqn.2026-11.lab:disks/1@10.0.0.10:3260"), 20 * GIB)
    assert kinds(found) == [GrowKind.GROW_LUN, TOLD, INSIDE]
    assert "10.0 GiB more" in found.steps[0].words


def test_qemu_grows_an_rbd_image_and_cannot_grow_an_nbd_export() -> None:
    assert kinds(plan(network("rbd:pool/web@10.0.0.1"), 20 * GIB)) == [TOLD, INSIDE]
    assert "only while" in plan(network("rbd:pool/web@10.0.0.1", state=OFF), 20 * GIB).refused
    assert "nbd" in plan(network("nbd:web@10.0.0.1"), 20 * GIB).refused


def test_what_a_host_calls_an_image_is_safe_to_show_and_to_copy() -> None:
    path = f"{IMAGES}/a\x1b[2J'; reboot"
    found = plan(
        on_file(state=OFF, path=path, disk=Disk("vda;reboot", DiskKind.FILE, "a", format="raw", path=path)),
        20 * GIB,
    )
    assert all(step.command.isprintable() for step in found.steps)
    resize, guest = (shlex.split(step.command) for step in found.steps)
    assert "; reboot" in shlex.split(resize[-1])[-2], "one word of the command"
    assert guest[1] == "/dev/vda;reboot"


# All of them ------------------------------------------------------------------------------------------

STACKS = (
    on_file(),
    on_file(image="raw", taken=10 * GIB, state=OFF),
    on_volume(group_report(), lun_files(10 * GIB), virtual_bytes=USABLE - 2 * GIB),
    on_volume(group_report(free=0), lun_files(12 * GIB), virtual_bytes=USABLE),
    on_volume(
        group_report(device="/dev/mapper/mpatha"),
        multipath_files(10 * GIB, 10 * GIB),
        virtual_bytes=USABLE - 2 * GIB,
    ),
    on_device("/dev/sdb", lun_files(10 * GIB), virtual_bytes=10 * GIB),
    network("iscsi:iqn.2026-11.lab:disks/1@10.0.0.10:3260"),
)


@given(st.sampled_from(STACKS), st.integers(0, 1 << 50))
def test_every_plan_grows_all_that_it_touches_and_gives_what_was_asked_for(stack: Stack, asked: int) -> None:
    found = plan(stack, asked)
    if found.refused:
        assert found.steps == ()
        return
    assert found.after_bytes >= asked > found.before_bytes
    assert found.after_bytes % 512 == 0
    for step in found.steps:
        assert step.before_bytes is not None and step.after_bytes is not None
        assert step.after_bytes > step.before_bytes
        assert step.words
        assert shlex.split(step.command)
    assert found.steps[-1].kind is INSIDE
