"""What a definition asks of a host is read from its XML, and what a host offers from its capabilities."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.hypervisor.guest_needs import (
    DeviceKind,
    GuestNeeds,
    NeededFile,
    Plug,
    SharedFolder,
    SharedMemory,
    parse_listens,
    parse_needs,
)
from backends.hypervisor.host_offers import parse_emulator, parse_offers
from backends.hypervisor.id_sets import parse_ids


def needs(devices: str = "", rest: str = "") -> GuestNeeds:
    return parse_needs(f"<domain type='kvm'>{rest}<devices>{devices}</devices></domain>")


# Element names as in https://libvirt.org/formatdomain.html
@pytest.mark.parametrize(
    ("xml", "kind", "teamed"),
    [
        (
            "<hostdev mode='subsystem' type='pci'><source><address bus='0x03'/></source></hostdev>",
            "PCI",
            False,
        ),
        (
            "<hostdev mode='subsystem' type='pci'><teaming type='transient' persistent='n'/></hostdev>",
            "PCI",
            True,
        ),
        ("<hostdev mode='subsystem' type='usb'/>", "USB", False),
        ("<hostdev mode='subsystem' type='mdev' model='vfio-pci'/>", "MEDIATED", False),
        ("<hostdev mode='subsystem' type='scsi'/>", "SCSI", False),
        ("<hostdev mode='capabilities' type='misc'/>", "OTHER", False),
        ("<interface type='hostdev'><mac address='52:54:00:00:00:01'/></interface>", "INTERFACE", False),
        (
            "<interface type='hostdev'><teaming type='transient' persistent='n'/></interface>",
            "INTERFACE",
            True,
        ),
        ("<interface type='vdpa'><source dev='/dev/vhost-vdpa-0'/></interface>", "VDPA", False),
    ],
)
def test_devices_of_the_host_are_told_apart(xml: str, kind: str, teamed: bool) -> None:
    (device,) = needs(xml).devices
    assert (device.kind, device.teamed) == (DeviceKind[kind], teamed)


def test_a_card_on_a_bridge_is_no_device_of_the_host() -> None:
    assert needs("<interface type='bridge'><source bridge='br0'/></interface>").devices == ()


def test_the_needs_of_a_definition_with_everything() -> None:
    found = needs(
        "<emulator>/usr/bin/qemu</emulator>"
        "<filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/></filesystem>"
        "<filesystem type='mount'><source dir='/old'/></filesystem>"
        "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>"
        "<shmem name='ring'/><shmem name='own' role='master'/>"
        "<disk type='file' device='cdrom'><source file='/a.iso' startupPolicy='optional'/><target dev='sda'/></disk>"
        "<disk type='file'><source file='/b'/><target dev='vdb'/><transient/></disk>"
        "<interface type='network'><source network='lan' bridge='virbr0'/></interface>"
        "<interface type='bridge'><source bridge='ovs'/><virtualport type='openvswitch'/></interface>"
        "<interface type='direct'><source dev='eth1' mode='bridge'/></interface>",
        "<memory unit='MiB'>512</memory><launchSecurity type='sev'/>"
        "<memoryBacking><hugepages><page size='2' unit='M'/></hugepages></memoryBacking>"
        "<numatune><memory mode='strict' nodeset='0-1'/></numatune>"
        "<cputune><vcpupin vcpu='0' cpuset='2-4,^3'/></cputune>"
        "<os><type arch='x86_64' machine='pc-q35-9.0'>hvm</type><loader>/ovmf.fd</loader><nvram>/n</nvram>"
        "<kernel>/vmlinuz</kernel></os><cpu><feature policy='require' name='invtsc'/></cpu>",
    )
    assert found.folders == (SharedFolder("virtiofs", "/srv"), SharedFolder("path", "/old"))
    assert found.tpm == "emulator" and found.launch_security == "sev"
    assert found.shared_memory == (SharedMemory("ring", False), SharedMemory("own", True))
    assert found.media_may_miss == {"sda"} and found.transient_disks == ("vdb",)
    assert found.plugs == (Plug("network", "lan"), Plug("bridge", "ovs", True), Plug("direct", "eth1"))
    assert (found.page_kib, found.memory_kib) == ((2048,), 512 * 1024)
    assert found.numa_nodes == {0, 1} and found.pinned_cpus == (frozenset({2, 4}),)
    assert found.files == (NeededFile("firmware", "/ovmf.fd"), NeededFile("kernel", "/vmlinuz"))
    assert found.has_nvram and found.invariant_tsc
    assert (found.arch, found.machine, found.emulator) == ("x86_64", "pc-q35-9.0", "/usr/bin/qemu")


def test_a_running_guests_card_counts_as_plugged_into_its_network_whatever_that_made_of_it() -> None:
    source = "<source network='lan' portid='p' bridge='br0'/>"
    assert needs(f"<interface type='bridge'>{source}</interface>").plugs == (Plug("network", "lan"),)


def test_a_fixed_frequency_makes_an_invariant_tsc_harmless() -> None:
    clock = "<clock offset='utc'><timer name='tsc' frequency='2000000000'/></clock>"
    assert not needs(rest=f"<cpu><feature policy='require' name='invtsc'/></cpu>{clock}").invariant_tsc
    assert not needs(rest="<cpu><feature policy='disable' name='invtsc'/></cpu>").invariant_tsc


def test_a_loader_of_xen_without_a_path_is_no_file_to_look_for() -> None:
    assert needs(rest="<os><loader>hvmloader</loader></os>").files == ()


def test_the_addresses_of_screens_are_those_that_are_laid_down() -> None:
    listens = "<listen type='address' address='10.0.0.1'/><listen type='address'/><listen type='none'/>"
    xml = f"<domain><devices><graphics type='vnc'>{listens}</graphics></devices></domain>"
    assert parse_listens(xml) == ("10.0.0.1",)


def test_huge_pages_without_a_size_are_the_hosts_own() -> None:
    assert needs(rest="<memoryBacking><hugepages/></memoryBacking>").page_kib == (0,)


@pytest.mark.parametrize(
    ("text", "ids"),
    [("0-3,^2", {0, 1, 3}), ("5", {5}), ("", set()), ("x,1-y,7", {7}), ("3-1", set())],
)
def test_sets_of_processors_are_read_as_libvirt_writes_them(text: str, ids: set[int]) -> None:
    assert parse_ids(text) == ids


@given(st.sets(st.integers(0, 500)))
def test_a_set_that_is_written_out_is_read_back(ids: set[int]) -> None:
    assert parse_ids(",".join(map(str, ids))) == ids


def test_a_set_of_a_billion_processors_does_not_fill_our_memory() -> None:
    assert len(parse_ids("0-999999999")) < 70_000


# Element names as in https://libvirt.org/formatcaps.html
CAPABILITIES = """<capabilities><host><cpu><pages unit='KiB' size='4'/><pages unit='KiB' size='2048'/></cpu>
<topology><cells num='1'><cell id='0'><cpus num='2'><cpu id='0'/><cpu id='1'/></cpus></cell></cells></topology></host>
<guest><os_type>hvm</os_type><arch name='x86_64'><machine canonical='pc-i440fx-7.2' maxCpus='255'>pc</machine>
<machine maxCpus='255'>pc-q35-7.2</machine><domain type='qemu'/><domain type='kvm'><machine>kvm-only</machine></domain>
</arch></guest></capabilities>"""


def test_what_a_host_offers_is_read_from_its_capabilities() -> None:
    offers = parse_offers(CAPABILITIES)
    assert offers.archs["x86_64"].kinds == {"qemu", "kvm"}
    assert offers.archs["x86_64"].machines == {"pc", "pc-i440fx-7.2", "pc-q35-7.2", "kvm-only"}
    assert offers.page_kib == {4, 2048}
    assert offers.numa_nodes == {0} and offers.cpus == {0, 1}


@pytest.mark.parametrize(
    ("devices", "backends"),
    [
        ("<tpm supported='yes'><enum name='backendModel'><value>emulator</value></enum></tpm>", {"emulator"}),
        ("<tpm supported='no'/>", set()),
        ("", None),
    ],
)
def test_a_host_without_an_emulated_tpm_is_told_from_one_that_does_not_say(
    devices: str, backends: set[str] | None
) -> None:
    xml = f"<domainCapabilities><devices>{devices}</devices></domainCapabilities>"
    assert parse_emulator(xml).tpm_backends == backends
