"""What libvirt says of hosts of all kinds is read rightly, and nothing that it says or leaves out ends the program.

The forms are in tests/unit/capabilities/, whose README says where each comes from.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from backends.hypervisor.domain_capabilities import HostModel, parse_domain_capabilities
from backends.hypervisor.driver_offer import DriverOffer, emulator_questions
from backends.hypervisor.host_capabilities import parse_capabilities
from backends.hypervisor.host_facts import read_capabilities
from backends.hypervisor.host_offers import parse_emulator, parse_offers
from backends.hypervisor.known_elements import MOST_UNKNOWN, number
from backends.hypervisor.offer_facts import offer_facts
from backends.hypervisor.offer_kinds import kind_support
from tests.unit.capabilities import DOMAIN, EMULATORS, HOSTS, emulator, form, offer

# What a host is, and what its guests can have


def test_a_host_with_kvm_tells_its_processor_and_memory() -> None:
    told = offer("qemu-x86_64-kvm").capabilities
    assert (told.cpu.arch, told.cpu.model, told.cpu.vendor, told.cpu.microcode) == (
        "x86_64",
        "Broadwell",
        "Intel",
        "1",
    )
    assert (told.cpu.sockets, told.cpu.dies, told.cpu.cores, told.cpu.threads) == (1, 1, 2, 1)
    assert told.cpu.address_bits == 48 and "hypervisor" in told.cpu.features
    assert (told.cpu.tsc_hz, told.cpu.tsc_scaling) == (2_600_000_000, False)
    assert told.cpu.page_kib == (4, 2048, 1048576)
    (cell,) = told.cells
    assert cell.memory_bytes == 10315552 * 1024 and cell.cpus == {0, 1} and len(cell.cores) == 2
    assert cell.pages == ((4, 2578888), (2048, 0), (1048576, 0))
    assert (told.caches[0].level, told.caches[0].size_bytes, told.caches[0].controlled) == (
        3,
        480 << 20,
        False,
    )


def test_machine_types_keep_what_their_aliases_stand_for() -> None:
    machines = {machine.name: machine for machine in offer("qemu-x86_64-kvm").capabilities.forms[0].machines}
    assert machines["q35"].canonical == "pc-q35-7.2" and machines["q35"].max_vcpus == 288
    assert machines["pc-i440fx-1.7"].deprecated and not machines["pc-q35-7.2"].deprecated


def test_which_widths_a_host_takes_is_told_by_its_architectures() -> None:
    archs = offer("qemu-x86_64-kvm").archs
    assert (archs["i686"].wordsize, archs["x86_64"].wordsize) == (32, 64)
    assert {"pae", "nonpae"} <= archs["i686"].features and "pae" not in archs["x86_64"].features
    pv, hvm = offer("xen3-i686").capabilities.forms
    assert pv.features == {"pae"} and "nonpae" in hvm.features


def test_old_xen_tells_the_processors_extension_and_new_xen_the_nested_paging() -> None:
    assert offer("xen3-i686").capabilities.cpu.switches == {"vmx", "pae"}
    assert "hap" in offer("xen4-x86_64").archs["x86_64"].features


def test_a_node_of_memory_without_processors_is_a_node() -> None:
    told = offer("qemu-x86_64-resctrl").capabilities
    assert [(cell.memory_bytes, len(cell.cpus)) for cell in told.cells] == [(1 << 30, 4), (2 << 30, 0)]
    assert told.iommu and told.power == ("suspend_mem", "suspend_disk")
    assert [bank.controlled for bank in told.caches] == [False, True]
    assert told.caches[1].cpus == {0, 1, 4, 5}
    assert told.bandwidth_nodes == 1 and told.monitors == ("llc_occupancy", "mbm_total_bytes")


def test_confinement_is_told_with_its_labels() -> None:
    selinux, dac = offer("qemu-aarch64").capabilities.security
    assert selinux.name == "selinux" and ("kvm", "system_u:system_r:svirt_t:s0") in selinux.labels
    assert dac.labels == (("kvm", "+107:+107"), ("qemu", "+107:+107"))
    (none,) = offer("lxc-x86_64").capabilities.security
    assert (none.name, none.labels) == ("none", ())


@pytest.mark.parametrize(
    ("host", "migrates", "transports"),
    [
        ("qemu-x86_64-kvm", True, ("tcp", "rdma")),
        ("xen3-i686", True, ("xenmigr",)),
        ("xen4-x86_64", True, ()),
        ("esx-x86_64", True, ("vpxmigr",)),
        ("lxc-x86_64", False, ()),
        ("bhyve-x86_64", False, ()),
        ("test-i686", False, ()),
    ],
)
def test_a_driver_that_moves_guests_announces_it(
    host: str, migrates: bool, transports: tuple[str, ...]
) -> None:
    told = offer(host).capabilities
    assert (told.migrates, told.live, told.transports) == (migrates, migrates, transports)


def test_the_older_readers_say_the_same() -> None:
    xml = form("qemu-x86_64-kvm.xml")
    told, offers, old = parse_capabilities(xml), parse_offers(xml), read_capabilities(xml)
    assert (old.uuid, old.arch, old.cpu_model, old.migrates) == (
        told.uuid,
        "x86_64",
        "Broadwell",
        True,
    )
    assert offers.archs["x86_64"].kinds == {"kvm", "qemu"}
    assert {"pc", "pc-i440fx-7.2", "q35"} <= offers.archs["x86_64"].machines
    assert offers.page_kib == {4, 2048, 1048576} and offers.cpus == {0, 1}
    assert parse_emulator(form(f"qemu-x86_64-kvm{DOMAIN}")).tpm_backends == frozenset({"passthrough"})
    assert parse_emulator(form(f"qemu-s390x{DOMAIN}")).tpm_backends == frozenset()
    assert parse_emulator(form(f"xen4-x86_64{DOMAIN}")).tpm_backends is None


# What an emulator offers


def test_the_processors_that_guests_can_have() -> None:
    kvm, tcg = emulator("qemu-x86_64-kvm"), emulator("qemu-x86_64-tcg")
    assert {name for name, mode in kvm.cpu_modes.items() if mode.supported} == {
        "host-passthrough",
        "maximum",
        "host-model",
        "custom",
    }
    assert not tcg.cpu_modes["host-passthrough"].supported
    assert tcg.host_model and (tcg.host_model.vendor, tcg.host_model.model) == ("AMD", "EPYC")
    assert "la57" in tcg.host_model.required and "nrip-save" in tcg.host_model.disabled
    assert {model.name: model.usable for model in kvm.models}["Haswell"] is False


def test_an_unusable_processor_says_which_features_block_it() -> None:
    models = {model.name: model for model in emulator("qemu-s390x").models}
    assert models["gen17a-base"].blockers == ("minste4", "type") and models["gen17a-base"].usable is False
    assert models["z14-base"].usable and not models["z14-base"].blockers
    old = {model.name: model for model in emulator("qemu-x86_64-sev").models}["core2duo"]
    assert old.deprecated and old.canonical == "core2duo-v1" and old.blockers == ("ss",)


def test_what_libvirt_does_not_know_of_a_processor_is_neither_yes_nor_no() -> None:
    assert {model.usable for model in emulator("qemu-ppc64").models} == {None}
    assert emulator("qemu-ppc64").host_model == HostModel("POWER9")
    assert emulator("qemu-aarch64").host_model is None
    assert emulator("qemu-riscv64").models == ()


@pytest.mark.parametrize(
    ("name", "firmware", "secure"),
    [
        ("qemu-x86_64-kvm", (), False),
        ("qemu-x86_64-sev", ("bios", "efi"), True),
        ("qemu-aarch64", ("efi",), True),
        ("qemu-s390x", (), False),
        ("qemu-x86_64-tdx", ("efi",), None),
        ("xen4-x86_64", None, None),
        ("bhyve-x86_64", None, None),
    ],
)
def test_firmware_and_secure_boot(name: str, firmware: tuple[str, ...] | None, secure: bool | None) -> None:
    told = emulator(name)
    assert (told.firmware, told.secure_boot) == (firmware, secure)


def test_confidential_guests_are_told_with_their_number() -> None:
    sev = emulator("qemu-x86_64-sev")
    assert sev.feature("sev").details["maxGuests"] == "59" and sev.feature("sgx").supported is False
    assert sev.feature("launchSecurity").of("sectype") == ("sev", "sev-snp")
    assert emulator("qemu-x86_64-tdx").feature("tdx").supported
    assert emulator("qemu-x86_64-kvm").feature("tdx").supported is None, "libvirt 9.0 does not tell"


def test_devices_that_decide_whether_a_guest_can_live_there() -> None:
    told = emulator("qemu-x86_64-kvm")
    assert told.device("tpm").of("backendModel") == ("passthrough",)
    assert "virtiofs" in told.device("filesystem").of("driverType")
    assert told.device("hostdev").of("pciBackend") == (), "no IOMMU, no VFIO"
    assert told.device("crypto").supported is None
    assert not emulator("bhyve-x86_64").device("graphics").supported


# What is new, missing or hostile


@pytest.mark.parametrize("name", HOSTS)
def test_no_driver_of_today_says_what_we_do_not_know(name: str) -> None:
    assert offer(name).unknown == ()


@pytest.mark.parametrize("name", EMULATORS)
def test_no_emulator_of_today_says_what_we_do_not_know(name: str) -> None:
    told = emulator(name)
    assert told.unknown == () and told.arch and told.kind


def test_an_element_that_is_new_is_kept_by_its_path() -> None:
    xml = form("qemu-aarch64.xml").replace("<iommu support='no'/>", "<quantum qubits='5'><gate/></quantum>")
    domain = form(f"qemu-aarch64{DOMAIN}").replace("<os supported='yes'>", "<os supported='yes'><oracle/>")
    told = DriverOffer(
        "qemu",
        capabilities=parse_capabilities(xml),
        emulators=(parse_domain_capabilities(domain),),
    )
    assert told.unknown == ("capabilities/host/quantum", "domainCapabilities/os/oracle")
    assert offer_facts(told)[-1].value == ", ".join(told.unknown)
    assert told.capabilities.cpu.model == "Neoverse-N1", "the rest is read"


def test_a_new_feature_or_device_is_kept_by_its_name() -> None:
    xml = form(f"qemu-riscv64{DOMAIN}")
    xml = xml.replace("<tpm supported='no'/>", "<teleport supported='yes'><enum name='to'/></teleport>")
    xml = xml.replace("<sev supported='no'/>", "<cove supported='yes'><limit>3</limit></cove>")
    told = parse_domain_capabilities(xml)
    assert told.device("teleport").supported
    assert (told.feature("cove").supported, told.feature("cove").details) == (True, {"limit": "3"})
    assert told.unknown == ("features/cove/limit",)


def test_what_a_host_says_is_safe_to_show() -> None:
    xml = "<capabilities><host><cpu><model>a&#x202e;b</model></cpu><ﷺ/></host></capabilities>"
    told = parse_capabilities(xml)
    assert told.cpu.model == "a\\u202eb" and len(told.unknown) == 1


def test_a_document_of_a_million_new_elements_keeps_a_few_names() -> None:
    many = "".join(f"<n{index}/>" for index in range(5000))
    assert len(parse_capabilities(f"<capabilities>{many}</capabilities>").unknown) == MOST_UNKNOWN


@pytest.mark.parametrize("text", ["", "9" * 5000, "-1", "0x10", "²", "1.5", None])
def test_a_number_that_is_none_is_not_known(text: str | None) -> None:
    assert number(text) is None


Reader = Callable[[str], object]


def read_host(xml: str) -> object:
    told = DriverOffer("qemu", capabilities=parse_capabilities(xml))
    return emulator_questions(told.capabilities), kind_support([told]), offer_facts(told)


def read_emulator(xml: str) -> object:
    parse_emulator(xml)
    return offer_facts(DriverOffer("qemu", emulators=(parse_domain_capabilities(xml),)))


DOCUMENTS: list[tuple[str, Reader]] = [
    *((f"{name}.xml", read_host) for name in HOSTS),
    *((f"{name}{DOMAIN}", read_emulator) for name in EMULATORS),
]
TREES = {name: etree.fromstring(form(name).encode()) for name, _ in DOCUMENTS}
WORDS = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=8)


@pytest.mark.parametrize(("name", "read"), DOCUMENTS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_part_may_be_missing_changed_or_new(name: str, read: Reader, data: st.DataObject) -> None:
    root = deepcopy(TREES[name])
    elements = [element for element in root.iter() if element is not root]
    marks = st.lists(st.integers(0, len(elements) - 1), max_size=12, unique=True)
    for index in data.draw(marks, "new below"):
        etree.SubElement(elements[index], data.draw(st.sampled_from(["novel", "feature", "model", "enum"])))
    for index in data.draw(marks, "without attributes"):
        elements[index].attrib.clear()
    for index in data.draw(marks, "other texts"):
        elements[index].text = data.draw(WORDS)
    for index in data.draw(marks, "missing"):
        parent = elements[index].getparent()
        if parent is not None:
            parent.remove(elements[index])
    read(etree.tostring(root, encoding="unicode"))
