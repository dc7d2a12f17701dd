"""Disks and what is made of them.

Forms: sysfs as Documentation/ABI/testing/sysfs-block and sysfs-block-dm name it, WWIDs as the kernel's scsi_lib.c
(scsi_vpd_lun_id) and drivers/nvme/host/sysfs.c write them, links as systemd's 60-persistent-storage.rules makes them.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.model.storage import Access, Health, StorageKind
from backends.probes.storage import block, wwid
from backends.probes.survey.readings import Readings
from tests.unit.host_files import DENIED, any_host, host
from tests.unit.storage.disks_of_hosts import (
    FC_DISK,
    ISCSI_DISK,
    NVME_DISK,
    SATA_DISK,
    VIRTUAL,
    broken,
    devices,
    is_presentable,
)

LIO = "naa.600140596d07f59676146fe9ebe4aed6"
SATA = ("sda/size:1000215216", "sda/ro:0", "sda/removable:0", "sda/device/wwid:naa.5000c500a1b2c3d4")
SATA_LINK = f"sda -> {SATA_DISK}/sda"


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("naa.600140596d07f59676146fe9ebe4aed6", LIO),
        ("3600140596D07F59676146FE9EBE4AED6", LIO),
        ("0x600140596d07f59676146fe9ebe4aed6", LIO),
        ("8naa.600140596d07f59676146fe9ebe4aed6", LIO),
        ("35000c500a1b2c3d4", "naa.5000c500a1b2c3d4"),
        ("eui.0025385b71b05cd3", "eui.0025385b71b05cd3"),
        ("20025385b71b05cd3", "eui.0025385b71b05cd3"),
        ("uuid.AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee", "uuid.aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"),
        (
            "t10.ATA     ST1000DM010-2EP102                      Z9ABCDEF",
            "t10.ATA_ST1000DM010-2EP102_Z9ABCDEF",
        ),
        ("1ATA_ST1000DM010-2EP102_Z9ABCDEF", "t10.ATA_ST1000DM010-2EP102_Z9ABCDEF"),
        ("nvme.8086-4254-494e54454c-00000001", "nvme.8086-4254-494e54454c-00000001"),
        ("", ""),
        ("3", ""),
        ("36", ""),
        ("SATA_disk", ""),
        ("naa.", ""),
        ("naa." + "6" * 5000, ""),
    ],
)
def test_the_same_disk_has_one_name_however_it_is_told(told: str, name: str) -> None:
    assert wwid.canonical(told) == name


@pytest.mark.parametrize(
    ("link", "name"),
    [
        ("wwn-0x600140596d07f59676146fe9ebe4aed6", LIO),
        ("scsi-3600140596d07f59676146fe9ebe4aed6-part1", LIO),
        ("dm-uuid-mpath-3600140596d07f59676146fe9ebe4aed6", LIO),
        ("nvme-eui.0025385b71b05cd3", "eui.0025385b71b05cd3"),
        ("scsi-SLIO-ORG_disk_96d07f59", ""),
        ("nvme-Samsung_SSD_970_EVO_S4EWNX0N", ""),
        ("ata-WDC_WD40EFRX-68N32N0_WD-WCC7K1", ""),
        ("dm-name-mpatha", ""),
    ],
)
def test_a_link_tells_the_name_where_it_holds_one(link: str, name: str) -> None:
    assert wwid.of_link(link) == name


@pytest.mark.parametrize(
    "name",
    [
        "naa.60000000000000000e00000000010001",  # tgt's first LUN, on every machine that runs tgt
        "t10.IET_00010001",
        "t10.ATA_QEMU_HARDDISK_QM00001",
        "t10.ATA_VMware_Virtual_IDE_Hard_Drive_00000000000000000001",
        "nvme.1b36-6465616462656566-51454d55204e564d65204374726c-00000001",
        "naa.33333330000007d0",  # scsi_debug
        "naa.0000000000000000",
        "",
    ],
)
def test_what_makers_leave_in_place_of_a_name_never_makes_two_disks_one(name: str) -> None:
    assert not wwid.is_unique(name)
    assert wwid.aliases(name) == frozenset()


def test_a_local_disk_is_known_by_its_wwid() -> None:
    (seen,) = block.seen(
        devices(*SATA, "sda/device/vendor:ATA", "sda/device/state:running", links=[SATA_LINK])
    )
    assert (seen.kind, seen.key) == (StorageKind.BLOCK, "naa.5000c500a1b2c3d4")
    assert seen.aliases == {"wwid:naa.5000c500a1b2c3d4"}
    assert (seen.access, seen.health, seen.capacity_bytes) == (
        Access.READ_WRITE,
        Health.GOOD,
        1000215216 * 512,
    )
    assert seen.way is not None
    assert (seen.way.words, seen.way.path) == ("/dev/sda", "/dev/sda")
    assert not seen.is_own


def test_udev_tells_the_wwid_where_the_kernel_is_too_old_to() -> None:
    found = devices("sda/size:8", links=[SATA_LINK], id=["wwn-0x5000c500a1b2c3d4 -> ../../sda"])
    assert found.by_name["sda"].wwid == "naa.5000c500a1b2c3d4"


def test_a_disk_of_qemu_s_is_the_host_s_own_whatever_its_serial_number_says() -> None:
    """As on a host that is itself a guest: many have the same serial number, and each is another disk."""
    (seen,) = block.seen(
        devices("vda/size:536870912", "vda/ro:0", "vda/serial:disk0", "vda/device/vendor:0x1af4")
    )
    assert seen.is_own
    assert (seen.key, seen.label, seen.aliases) == ("/dev/vda", "/dev/vda", frozenset())
    assert seen.detail == "serial number disk0"


def test_an_nvme_disk_is_known_by_its_wwid_and_by_model_and_serial_number() -> None:
    (seen,) = block.seen(
        devices(
            "nvme0n1/size:2000409264",
            "nvme0n1/wwid:eui.0025385b71b05cd3",
            "nvme0n1/device/model:Samsung SSD 970 EVO 1TB                 ",
            "nvme0n1/device/serial:S5H9NS0N",
            "nvme0n1/device/state:live",
            "nvme0c0n1/size:2000409264",
            links=[f"nvme0n1 -> {NVME_DISK}/nvme0n1"],
        )
    )
    assert seen.aliases == {"wwid:eui.0025385b71b05cd3", "serial:Samsung SSD 970 EVO 1TB/S5H9NS0N"}
    assert seen.health is Health.GOOD


def test_what_is_no_disk_of_its_own_is_not_told_as_one() -> None:
    found = devices(
        *(
            f"{name}/size:8"
            for name in ("sda1", "loop0", "dm-0", "md0", "sr0", "zram0", "drbd0", "nbd0", "ram0")
        ),
        "sda1/partition:1",
        "sdb/size:0",
        "sdc/size:8",
        "sdc/removable:1",
        "sdd/size:8",
        "sde/size:8",
        links=[
            f"sda1 -> {SATA_DISK}/sda/sda1",
            f"sdd -> {ISCSI_DISK}/sdd",
            f"sde -> {FC_DISK}/sde",
        ],
    )
    assert block.seen(found) == ()


def test_a_disk_that_the_kernel_has_given_up_is_broken_and_a_write_protected_one_is_read_only() -> None:
    (seen,) = block.seen(devices(SATA[0], SATA[2], SATA[3], "sda/ro:1", "sda/device/state:transport-offline"))
    assert (seen.health, seen.detail, seen.access) == (Health.BROKEN, "transport-offline", Access.READ_ONLY)


STACK = (
    *SATA,
    "sda2/size:4096",
    "sda2/partition:2",
    "dm-0/size:2048",
    "dm-0/dm/name:vg--fast-lv_root",
    "dm-0/dm/uuid:LVM-gkV1GfbL5ko5cS1NTQn1CJQmAY3ck21AXjexG5Ok7VAjWoDtAxY4xNuFctcBtZxT",
    "dm-1/size:2048",
    "dm-1/dm/name:mpatha",
    f"dm-1/dm/uuid:mpath-3{LIO.removeprefix('naa.')}",
    "sdd/size:2048",
    f"sdd/device/wwid:{LIO}",
)
STACK_LINKS = (
    SATA_LINK,
    f"sda2 -> {SATA_DISK}/sda/sda2",
    f"dm-0 -> {VIRTUAL}/dm-0",
    f"sdd -> {ISCSI_DISK}/sdd",
)


def test_a_volume_lies_on_its_group_and_a_partition_on_its_disk() -> None:
    found = devices(*STACK, links=STACK_LINKS, slaves=["dm-0/slaves/sda2", "dm-1/slaves/sdd"])
    assert [each.name for each in found.below("dm-0")] == ["dm-0", "sda2", "sda"]
    assert found.by_name["dm-0"].vg_uuid == "gkV1Gf-bL5k-o5cS-1NTQ-n1CJ-QmAY-3ck21A"
    assert found.aliases("/dev/vg-fast/lv_root") == {"vg:gkV1Gf-bL5k-o5cS-1NTQ-n1CJ-QmAY-3ck21A"}
    assert found.aliases("/dev/sda2") == {"wwid:naa.5000c500a1b2c3d4"}
    assert found.aliases("/dev/mapper/mpatha") == {f"wwid:{LIO}"}
    assert found.aliases("/dev/nothing") == frozenset()


@pytest.mark.parametrize(
    "path",
    [
        "/dev/dm-0",
        "/dev/mapper/vg--fast-lv_root",
        "/dev/vg-fast/lv_root",
        "/dev/disk/by-uuid/9b2c-77",
        "dm-0",
    ],
)
def test_a_device_is_found_by_all_its_paths(path: str) -> None:
    found = devices(*STACK, links=STACK_LINKS, uuid=["9b2c-77 -> ../../dm-0"])
    device = found.find(path)
    assert device is not None
    assert (device.name, device.fs_uuids) == ("dm-0", ("9b2c-77",))


def test_devices_that_are_made_of_each_other_do_not_hang() -> None:
    found = devices("dm-0/size:8", "dm-1/size:8", slaves=["dm-0/slaves/dm-1", "dm-1/slaves/dm-0"])
    assert {each.name for each in found.below("dm-0")} == {"dm-0", "dm-1"}


def test_devices_that_are_named_again_and_again_do_not_hang() -> None:
    names = [f"dm-{n}" for n in range(20)]
    slaves = [f"{a}/slaves/{b}" for a, b in pairwise(names) for _ in range(50)]
    found = devices(*(f"{name}/size:8" for name in names), slaves=slaves)
    assert [each.name for each in found.below("dm-0")] == names[:16]


def test_a_lun_behind_iscsi_is_named_by_its_target_too() -> None:
    found = block.read(
        host(
            {
                block.CLASS: "sdd/size:2048",
                block.LINKS: f"sdd -> {ISCSI_DISK}/sdd",
                block.SESSIONS: "session1/targetname:iqn.2026-11.lab:disks",
            }
        )
    )
    assert found.aliases("/dev/sdd") == {"iqn:iqn.2026-11.lab:disks/1"}


def test_luns_above_255_are_counted_as_people_do() -> None:
    """The kernel counts them in SAM's flat addressing: 16640 is LUN 256."""
    far = ISCSI_DISK.replace("3:0:0:1", "3:0:0:16640")
    assert devices("sdd/size:8", links=[f"sdd -> {far}/sdd"]).by_name["sdd"].lun == 256


def test_a_host_that_does_not_tell_leaves_the_reason() -> None:
    found = block.read(host({block.CLASS: DENIED}))
    assert (dict(found.by_name), found.trouble) == ({}, "permission denied")
    assert found.mend


@given(broken("\n".join(STACK)), broken("\n".join(STACK_LINKS)), broken("dm-0/slaves/sda2\ndm-1/slaves/sdd"))
def test_broken_forms_are_never_a_crash(attributes: str, links: str, slaves: str) -> None:
    found = devices(attributes, links=[links], slaves=[slaves], id=[links])
    assert all(is_presentable(seen) for seen in block.seen(found))
    for name in found.by_name:
        found.below(name)
        found.aliases(name)


@given(any_host(block.CLASS, block.LINKS, block.SLAVES, block.BY_ID, block.SESSIONS))
def test_any_bytes_are_never_a_crash(readings: Readings) -> None:
    assert all(is_presentable(seen) for seen in block.seen(block.read(readings)))


@given(st.text(max_size=60))
def test_a_name_that_is_clean_stays_what_it_is(text: str) -> None:
    name = wwid.canonical(text)
    assert not name or wwid.canonical(name) == name
