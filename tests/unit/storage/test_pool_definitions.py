"""Pools, volumes and sources are read from libvirt's own forms; broken ones are unknown, or refused, never a crash.

The documents are those of libvirt's tests (tests/storagepoolxml2xmlout and tests/storagevolxml2xmlout), with sizes
as an active pool has them.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import ActionError
from backends.hypervisor.pool_definitions import (
    Pool,
    PoolSource,
    parse_pool,
    parse_sources,
    parse_volume,
    source_xml,
)

GIB = 1 << 30
SIZES = "<capacity unit='bytes'>3221225472</capacity><allocation unit='bytes'>1073741824</allocation>\
<available unit='bytes'>2147483648</available>"


def a_pool(type_: str, source: str, target: str = "", *, name: str = "images") -> str:
    place = f"<target><path>{target}</path></target>" if target else ""
    uuid = "<uuid>7641d5a8-af11-f730-a34e-0a7dfcede71f</uuid>"
    return f"<pool type='{type_}'><name>{name}</name>{uuid}{SIZES}<source>{source}</source>{place}</pool>"


def read(type_: str, source: str, target: str = "") -> Pool:
    return parse_pool(a_pool(type_, source, target), "qemu", active=True, autostart=False)


def test_an_nfs_pool_tells_server_export_version_and_where_it_is_mounted() -> None:
    """pool-netfs-ns-mountopts.xml."""
    pool = parse_pool(
        """<pool type='netfs' xmlns:fs='http://libvirt.org/schemas/storagepool/source/fs/1.0'>
          <name>nfsimages</name>
          <uuid>7641d5a8-af11-f730-a34e-0a7dfcede71f</uuid>
          <capacity unit='bytes'>0</capacity>
          <allocation unit='bytes'>0</allocation>
          <available unit='bytes'>0</available>
          <source>
            <host name='localhost'/>
            <dir path='/var/lib/libvirt/images'/>
            <format type='nfs'/>
            <protocol ver='3'/>
          </source>
          <target><path>/mnt</path><permissions><mode>0700</mode></permissions></target>
          <fs:mount_opts><fs:option name='sync'/></fs:mount_opts>
        </pool>""",
        "qemu",
        active=False,
        autostart=True,
    )
    source = PoolSource(("localhost",), "/var/lib/libvirt/images", format="nfs", protocol="3")
    assert pool == Pool(
        driver="qemu",
        name="nfsimages",
        uuid="7641d5a8-af11-f730-a34e-0a7dfcede71f",
        type="netfs",
        active=False,
        autostart=True,
        source=source,
        target_path="/mnt",
    ), "the sizes of a pool that is not active are not known"


def test_the_sizes_of_an_active_pool_are_bytes() -> None:
    pool = read("dir", "", "/srv/images")
    assert (pool.capacity_bytes, pool.allocated_bytes, pool.available_bytes) == (3 * GIB, GIB, 2 * GIB)
    assert pool.source == PoolSource() and pool.target_path == "/srv/images"


@pytest.mark.parametrize(
    ("type_", "source", "expected"),
    [
        pytest.param(
            "iscsi-direct",
            """<host name='iscsi.example.com'/><device path='iqn.2013-06.com.example:iscsi-pool'/>
            <initiator><iqn name='iqn.2013-06.com.example:iscsi-initiator'/></initiator>
            <auth type='chap' username='user'><secret uuid='10ed4ad4-c7b0-4696-b574-b40e04fea84b'/></auth>""",
            PoolSource(
                ("iscsi.example.com",),
                devices=("iqn.2013-06.com.example:iscsi-pool",),
                initiator="iqn.2013-06.com.example:iscsi-initiator",
                user="user",
            ),
            id="pool-iscsi-direct-auth.xml",
        ),
        pytest.param(
            "iscsi",
            "<host name='iscsi.example.com'/><device path='demo-target'/>"
            "<auth type='chap' login='foobar' passwd='frobbar'/>",
            PoolSource(("iscsi.example.com",), devices=("demo-target",), user="foobar"),
            id="pool-iscsi-auth.xml",
        ),
        pytest.param(
            "rbd",
            """<host name='localhost' port='6789'/><host name='localhost' port='6790'/>
            <host name='2205::192:168:205:141' port='6789'/><name>rbd</name>
            <auth type='ceph' username='admin'><secret uuid='2ec115d7-3a88-3ceb-bc12-0ac909a6fd87'/></auth>""",
            PoolSource(
                ("localhost:6789", "localhost:6790", "[2205::192:168:205:141]:6789"), name="rbd", user="admin"
            ),
            id="pool-rbd-ipv6.xml",
        ),
        pytest.param(
            "gluster",
            "<host name='localhost'/><dir path='/sub'/><name>volume</name>",
            PoolSource(("localhost",), "/sub", name="volume"),
            id="pool-gluster-sub.xml",
        ),
        pytest.param(
            "logical",
            "<name>HostVG</name><format type='lvm2'/>",
            PoolSource(name="HostVG", format="lvm2"),
            id="pool-logical.xml",
        ),
        pytest.param(
            "scsi",
            "<adapter type='fc_host' parent='scsi_host5' managed='yes'"
            " wwnn='20000000c9831b4b' wwpn='10000000c9831b4b'/>",
            PoolSource(adapter="fc_host 20000000c9831b4b:10000000c9831b4b"),
            id="pool-scsi-type-fc-host-managed.xml",
        ),
        pytest.param(
            "scsi",
            """<adapter type='scsi_host'><parentaddr unique_id='5'>
            <address domain='0x0000' bus='0x00' slot='0x1f' function='0x2'/></parentaddr></adapter>""",
            PoolSource(adapter="scsi_host"),
            id="pool-scsi-type-scsi-host-stable.xml",
        ),
        pytest.param(
            "disk",
            "<device path='/dev/sda'/><format type='dos'/>",
            PoolSource(devices=("/dev/sda",), format="dos"),
            id="pool-disk.xml",
        ),
        pytest.param("mpath", "", PoolSource(), id="pool-mpath.xml"),
        pytest.param(
            "zfs",
            "<device path='/dev/ada1'/><name>testpool</name>",
            PoolSource(devices=("/dev/ada1",), name="testpool"),
            id="pool-zfs-sourcedev.xml",
        ),
    ],
)
def test_each_type_of_pool_tells_its_source_and_no_secret(
    type_: str, source: str, expected: PoolSource
) -> None:
    pool = read(type_, source)
    assert (pool.type, pool.source) == (type_, expected)
    assert "frobbar" not in repr(pool) and "10ed4ad4" not in repr(pool)


def test_a_volume_tells_its_sizes_format_and_what_it_is_read_from() -> None:
    """vol-file-backing.xml."""
    volume = parse_volume("""<volume type='file'>
      <name>sparse.img</name>
      <key>/var/lib/libvirt/images/sparse.img</key>
      <source></source>
      <capacity unit='bytes'>10000000000</capacity>
      <allocation unit='bytes'>0</allocation>
      <target><path>/var/lib/libvirt/images/sparse.img</path><format type='raw'/></target>
      <backingStore><path>/var/lib/virt/images/master.img</path><format type='vmdk'/></backingStore>
    </volume>""")
    assert (volume.name, volume.type, volume.format) == ("sparse.img", "file", "raw")
    assert (volume.capacity_bytes, volume.allocated_bytes) == (10_000_000_000, 0)
    assert volume.path == volume.key == "/var/lib/libvirt/images/sparse.img"
    assert volume.backing == "/var/lib/virt/images/master.img"


def test_a_logical_volume_has_lvms_uuid_as_its_key() -> None:
    """vol-logical-backing.xml."""
    volume = parse_volume("""<volume type='block'>
      <name>Swap</name><key>r4xkCv-MQhr-WKIT-R66x-Epn2-e8hG-1Z5gY0</key>
      <capacity unit='bytes'>2080374784</capacity><allocation unit='bytes'>2080374784</allocation>
      <target><path>/dev/HostVG/Swap</path></target>
      <backingStore><path>/dev/HostVG/snapshot</path></backingStore>
    </volume>""")
    assert (volume.type, volume.key, volume.format) == ("block", "r4xkCv-MQhr-WKIT-R66x-Epn2-e8hG-1Z5gY0", "")
    assert volume.capacity_bytes == volume.allocated_bytes == 2080374784


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("<capacity>7</capacity>", 7),
        ("<capacity unit='G'>10</capacity>", 10 * GIB),
        ("<capacity unit='GiB'>10</capacity>", 10 * GIB),
        ("<capacity unit='GB'>10</capacity>", 10**10),
        ("<capacity unit='T'>1</capacity>", 1 << 40),
        ("<capacity unit='furlongs'>1</capacity>", None),
        ("<capacity unit='bytes'>many</capacity>", None),
        ("<capacity unit='bytes'>-1</capacity>", None),
        ("<capacity unit='bytes'>١٢</capacity>", None),
        ("<capacity unit='E'>99999999999999999999</capacity>", None),
        (f"<capacity>{'9' * 5000}</capacity>", None),
        ("<capacity/>", None),
        ("", None),
    ],
)
def test_a_size_that_is_none_is_not_known(size: str, expected: int | None) -> None:
    assert parse_volume(f"<volume>{size}</volume>").capacity_bytes == expected


def test_a_name_from_the_host_is_made_safe_and_a_path_is_kept_as_it_is() -> None:
    pool = parse_pool(a_pool("dir", "", "/srv/\u202e\u009b31m", name="evil\u202e\u009bname"), "qemu")
    assert pool.name == r"evil\u202e\x9bname"
    assert pool.target_path == "/srv/\u202e\u009b31m"


def test_discovery_gives_a_source_for_each_target() -> None:
    """What virStorageBackendISCSIFindPoolSources formats (storage_backend_iscsi.c, storage_conf.c)."""
    found = parse_sources("""<sources>
      <source><host name='10.0.0.1' port='3260'/><device path='iqn.2026-11.lab:disks'/></source>
      <source><host name='10.0.0.1' port='3260'/><device path='iqn.2026-11.lab:more'/></source>
    </sources>""")
    assert [source.devices for source in found] == [("iqn.2026-11.lab:disks",), ("iqn.2026-11.lab:more",)]
    assert {source.hosts for source in found} == {("10.0.0.1:3260",)}
    assert parse_sources("<sources></sources>") == ()


def test_a_question_about_a_portal_cannot_be_written_by_its_words() -> None:
    xml = source_xml("h'><x/>", port=3260, initiator="iqn.2026-11.lab:h1&", directory="/a<b", format_="nfs")
    (source,) = parse_sources(f"<sources>{xml}</sources>")
    assert source == PoolSource(("h'><x/>:3260",), "/a<b", format="nfs", initiator="iqn.2026-11.lab:h1&"), (
        "what was asked is what is read"
    )
    assert parse_sources(f"<sources>{source_xml()}</sources>") == (PoolSource(),)


@given(st.text())
def test_what_is_no_document_is_refused_and_nothing_breaks(text: str) -> None:
    for reader in (parse_volume, parse_sources, lambda xml: parse_pool(xml, "qemu", active=True)):
        try:
            reader(text)
        except ActionError as error:
            assert "not valid XML" in error.cause


@given(
    st.lists(
        st.sampled_from(
            ["<name>", "</name>", "<source>", "</source>", "<host ", "name='a'", "/>", "7", "<x>"]
        )
    )
)
def test_documents_with_holes_are_read_as_far_as_they_go(pieces: list[str]) -> None:
    try:
        pool = parse_pool(f"<pool type='netfs'>{''.join(pieces)}</pool>", "qemu", active=True)
    except ActionError:
        return
    assert pool.type == "netfs" and pool.capacity_bytes is None
