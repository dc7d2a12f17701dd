"""GlusterFS, CephFS and RBD.

Sources: docs.gluster.org, Administrator Guide, "Managing Volumes" and "Managing Trusted Storage Pools" (`gluster volume
info`, `pool list`); mount.glusterfs(8); mount.ceph(8) of Nautilus and of Reef, ceph.conf(5); the kernel's
Documentation/ABI/testing/sysfs-bus-rbd and fs/ceph/super.c (`secret=<hidden>`).
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.model.storage import Access, Health, StorageKind
from backends.probes.storage import script
from backends.probes.storage.distributed import rbd, volumes
from backends.probes.storage.file_systems import mounted
from backends.probes.storage.mounts import MOUNTINFO
from backends.probes.survey.readings import Reading, Readings
from tests.unit.host_files import any_host, host
from tests.unit.storage.mounted_hosts import ROOT, host_with, only

INFO = """
Volume Name: gv0
Type: Replicate
Volume ID: 332f8e04-a804-49a8-bdf1-761ca8b81f81
Status: Started
Snapshot Count: 0
Number of Bricks: 1 x 3 = 3
Transport-type: tcp
Bricks:
Brick1: srv01:/export/gv0
Brick2: srv02:/export/gv0
Brick3: [2001:db8::3]:/export/gv0
Options Reconfigured:
auth.allow: 10.0.0.*
nfs.disable: on

Volume Name: old
Type: Distribute
Volume ID: 02fd2cc6-8f6b-4a60-9a13-a36fc269b4d4
Status: Stopped
Number of Bricks: 1
Transport-type: tcp
Bricks:
Brick1: srv01:/export/old
"""
PEERS = """UUID                                    Hostname        State
1f318326-7636-4ef6-94c0-0a6e95a816af    srv02           Connected
e621d43b-c5ee-4ac9-ae75-047b8b4bd3fd    srv03           Disconnected
6a1d6a5d-0c0a-4b3c-9d4b-2f2f0d1c5b11    localhost       Connected
"""
ANSWERS = "0:52 asked\n0:52 0 4096 1000 500 400"


def gluster_line(source: str) -> str:
    options = "rw,user_id=0,group_id=0,default_permissions,allow_other,max_read=131072"
    return f"41 22 0:52 / /srv/images rw,relatime - fuse.glusterfs {source} {options}"


def test_a_gluster_volume_is_known_by_server_and_volume() -> None:
    seen = only(host_with(ROOT, gluster_line("st:/gv0"), statfs=ANSWERS))
    assert (seen.kind, seen.key, seen.health) == (StorageKind.GLUSTER, "st:/gv0", Health.GOOD)
    assert seen.aliases == {"gluster:st/gv0"}


@pytest.mark.parametrize("source", ["st:gv0", "ST:/gv0", "st.:/gv0"])
def test_however_it_is_written_it_is_the_same_volume(source: str) -> None:
    """mount.glusterfs(8): the slash may be left out."""
    assert only(host_with(ROOT, gluster_line(source))).key == "st:/gv0"


def test_servers_of_one_pool_that_mount_from_themselves_see_the_same() -> None:
    one, other = (
        only(host_with(ROOT, gluster_line("localhost:/gv0"), **{script.GLUSTER_VOLUMES.name: INFO}))
        for _ in range(2)
    )
    client = only(host_with(ROOT, gluster_line("srv02:/gv0")))
    assert one.aliases & other.aliases & {"glusterid:332f8e04-a804-49a8-bdf1-761ca8b81f81"}
    assert one.aliases & client.aliases == {"gluster:srv02/gv0"}
    assert not one.is_own
    assert one.options == ("Replicate",)


def test_a_mount_from_itself_of_a_volume_that_nothing_tells_of_is_the_host_s_own() -> None:
    assert only(host_with(ROOT, gluster_line("localhost:/gv0"))).is_own


def test_a_folder_of_a_volume_is_another_storage() -> None:
    """mount.glusterfs(8), subdirectory mounts."""
    seen = only(host_with(ROOT, gluster_line("st:/gv0/images")))
    assert seen.key == "st:/gv0/images"
    assert seen.aliases == {"gluster:st/gv0/images"}


def test_servers_that_are_away_make_it_degraded() -> None:
    told = {script.GLUSTER_VOLUMES.name: INFO, script.GLUSTER_PEERS.name: PEERS}
    seen = only(host_with(ROOT, gluster_line("srv01:/gv0"), statfs=ANSWERS, **told))
    assert (seen.health, seen.detail) == (Health.DEGRADED, "1 of 2 other servers not connected")


def test_a_volume_that_is_stopped_is_broken() -> None:
    told = {script.GLUSTER_VOLUMES.name: INFO}
    seen = only(host_with(ROOT, gluster_line("srv01:/old"), statfs=ANSWERS, **told))
    assert (seen.health, seen.detail) == (Health.BROKEN, "the volume is not started")


def test_the_bricks_of_volumes_are_read_with_their_servers() -> None:
    first, second = volumes(INFO)
    assert (first.name, first.type, first.started) == ("gv0", "Replicate", True)
    assert first.servers == ("srv01", "srv02", "2001:db8::3")
    assert (second.name, second.started) == ("old", False)


FSID = "07fe3187-00d9-42a3-814b-72a4d5e7d5be"


def ceph_line(source: str, options: str = "rw,name=admin,secret=<hidden>,acl", kind: str = "ceph") -> str:
    return f"41 22 0:52 / /srv/images rw,relatime - {kind} {source} {options}"


def test_cephfs_of_today_is_known_by_its_cluster_name_and_path() -> None:
    line = ceph_line(
        f"admin@{FSID}.cephfs=/images", "rw,secret=<hidden>,acl,mon_addr=10.0.0.2:6789/10.0.0.3:6789"
    )
    seen = only(host_with(ROOT, line, statfs=ANSWERS))
    assert (seen.kind, seen.key, seen.label) == (
        StorageKind.CEPHFS,
        f"{FSID}/cephfs:/images",
        "cephfs:/images",
    )
    assert f"cephfs:{FSID}/cephfs:/images" in seen.aliases
    assert "secret" not in str(seen)


def test_whoever_mounts_it_does_not_change_what_it_is() -> None:
    keys = {only(host_with(ROOT, ceph_line(f"{user}@{FSID}.cephfs=/"))).key for user in ("admin", "libvirt")}
    assert keys == {f"{FSID}/cephfs:/"}


def test_cephfs_of_old_is_known_by_its_monitors_in_any_order() -> None:
    one = only(host_with(ROOT, ceph_line("10.0.0.3:6789,10.0.0.2:6789:/images")))
    other = only(host_with(ROOT, ceph_line("10.0.0.2,10.0.0.3:6789:/images")))
    assert one.key == other.key == "10.0.0.2:6789,10.0.0.3:6789:/images"


def test_old_and_new_ways_to_mount_it_meet_at_a_monitor() -> None:
    old = only(host_with(ROOT, ceph_line("10.0.0.2:6789:/images", "rw,name=admin,mds_namespace=cephfs")))
    new = only(host_with(ROOT, ceph_line(f"admin@{FSID}.cephfs=/images", "rw,mon_addr=10.0.0.2:6789")))
    assert old.aliases & new.aliases == {"cephmon:10.0.0.2:6789/cephfs:/images"}


def test_the_kernel_tells_root_which_cluster_an_old_mount_is_of() -> None:
    """debugfs: a folder for each client, named after its cluster (net/ceph/debugfs.c)."""
    told = {"/sys/kernel/debug/ceph": f"{FSID}.client4305"}
    assert (
        only(host_with(ROOT, ceph_line("10.0.0.2:6789:/", "rw,mds_namespace=a"), **told)).key == f"{FSID}/a:/"
    )
    two = {"/sys/kernel/debug/ceph": f"{FSID}.client4305\n{FSID.replace('0', '1')}.client7"}
    assert FSID not in only(host_with(ROOT, ceph_line("10.0.0.2:6789:/"), **two)).key


def test_ceph_fuse_is_known_by_the_cluster_of_the_configuration() -> None:
    """ceph-fuse(8): its source is its own name."""
    conf = f"        fsid = {FSID.upper()}\nmon host = 10.0.0.2"
    told = {script.CEPH_CONF.name: conf}
    seen = only(host_with(ROOT, ceph_line("ceph-fuse", "rw,user_id=0", "fuse.ceph-fuse"), **told))
    assert (seen.key, seen.is_own) == (f"{FSID}:/", False)


def test_a_ceph_without_any_cluster_is_the_host_s_own_and_says_why() -> None:
    seen = only(host_with(ROOT, ceph_line("ceph-fuse", "rw", "fuse.ceph-fuse"), statfs=ANSWERS))
    assert seen.is_own
    assert "cluster is not known" in seen.detail


def image(**more: str) -> dict[str, str]:
    files = {
        "cluster_fsid": FSID,
        "pool": "vms",
        "pool_ns": "",
        "name": "web-01",
        "current_snap": "-",
        **more,
    }
    return {f"/sys/bus/rbd/devices/0/{name}": text for name, text in {**files, "size": "10737418240"}.items()}


def test_a_mapped_rbd_image_is_known_by_cluster_pool_and_name() -> None:
    (seen,) = rbd(host(image()))
    assert (seen.kind, seen.key, seen.label) == (StorageKind.RBD, f"{FSID}/vms/web-01", "vms/web-01")
    assert seen.capacity_bytes == 10 << 30
    assert seen.aliases == {f"rbd:{FSID}/vms/web-01"}
    assert seen.way is not None
    assert seen.way.path == "/dev/rbd0"


def test_a_namespace_and_a_snapshot_are_part_of_what_it_is() -> None:
    (seen,) = rbd(host(image(pool_ns="prod", current_snap="monday")))
    assert (seen.key, seen.access) == (f"{FSID}/vms/prod/web-01@monday", Access.READ_ONLY)


def test_an_image_of_a_kernel_that_does_not_tell_the_cluster_is_the_host_s_own() -> None:
    (seen,) = rbd(host(image(cluster_fsid="")))
    assert (seen.key, seen.is_own, seen.aliases) == ("vms/web-01", True, frozenset())
    assert "fsid" in seen.detail


FILES = (
    script.GLUSTER_VOLUMES.name,
    script.GLUSTER_PEERS.name,
    script.CEPH_CONF.name,
    "/sys/kernel/debug/ceph",
    "/sys/bus/rbd/devices/0/name",
    "/sys/bus/rbd/devices/0/size",
    "/sys/bus/rbd/devices/0/cluster_fsid",
)


@given(any_host(*FILES), st.text(alphabet="ab@.=:/,[]0-\x1b", max_size=20))
def test_broken_forms_give_unknown(readings: Readings, source: str) -> None:
    kinds = ("fuse.glusterfs", "ceph", "fuse.ceph-fuse")
    lines = "\n".join(f"{n} 22 0:{n} / /m{n} rw - {kind} {source} rw" for n, kind in enumerate(kinds))
    told = Readings("u", False, None, 0.0, 0.0, {**readings.files, MOUNTINFO: Reading(lines)})
    for seen in (*mounted(told).all_seen, *rbd(told)):
        assert all(text.isprintable() for text in (seen.key, seen.label, seen.detail, *seen.aliases))
