"""iSCSI on a host: names and portals, what iscsiadm tells, who uses a target; no secret is to be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import ActionError
from backends.hypervisor.iscsi_pools import BY_KERNEL, DIRECT, pool_xml
from backends.hypervisor.pool_definitions import parse_pool
from backends.hypervisor.secrets import secret_xml
from backends.hypervisor.xml import parse
from backends.model.guest import Disk, DiskKind, Layer
from backends.model.host import HostName
from backends.model.storage import IscsiLogin, Sharing
from backends.probes.storage.header import HostDevices
from backends.probes.storage.same_pool import compare, compare_targets, with_port
from backends.storage.iscsi_names import parse_portal, require_login, secret_usage
from backends.storage.iscsi_users import is_on
from backends.storage.iscsiadm import parse_offers
from backends.untrusted import clean

IQN = "iqn.2026-11.lab:disks"
H1 = HostName("h1")
SESAME = "open-sesame-1"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("10.0.0.1", "10.0.0.1:3260"),
        ("10.0.0.1:3261", "10.0.0.1:3261"),
        ("[fe80::1]", "[fe80::1]:3260"),
        ("[2001:db8::7]:860", "[2001:db8::7]:860"),
        ("st.example.com:3260", "st.example.com:3260"),
    ],
)
def test_a_portal_is_understood_as_people_write_it(text: str, shown: str) -> None:
    assert str(parse_portal(text)) == shown


@pytest.mark.parametrize(
    "text", ["", "--op delete", "a b", "10.0.0.1:0", "10.0.0.1:99999", "fe80::1", "x:y", "-p"]
)
def test_what_is_no_portal_reaches_no_command(text: str) -> None:
    with pytest.raises(ActionError, match="no portal"):
        parse_portal(text)


@pytest.mark.parametrize(
    "iqn",
    [
        "",
        "disks",
        "iqn.2026",
        "iqn.2026-11.lab:a b",
        "iqn.2026-11.lab:$(id)",
        "../x",
        "iqn.2026-11.a:" + "x" * 230,
    ],
)
def test_what_no_target_could_be_called_reaches_no_command(iqn: str) -> None:
    with pytest.raises(ActionError, match="no name of a target"):
        require_login(IscsiLogin(iqn, "10.0.0.1"))


def test_a_secret_without_a_user_is_half_a_login_and_is_not_in_its_words() -> None:
    with pytest.raises(ActionError) as refused:
        require_login(IscsiLogin(IQN, "10.0.0.1", secret=SESAME))
    assert SESAME not in f"{refused.value} {refused.value.hint}"
    assert SESAME not in repr(IscsiLogin(IQN, "10.0.0.1", "me", SESAME))


def test_offers_are_read_as_iscsiadm_prints_them() -> None:
    """iscsiadm(8), discovery by sendtargets: `portal,tpgt target`, one a line."""
    text = (
        "10.0.0.1:3260,1 iqn.2026-11.lab:disks\n"
        "10.0.1.1:3260,1 iqn.2026-11.lab:disks\n"
        "[2001:db8::7]:3260,1 iqn.2026-11.lab:tapes\n"
        "iscsiadm: No portals found\n"
    )
    found = parse_offers(text, H1)
    assert [(each.iqn, each.portals) for each in found] == [
        ("iqn.2026-11.lab:disks", ("10.0.0.1:3260", "10.0.1.1:3260")),
        ("iqn.2026-11.lab:tapes", ("[2001:db8::7]:3260",)),
    ]


@given(st.binary().map(lambda raw: raw.decode(errors="replace")))
def test_nonsense_offers_nothing_that_a_terminal_would_obey(text: str) -> None:
    for target in parse_offers(text + "\n1:1,1 " + text, H1):
        assert target.iqn == clean(target.iqn) and all(each == clean(each) for each in target.portals)


# Pools -------------------------------------------------------------------------------------------


def pool(
    kind: str = DIRECT, *, iqn: str = IQN, address: str = "10.0.0.1", port: str = "3260", user: str = ""
) -> str:
    usage = secret_usage(iqn)
    return pool_xml(
        kind, iqn, iqn, address, port, initiator="iqn.2008-11.org.linux-kvm:h1", user=user, usage=usage
    )


def test_the_pool_of_a_target_names_its_secret_and_does_not_hold_it() -> None:
    text = pool(user="ferry")
    read = parse_pool(text, "qemu", active=False)
    assert (read.type, read.source.devices, read.source.hosts, read.source.user) == (
        DIRECT,
        (IQN,),
        ("10.0.0.1:3260",),
        "ferry",
    )
    assert parse(text).find("source/auth/secret") is not None
    assert parse(secret_xml(secret_usage(IQN))).get("private") == "yes"


def test_a_pool_by_the_kernel_has_a_folder_of_devices_and_no_initiator() -> None:
    root = parse(pool(BY_KERNEL))
    assert root.findtext("target/path") == "/dev/disk/by-path"
    assert root.find("source/initiator") is None


def test_two_pools_are_one_target_at_one_portal_whatever_their_kind_and_name() -> None:
    ours, theirs = (parse_pool(pool(kind), "qemu", active=True) for kind in (DIRECT, BY_KERNEL))
    assert compare(ours, theirs, "h1", "h2").sharing is Sharing.SAME_IDENTITY


def test_another_target_is_another_storage_and_another_portal_is_not_proved() -> None:
    ours = parse_pool(pool(), "qemu", active=True)
    other = parse_pool(pool(iqn="iqn.2026-11.lab:tapes"), "qemu", active=True)
    elsewhere = parse_pool(pool(address="10.0.9.9"), "qemu", active=True)
    assert compare(ours, other, "h1", "h2").sharing is Sharing.DIFFERENT
    assert compare(ours, elsewhere, "h1", "h2").sharing is Sharing.UNKNOWN


def test_a_portal_without_a_port_is_the_one_with_the_usual_port() -> None:
    portals = frozenset({with_port("10.0.0.1")}), frozenset({with_port("10.0.0.1:3260")})
    assert compare_targets(IQN, portals[0], IQN, portals[1], ("h1", "h2")).sharing is Sharing.SAME_IDENTITY
    assert with_port("[fe80::1]") == "[fe80::1]:3260" and with_port("") == ""


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost"])
def test_a_portal_of_each_host_itself_proves_nothing(address: str) -> None:
    ours, theirs = (parse_pool(pool(address=address), "qemu", active=True) for _ in range(2))
    assert compare(ours, theirs, "h1", "h2").sharing is Sharing.UNKNOWN


@pytest.mark.parametrize(
    ("server", "sharing"), [("g1", Sharing.SAME_IDENTITY), ("localhost", Sharing.UNKNOWN)]
)
def test_a_volume_of_each_host_itself_proves_nothing(server: str, sharing: Sharing) -> None:
    xml = f"<pool type='gluster'><source><host name='{server}'/><name>gv0</name></source></pool>"
    ours, theirs = (parse_pool(xml, "qemu", active=True) for _ in range(2))
    assert compare(ours, theirs, "h1", "h2").sharing is sharing


# Users -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "used"),
    [
        (Layer(DiskKind.NETWORK, f"iscsi:{IQN}/1@10.0.0.1:3260"), True),
        (Layer(DiskKind.NETWORK, f"iscsi:{IQN}@10.0.0.1"), True),
        (Layer(DiskKind.NETWORK, f"iscsi:{IQN}2/1@10.0.0.1"), False),
        (Layer(DiskKind.NETWORK, f"nbd:{IQN}/1@10.0.0.1"), False),
        (Layer(DiskKind.VOLUME, "luns/unit:0:0:1"), True),
        (Layer(DiskKind.VOLUME, "images/a.img"), False),
        (Layer(DiskKind.BLOCK, "x", f"/dev/disk/by-path/ip-10.0.0.1:3260-iscsi-{IQN}-lun-1"), True),
        (Layer(DiskKind.BLOCK, "/dev/sdb", "/dev/sdb"), False),
        (Layer(DiskKind.FILE, "/srv/a.img", "/srv/a.img"), False),
    ],
)
def test_a_guest_uses_a_target_by_itself_by_a_pool_or_by_a_device(layer: Layer, used: bool) -> None:
    assert is_on(layer, IQN, frozenset({"luns"}), HostDevices("h1")) is used


def test_every_image_of_a_disk_counts() -> None:
    disk = Disk("vda", DiskKind.FILE, "/a", layers=(Layer(DiskKind.NETWORK, f"iscsi:{IQN}/1@10.0.0.1"),))
    assert any(is_on(layer, IQN, frozenset(), None) for layer in disk.layers)
