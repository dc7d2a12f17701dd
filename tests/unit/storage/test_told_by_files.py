"""One host's answers, read by whoever knows each kind: what lies on what, and what the answers would not show."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from backends.model.posture import Severity
from backends.model.storage import Access, StorageKind
from backends.probes.storage import lockers, lvm
from backends.probes.storage.mounts import MOUNTINFO, PROC_MOUNTS
from backends.probes.survey.readings import Gap, Reading, Readings
from backends.storage.by_files import told_by_files
from backends.storage.told import HostTold
from tests.unit.host_files import host
from tests.unit.storage.disks_of_hosts import ISCSI_DISK, block_files, broken
from tests.unit.storage.stacks import group_report
from tests.unit.storage.told_hosts import H1, H2, ROOT, file_disk, guest, put_together, row

WWID = "naa.60014051234567890abcdef123456789"
UUID = "3c5a2d10-8f65-4c9e-9f3e-0a1b2c3d4e5f"
DISK = block_files(
    "sdb/size:2097152",
    "sdb/ro:0",
    f"sdb/device/wwid:{WWID}",
    links=[f"sdb -> {ISCSI_DISK}/sdb"],
    uuid=[f"{UUID} -> ../../sdb"],
)
MOUNTED = "41 22 8:16 / /srv rw,relatime - ext4 /dev/sdb rw"
GFS2 = "42 22 253:3 / /gfs rw,relatime - gfs2 /dev/mapper/shared rw"


def files(*lines: str, **more: str | Reading) -> Readings:
    return host({MOUNTINFO: "\n".join((ROOT, *lines)), **DISK, **more})


def told(where: str, readings: Readings) -> HostTold:
    found = told_by_files(readings)
    name = H1 if where == "h1" else H2
    web = guest(name, f"web-{where}", file_disk("/srv/web.img"))
    return HostTold(
        name, found.seen, found.mounted, found.devices, guests=(web,), images=found.images, blind=found.blind
    )


def test_ext4_from_one_disk_on_two_hosts_is_one_row_with_the_danger_named() -> None:
    found = put_together(told("h1", files(MOUNTED)), told("h2", files(MOUNTED.replace("8:16", "8:32"))))
    storage = row(found, StorageKind.FILE_SYSTEM, UUID)
    assert storage.seen_by == (H1, H2)
    worst = {finding.id for finding in storage.findings if finding.severity is Severity.HIGH}
    assert worst == {"storage.mounted-twice", "storage.two-writers"}
    assert len(storage.disks) == 2


def test_lockspaces_stand_with_the_group_that_they_are_of_and_with_what_their_leases_lie_on() -> None:
    uuid = "gkV1Gf-bL5k-o5cS-1NTQ-n1CJ-QmAY-3ck21A"
    answers = {
        lvm.REPORT.name: group_report(),
        lockers.LVMLOCKD.name: f"VG vg lock_type=sanlock {uuid}\nLS sanlock lvm_vg\n",
        lockers.SANLOCK.name: (
            "daemon one\ns lvm_vg:7:/dev/mapper/vg-lvmlock:0\ns __LIBVIRT__DISKS__:7:/srv/__LIBVIRT__DISKS__:0"
        ),
    }
    by_key = {each.key: each.options for each in told_by_files(files(MOUNTED, **answers)).seen}
    assert by_key[uuid][-1] == "sanlock lockspace lvm_vg as host 7"
    assert by_key["/dev/sdb"] == ("ext4", "sanlock lockspace __LIBVIRT__DISKS__ as host 7")
    assert sum("lockspace" in word for words in by_key.values() for word in words) == 2


def test_ext4_from_a_disk_that_only_one_host_has_is_its_own() -> None:
    other = host({MOUNTINFO: "\n".join((ROOT, MOUNTED))})
    found = put_together(told("h1", files(MOUNTED)), told("h2", other))
    mine = [each for each in found.storages if each.id.kind is StorageKind.FILE_SYSTEM]
    assert {each.id.key for each in mine} == {"h1:/dev/sdb", "h2:/dev/sdb"}


def test_what_lvm_would_tell_to_root_alone_is_not_known_rather_than_not_there() -> None:
    denied = Reading(gap=Gap.DENIED, said="permission denied")
    blind = told_by_files(files(**{lvm.REPORT.name: denied})).blind
    assert "root" in blind[StorageKind.LVM]
    assert StorageKind.NFS not in blind


def test_a_cluster_file_system_whose_name_may_not_be_read_leaves_open_which_one_it_is() -> None:
    blind = told_by_files(files(GFS2)).blind
    assert "log in as root" in blind[StorageKind.GFS2]


def test_without_a_table_of_mounts_nothing_is_said_of_what_is_mounted() -> None:
    denied = Reading(gap=Gap.DENIED)
    blind = told_by_files(host({MOUNTINFO: denied, PROC_MOUNTS: denied})).blind
    assert blind[StorageKind.NFS]
    assert blind[StorageKind.GLUSTER]


@given(broken(ROOT + "\n" + MOUNTED + "\n" + GFS2), broken(*map(str, DISK.values())))
def test_broken_answers_are_read_as_far_as_they_go(table: str, disks: str) -> None:
    readings = host({MOUNTINFO: table, **dict.fromkeys(DISK, disks)})
    host_told = replace(told("h1", readings), blind={})
    for storage in put_together(host_told).storages:
        assert set(storage.sightings) == {H1}
        assert storage.sightings[H1].access in Access


@given(st.binary(max_size=200))
def test_any_bytes_are_no_crash(raw: bytes) -> None:
    text = raw.decode(errors="replace")
    put_together(told("h1", host({MOUNTINFO: text, lvm.REPORT.name: text, **dict.fromkeys(DISK, text)})))
