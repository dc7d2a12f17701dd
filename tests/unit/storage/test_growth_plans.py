"""What a plan to grow a disk says: only what has to grow, lowest first, with every size; or why it cannot be.

Here of images, and what holds for all plans; test_growth_of_volumes.py and test_growth_of_devices.py have the rest.
"""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import ActionError
from backends.model.guest import Disk, DiskKind, GuestState
from backends.model.storage import GrowKind
from backends.probes.storage.images import Image, Images
from backends.storage.growth.layers import Ground, Stack
from backends.storage.growth.plan import draw
from tests.unit.storage.plans import INSIDE, OFF, TOLD, USABLE, changed, kinds, network, plan, sizes
from tests.unit.storage.stacks import (
    GIB,
    IMAGES,
    group_report,
    lun_files,
    multipath_files,
    on_device,
    on_file,
    on_volume,
)

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
