"""Memory, devices, and what guests can be given: from the host's own files, in the forms that kernels write."""

from __future__ import annotations

import pytest
from hypothesis import given

from backends.probes.survey.devices import device_facts, iommu_groups
from backends.probes.survey.encrypted import guest_encryption_facts, nested, sev_kinds, tdx
from backends.probes.survey.memory import meminfo, memory_facts
from backends.probes.survey.readings import Gap, Reading, Readings
from tests.unit.host_files import BROKEN, DENIED, any_host, by_id, host, is_presentable

KIB, MIB, GIB = 2**10, 2**20, 2**30

# proc_meminfo(5), the layout; HugePages_* are counts and have no unit (kernel, admin-guide/mm/hugetlbpage.rst).
MEMINFO = """MemTotal:       24683656 kB
MemFree:        22347800 kB
MemAvailable:   23510316 kB
SwapTotal:       8388604 kB
SwapFree:        7340028 kB
HugePages_Total:       8
Hugepagesize:       2048 kB"""
HUGE = "/sys/kernel/mm/hugepages"
KSM = "/sys/kernel/mm/ksm"


def test_memory_is_told_in_words_and_in_bytes() -> None:
    facts = by_id(memory_facts(host({"/proc/meminfo": MEMINFO})))
    assert (facts["memory.total"].value, facts["memory.total"].number) == ("23.5 GiB", 24683656 * KIB)
    assert facts["memory.available"].number == 23510316 * KIB
    assert facts["memory.swap"].value == "8.0 GiB, 1.0 GiB of it used"
    assert facts["memory.total"].source == "/proc/meminfo: MemTotal"


def test_a_host_without_swap_says_so() -> None:
    facts = by_id(memory_facts(host({"/proc/meminfo": "SwapTotal:             0 kB\nSwapFree: 0 kB"})))
    assert (facts["memory.swap"].value, facts["memory.swap"].number) == ("none", 0)


def test_a_kernel_before_3_14_has_no_word_of_available_memory_and_none_is_made_up() -> None:
    facts = by_id(memory_facts(host({"/proc/meminfo": "MemTotal: 1024 kB"})))
    assert facts["memory.total"].known
    assert not facts["memory.available"].known


def test_counts_of_pages_are_not_taken_for_bytes() -> None:
    assert meminfo(MEMINFO)["Hugepagesize"] == 2 * MIB
    assert "HugePages_Total" not in meminfo(MEMINFO)


def test_each_size_of_huge_pages_is_told_with_what_is_free() -> None:
    # The files of /sys/kernel/mm/hugepages: admin-guide/mm/hugetlbpage.rst.
    pools = {
        f"{HUGE}/hugepages-1048576kB/nr_hugepages": "16",
        f"{HUGE}/hugepages-1048576kB/free_hugepages": "4",
        f"{HUGE}/hugepages-2048kB/nr_hugepages": "512",
        f"{HUGE}/hugepages-2048kB/free_hugepages": "512",
    }
    fact = by_id(memory_facts(host(pools)))["memory.huge_pages"]
    assert fact.value == "512 of 2.0 MiB, 512 free; 16 of 1.0 GiB, 4 free"
    assert fact.number == GIB + 16 * GIB


def test_sizes_without_pages_are_possible_and_nothing_more() -> None:
    pools = {
        f"{HUGE}/hugepages-2048kB/nr_hugepages": "0",
        f"{HUGE}/hugepages-1048576kB/nr_hugepages": "0",
    }
    fact = by_id(memory_facts(host(pools)))["memory.huge_pages"]
    assert (fact.value, fact.number) == ("none set aside (possible: 2.0 MiB, 1.0 GiB)", 0)


@pytest.mark.parametrize(
    ("enabled", "value"),
    [("always [madvise] never", "madvise"), ("[always] madvise never", "always"), ("always madvise", "")],
)
def test_of_the_choices_for_transparent_huge_pages_the_one_in_brackets_holds(
    enabled: str, value: str
) -> None:
    # admin-guide/mm/transhuge.rst
    facts = by_id(memory_facts(host({"/sys/kernel/mm/transparent_hugepage/enabled": enabled})))
    assert facts["memory.transparent_huge_pages"].value == value


@pytest.mark.parametrize(
    ("run", "sharing", "arch", "value", "saved"),
    [
        ("0", "0", "x86_64", "off", 0),
        ("1", "262144", "x86_64", "on, 262144 pages saved (1.0 GiB)", GIB),
        ("1", "10", "aarch64", "on, 10 pages saved", None),
        ("0", "256", "x86_64", "off, 256 pages saved (1.0 MiB); what was merged stays so", MIB),
        ("2", "0", "x86_64", "off, and what was merged is taken apart", 0),
        ("3", "0", "x86_64", "", None),
    ],
)
def test_ksm_says_what_it_does_and_what_it_saves_where_the_size_of_a_page_is_certain(
    run: str, sharing: str, arch: str, value: str, saved: int | None
) -> None:
    # `run` 0, 1, 2 and `pages_sharing`: admin-guide/mm/ksm.rst
    files = {f"{KSM}/run": run, f"{KSM}/pages_sharing": sharing, "uname -m": arch}
    fact = by_id(memory_facts(host(files)))["memory.ksm"]
    assert (fact.value, fact.number) == (value, saved)


GROUPS, UNITS, TABLES = "/sys/kernel/iommu_groups", "/sys/class/iommu", "/sys/firmware/acpi/tables"
# Kernel messages of a Lenovo with VT-d (coreboot's board status, kernel log).
DMAR_MESSAGE = (
    "[    0.013654] ACPI: DMAR 0x00000000BAFDA000 0000B8 (v01 INTEL  SNB      00000001 INTL 00000001)"
)


@pytest.mark.parametrize(
    ("units", "name"),
    [("dmar0\ndmar1", "VT-d"), ("ivhd0", "AMD-Vi"), ("smmu3.0x000009050000000", "SMMU"), ("strange9", "")],
)
def test_an_iommu_in_use_is_counted_in_groups_and_called_by_its_makers_name(units: str, name: str) -> None:
    fact = by_id(device_facts(host({GROUPS: "0\n1\n10", UNITS: units})))["devices.iommu"]
    assert fact.value == "on: 3 groups of devices" + (f", {name}" if name else "")
    assert fact.number == 3


@pytest.mark.parametrize(
    ("files", "mend"),
    [
        ({TABLES: "APIC\nDMAR\nFACP"}, "boot the kernel with intel_iommu=on"),
        ({"dmesg": DMAR_MESSAGE}, "boot the kernel with intel_iommu=on"),
        (
            {TABLES: "DMAR", "/proc/cmdline": "ro intel_iommu=off quiet"},
            "boot the kernel without intel_iommu=off",
        ),
        ({TABLES: "IVRS", "/proc/cmdline": "ro amd_iommu=off"}, "boot the kernel without amd_iommu=off"),
        ({TABLES: "IVRS"}, "see why in the kernel's log: dmesg | grep -i -e iommu -e amd-vi"),
    ],
)
def test_an_iommu_that_the_firmware_offers_and_the_kernel_leaves_is_off_and_the_argument_is_named(
    files: dict[str, str], mend: str
) -> None:
    fact = by_id(device_facts(host(files)))["devices.iommu"]
    assert fact.value.startswith("off: the firmware offers")
    assert fact.mend == mend


def test_kernel_messages_that_may_not_be_read_prove_no_absence() -> None:
    fact = by_id(device_facts(host({"dmesg": DENIED})))["devices.iommu"]
    assert (fact.trouble, "dmesg_restrict" in fact.mend) == ("permission denied", True)


def test_where_nobody_tells_of_an_iommu_there_is_none() -> None:
    fact = by_id(device_facts(host({TABLES: "APIC\nFACP"})))["devices.iommu"]
    assert (fact.value, fact.number) == ("none that the firmware tells of", 0)


def test_a_xen_host_does_not_see_the_iommu_that_xen_uses() -> None:
    fact = by_id(device_facts(host({"/sys/hypervisor/type": "xen", TABLES: "APIC\nDMAR"})))["devices.iommu"]
    assert fact.trouble == "Xen keeps it to itself"
    assert "hvm_directio" in fact.mend


def test_groups_that_may_not_be_read_are_not_counted_as_none() -> None:
    readings = host({GROUPS: DENIED})
    assert iommu_groups(readings) is None
    fact = by_id(device_facts(readings))["devices.iommu"]
    assert (fact.trouble, "log in as root" in fact.mend) == ("permission denied", True)


def test_cards_tell_how_many_virtual_functions_they_have_and_how_many_are_in_use() -> None:
    # Documentation/PCI/pci-iov-howto.rst and ABI/testing/sysfs-bus-pci: sriov_totalvfs, sriov_numvfs
    files = {
        "/sys/class/net/enp5s0f0/device/sriov_totalvfs": "32",
        "/sys/class/net/enp5s0f0/device/sriov_numvfs": "2",
        "/sys/class/net/eno1/device/sriov_totalvfs": "0",
        "/sys/class/nvme/nvme0/device/sriov_totalvfs": "8",
    }
    fact = by_id(device_facts(host(files)))["devices.sriov"]
    assert (fact.value, fact.number) == ("virtual functions in use: enp5s0f0 2 of 32, nvme0 8", 40)


@pytest.mark.parametrize(
    ("files", "value"),
    [
        ({"tpm_version_major": "2"}, "TPM 2.0"),
        ({"device/description": "TPM 2.0 Device"}, "TPM 2.0"),
        # ABI/stable/sysfs-class-tpm, `caps`
        (
            {"device/caps": "Manufacturer: 0x53544d20\nTCG version: 1.2\nFirmware version: 8.16"},
            "TPM 1.2",
        ),
        ({}, "there, version not known"),
    ],
)
def test_a_tpm_is_told_with_its_version_by_kernels_of_every_age(files: dict[str, str], value: str) -> None:
    told = {f"/sys/class/tpm/tpm0/{name}": text for name, text in files.items()}
    facts = by_id(device_facts(host({"/sys/class/tpm": "tpm0\ntpmrm0", **told})))
    assert facts["devices.tpm"].value == value


def test_devices_that_vfio_holds_for_guests_are_named() -> None:
    names = "0000:3b:00.0\n0000:3b:00.1\nbind\nmodule\nnew_id\nuevent\nunbind"
    fact = by_id(device_facts(host({"/sys/bus/pci/drivers/vfio-pci": names})))["devices.vfio"]
    assert (fact.value, fact.number) == ("driver loaded, holds 0000:3b:00.0, 0000:3b:00.1", 2)
    assert by_id(device_facts(host({})))["devices.vfio"].value.startswith("driver not loaded")


INTEL = {"uname -m": "x86_64", "/proc/cpuinfo": "vendor_id\t: GenuineIntel\nflags\t\t: fpu vmx lm"}
# Flags as on an EPYC of the third generation (kernel, arch/x86/include/asm/cpufeatures.h).
AMD = {
    "uname -m": "x86_64",
    "/proc/cpuinfo": "vendor_id\t: AuthenticAMD\nflags\t\t: fpu svm sev sev_es sev_snp",
}
AMD_PARAMETERS = "/sys/module/kvm_amd/parameters"


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("/sys/module/kvm_intel/parameters/nested", "Y", True),
        ("/sys/module/kvm_intel/parameters/nested", "N", False),
        ("/sys/module/kvm_amd/parameters/nested", "1", True),
        ("/sys/module/kvm_hv/parameters/nested", "N", False),
        ("/sys/module/kvm/parameters/nested", "0", False),
        ("/sys/module/kvm_intel/parameters/nested", "maybe", None),
    ],
)
def test_guests_in_guests_are_allowed_as_the_modules_parameter_says(
    path: str, text: str, expected: bool | None
) -> None:
    # virt/kvm/x86/running-nested-guests.rst
    readings = host({path: text})
    assert nested(readings) is expected
    fact = guest_encryption_facts(readings)[0]
    assert fact.value == {True: "on", False: "off", None: ""}[expected]


@pytest.mark.parametrize(
    ("files", "trouble"),
    [
        ({}, "no module of KVM's is loaded that tells"),
        ({"/sys/module": "kvm\nkvm_intel"}, "kvm_intel does not tell"),
        ({"/sys/hypervisor/type": "xen"}, "Xen decides it for each guest"),
        ({"/sys/module/kvm_intel/parameters/nested": DENIED}, "permission denied"),
    ],
)
def test_whether_guests_may_have_guests_is_not_guessed(files: dict[str, str | Reading], trouble: str) -> None:
    assert guest_encryption_facts(host(files))[0].trouble == trouble


def test_encryption_of_guests_is_asked_only_of_processors_that_can_have_it() -> None:
    assert set(by_id(guest_encryption_facts(host(AMD)))) == {"virtualization.nested", "virtualization.sev"}
    assert set(by_id(guest_encryption_facts(host(INTEL)))) == {"virtualization.nested", "virtualization.tdx"}
    assert set(by_id(guest_encryption_facts(host({"uname -m": "aarch64"})))) == {"virtualization.nested"}


def test_sev_is_on_as_far_as_kvm_offers_it_and_its_device_is_there() -> None:
    # Y, Y, Y: AMD's own notes on SEV-SNP hosts; /dev/sev: virt/kvm/x86/amd-memory-encryption.rst
    files = {**AMD, f"{AMD_PARAMETERS}/sev": "Y", f"{AMD_PARAMETERS}/sev_es": "Y", "/dev/sev": "rw"}
    readings = host({**files, f"{AMD_PARAMETERS}/sev_snp": "N"})
    assert sev_kinds(readings) == ("SEV", "SEV-ES")
    fact = by_id(guest_encryption_facts(readings))["virtualization.sev"]
    assert fact.value == "SEV, SEV-ES on; SEV-SNP in the processor, off"


def test_sev_without_its_device_is_of_no_use_and_the_driver_is_named() -> None:
    fact = by_id(guest_encryption_facts(host({**AMD, f"{AMD_PARAMETERS}/sev": "1"})))["virtualization.sev"]
    assert "there is no /dev/sev" in fact.value
    assert "modprobe ccp" in fact.mend


@pytest.mark.parametrize(
    ("files", "value"),
    [
        ({**AMD, "/sys/module": "kvm"}, "SEV, SEV-ES, SEV-SNP in the processor, off: kvm_amd is not loaded"),
        ({**AMD, "/sys/module": "kvm_amd"}, "SEV, SEV-ES, SEV-SNP in the processor, off"),
        (
            {"uname -m": "x86_64", "/proc/cpuinfo": "vendor_id : AuthenticAMD\nflags : fpu svm"},
            "none: the processor has no such flag, or the firmware hides it",
        ),
    ],
)
def test_sev_that_kvm_does_not_offer_is_off_or_not_there(files: dict[str, str], value: str) -> None:
    assert by_id(guest_encryption_facts(host(files)))["virtualization.sev"].value == value


# arch/x86/tdx.rst of the kernel, "TDX boot-time detection" and "TDX module initialization".
TDX_ENABLED = "[    5.205693] virt/tdx: BIOS enabled: private KeyID range [64, 128)"
TDX_FAILED = f"{TDX_ENABLED}\n[    5.3] virt/tdx: initialization failed: Hibernation support is enabled"


@pytest.mark.parametrize(
    ("parameter", "messages", "value"),
    [
        ("Y", TDX_ENABLED, "on"),
        ("N", TDX_ENABLED, "switched on by the firmware, KVM does not offer it"),
        (
            "N",
            TDX_FAILED,
            "off: the kernel said: initialization failed: Hibernation support is enabled",
        ),
        ("N", "", "off: KVM does not offer it, and no message tells that the firmware has switched it on"),
    ],
)
def test_tdx_is_on_only_when_kvm_offers_it_and_else_the_kernel_is_quoted(
    parameter: str, messages: str, value: str
) -> None:
    files = {**INTEL, "/sys/module/kvm_intel/parameters/tdx": parameter, "dmesg": messages}
    readings = host(files)
    assert tdx(readings) is (parameter == "Y")
    assert by_id(guest_encryption_facts(readings))["virtualization.tdx"].value == value


def test_without_kvms_module_tdx_is_not_known() -> None:
    fact = by_id(guest_encryption_facts(host({**INTEL, "/sys/module": "kvm\next4"})))["virtualization.tdx"]
    assert fact.trouble == "kvm_intel is not loaded"


@pytest.mark.parametrize(("text", "value"), [("1", "on"), ("0", "off")])
def test_secure_execution_is_told_on_s390x(text: str, value: str) -> None:
    # IBM, Introducing IBM Secure Execution for Linux: 1 where the environment is that of a secure host
    files = {"uname -m": "s390x", "/sys/firmware/uv/prot_virt_host": text}
    fact = by_id(guest_encryption_facts(host(files)))["virtualization.secure_execution"]
    assert fact.value == value
    assert ("prot_virt=1" in fact.mend) is (value == "off")


FILES = (
    "/proc/meminfo",
    f"{HUGE}/hugepages-2048kB/nr_hugepages",
    f"{HUGE}/hugepages-2048kB/free_hugepages",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    f"{KSM}/run",
    f"{KSM}/pages_sharing",
    "uname -m",
    GROUPS,
    UNITS,
    TABLES,
    "dmesg",
    "/proc/cmdline",
    "/sys/class/net/eth0/device/sriov_totalvfs",
    "/sys/class/net/eth0/device/sriov_numvfs",
    "/sys/class/tpm",
    "/sys/class/tpm/tpm0/tpm_version_major",
    "/sys/bus/pci/drivers/vfio-pci",
    "/sys/module",
    "/sys/module/kvm_intel/parameters/nested",
    "/sys/module/kvm_intel/parameters/tdx",
    f"{AMD_PARAMETERS}/sev",
    "/proc/cpuinfo",
    "/dev/sev",
    "/sys/hypervisor/type",
    "/sys/firmware/uv/prot_virt_host",
)


@given(any_host(*FILES))
def test_whatever_stands_in_a_hosts_files_each_fact_is_known_or_says_why_not(readings: Readings) -> None:
    facts = (*memory_facts(readings), *device_facts(readings), *guest_encryption_facts(readings))
    assert all(is_presentable(fact) for fact in by_id(facts).values())


@pytest.mark.parametrize("architecture", ["x86_64", "s390x"])
def test_a_host_that_lets_nothing_be_read_says_of_each_fact_why(architecture: str) -> None:
    files: dict[str, str | Reading] = dict.fromkeys(FILES, DENIED)
    facts = by_id(
        (
            *memory_facts(host({**files, "uname -m": architecture})),
            *device_facts(host(files)),
            *guest_encryption_facts(host({**files, "uname -m": architecture})),
        )
    )
    assert {fact.trouble for fact in facts.values()} == {"permission denied"}
    assert facts["memory.total"].mend == "log in as root, or give this account leave to read /proc/meminfo"


def test_a_file_that_cannot_be_read_is_not_taken_for_one_that_is_not_there() -> None:
    fact = by_id(memory_facts(host({"/proc/meminfo": BROKEN})))["memory.total"]
    assert fact.trouble == "could not be read"
    assert host({}).reading("/proc/meminfo").gap is Gap.MISSING
