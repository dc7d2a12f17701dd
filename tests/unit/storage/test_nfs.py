"""NFS by server and export. Options are those of nfs(5), as the kernel shows them (fs/nfs/super.c)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.model.storage import Access, StorageKind
from backends.probes.storage.nfs import server_and_path, server_name
from backends.probes.survey.readings import Gap, Reading
from tests.unit.storage.mounted_hosts import ROOT, at, host_with, only

V4 = (
    "rw,vers=4.2,rsize=1048576,wsize=1048576,namlen=255,hard,proto=tcp,timeo=600,retrans=2,sec=sys,"
    "clientaddr=10.0.0.1,local_lock=none,addr=10.0.0.9"
)
V3_NOLOCK = (
    "rw,vers=3,rsize=1048576,wsize=1048576,namlen=255,hard,nolock,proto=tcp,timeo=600,retrans=2,sec=sys,"
    "mountaddr=10.0.0.9,mountvers=3,mountport=20048,mountproto=udp,local_lock=all,addr=10.0.0.9"
)
"""As hosts with the options `nolock` tell it in /proc/mounts."""


def mount(source: str, options: str, kind: str = "nfs4", own: str = "rw,relatime") -> str:
    return f"41 22 0:52 / /srv/images {own} shared:7 - {kind} {source} {options}"


def test_version_4_2_over_tcp() -> None:
    seen = only(host_with(ROOT, mount("st:/export", V4), statfs="0:52 asked\n0:52 0 1048576 100 50 40"))
    assert (seen.kind, seen.key, seen.access) == (StorageKind.NFS, "st:/export", Access.READ_WRITE)
    assert seen.options == ("vers=4.2", "proto=tcp", "sec=sys", "hard")
    assert seen.aliases == {"export:st:/export", "export:10.0.0.9:/export"}
    assert (seen.capacity_bytes, seen.available_bytes) == (100 << 20, 40 << 20)


def test_version_3_without_locks_says_that_locks_stay_on_the_host() -> None:
    seen = only(host_with(ROOT, mount("st:/export", V3_NOLOCK, "nfs", "ro,relatime")))
    assert seen.options == ("vers=3", "proto=tcp", "sec=sys", "hard", "nolock", "local_lock=all")
    assert seen.access is Access.READ_ONLY


def test_a_soft_mount_with_kerberos_is_told_as_such() -> None:
    options = V4.replace("hard", "soft").replace("sec=sys", "sec=krb5p").replace("none", "flock")
    assert only(host_with(ROOT, mount("st:/export", options))).options == (
        "vers=4.2",
        "proto=tcp",
        "sec=krb5p",
        "soft",
        "local_lock=flock",
    )


def test_an_old_kernel_tells_the_version_by_the_kind_alone() -> None:
    assert only(host_with(ROOT, mount("st:/export", "rw,hard,addr=10.0.0.9"))).options[0] == "vers=4"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("st:/export", "ST.:/export/"),
        ("[2001:db8::9]:/export", "[2001:DB8:0:0::9]:/export"),
        ("10.0.0.9:/export", "10.0.0.9://export"),
    ],
)
def test_the_same_server_and_export_have_one_key_however_they_are_written(one: str, other: str) -> None:
    keys = {only(host_with(ROOT, mount(source, "rw,vers=4.2"))).key for source in (one, other)}
    assert len(keys) == 1


def test_a_server_by_name_and_by_address_is_the_same() -> None:
    named, numbered = (only(host_with(ROOT, mount(f"{name}:/export", V4))) for name in ("st", "10.0.0.9"))
    assert named.aliases & numbered.aliases


def test_other_exports_and_other_servers_are_others() -> None:
    sources = ("st:/export", "st:/export2", "st:/export/images", "st2:/export")
    found = [only(host_with(ROOT, mount(source, "rw,vers=4.2"))) for source in sources]
    assert len({seen.key for seen in found}) == 4
    assert len(frozenset.union(*(seen.aliases for seen in found))) == 4


@pytest.mark.parametrize("server", ["localhost", "127.0.0.1", "[::1]", "localhost.localdomain"])
def test_what_a_host_mounts_from_itself_is_nobody_else_s(server: str) -> None:
    seen = only(host_with(ROOT, mount(f"{server}:/export", "rw,vers=4.2,addr=127.0.0.1")))
    assert seen.is_own
    assert not seen.aliases


def test_an_address_of_one_link_is_no_name_for_others() -> None:
    seen = only(host_with(ROOT, mount("[fe80::1%eth0]:/export", "rw,vers=4.2,addr=fe80::1%eth0")))
    assert seen.aliases == {"export:fe80::1%eth0:/export"}


ADDRESSES = (
    "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n"
    "2: eth0    inet 10.0.0.9/24 brd 10.0.0.255 scope global eth0\\       valid_lft forever preferred_lft forever\n"
    "3: virbr0    inet 192.168.122.1/24 brd 192.168.122.255 scope global virbr0\\       valid_lft forever\n"
    "4: docker0    inet 172.17.0.1/16 brd 172.17.255.255 scope global docker0\\       valid_lft forever\n"
    "2: eth0    inet6 2001:db8::9/64 scope global \\       valid_lft forever preferred_lft forever"
)
"""`ip -o addr`, ip-address(8)."""
ETAB = (
    "/export\t10.0.0.0/24(rw,sync,wdelay,hide,nocrossmnt,secure,root_squash,no_all_squash,no_subtree_check,"
    "secure_locks,acl,no_pnfs,anonuid=65534,anongid=65534,sec=sys,rw,secure,root_squash,no_all_squash)"
)
"""/var/lib/nfs/etab, as exportfs(8) writes it."""
ASKED = {"ip -o addr show scope global": ADDRESSES, "/var/lib/nfs/etab": ETAB}


def test_who_serves_a_folder_has_the_same_storage_as_who_mounts_it() -> None:
    server = host_with(ROOT, statfs="8:1 asked\n8:1 0 4096 1000 500 400", **ASKED)
    client = only(host_with(ROOT, mount("st:/export", V4)))
    served = server.served("/export/a.qcow2")
    assert served is not None
    assert served.aliases & client.aliases
    assert served.options == ("served by this host",)
    assert server.served("/exported/a.qcow2") is None
    assert at(server, "/export/a.qcow2").key == "/dev/sda1", "its own way to it"


def test_addresses_that_every_host_has_make_no_two_servers_one() -> None:
    served = host_with(ROOT, **ASKED).served("/export")
    assert served is not None
    assert served.aliases == {"export:10.0.0.9:/export", "export:2001:db8::9:/export"}


def test_a_server_whose_addresses_are_not_known_is_the_host_s_own() -> None:
    served = host_with(ROOT, **{"/var/lib/nfs/etab": ETAB}).served("/export")
    assert served is not None
    assert served.is_own
    assert not served.aliases


def test_exports_that_are_written_down_count_where_the_table_is_root_s() -> None:
    """exports(5): names in quotes, blanks as octal numbers, lines that go on, comments."""
    text = '# st\n"/srv/my disks" *(rw)\n/srv/a\\040b \\\n  10.0.0.0/24(ro)\n/srv/c\n'
    more: dict[str, str | Reading] = {"/etc/exports": text, "/etc/exports.d/d.exports": "/srv/d *(ro)"}
    assert not host_with(ROOT, **more).exports, "nothing is served now"
    found = host_with(ROOT, **more, **{"/var/lib/nfs/etab": Reading(gap=Gap.DENIED)})
    assert [folder for folder, _ in found.exports] == ["/srv/a b", "/srv/c", "/srv/d", "/srv/my disks"]


def test_what_is_under_the_top_of_version_4_has_its_name_there_too() -> None:
    """exports(5), fsid=0: clients of NFSv4 name everything from there."""
    etab = "/srv/nfs4\t*(rw,sync,fsid=0)\n/srv/nfs4/images\t*(rw,sync)"
    served = host_with(ROOT, **{**ASKED, "/var/lib/nfs/etab": etab}).served("/srv/nfs4/images/a")
    assert served is not None
    assert "export:10.0.0.9:/images" in served.aliases


def test_what_is_mounted_into_a_served_folder_is_not_served() -> None:
    """exports(5), nohide: other file systems below stay hidden."""
    line = "40 22 8:3 / /export/usb rw - ext4 /dev/sdb1 rw"
    assert host_with(ROOT, line, **ASKED).served("/export/usb/a.qcow2") is None


@pytest.mark.parametrize("source", ["", "st", "/export", "st:export", ":/export", "[]:/x", "a/b:/x"])
def test_a_source_of_no_known_form_is_the_host_s_own(source: str) -> None:
    assert server_and_path(source) is None
    for seen in host_with(ROOT, mount(source, "rw")).all_seen:
        assert seen.is_own


@given(st.text(max_size=30))
def test_no_source_breaks_the_reader(source: str) -> None:
    server_and_path(source)
    server_and_path(f"{source}:/{source}")
    assert server_name(server_name(source)) == server_name(source)
