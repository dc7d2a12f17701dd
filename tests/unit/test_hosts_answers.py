"""What hosts answer is taken apart by pure parsers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from backends.errors import ActionError
from backends.hypervisor.cpu import cpu_needs
from backends.hypervisor.domain_xml import read_definition, without_secrets
from backends.hypervisor.host_facts import version
from backends.hypervisor.namesakes import Namesake
from backends.hypervisor.states import guest_state, state_reason
from backends.migration.checks.destination import memory_verdict, name_verdict
from backends.migration.virsh import peer_uris
from backends.model.guest import Disk, DiskKind, GuestState
from backends.model.host import HostFacts, HostName, HostSpec, Reach
from backends.model.move import Verdict
from backends.probes import guest_start, libvirt_sockets

# Element names as in https://libvirt.org/formatdomain.html
DOMAIN = """<domain type='kvm'><name>db</name><uuid>u</uuid><memory unit='KiB'>1</memory>
<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
<cpu mode='custom' match='exact'><model fallback='forbid'>Skylake-Client</model></cpu>
<devices>
<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none'/><source file='/srv/db.qcow2'/>
<target dev='vda' bus='virtio'/></disk>
<disk type='block' device='disk'><source dev='/dev/vg/db'/><target dev='vdb'/></disk>
<disk type='network' device='disk'><source protocol='iscsi' name='iqn.2026-11.lab:disks/1'>
<host name='10.0.0.9' port='3260'/></source><target dev='vdc'/></disk>
<disk type='volume' device='disk'><source pool='p' volume='v'/><target dev='vdd'/></disk>
<disk type='file' device='cdrom'><target dev='sda'/><readonly/></disk>
<disk type='vhostuser' device='disk'><target dev='vde'/></disk>
<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/><model type='virtio'/></interface>
<graphics type='vnc' passwd='hunter2'/>
</devices></domain>"""


def test_a_definition_tells_its_disks_and_what_stands_behind_them() -> None:
    disks = {disk.target: disk for disk in read_definition(DOMAIN).disks}
    assert (disks["vda"].kind, disks["vda"].source, disks["vda"].format, disks["vda"].cache) == (
        DiskKind.FILE,
        "/srv/db.qcow2",
        "qcow2",
        "none",
    )
    assert (disks["vdb"].kind, disks["vdb"].source) == (DiskKind.BLOCK, "/dev/vg/db")
    assert disks["vdc"].source == "iscsi:iqn.2026-11.lab:disks/1@10.0.0.9:3260"
    assert disks["vdd"].source == "p/v"
    assert (disks["sda"].device, disks["sda"].source, disks["sda"].read_only) == ("cdrom", "", True)
    assert disks["vde"].kind is DiskKind.OTHER


def disk_of(xml: str) -> Disk:
    return read_definition(f"<domain type='kvm'><devices>{xml}</devices></domain>").disks[0]


# As libvirt 9 shows a running guest: each layer nests the next, an empty element ends the chain.
OVERLAY = """<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/srv/top.qcow2'/>
<backingStore type='file'><format type='qcow2'/><source file='/srv/mid.qcow2'/>
<backingStore type='block'><format type='raw'/><source dev='/dev/vg/base'/><backingStore/></backingStore>
</backingStore><target dev='vda'/></disk>"""


def test_all_layers_of_a_disk_are_known_from_the_definition_of_a_running_guest() -> None:
    disk = disk_of(OVERLAY)
    assert [(layer.kind, layer.path) for layer in disk.layers] == [
        (DiskKind.FILE, "/srv/mid.qcow2"),
        (DiskKind.BLOCK, "/dev/vg/base"),
    ]
    assert disk.chain_known


def test_a_data_file_counts_as_a_layer() -> None:
    disk = disk_of(
        "<disk type='file'><driver type='qcow2'/><source file='/srv/a'><dataStore type='file'><format type='raw'/>"
        "<source file='/data/a.raw'/></dataStore></source><backingStore/><target dev='vda'/></disk>"
    )
    assert [layer.path for layer in disk.layers] == ["/data/a.raw"]
    assert disk.path == "/srv/a"


@pytest.mark.parametrize(
    ("image", "ended", "known"), [("raw", "", True), ("qcow2", "", False), ("qcow2", "<backingStore/>", True)]
)
def test_a_chain_that_the_definition_leaves_open_is_not_taken_for_its_end(
    image: str, ended: str, known: bool
) -> None:
    xml = f"<disk type='file'><driver type='{image}'/><source file='/a'/>{ended}<target dev='vda'/></disk>"
    assert disk_of(xml).chain_known is known


def test_an_empty_drive_has_no_chain_to_know() -> None:
    assert disk_of(
        "<disk type='file' device='cdrom'><driver type='qcow2'/><target dev='sda'/></disk>"
    ).chain_known


def test_a_path_is_kept_as_it_is_for_use_and_made_safe_for_showing() -> None:
    path = "/srv/" + "d" * 2000 + "/a\u202eb\nc"
    disk = disk_of(
        f"<disk type='file'><source file='{path}'/><target dev='vda'/></disk>".replace("\n", "&#10;")
    )
    assert disk.path == path
    assert disk.source != path and disk.source.isprintable()


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("name='127.0.0.1' port='10809'", True),
        ("name='127.8.8.8'", True),
        ("name='::1'", True),
        ("name='::ffff:127.0.0.1'", True),
        ("name='0.0.0.0'", True),
        ("name='LocalHost.'", True),
        ("name='ip6-localhost'", True),
        ("transport='unix' socket='/run/nbd.sock'", True),
        ("name='10.0.0.9' port='3260'", False),
        ("name='localhost.example'", False),
        ("name='2001:db8::1'", False),
    ],
)
def test_a_network_disk_that_a_host_serves_to_itself_is_told_from_others(host: str, local: bool) -> None:
    disk = disk_of(
        f"<disk type='network'><source protocol='nbd' name='e'><host {host}/></source><target dev='vda'/></disk>"
    )
    assert disk.local_service is local


def test_a_shown_definition_has_no_password() -> None:
    shown = without_secrets(DOMAIN)
    assert "hunter2" not in shown
    assert "vnc" in shown


def test_a_definition_cannot_read_our_files() -> None:
    evil = "<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><domain type='kvm'><os><type>&x;</type></os></domain>"
    assert "root:" not in without_secrets(evil)


def test_what_is_no_xml_is_an_error_that_can_be_shown() -> None:
    with pytest.raises(ActionError, match="not valid XML"):
        read_definition("<domain")


def test_the_processor_is_compared_as_the_guest_sees_it() -> None:
    needs = cpu_needs(DOMAIN)
    assert (needs.arch, needs.kind, needs.mode) == ("x86_64", "kvm", "custom")
    assert needs.xml.startswith("<cpu ") and needs.xml.endswith("</cpu>")


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        (
            "open /run/libvirt/libvirt-sock\nopen /var/run/libvirt/libvirt-sock\n",
            [(driver, "/run/libvirt/libvirt-sock", True) for driver in ("qemu", "xen", "lxc")],
        ),
        (
            "open /run/libvirt/virtqemud-sock\nshut /run/libvirt/virtlxcd-sock\n",
            [("qemu", "/run/libvirt/virtqemud-sock", True), ("lxc", "/run/libvirt/virtlxcd-sock", False)],
        ),
        (
            "shut /run/libvirt/virtqemud-sock\nopen /run/libvirt/libvirt-sock\n",
            [(driver, "/run/libvirt/libvirt-sock", True) for driver in ("qemu", "xen", "lxc")],
        ),
        ("Last login: today\n", []),
        ("", []),
    ],
)
def test_daemons_are_found_by_their_sockets_and_by_who_may_use_them(
    listing: str, expected: list[tuple[str, str, bool]]
) -> None:
    found = [(socket.driver, socket.path, socket.usable) for socket in libvirt_sockets.parse(listing)]
    assert found == expected


def test_starts_of_guests_are_read_from_their_pid_files() -> None:
    qemu, lxc = "/run/libvirt/qemu/web 01.pid", "/run/libvirt/lxc/web 01.pid"
    starts = guest_start.parse(f"1763962335.25 {qemu}\0nonsense\0 x.pid\0001763962336 {lxc}\0")
    assert starts == {
        ("qemu", "web 01"): datetime.fromtimestamp(1763962335.25, UTC),
        ("lxc", "web 01"): datetime.fromtimestamp(1763962336, UTC),
    }


def test_a_guest_shut_off_by_a_crash_counts_as_crashed() -> None:
    assert guest_state(5, 3) is GuestState.CRASHED
    assert guest_state(5, 1) is GuestState.OFF
    assert guest_state(99) is GuestState.UNKNOWN
    assert state_reason(3, 5) == "I/O error"


def test_versions_are_shown_as_people_write_them() -> None:
    assert version(9_000_000) == "9.0.0"
    assert version(10_000_002) == "10.0.2"
    assert version(0) == ""


GIB = 2**30


@pytest.mark.parametrize(
    ("needed", "available", "total", "verdict"),
    [
        (GIB, 4 * GIB, 8 * GIB, Verdict.OK),
        (5 * GIB, 4 * GIB, 8 * GIB, Verdict.WARNING),
        (9 * GIB, 4 * GIB, 8 * GIB, Verdict.REFUSE),
        (GIB, None, 8 * GIB, Verdict.UNKNOWN),
        (GIB, 4 * GIB, None, Verdict.OK),
    ],
)
def test_only_a_host_that_could_never_hold_the_guest_is_refused(
    needed: int, available: int | None, total: int | None, verdict: Verdict
) -> None:
    assert memory_verdict(needed, available, total).verdict is verdict


@pytest.mark.parametrize(
    ("namesakes", "verdict"),
    [
        ((), Verdict.OK),
        ((Namesake("u-1", "web", active=False),), Verdict.NOTE),
        ((Namesake("u-1", "web", active=True),), Verdict.REFUSE),
        ((Namesake("u-2", "web", active=False),), Verdict.REFUSE),
        ((Namesake("u-1", "other", active=False),), Verdict.REFUSE),
    ],
)
def test_a_taken_name_or_uuid_is_refused_and_the_guests_own_old_definition_is_not(
    namesakes: tuple[Namesake, ...], verdict: Verdict
) -> None:
    assert name_verdict("u-1", "web", namesakes, "h2").verdict is verdict


FACTS = HostFacts("h2", "", "x86_64", "", 2, GIB)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (HostSpec(HostName("h2"), Reach.SSH, "root@10.0.0.2"), ["root@h2", "root@10.0.0.2"]),
        (HostSpec(HostName("h2"), Reach.SSH, "ops@h2"), ["ops@h2"]),
        (HostSpec(HostName("h2"), Reach.SSH, "root@h2:2222"), ["root@h2", "root@h2:2222"]),
    ],
)
def test_the_peer_is_tried_under_the_name_it_gives_itself_first(spec: HostSpec, expected: list[str]) -> None:
    uris = peer_uris(spec, FACTS, "qemu")
    assert list(uris) == [f"qemu+ssh://{address}/system" for address in expected]


def test_a_configured_peer_uri_is_the_only_one_tried() -> None:
    spec = HostSpec(HostName("h2"), Reach.SSH, "h2", peer_uri="qemu+tls://h2/system")
    assert peer_uris(spec, FACTS, "qemu") == ("qemu+tls://h2/system",)
