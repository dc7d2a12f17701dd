"""Disks that QEMU reaches over the network: the same storage, whether it is mounted, a pool's or opened directly."""

from __future__ import annotations

import pytest

from backends.hypervisor.domain_xml import read_definition
from backends.model.guest import Layer
from backends.model.storage import StorageKind
from backends.storage.by_libvirt import layers
from backends.storage.network_disks import network_seen, remote_of


def layer(source: str) -> Layer:
    """As formatdomain.html writes it."""
    (disk,) = read_definition(
        f"<domain><devices><disk type='network' device='disk'>{source}<target dev='vda'/></disk></devices></domain>"
    ).disks
    return layers(disk)[0]


@pytest.mark.parametrize(
    ("source", "kind", "key", "image"),
    [
        (
            "<source protocol='iscsi' name='iqn.2013-07.com.example:iscsi-nopool/2'>"
            "<host name='example.com' port='3260'/></source>",
            StorageKind.ISCSI,
            "iqn.2013-07.com.example:iscsi-nopool/2",
            "",
        ),
        (
            "<source protocol='iscsi' name='iqn.2013-07.com.example:iscsi-nopool'><host name='example.com'/></source>",
            StorageKind.ISCSI,
            "iqn.2013-07.com.example:iscsi-nopool/0",
            "",
        ),
        (
            "<source protocol='gluster' name='gv0/images/web.img'><host name='ST' port='24007'/></source>",
            StorageKind.GLUSTER,
            "st:/gv0",
            "/images/web.img",
        ),
        (
            "<source protocol='nfs' name='/exports/vm/web.img'><host name='nas'/></source>",
            StorageKind.NFS,
            "nas:/exports/vm",
            "/web.img",
        ),
        (
            "<source protocol='rbd' name='vms/web'><host name='10.0.0.1' port='6789'/></source>",
            StorageKind.RBD,
            "vms@10.0.0.1:6789",
            "web",
        ),
        (
            "<source protocol='nbd' name='disk'><host name='10.0.0.9' port='10809'/></source>",
            StorageKind.OTHER,
            "nbd://10.0.0.9:10809/disk",
            "",
        ),
    ],
)
def test_each_protocol_names_its_storage_and_what_of_it_is_the_disk(
    source: str, kind: StorageKind, key: str, image: str
) -> None:
    found = network_seen(layer(source))
    assert (found.kind, found.key) == (kind, key)
    assert remote_of(layer(source)).image == image
    assert not found.is_own


def test_what_each_host_serves_to_itself_is_its_own() -> None:
    local = layer("<source protocol='nbd' name='disk'><host transport='unix' socket='/run/nbd'/></source>")
    assert network_seen(local).is_own
