"""A pool stands for the storage behind it, whatever it is called on its host."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.hypervisor.pool_definitions import Pool, PoolSource, Volume
from backends.model.storage import Access, Health, StorageKind
from backends.probes.storage.pool_identities import pool_seen, volume_seen

IQN = "iqn.2026-11.lab:disks"


def a_pool(type_: str, source: PoolSource | None = None, *, active: bool = True) -> Pool:
    return Pool(
        "qemu", "images", "u-1", type_, active=active, source=source or PoolSource(), target_path="/srv"
    )


ISCSI = a_pool("iscsi-direct", PoolSource(("10.0.0.1:3260",), devices=(IQN,), initiator="iqn.2026-11.lab:h1"))


@pytest.mark.parametrize(
    ("type_", "source", "kind", "key"),
    [
        ("netfs", PoolSource(("nfs",), "/export", format="nfs"), StorageKind.NFS, "nfs:/export"),
        ("netfs", PoolSource(("NFS.",), "/export//a/", format="nfs"), StorageKind.NFS, "nfs:/export/a"),
        ("netfs", PoolSource(("2001:db8:0::1",), "/a"), StorageKind.NFS, "2001:db8::1:/a"),
        ("netfs", PoolSource(("nfs",), "/export", format="auto"), StorageKind.NFS, "nfs:/export"),
        ("netfs", PoolSource(("g1",), "/volume/sub", format="glusterfs"), StorageKind.GLUSTER, "g1:/volume"),
        ("netfs", PoolSource(("nas",), "share", format="cifs"), StorageKind.OTHER, "//nas/share"),
        ("gluster", PoolSource(("g1",), "/sub", name="volume"), StorageKind.GLUSTER, "g1:/volume"),
        ("iscsi", PoolSource(("10.0.0.1",), devices=(IQN,)), StorageKind.ISCSI, IQN),
        ("rbd", PoolSource(("m2", "m1"), name="rbd"), StorageKind.RBD, "rbd@m1,m2"),
        ("vstorage", PoolSource(name="vz"), StorageKind.OTHER, "vstorage:vz"),
    ],
)
def test_the_same_source_is_the_same_storage_on_every_host(
    type_: str, source: PoolSource, kind: StorageKind, key: str
) -> None:
    seen = pool_seen(a_pool(type_, source))
    assert seen is not None
    assert (seen.kind, seen.key, seen.is_own) == (kind, key, False) and seen.aliases
    assert seen.access is Access.READ_WRITE and seen.way is not None and seen.way.path == "/srv"


def test_an_export_of_the_host_itself_is_not_that_of_another_host() -> None:
    """pool-netfs.xml of libvirt's tests mounts from `localhost`."""
    seen = pool_seen(a_pool("netfs", PoolSource(("localhost",), "/var/lib/libvirt/images", format="nfs")))
    assert seen is not None and seen.is_own and not seen.aliases


@pytest.mark.parametrize("server", ["127.0.0.1", "127.0.0.1:3260", "[::1]:3260", "::1", "localhost:3260"])
@pytest.mark.parametrize("type_", ["iscsi", "iscsi-direct", "rbd", "gluster"])
def test_what_every_host_has_from_itself_is_not_that_of_another_host(type_: str, server: str) -> None:
    pool = a_pool(type_, PoolSource((server,), devices=(IQN,), name="disks"))
    seen = pool_seen(pool)
    assert seen is not None and seen.is_own and not seen.aliases
    if type_.startswith("iscsi"):
        lun = volume_seen(pool, Volume("unit:0:0:1", "network"))
        assert lun is not None and lun.is_own and not lun.aliases
        named = volume_seen(pool, Volume("unit:0:0:1", "block", key="36001405b8f1c7d3a4b24f6ea9c5d0e17"))
        assert named is not None and named.aliases == {"wwid:naa.6001405b8f1c7d3a4b24f6ea9c5d0e17"}
        assert IQN not in named.key


def test_a_pool_of_a_gluster_volume_is_what_others_mount() -> None:
    pool = pool_seen(a_pool("gluster", PoolSource(("G1.",), name="gv0")))
    assert pool is not None and pool.aliases == {"gluster:g1/gv0"}, "as distributed.py tells of a mount"


@pytest.mark.parametrize("type_", ["logical", "zfs"])
def test_a_name_that_any_host_may_give_makes_no_two_storages_one(type_: str) -> None:
    seen = pool_seen(a_pool(type_, PoolSource(name="data")))
    assert seen is not None and seen.is_own and not seen.aliases


@pytest.mark.parametrize("type_", ["dir", "fs", "disk", "mpath", "scsi", "netfs", "rbd", "new-type", ""])
def test_a_path_is_no_identity(type_: str) -> None:
    assert pool_seen(a_pool(type_)) is None


def test_a_pool_that_is_not_active_is_known_of_and_reached_in_no_way() -> None:
    seen = pool_seen(replace(ISCSI, active=False))
    assert seen is not None and seen.way is None
    assert (seen.access, seen.health) == (Access.UNKNOWN, Health.UNKNOWN)
    assert seen.detail == "the pool images is not active"


def test_each_lun_of_a_target_is_a_storage_of_its_own() -> None:
    key = f"ip-10.0.0.1:3260-iscsi-{IQN}-lun-1"
    seen = volume_seen(ISCSI, Volume("unit:0:0:1", "network", 256, 256, key=key, path=key))
    assert seen is not None
    assert (seen.kind, seen.key, seen.aliases) == (StorageKind.ISCSI, f"{IQN}/1", frozenset({f"iqn:{IQN}/1"}))
    assert seen.way is not None and seen.way.path == "", "what libiscsi reaches has no path on the host"


def test_a_lun_with_a_world_wide_name_is_found_by_it_too() -> None:
    """storage_util.c: the key of a SCSI volume is what scsi_id(8) says of it."""
    lun = Volume("unit:0:0:3", "block", 256, 256, key="36001405b8f1c7d3a4b24f6ea9c5d0e17", path="/dev/disk/x")
    by_iqn = volume_seen(replace(ISCSI, type="iscsi"), lun)
    assert by_iqn is not None
    assert by_iqn.aliases == {f"iqn:{IQN}/3", "wwid:naa.6001405b8f1c7d3a4b24f6ea9c5d0e17"}
    fibre = volume_seen(a_pool("scsi", PoolSource(adapter="fc_host 20000000c9831b4b:10000000c9831b4b")), lun)
    assert fibre is not None
    assert (fibre.kind, fibre.key) == (StorageKind.FIBRE_CHANNEL, "naa.6001405b8f1c7d3a4b24f6ea9c5d0e17")
    assert volume_seen(a_pool("scsi"), replace(lun, key="/dev/sdb")) is None


def test_a_file_in_a_folder_is_no_storage_of_its_own() -> None:
    assert (
        volume_seen(a_pool("dir"), Volume("unit:0:0:1", "file", key="36001405b8f1c7d3a4b24f6ea9c5d0e17"))
        is None
    )
