"""Pools and guests' disks hang under the storage that they use, whichever way leads there."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from backends.hypervisor.disk_usage import DiskUsage
from backends.hypervisor.pool_definitions import Pool, PoolSource, Volume
from backends.model.fleet import FleetState
from backends.model.guest import Disk, DiskKind, Guest, GuestState, Layer
from backends.model.host import HostName
from backends.model.storage import Access, Level, Storage, StorageKind, WayKind
from backends.storage.assembly import assembling
from backends.storage.told import HostTold
from backends.storage.watched import Watched
from tests.unit.storage.disks_of_hosts import ISCSI_DISK, VIRTUAL, devices
from tests.unit.storage.told_hosts import (
    AT,
    GIB,
    GLUSTER,
    H1,
    H2,
    H3,
    ROOT,
    file_disk,
    guest,
    lun_disk,
    put_together,
    row,
    seen,
    told,
)

TARGET = "iqn.2026-11.lab:disks"
ISCSI, LOCAL, SHARED = StorageKind.ISCSI, StorageKind.FILE_SYSTEM, StorageKind.GLUSTER
VG = "S6Yp1eaBcDEfGhIjKlMnOpQrStUvWxYz"
VG_SHOWN = "S6Yp1e-aBcD-EfGh-IjKl-MnOp-QrSt-UvWxYz"


def dir_pool(name: str, path: str, **changes: object) -> Pool:
    usual = Pool("qemu", name, f"uuid-{name}", "dir", active=True, target_path=path)
    return replace(usual, **changes)  # type: ignore[arg-type]


def target_pool(host: str, *luns: int, active: bool = True) -> tuple[Pool, dict[str, Volume]]:
    source = PoolSource(hosts=("10.0.0.10:3260",), devices=(TARGET,), initiator=f"iqn.2026-11.lab:{host}")
    pool = Pool("qemu", "luns", "uuid-luns", "iscsi-direct", active=active, source=source)
    volumes = {f"unit:0:0:{n}": Volume(f"unit:0:0:{n}", "network", GIB, GIB) for n in luns}
    return pool, volumes


def names(storage: Storage) -> list[str]:
    return [f"{use.name}@{use.guest.host}" for use in storage.disks]


def test_a_shared_folder_is_one_row_with_its_pools_and_guests_of_all_hosts() -> None:
    web = guest(H1, "web", file_disk("/srv/shared/images/web.img"))
    mail = guest(H2, "mail", file_disk("/srv/shared/images/mail.img"))
    hosts = [
        replace(told(host, ROOT, GLUSTER, guests=guests), pools=(dir_pool("shared", "/srv/shared/images"),))
        for host, guests in ((H1, [web]), (H2, [mail]))
    ]
    found = row(put_together(*hosts), SHARED, "st:/gv0")
    assert found.seen_by == (H1, H2)
    assert names(found) == ["mail@h2", "web@h1"]
    assert [(pool.host, pool.name) for pool in found.pools] == [(H1, "shared"), (H2, "shared")]
    assert [way.words for way in found.sightings[H1].ways] == ["/srv/shared", "shared"]


def test_the_same_path_that_is_not_shared_is_a_row_for_each_host() -> None:
    """The trap: a guest of h1 would find another file, or none, at the same path on h2."""
    web = guest(H1, "web", file_disk("/var/lib/libvirt/images/web.img"))
    pools = (dir_pool("default", "/var/lib/libvirt/images"),)
    found = put_together(
        replace(told(H1, ROOT, guests=[web]), pools=pools), replace(told(H2, ROOT), pools=pools)
    )
    here, there = row(found, LOCAL, "h1:/dev/sda1"), row(found, LOCAL, "h2:/dev/sda1")
    assert (names(here), names(there)) == (["web@h1"], [])
    assert here.seen_by == (H1,)
    assert here.sightings[H2].access is Access.NOT_SEEN


def test_exports_that_are_one_file_system_on_their_server_are_rows_of_their_own() -> None:
    """The kernel gives both the same number, and whoever mounts only one of them has the same row."""
    first, second = (
        f"4{n} 22 0:41 / /srv/{n} rw,relatime - nfs4 nas:/vm/{n} rw,vers=4.2,addr=10.0.0.9" for n in (1, 2)
    )
    web = guest(H1, "web", file_disk("/srv/2/web.img"))
    found = put_together(told(H1, ROOT, first, second, guests=[web]), told(H2, ROOT, second))
    used = row(found, StorageKind.NFS, "nas:/vm/2")
    assert (used.seen_by, names(used)) == ((H1, H2), ["web@h1"])
    assert row(found, StorageKind.NFS, "nas:/vm/1").seen_by == (H1,)


@pytest.mark.parametrize("links", [{"/vm": "/srv/shared/vm"}, {"/vm/web.img": "/srv/shared/vm/web.img"}])
def test_a_link_to_shared_storage_leads_there(links: dict[str, str]) -> None:
    web = guest(H1, "web", file_disk("/vm/web.img"))
    there = guest(H2, "web", file_disk("/srv/shared/vm/web.img"), state=GuestState.OFF)
    sizes = {"web": (GIB, GIB)}
    found = put_together(
        replace(told(H1, ROOT, GLUSTER, guests=[web], sizes=sizes), real=links),
        told(H2, ROOT, GLUSTER, guests=[there], sizes=sizes),
    )
    shared = row(found, SHARED, "st:/gv0")
    assert names(shared) == ["web@h1", "web@h2"]
    assert shared.commitment.promised_bytes == GIB, "it is one image"


def test_a_lun_by_a_pool_and_by_a_network_disk_is_one_row_with_both() -> None:
    pool, volumes = target_pool("h1", 1, 2)
    db = guest(H2, "db", lun_disk(f"{TARGET}/1"))
    found = put_together(
        replace(told(H1, ROOT), pools=(pool,), volumes={"luns": volumes}), told(H2, ROOT, guests=[db])
    )
    first = row(found, ISCSI, f"{TARGET}/1")
    assert first.seen_by == (H1, H2)
    assert [pool.name for pool in first.pools] == ["luns"]
    assert names(first) == ["db@h2"]
    assert [way.kind for way in first.sightings[H2].ways] == [WayKind.GUEST_DISK]
    assert {each.id.key for each in found.storages} == {f"{TARGET}/1", f"{TARGET}/2"}


def test_a_pool_whose_luns_are_not_told_hangs_under_those_that_other_hosts_know() -> None:
    pool, volumes = target_pool("h1", 1)
    idle, _ = target_pool("h2", active=False)
    found = put_together(
        replace(told(H1, ROOT), pools=(pool,), volumes={"luns": volumes}),
        replace(told(H2, ROOT), pools=(idle,)),
    )
    (only,) = found.storages
    assert [(use.host, use.active) for use in only.pools] == [(H1, True), (H2, False)]
    assert only.seen_by == (H1,)


def test_a_target_of_which_no_lun_is_known_is_a_row_itself() -> None:
    idle, _ = target_pool("h1", active=False)
    (only,) = put_together(replace(told(H1, ROOT), pools=(idle,))).storages
    assert only.id.key == TARGET
    assert only.sightings[H1].access is Access.UNKNOWN
    assert "not active" in only.sightings[H1].detail


def test_a_disk_that_is_a_pools_lun_by_name_hangs_under_the_lun() -> None:
    pool, volumes = target_pool("h1", 1)
    disk = Disk("vda", DiskKind.VOLUME, "luns/unit:0:0:1")
    host = replace(told(H1, ROOT, guests=[guest(H1, "db", disk)]), pools=(pool,), volumes={"luns": volumes})
    assert names(row(put_together(host), ISCSI, f"{TARGET}/1")) == ["db@h1"]


def test_a_disk_that_is_a_pools_volume_by_name_hangs_under_the_pools_storage() -> None:
    disk = Disk("vda", DiskKind.VOLUME, "shared/web.img")
    host = replace(
        told(H1, ROOT, GLUSTER, guests=[guest(H1, "web", disk)]), pools=(dir_pool("shared", "/srv/shared"),)
    )
    assert names(row(put_together(host), SHARED, "st:/gv0")) == ["web@h1"]


def volume_group(host: HostName, *guests: Guest, told_by_lvm: bool = True) -> HostTold:
    """On a LUN that the kernel has, with one volume."""
    all_devices = devices(
        "sdb/size:2097152",
        "sdb/device/wwid:naa.60014051234567890abcdef123456789",
        "dm-0/size:1048576",
        "dm-0/dm/name:my--vg-web",
        f"dm-0/dm/uuid:LVM-{VG}{'x' * 32}",
        links=[f"sdb -> {ISCSI_DISK}/sdb", f"dm-0 -> {VIRTUAL}/dm-0"],
        slaves=["dm-0/slaves/sdb"],
    )
    lun = f"{TARGET}/1"
    wwid = "wwid:naa.60014051234567890abcdef123456789"
    group = seen(StorageKind.LVM, VG_SHOWN, f"vg:{VG_SHOWN}", under=[wwid], path="/dev/my-vg")
    more = [seen(ISCSI, lun, f"iqn:{lun}", wwid, path="/dev/sdb"), *([group] if told_by_lvm else [])]
    return replace(told(host, ROOT, guests=guests, more=more), devices=all_devices)


@pytest.mark.parametrize("path", ["/dev/my-vg/web", "/dev/mapper/my--vg-web", "/dev/dm-0"])
@pytest.mark.parametrize("told_by_lvm", [True, False], ids=["by LVM", "by the kernel alone"])
def test_a_volume_by_any_of_its_names_hangs_under_its_group(path: str, told_by_lvm: bool) -> None:
    disk = Disk("vda", DiskKind.BLOCK, path, path=path)
    pool = Pool("qemu", "my-vg", "uuid", "logical", active=True, target_path="/dev/my-vg")
    host = replace(volume_group(H1, guest(H1, "web", disk), told_by_lvm=told_by_lvm), pools=(pool,))
    found = row(put_together(host), StorageKind.LVM, VG_SHOWN)
    assert names(found) == ["web@h1"]
    assert [use.name for use in found.pools] == ["my-vg"]


def test_two_hosts_on_one_group_promise_its_volume_once() -> None:
    disk = Disk("vda", DiskKind.BLOCK, "/dev/my-vg/web", path="/dev/my-vg/web")
    hosts = []
    for host, path in ((H1, "/dev/my-vg/web"), (H2, "/dev/mapper/my--vg-web")):
        web = guest(host, "web", replace(disk, path=path))
        usage = {(web.key.driver, web.key.uuid): {"vda": DiskUsage(path, GIB, GIB)}}
        hosts.append(replace(volume_group(host, web), usage=usage))
    found = row(put_together(*hosts), StorageKind.LVM, VG_SHOWN)
    assert found.seen_by == (H1, H2)
    assert found.commitment.promised_bytes == GIB


def test_a_whole_lun_by_its_link_hangs_under_the_lun() -> None:
    disk = Disk("vda", DiskKind.BLOCK, "/dev/sdb", path="/dev/sdb")
    found = put_together(volume_group(H1, guest(H1, "db", disk)))
    assert names(row(found, ISCSI, f"{TARGET}/1")) == ["db@h1"]


def test_a_disk_under_no_pool_and_no_known_device_still_has_a_row() -> None:
    odd = Disk("vda", DiskKind.BLOCK, "/dev/disk/by-id/odd", path="/dev/disk/by-id/odd")
    served = Disk("vdb", DiskKind.NETWORK, "nbd:disk@10.0.0.9:10809")
    found = put_together(told(H1, ROOT, guests=[guest(H1, "web", odd, served)]))
    assert {each.id.key: names(each) for each in found.storages} == {
        "h1:/dev/disk/by-id/odd": ["web@h1"],
        "nbd://10.0.0.9:10809/disk": ["web@h1"],
    }


def test_a_network_disk_of_each_hosts_own_service_is_not_shared() -> None:
    local = Disk("vda", DiskKind.NETWORK, f"iscsi:{TARGET}/1@127.0.0.1:3260", local_service=True)
    found = put_together(*(told(host, ROOT, guests=[guest(host, host, local)]) for host in (H1, H2)))
    assert {each.id.key for each in found.storages} == {f"h1:{TARGET}/1", f"h2:{TARGET}/1"}


def test_a_backing_image_on_another_storage_makes_that_one_used_and_promises_nothing() -> None:
    layer = Layer(DiskKind.FILE, "/srv/shared/golden.img", "/srv/shared/golden.img")
    disk = file_disk("/var/lib/libvirt/images/web.img", layers=(layer,))
    web = guest(H1, "web", disk)
    found = put_together(told(H1, ROOT, GLUSTER, guests=[web], sizes={"web": (10 * GIB, GIB)}))
    shared = row(found, SHARED, "st:/gv0")
    assert [(use.source, use.read_only) for use in shared.disks] == [("/srv/shared/golden.img", True)]
    assert shared.commitment.promised_bytes == 0
    assert row(found, LOCAL, "h1:/dev/sda1").commitment.promised_bytes == 10 * GIB


def test_a_guest_that_has_moved_and_is_defined_twice_is_promised_its_disk_once() -> None:
    """Also where the two hosts mount the storage at different places."""
    elsewhere = GLUSTER.replace("/srv/shared", "/mnt/gv0")
    here = guest(H1, "web", file_disk("/srv/shared/web.img"), state=GuestState.OFF)
    there = guest(H2, "web", file_disk("/mnt/gv0/web.img"))
    sizes = {"web": (10 * GIB, GIB)}
    found = put_together(
        told(H1, ROOT, GLUSTER, guests=[here], sizes=sizes),
        told(H2, ROOT, elsewhere, guests=[there], sizes=sizes),
    )
    storage = row(found, SHARED, "st:/gv0")
    assert len(storage.disks) == 2
    assert storage.commitment.promised_bytes == 10 * GIB


def test_a_disk_without_space_makes_its_storage_alarm() -> None:
    web = guest(H1, "web", file_disk("/srv/shared/web.img"), state=GuestState.PAUSED, full=["vda"])
    storage = row(put_together(told(H1, ROOT, GLUSTER, guests=[web])), SHARED, "st:/gv0")
    assert storage.disks[0].out_of_space
    assert storage.commitment.level is Level.ALARM
    assert storage.findings[0].id == "storage.out-of-space"


def test_a_host_by_libvirt_alone_gives_its_pools_and_disks_and_says_why_no_more() -> None:
    web = guest(H2, "web", file_disk("/var/lib/libvirt/images/web.img"), lun_disk(f"{TARGET}/1"))
    pool = dir_pool("default", "/var/lib/libvirt/images", capacity_bytes=100 * GIB, available_bytes=40 * GIB)
    alone = HostTold(H2, pools=(pool,), guests=(web,), blind=dict.fromkeys(StorageKind, "libvirt alone"))
    found = put_together(told(H1, ROOT, GLUSTER), alone)
    folder = row(found, StorageKind.OTHER, "h2:/var/lib/libvirt/images")
    assert names(folder) == ["web@h2"]
    assert folder.commitment.available_bytes == 40 * GIB
    assert names(row(found, ISCSI, f"{TARGET}/1")) == ["web@h2"]
    shared = row(found, SHARED, "st:/gv0").sightings[H2]
    assert (shared.access, shared.detail) == (Access.UNKNOWN, "libvirt alone")


def test_a_pool_that_hangs_is_shown_with_its_trouble() -> None:
    dead = Pool("qemu", "nas", "", trouble="libvirt does not answer for this pool")
    (only,) = put_together(replace(told(H1, ROOT), pools=(dead,))).storages
    assert only.label == "pool nas"
    assert "does not answer" in only.sightings[H1].detail


def test_what_holds_nothing_of_guests_and_is_not_made_to_be_shared_has_no_row() -> None:
    boot = "23 22 8:2 / /boot rw,relatime - ext4 /dev/sda2 rw"
    disk = seen(StorageKind.BLOCK, "naa.5000c500a1b2c3d4", "wwid:naa.5000c500a1b2c3d4")
    assert not put_together(told(H1, ROOT, boot, more=[disk])).storages
    assert len(put_together(told(H1, ROOT, more=[disk]), told(H2, ROOT, more=[disk])).storages) == 1


def test_growth_is_told_from_the_second_look_on() -> None:
    watched, free = Watched(), (50 * GIB, 49 * GIB)
    looks = []
    for number, available in enumerate(free):
        nfs = replace(seen(StorageKind.NFS, "nas:/vm"), capacity_bytes=100 * GIB, available_bytes=available)
        host = told(H1, ROOT, more=[nfs])
        found = put_together(host, watched=watched, at_s=number * 3600.0)
        looks.append(row(found, StorageKind.NFS, "nas:/vm").commitment)
    assert looks[0].growth_bytes_s is None
    assert looks[1].growth_bytes_s == pytest.approx(GIB / 3600)
    assert looks[1].fills_at is not None


def crowd(host: HostName, guests: int, pools: int) -> HostTold:
    """A host with this many guests of one disk each, in this many pools, each a mount of its own."""
    lines = [f"{100 + n} 22 0:{100 + n} / /srv/{n} rw - nfs4 nas:/vm/{n} rw,vers=4.2" for n in range(pools)]
    many = [
        guest(host, f"{host}-{n}", file_disk(f"/srv/{n % pools}/{host}-{n}.qcow2")) for n in range(guests)
    ]
    sizes = {each.name: (GIB, GIB // 2) for each in many}
    made = tuple(dir_pool(f"pool-{n}", f"/srv/{n}") for n in range(pools))
    return replace(told(host, ROOT, *lines, guests=many, sizes=sizes), pools=made)


def test_fifty_pools_with_a_thousand_disks_each_are_put_together_in_time_that_grows_as_they_do() -> None:
    def took(disks: int) -> float:
        hosts = [crowd(host, disks // 3, 50) for host in (H1, H2, H3)]
        began = time.process_time()
        found = put_together(*hosts)
        spent = time.process_time() - began
        shared = [each for each in found.storages if each.id.kind is StorageKind.NFS]
        assert len(shared) == 50
        assert sum(len(each.disks) for each in shared) == disks // 3 * 3
        return spent

    few, many = took(6_000), took(50_000)
    assert many < 3 * few * 50 / 6, "nearly nine times as long for nearly nine times as many"


def test_while_many_disks_are_put_together_others_get_their_turn() -> None:
    hosts = [crowd(host, 2_000, 10) for host in (H1, H2)]
    steps = assembling(hosts, FleetState(), left_out={}, watched=Watched(), at=AT, at_s=0.0)
    assert sum(1 for _ in steps) > 40
