"""Can guests use VT-x, AMD-V and their like? The verdict follows from what was seen, and from nothing else.

The kernel's messages are those of its source: arch/x86/kernel/cpu/feat_ctl.c and amd.c, arch/x86/kvm, virt/kvm.
"""

from __future__ import annotations

import pytest

from backends.model.capability import HardwareVerdict, HardwareVirtualization
from backends.probes.survey.hardware import hardware
from backends.probes.survey.readings import Readings
from backends.probes.survey.underlay import hypervisor_beneath
from tests.unit import processors
from tests.unit.processors import BOOTED, KVM_READY, host

USABLE, NESTED, LOCKED, NO_MODULE, TAKEN, NONE, UNKNOWN = HardwareVerdict
NOTHING: frozenset[str] = frozenset()
KVM, QEMU_ONLY, XEN = frozenset({"kvm", "qemu"}), frozenset({"qemu"}), frozenset({"xen"})
NEW_KERNEL = {"/proc/sys/kernel/osrelease": "6.8.0-45-generic", "/proc/modules": "ext4 987136 1 - Live 0x0"}
OLD_KERNEL = {"/proc/sys/kernel/osrelease": "4.19.0-21-amd64", "/proc/modules": "ext4 987136 1 - Live 0x0"}
XEN_CAPS = "/sys/hypervisor/properties/capabilities"
HVM = "xen-3.0-x86_64 xen-3.0-x86_32p hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 "
"""As `grep hvm` of that file shows it in a forum's answer about Xen 4."""


def x86(readings: Readings, offered: frozenset[str] = NOTHING) -> HardwareVirtualization:
    return hardware(readings, "x86_64", offered)


@pytest.mark.parametrize(
    ("cpuinfo", "technology"), [(processors.XEON_E5_2670, "VT-x"), (processors.EPYC_7502P, "AMD-V")]
)
def test_kvm_that_is_ready_is_usable(cpuinfo: str, technology: str) -> None:
    found = x86(host(cpuinfo, KVM_READY))
    assert (found.verdict, found.technology, found.mend) == (USABLE, technology, "")
    assert "KVM is ready" in found.evidence


def test_libvirt_that_offers_kvm_has_tried_it() -> None:
    found = x86(host(processors.XEON_E5_2670), KVM)
    assert (found.verdict, found.source) == (USABLE, "libvirt capabilities: guest/arch/domain type")


def test_a_missing_device_is_said_and_mended() -> None:
    found = x86(host(processors.XEON_E5_2670, {"/sys/class/misc/kvm/dev": "10:232"}))
    assert found.verdict is USABLE
    assert "no /dev/kvm" in found.evidence
    assert found.mend.startswith("mknod /dev/kvm")


def test_a_container_that_sees_the_device_alone_says_so() -> None:
    found = x86(host(processors.XEON_E5_2670, {"/dev/kvm": "rw"}))
    assert (found.verdict, found.evidence, found.source) == (
        USABLE,
        "vmx flag; /dev/kvm is there",
        "/dev/kvm",
    )


def test_a_device_without_a_flag_proves_nothing() -> None:
    found = x86(host(processors.XEON_NO_VT, {"/dev/kvm": "rw", "dmesg": BOOTED}))
    assert found.verdict is NONE


def test_a_host_that_is_a_guest_itself_is_nested() -> None:
    found = x86(host(processors.NESTED_XEON, KVM_READY), KVM)
    assert found.verdict is NESTED
    assert "runs under a hypervisor" in found.evidence


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"/sys/class/dmi/id/sys_vendor": "QEMU"}, "QEMU"),
        ({"/sys/class/dmi/id/product_name": "VMware Virtual Platform"}, "VMware"),
        ({"dmesg": "[    0.000000] Hypervisor detected: KVM"}, "KVM"),
        ({"/sys/hypervisor/type": "xen"}, "Xen"),
    ],
)
def test_the_hypervisor_beneath_is_named(files: dict[str, str], name: str) -> None:
    found = x86(host(processors.NESTED_XEON, KVM_READY | files))
    assert found.verdict is NESTED
    assert f"runs under {name}" in found.evidence


@pytest.mark.parametrize(
    "message",
    [
        "[   13.711325] kvm: disabled by bios",
        "[    4.102938] kvm: support for 'kvm_intel' disabled by bios",
        "[  808.026917] kvm_intel: VMX not enabled (by BIOS) in MSR_IA32_FEAT_CTL on CPU 0",
        "[    0.055225][    T0] x86/cpu: VMX (outside TXT) disabled by BIOS",
        "[   11.200000] kvm: disable TXT in the BIOS or activate TXT before enabling KVM",
        "[    9.000000] kvm_intel: VMX not fully enabled on CPU 3.  Check kernel logs and/or BIOS",
    ],
)
def test_every_wording_of_a_locked_vt_x_is_understood(message: str) -> None:
    for cpuinfo in (processors.XEON_E5_2670, processors.XEON_E5_2670.replace(" vmx ", " ")):
        found = x86(host(cpuinfo, NEW_KERNEL | {"dmesg": f"{BOOTED}\n{message}"}), QEMU_ONLY)
        assert (found.verdict, found.source) == (LOCKED, "dmesg")
        assert message.split("] ")[1] in found.evidence
        assert "Intel Virtualization Technology (VT-x)" in found.mend
        assert "power the host off fully" in found.mend


@pytest.mark.parametrize(
    "message",
    [
        "[    0.120000] SVM disabled (by BIOS) in MSR_VM_CR",
        "[   18.608374] kvm_amd: SVM disabled (by BIOS) in MSR_VM_CR on CPU 3",
        "[    5.619025] kvm: disabled by bios",
    ],
)
def test_every_wording_of_a_locked_amd_v_is_understood(message: str) -> None:
    found = x86(host(processors.EPYC_7502P, NEW_KERNEL | {"dmesg": message}))
    assert (found.verdict, found.technology) == (LOCKED, "AMD-V")
    assert "SVM Mode (AMD-V)" in found.mend


def test_sgx_that_is_switched_off_says_nothing_about_vt() -> None:
    messages = f"{BOOTED}\n[    4.148000] x86/cpu: SGX disabled by BIOS."
    assert x86(host(processors.XEON_E5_2670, KVM_READY | {"dmesg": messages})).verdict is USABLE
    assert x86(host(processors.XEON_NO_VT, NEW_KERNEL | {"dmesg": messages})).verdict is NONE


@pytest.mark.parametrize(
    ("register", "verdict"),
    [
        (" 01 00 00 00 00 00 00 00", LOCKED),
        (" 05 00 00 00 00 00 00 00", NO_MODULE),
        (" 00 00 00 00 00 00 00 00", NO_MODULE),
        ("", NO_MODULE),
    ],
)
def test_the_feature_control_register_is_believed(register: str, verdict: HardwareVerdict) -> None:
    files = OLD_KERNEL | {"/dev/cpu/0/msr 0x3a": register}
    found = x86(host(processors.XEON_E5_2670, files, denied=("dmesg",)))
    assert found.verdict is verdict
    if verdict is LOCKED:
        assert "IA32_FEATURE_CONTROL is 0x1" in found.evidence
        assert found.source == "/dev/cpu/0/msr 0x3a"


def test_amd_s_register_is_believed() -> None:
    files = {"/dev/cpu/0/msr 0xc0010114": " 18 00 00 00 00 00 00 00", "/dev/cpu/0/msr 0x3a": ""}
    found = x86(host(processors.EPYC_7502P, files))
    assert found.verdict is LOCKED
    assert "SVMDIS" in found.evidence


def test_a_register_that_a_hypervisor_invents_is_no_firmware() -> None:
    """bhyve tells a locked IA32_FEATURE_CONTROL to guests that have no VMX (FreeBSD, 17d214c2ca9f)."""
    cpuinfo = processors.NESTED_XEON.replace(" vmx", "")
    found = x86(host(cpuinfo, {"/dev/cpu/0/msr 0x3a": " 01 00 00 00 00 00 00 00"}))
    assert found.verdict is NONE
    assert "allow nested virtualization" in found.mend


@pytest.mark.parametrize(
    ("cpuinfo", "module"), [(processors.XEON_E5_2670, "kvm_intel"), (processors.EPYC_7502P, "kvm_amd")]
)
def test_a_flag_without_its_module_wants_the_module(cpuinfo: str, module: str) -> None:
    found = x86(host(cpuinfo, NEW_KERNEL | {"dmesg": BOOTED}), QEMU_ONLY)
    assert (found.verdict, found.mend) == (NO_MODULE, f"modprobe {module}")


def test_an_old_kernel_s_flag_alone_does_not_clear_the_firmware() -> None:
    found = x86(host(processors.XEON_E5_2670, OLD_KERNEL, denied=("dmesg",)))
    assert found.verdict is NO_MODULE
    assert "the kernel's messages are not there" in found.evidence
    assert "Operation not supported" in found.mend


def test_another_hypervisor_has_taken_it() -> None:
    """VirtualBox running its guests, as its users report it with KVM's `Device or resource busy`."""
    files = KVM_READY | {
        "/proc/modules": "vboxdrv 688128 2 vboxnetadp,vboxnetflt, Live 0x0 (OE)",
        "dmesg": "[151414.211222] kvm: enabling virtualization on CPU0 failed",
    }
    found = x86(host(processors.EPYC_7502P, files))
    assert found.verdict is TAKEN
    assert "VirtualBox" in found.evidence
    assert "enabling virtualization on CPU0 failed" in found.evidence


def test_a_module_that_is_loaded_has_taken_nothing_yet() -> None:
    files = KVM_READY | {"/proc/modules": "vboxdrv 688128 0 - Live 0x0 (OE)"}
    assert x86(host(processors.EPYC_7502P, files)).verdict is USABLE


def test_under_xen_the_extension_is_xen_s() -> None:
    dom0 = {"/proc/xen/capabilities": "control_d", XEN_CAPS: HVM}
    found = x86(host(processors.XEN_L5420, dom0))
    assert found.verdict is TAKEN
    assert "Xen" in found.evidence
    offered = x86(host(processors.XEN_L5420, dom0), XEN)
    assert (offered.verdict, offered.source) == (USABLE, XEN_CAPS)


def test_under_a_xen_without_full_guests_nobody_knows_why() -> None:
    """`xm info` of Xen 3.3 on a Pentium Dual-Core: xen_caps is x86_32p alone."""
    found = x86(
        host(processors.XEN_L5420, {"/proc/xen/capabilities": "control_d", XEN_CAPS: "xen-3.0-x86_32p "})
    )
    assert found.verdict is UNKNOWN
    assert "xl dmesg" in found.mend


def test_dom0_is_known_without_xenfs_too() -> None:
    """By XENFEAT_dom0 (systemd's #6662): /proc/xen is mounted late."""
    files = {
        "/sys/hypervisor/type": "xen",
        "/sys/hypervisor/properties/features": "00000705",
        "/proc/modules": "x",
    }
    assert x86(host(processors.XEN_L5420, files)).verdict is not TAKEN
    files["/sys/hypervisor/properties/features"] = "00000f05"
    assert x86(host(processors.XEN_L5420, files)).verdict is TAKEN


def test_dom0_is_the_host_and_runs_under_nobody() -> None:
    files = {"/sys/hypervisor/type": "xen", "/sys/class/dmi/id/sys_vendor": "Dell Inc."}
    domu = hypervisor_beneath(host(processors.XEN_L5420, files | {"/proc/xen/capabilities": ""}))
    assert domu is not None
    assert domu.name == "Xen"
    assert (
        hypervisor_beneath(host(processors.XEN_L5420, files | {"/proc/xen/capabilities": "control_d"}))
        is None
    )


def test_a_guest_without_the_flag_has_none() -> None:
    found = x86(
        host(processors.GUEST_EPYC, {"/sys/class/dmi/id/product_name": "VMware Virtual Platform"}), QEMU_ONLY
    )
    assert (found.verdict, found.technology) == (NONE, "AMD-V")
    assert "runs under VMware" in found.evidence
    assert "VMware" in found.mend


def test_kvm_without_the_extension_is_not_the_extension() -> None:
    """kvm_pvm makes a /dev/kvm that needs neither VT-x nor AMD-V (patches to linux-kernel of 2024)."""
    found = x86(host(processors.GUEST_EPYC, KVM_READY | {"/sys/module": "kvm\nkvm_pvm\nloop"}), KVM)
    assert found.verdict is NONE
    assert "kvm_pvm" in found.evidence


def test_a_processor_without_the_flag_has_none_where_the_kernel_would_have_said_more() -> None:
    messages = f"{BOOTED}\n[    2.394707] kvm: no hardware support for 'kvm_intel'"
    found = x86(host(processors.XEON_NO_VT, NEW_KERNEL | {"dmesg": messages}))
    assert found.verdict is NONE
    assert "no hardware support" in found.evidence
    assert x86(host(processors.XEON_NO_VT, OLD_KERNEL, denied=("dmesg",))).verdict is NONE


def test_a_new_kernel_that_may_not_be_asked_leaves_it_open() -> None:
    found = x86(host(processors.XEON_NO_VT, NEW_KERNEL, denied=("dmesg",)))
    assert found.verdict is UNKNOWN
    assert "permission denied" in found.evidence
    assert "dmesg_restrict" in found.mend


def test_messages_that_have_scrolled_away_leave_it_open_too() -> None:
    found = x86(host(processors.XEON_NO_VT, NEW_KERNEL | {"dmesg": "[99999.1] kvm: hello"}))
    assert found.verdict is UNKNOWN


@pytest.mark.parametrize(
    ("cpuinfo", "machine", "files", "verdict", "technology"),
    [
        (processors.MOONSHOT, "aarch64", KVM_READY, USABLE, "EL2"),
        (
            processors.MOONSHOT,
            "aarch64",
            {"dmesg": "[    1.36] kvm [1]: HYP mode not available"},
            NONE,
            "EL2",
        ),
        (processors.MOONSHOT, "aarch64", {}, UNKNOWN, "EL2"),
        (
            processors.MOONSHOT,
            "aarch64",
            KVM_READY | {"/sys/firmware/devicetree/base/hypervisor/compatible": "linux,kvm\0"},
            NESTED,
            "EL2",
        ),
        (processors.POWER8, "ppc64le", KVM_READY, USABLE, "POWER HV"),
        (processors.POWER8, "ppc64le", {"/dev/kvm": "rw"}, NO_MODULE, "POWER HV"),
        (processors.POWER9_GUEST, "ppc64le", KVM_READY, NESTED, "POWER HV"),
        (processors.POWER9_GUEST, "ppc64le", {}, UNKNOWN, "POWER HV"),
        (processors.Z13, "s390x", KVM_READY, USABLE, "SIE"),
        (processors.Z13, "s390x", {"/dev/kvm": "-"}, NO_MODULE, "SIE"),
        (processors.Z13.replace(" sie", ""), "s390x", {}, NONE, "SIE"),
        (processors.RISCV_QEMU, "riscv64", {}, NO_MODULE, "H extension"),
        (processors.RISCV_QEMU.replace("dch_", "dc_"), "riscv64", {}, NONE, "H extension"),
        (processors.LOONGSON, "loongarch64", {}, NO_MODULE, "LVZ"),
        ("", "s390x", {}, UNKNOWN, "SIE"),
        ("", "vax", {}, UNKNOWN, ""),
        ("", "x86_64", {}, UNKNOWN, ""),
    ],
)
def test_other_architectures_have_their_own_signs(
    cpuinfo: str, machine: str, files: dict[str, str], verdict: HardwareVerdict, technology: str
) -> None:
    found = hardware(host(cpuinfo, files), machine, NOTHING)
    assert (found.verdict, found.technology) == (verdict, technology)
    assert found.evidence


def test_a_mainframe_s_guest_is_nested() -> None:
    """/proc/sysinfo of a guest (linux-s390's `VM00 Control Program`)."""
    sysinfo = "VM00 Name:            GENESIS1\nVM00 Control Program: KVM/Linux"
    found = hardware(host(processors.Z13, KVM_READY | {"/proc/sysinfo": sysinfo}), "s390x", NOTHING)
    assert found.verdict is NESTED
    assert "KVM/Linux" in found.evidence


def test_what_the_kernel_says_is_safe_to_show() -> None:
    found = x86(host(processors.XEON_E5_2670, {"dmesg": "[ 1.0] kvm: disabled by bios \x1b[2J\u202e"}))
    assert found.evidence.isprintable()
