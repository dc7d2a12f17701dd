"""Which machine a host is and what it runs under: from its own files, in the forms that firmware and systems write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.model.capability import Fact
from backends.probes.survey.machine import machine_facts, release_fields
from backends.probes.survey.readings import Readings
from backends.probes.survey.runs_under import hypervisor_below, runs_under
from tests.unit.host_files import DENIED, any_host, by_id, host, is_presentable

DMI = "/sys/class/dmi/id"
PC = {"uname -m": "x86_64", "/proc/cpuinfo": "vendor_id\t: GenuineIntel\nflags\t\t: fpu vme pae msr lm vmx"}


def dmi(**fields: str) -> dict[str, str]:
    return {f"{DMI}/{name}": text for name, text in fields.items()}


def machine(files: dict[str, str], id_: str) -> Fact:
    return by_id(machine_facts(host(files)))[id_]


@pytest.mark.parametrize(
    ("files", "model"),
    [
        (dmi(sys_vendor="Dell Inc.", product_name="PowerEdge R740"), "Dell Inc. PowerEdge R740"),
        (
            dmi(sys_vendor="LENOVO", product_name="20L5CTO1WW", product_version="ThinkPad T480"),
            "LENOVO 20L5CTO1WW ThinkPad T480",
        ),
        (dmi(sys_vendor="HPE", product_name="HPE ProLiant DL380"), "HPE ProLiant DL380"),
        # Names that mean nothing are those of systemd's hwdb.d/20-dmi-id.hwdb.
        (
            dmi(
                sys_vendor="To Be Filled By O.E.M.",
                product_name="To Be Filled By O.E.M.",
                board_vendor="ASRock",
                board_name="X570 Taichi",
            ),
            "ASRock X570 Taichi",
        ),
        (
            {"/sys/firmware/devicetree/base/model": "Raspberry Pi 4 Model B Rev 1.4\0"},
            "Raspberry Pi 4 Model B Rev 1.4",
        ),
        # arch/s390/kernel/sysinfo.c; the text is ansible's test data of an IBM z13.
        (
            {
                "/proc/sysinfo": "Manufacturer:         IBM\nType:                 2964\nModel:                716 NE1"
            },
            "IBM 2964 716",
        ),
    ],
)
def test_a_machine_is_called_by_its_makers_name(files: dict[str, str], model: str) -> None:
    assert machine(files, "machine.model").value == model


def test_a_machine_that_tells_no_name_gets_none() -> None:
    fact = machine(dmi(sys_vendor="System manufacturer", product_name="System Product Name"), "machine.model")
    assert (fact.known, fact.trouble) == (False, "its maker has left the name out")


@pytest.mark.parametrize(
    ("efi", "value"),
    [
        ({}, "BIOS: SeaBIOS 1.16.2-1 04/01/2014"),
        ({"/sys/firmware/efi": "efivars\nsystab"}, "UEFI: SeaBIOS 1.16.2-1 04/01/2014"),
    ],
)
def test_firmware_is_told_with_how_it_booted_the_kernel(efi: dict[str, str], value: str) -> None:
    tables = dmi(bios_vendor="SeaBIOS", bios_version="1.16.2-1", bios_date="04/01/2014")
    assert machine({**PC, **tables, **efi}, "machine.firmware").value == value


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({**PC, **dmi(sys_vendor="QEMU", product_name="Standard PC (Q35 + ICH9, 2009)")}, "QEMU"),
        ({**PC, **dmi(sys_vendor="VMware, Inc.", product_name="VMware Virtual Platform")}, "VMware"),
        ({**PC, **dmi(sys_vendor="innotek GmbH", product_name="VirtualBox")}, "VirtualBox"),
        ({**PC, **dmi(sys_vendor="Google", product_name="Google Compute Engine")}, "Google Compute Engine"),
        ({**PC, "/sys/hypervisor/type": "xen", **dmi(sys_vendor="Xen", product_name="HVM domU")}, "Xen"),
        ({**PC, "dmesg": "[    0.000000] Hypervisor detected: KVM"}, "KVM"),
        # hypervisor/compatible: systemd's src/basic/virt.c, detect_vm_device_tree
        ({"/sys/firmware/devicetree/base/hypervisor/compatible": "linux,kvm\0"}, "KVM"),
        ({"/sys/firmware/devicetree/base/hypervisor/compatible": "xen,xen-4.17\0xen,xen\0"}, "Xen"),
        ({"/sys/firmware/devicetree/base/compatible": "qemu,pseries\0"}, "QEMU"),
        # ansible's test data of a guest of z/VM
        ({"/proc/sysinfo": "LPAR Number:          47\nVM00 Control Program: z/VM    7.2.0"}, "z/VM 7.2.0"),
    ],
)
def test_a_host_that_is_a_guest_itself_says_whose(files: dict[str, str], name: str) -> None:
    assert hypervisor_below(host(files)) == name
    fact = machine(files, "machine.hypervisor_below")
    assert fact.value.startswith(name) and fact.number == 1


FLAGGED = {"/proc/cpuinfo": "flags : fpu lm hypervisor"}


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({**FLAGGED, **dmi(sys_vendor="Microsoft Corporation", product_name="Virtual Machine")}, "Hyper-V"),
        ({**FLAGGED, **dmi(sys_vendor="Amazon EC2", product_name="m5.large")}, "Amazon EC2"),
        ({**PC, **dmi(sys_vendor="Amazon EC2", product_name="m5.metal")}, ""),
        ({**PC, **dmi(sys_vendor="Microsoft Corporation", product_name="Surface Pro")}, ""),
        (FLAGGED, "a hypervisor"),
    ],
)
def test_makers_of_real_machines_too_count_only_where_the_processor_tells_of_a_hypervisor(
    files: dict[str, str], name: str
) -> None:
    assert hypervisor_below(host(files)) == name


@pytest.mark.parametrize(
    ("files", "evidence"),
    [
        (PC, "no flag `hypervisor`"),
        ({"uname -m": "aarch64", **dmi(sys_vendor="GIGABYTE")}, "firmware names no hypervisor"),
        ({"/sys/firmware/devicetree/base/model": "Raspberry Pi 4\0"}, "device tree names no hypervisor"),
        ({"/proc/sysinfo": "Manufacturer: IBM\nLPAR Number:          47"}, "logical partition"),
        # Xen's dom0: /proc/xen/capabilities (systemd's src/basic/virt.c, detect_vm_xen_dom0)
        (
            {**FLAGGED, "/sys/hypervisor/type": "xen", "/proc/xen/capabilities": "control_d"},
            "domain of Xen that has the machine's devices",
        ),
    ],
)
def test_a_host_on_the_machine_itself_says_how_that_was_seen(files: dict[str, str], evidence: str) -> None:
    assert hypervisor_below(host(files)) == ""
    assert evidence in runs_under(host(files)).evidence
    fact = machine(files, "machine.hypervisor_below")
    assert fact.value.startswith("the machine itself") and fact.number == 0


def test_where_nothing_tells_of_a_hypervisor_it_is_not_known() -> None:
    assert hypervisor_below(host({"uname -m": "riscv64"})) is None
    assert not machine({}, "machine.hypervisor_below").known


@pytest.mark.parametrize(
    ("ahead", "exact", "value"),
    [
        (0.02, 0.05, "agrees with ours (seen to 0.05 s)"),
        (3.2, 0.05, "3.20 s ahead (seen to 0.05 s)"),
        (-61.0, 0.1, "61.00 s behind (seen to 0.10 s)"),
    ],
)
def test_a_clock_is_told_as_exactly_as_it_could_be_read(ahead: float, exact: float, value: str) -> None:
    fact = by_id(machine_facts(host({}, ahead_s=ahead, exact_s=exact)))["machine.clock"]
    assert (fact.value, fact.number) == (value, ahead if abs(ahead) > exact else 0)


def test_a_host_says_what_it_calls_itself() -> None:
    assert machine({"/proc/sys/kernel/hostname": "kvm1.example"}, "machine.hostname").value == "kvm1.example"
    assert not machine({}, "machine.hostname").known


def test_a_clock_without_fractions_of_a_second_is_not_compared() -> None:
    fact = by_id(machine_facts(host({}, ahead_s=None)))["machine.clock"]
    assert "fractions" in fact.trouble


@pytest.mark.parametrize(
    ("text", "value", "number"),
    [
        ("350735.47 234388.90", "4 days 1 h", 350735),
        ("86400.00 1.0", "1 day 0 h", 86400),
        ("7500.10 9", "2 h 5 min", 7500),
        ("59.99 0.00", "0 min", 59),
        ("soon", "", None),
    ],
)
def test_uptime_is_told_in_words(text: str, value: str, number: int | None) -> None:
    # The form is that of proc_uptime(5).
    fact = machine({"/proc/uptime": text}, "machine.uptime")
    assert (fact.value, fact.number) == (value, number)


# os-release(5), Examples; and a Debian 12.
FEDORA = 'NAME=Fedora\nVERSION="32 (Workstation Edition)"\nID=fedora\nPRETTY_NAME="Fedora 32 (Workstation Edition)"'


@pytest.mark.parametrize(
    ("files", "value"),
    [
        ({"/etc/os-release": FEDORA}, "Fedora 32 (Workstation Edition)"),
        ({"/usr/lib/os-release": FEDORA}, "Fedora 32 (Workstation Edition)"),
        ({"/etc/os-release": 'NAME="Alpine Linux"\nVERSION=3.19'}, "Alpine Linux 3.19"),
        ({"/etc/os-release": "PRETTY_NAME='half\nNAME=Whole"}, "Whole"),
        ({"/etc/os-release": 'PRETTY_NAME="\x1b]52;c;x\x07"'}, "␛]52;c;x␇"),
    ],
)
def test_a_system_is_called_by_the_name_it_gives_itself(files: dict[str, str], value: str) -> None:
    assert machine(files, "machine.system").value == value


@given(st.text(max_size=80))
def test_no_text_breaks_the_reader_of_os_release(text: str) -> None:
    assert all(name.isascii() for name in release_fields(text))


FILES = (
    *(f"{DMI}/{name}" for name in ("sys_vendor", "product_name", "product_version", "board_name")),
    *(f"{DMI}/{name}" for name in ("bios_vendor", "bios_version", "bios_date")),
    "/sys/firmware/efi",
    "/sys/firmware/devicetree/base/model",
    "/sys/firmware/devicetree/base/hypervisor/compatible",
    "/proc/sysinfo",
    "/proc/cpuinfo",
    "/sys/hypervisor/type",
    "/sys/hypervisor/properties/features",
    "/proc/xen/capabilities",
    "dmesg",
    "uname -m",
    "/etc/os-release",
    "/proc/uptime",
    "/proc/sys/kernel/hostname",
)


@given(any_host(*FILES))
def test_whatever_stands_in_a_hosts_files_each_fact_is_known_or_says_why_not(readings: Readings) -> None:
    assert all(is_presentable(fact) for fact in by_id(machine_facts(readings)).values())
    under = runs_under(readings)
    assert all(text.isprintable() for text in (under.name or "", under.evidence, under.source))


def test_a_host_that_lets_nothing_be_read_says_of_each_fact_why() -> None:
    facts = by_id(machine_facts(host(dict.fromkeys(FILES, DENIED), ahead_s=None)))
    # That there is a folder of UEFI's says how the kernel was booted, whoever may look into it.
    assert {id_ for id_, fact in facts.items() if fact.known} == {"machine.firmware"}
    assert "log in as root" in facts["machine.model"].mend
