"""The machine and its kernel, from the host's own files: in the forms that firmware and kernels write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.model.capability import Fact
from backends.probes.survey.kernel import (
    kernel_facts,
    lockdown,
    secure_boot,
    security_modules,
    selinux_enforces,
    without_secrets,
)
from backends.probes.survey.machine import machine_facts, release_fields
from backends.probes.survey.readings import Reading, Readings
from backends.probes.survey.runs_under import hypervisor_below, runs_under
from backends.probes.survey.taints import tainted, taints
from backends.probes.survey.vulnerabilities import Protection, protection, vulnerabilities
from tests.unit.host_files import BROKEN, DENIED, any_host, by_id, host, is_presentable

DMI = "/sys/class/dmi/id"
FLAWS = "/sys/devices/system/cpu/vulnerabilities"
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
    assert (fact.value, fact.number) == (value, ahead)


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


def kernel(files: dict[str, str | Reading], id_: str) -> Fact:
    return by_id(kernel_facts(host(files)))[id_]


@pytest.mark.parametrize("name", ["6.1.0-18-amd64", "5.14.0-362.18.1.el9_3.x86_64", "6.8.4-2-pve"])
def test_a_kernel_is_called_by_its_release(name: str) -> None:
    assert kernel({"/proc/sys/kernel/osrelease": name}, "kernel.release").value == name


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            "BOOT_IMAGE=(hd0,gpt2)/vmlinuz root=/dev/mapper/rl-root ro crashkernel=1G-4G:192M",
            "BOOT_IMAGE=(hd0,gpt2)/vmlinuz root=/dev/mapper/rl-root ro crashkernel=1G-4G:192M",
        ),
        # dracut.cmdline(7): user and password stand before the @, and have keys of their own
        (
            "netroot=iscsi:user:pa/ss@10.0.0.9::::iqn.2009-06.dracut:target0",
            "netroot=iscsi:***@10.0.0.9::::iqn.2009-06.dracut:target0",
        ),
        ("rd.iscsi.username=u rd.iscsi.password=hunter2", "rd.iscsi.username=u rd.iscsi.password=***"),
        ("iscsi_in_password=hunter2 quiet", "iscsi_in_password=*** quiet"),
        ("inst.ks=http://ops:hunter2@10.0.0.1/ks.cfg", "inst.ks=http://ops:***@10.0.0.1/ks.cfg"),
        # kernel-command-line(7), systemd(1) of credentials
        ("systemd.set_credential=passwd.root:hunter2", "systemd.set_credential=***"),
        ('rootpw="hunter 2" ro', "rootpw=*** ro"),
        ("ro -- --token hunter2 --verbose", "ro -- --token *** --verbose"),
        ("rd.luks.key=hunter2 vconsole.keymap=us", "rd.luks.key=*** vconsole.keymap=us"),
        (
            "rootflags=subvol=@ netconsole=4444@10.0.0.1/eth1",
            "rootflags=subvol=@ netconsole=4444@10.0.0.1/eth1",
        ),
    ],
)
def test_a_command_line_is_shown_without_the_secrets_in_it(line: str, shown: str) -> None:
    assert without_secrets(line) == shown
    assert kernel({"/proc/cmdline": line}, "kernel.command_line").value == shown


@given(
    st.sampled_from(["password", "iscsi_password", "X-Token", "rd.znet_pw", "ro.api-key", "client_secret"]),
    st.from_regex(r"[a-z0-9]{6,12}", fullmatch=True),
    st.text(alphabet='abc =@:/-"', max_size=30),
)
def test_no_password_survives_whatever_stands_before_it(key: str, secret: str, before: str) -> None:
    line = f"{before.replace(chr(34), '')} {key}=Q{secret}Q"
    assert f"Q{secret}Q" not in without_secrets(line)


def test_a_command_line_without_end_is_cut() -> None:
    assert kernel({"/proc/cmdline": "ro " * 2_000_000}, "kernel.command_line").value.endswith("ro ro …")
    assert kernel({"/proc/cmdline": "ro a:" + "b" * 2_000_000}, "kernel.command_line").value == "ro …"
    assert kernel({"/proc/cmdline": "a:" * 2_000_000 + "@"}, "kernel.command_line").value == "…"


VARIABLE = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


@pytest.mark.parametrize(
    ("files", "on", "value"),
    [
        # Four bytes of attributes come first (filesystems/efivarfs.rst), as od(1) writes them.
        ({"/sys/firmware/efi": "efivars", VARIABLE: "   6   0   0   0   1"}, True, "on"),
        ({"/sys/firmware/efi": "efivars", VARIABLE: "   6   0   0   0   0"}, False, "off"),
        ({"/sys/firmware/efi": "efivars", VARIABLE: "   6   0   0   0"}, None, ""),
        ({"/sys/firmware/efi": "efivars", VARIABLE: "   6   0   0   0   1   1"}, None, ""),
        ({"/sys/firmware/efi": "efivars", VARIABLE: DENIED}, None, ""),
        ({"/sys/firmware/efi": "efivars"}, None, ""),
        ({**PC, f"{DMI}/bios_vendor": "SeaBIOS"}, False, "off: booted by a BIOS, which cannot do it"),
        (PC, None, ""),
    ],
)
def test_secure_boot_is_on_only_when_the_firmware_says_so(
    files: dict[str, str | Reading], on: bool | None, value: str
) -> None:
    assert secure_boot(host(files)) is on
    assert kernel(files, "kernel.secure_boot").value == value


LOCKDOWN, LSM = "/sys/kernel/security/lockdown", "/sys/kernel/security/lsm"


@pytest.mark.parametrize(
    ("files", "level"),
    [
        ({LOCKDOWN: "[none] integrity confidentiality"}, "none"),
        ({LOCKDOWN: "none [integrity] confidentiality"}, "integrity"),
        ({LOCKDOWN: "none integrity [confidentiality]"}, "confidentiality"),
        ({LOCKDOWN: "none integrity"}, ""),
        ({LSM: "capability,yama,apparmor"}, "none"),
        ({LSM: "lockdown,capability"}, ""),
        ({LOCKDOWN: DENIED}, ""),
        ({}, ""),
    ],
)
def test_the_level_of_lockdown_is_the_one_in_brackets(files: dict[str, str | Reading], level: str) -> None:
    # kernel_lockdown(7); a kernel without the module has no level
    assert lockdown(host(files)) == level
    assert kernel(files, "kernel.lockdown").value == level


def test_security_modules_are_told_in_their_order_with_what_selinux_does() -> None:
    files = {LSM: "lockdown,capability,landlock,yama,selinux", "/sys/fs/selinux/enforce": "0"}
    assert security_modules(host(files)) == ("lockdown", "capability", "landlock", "yama", "selinux")
    assert selinux_enforces(host(files)) is False
    fact = by_id(kernel_facts(host(files)))["kernel.lsm"]
    assert fact.value == "lockdown, capability, landlock, yama, selinux; SELinux is permissive"


def test_a_kernel_before_4_11_still_says_what_selinux_does() -> None:
    fact = kernel({"/sys/fs/selinux/enforce": "1"}, "kernel.lsm")
    assert (fact.value, fact.source) == ("SELinux is enforcing", "/sys/fs/selinux/enforce")


def test_a_taint_is_taken_apart_as_the_kernel_documents_it() -> None:
    # admin-guide/tainted-kernels.rst: `Raw taint value as int/string: 4609/'P        W  O     '`
    assert "".join(taint.letter for taint in taints(4609)) == "PWO"
    fact = kernel({"/proc/sys/kernel/tainted": "4609"}, "kernel.tainted")
    assert "a proprietary module was loaded (P)" in fact.value
    assert fact.number == 4609


def test_an_untainted_kernel_has_no_reasons_and_an_unread_one_is_not_called_so() -> None:
    assert tainted(host({"/proc/sys/kernel/tainted": "0"})) == ()
    assert kernel({"/proc/sys/kernel/tainted": "0"}, "kernel.tainted").value == "none"
    assert tainted(host({})) is None


def test_a_taint_that_is_not_documented_is_told_all_the_same() -> None:
    assert [(taint.bit, taint.letter) for taint in taints(1 << 40)] == [(40, "")]
    assert "reason 40" in kernel({"/proc/sys/kernel/tainted": str(1 << 40)}, "kernel.tainted").value


@given(st.integers(min_value=0, max_value=2**64 - 1))
def test_no_bit_of_a_taint_is_lost(number: int) -> None:
    assert sum(1 << taint.bit for taint in taints(number)) == number


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("Not affected", Protection.NOT_AFFECTED),
        ("Vulnerable", Protection.VULNERABLE),
        # hw-vuln/mds.rst, spectre.rst, l1tf.rst, multihit.rst, srso.rst, special-register-buffer-data-sampling.rst
        ("Vulnerable: Clear CPU buffers attempted, no microcode; SMT vulnerable", Protection.VULNERABLE),
        ("Mitigation: Clear CPU buffers; SMT disabled", Protection.MITIGATED),
        ("Mitigation: Clear CPU buffers; SMT vulnerable", Protection.IN_PART),
        ("Mitigation: PTE Inversion; VMX: conditional cache flushes, SMT vulnerable", Protection.IN_PART),
        ("Mitigation: Retpolines; STIBP: disabled; PBRSB-eIBRS: Not affected", Protection.MITIGATED),
        ("KVM: Mitigation: VMX disabled", Protection.MITIGATED),
        ("KVM: Mitigation: Split huge pages", Protection.MITIGATED),
        ("KVM: Vulnerable", Protection.VULNERABLE),
        ("Vulnerable: Safe RET, no microcode", Protection.VULNERABLE),
        ("Mitigation: safe RET, no microcode", Protection.IN_PART),
        ("Unknown: Dependent on hypervisor status", Protection.UNKNOWN),
        # arch/x86/kernel/cpu/bugs.c
        ("Processor vulnerable", Protection.VULNERABLE),
        ("Unknown (XEN PV detected, hypervisor mitigation required)", Protection.UNKNOWN),
        ("", Protection.UNKNOWN),
        ("Invulnerable!", Protection.UNKNOWN),
    ],
)
def test_a_flaw_is_closed_as_far_as_the_kernel_says(words: str, state: Protection) -> None:
    assert protection(words) is state


# The selftests of runperf, VULNERABILITIES (a Xeon under RHEL 8); `mds` with SMT on, from hw-vuln/mds.rst.
XEON: dict[str, str | Reading] = {
    f"{FLAWS}/itlb_multihit": "KVM: Mitigation: VMX disabled",
    f"{FLAWS}/l1tf": "Mitigation: PTE Inversion; VMX: conditional cache flushes, SMT disabled",
    f"{FLAWS}/mds": "Mitigation: Clear CPU buffers; SMT vulnerable",
    f"{FLAWS}/meltdown": "Mitigation: PTI",
    f"{FLAWS}/retbleed": "Not affected",
    f"{FLAWS}/spec_store_bypass": "Vulnerable",
    f"{FLAWS}/srbds": BROKEN,
}


def test_flaws_are_counted_and_those_that_are_open_are_named() -> None:
    fact = kernel(XEON, "kernel.vulnerabilities")
    assert fact.value == (
        "1 vulnerable (spec_store_bypass), 1 mitigated in part (mds), 1 not known (srbds), 3 mitigated,"
        " 1 not affected"
    )
    assert fact.number == 2


def test_each_flaw_is_told_with_the_kernels_words_and_its_file() -> None:
    found = {flaw.name: flaw for flaw in vulnerabilities(host(XEON))}
    assert found["meltdown"].words == "Mitigation: PTI"
    assert found["meltdown"].source == f"{FLAWS}/meltdown"
    assert (found["srbds"].state, found["srbds"].words) == (Protection.UNKNOWN, "could not be read")


def test_a_kernel_before_4_15_knows_of_no_flaws_and_is_not_called_safe() -> None:
    assert vulnerabilities(host({})) == ()
    assert not kernel({}, "kernel.vulnerabilities").known


@pytest.mark.parametrize(
    ("files", "value"),
    [
        ({"/proc/cpuinfo": "microcode\t: 0xf0"}, "0xf0"),
        ({"/proc/cpuinfo": "microcode\t: 0xf0\nmicrocode\t: 0xde"}, "0xf0, 0xde: the processors differ"),
        # hw-vuln/old_microcode.rst
        (
            {"/proc/cpuinfo": "microcode\t: 0xc6", f"{FLAWS}/old_microcode": "Vulnerable"},
            "0xc6, older than what is released",
        ),
        ({"/proc/cpuinfo": "processor : 0\nFeatures : fp asimd"}, ""),
    ],
)
def test_microcode_is_told_with_its_age_where_the_kernel_knows_it(
    files: dict[str, str | Reading], value: str
) -> None:
    assert kernel(files, "kernel.microcode").value == value


FILES = (
    *(f"{DMI}/{name}" for name in ("sys_vendor", "product_name", "product_version", "board_name")),
    *(f"{DMI}/{name}" for name in ("bios_vendor", "bios_version", "bios_date")),
    "/sys/firmware/efi",
    VARIABLE,
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
    "/proc/sys/kernel/osrelease",
    "/proc/cmdline",
    "/proc/sys/kernel/tainted",
    LOCKDOWN,
    LSM,
    "/sys/fs/selinux/enforce",
    f"{FLAWS}/mds",
    f"{FLAWS}/old_microcode",
    f"{FLAWS}/\x1b[2J",
)


@given(any_host(*FILES))
def test_whatever_stands_in_a_hosts_files_each_fact_is_known_or_says_why_not(readings: Readings) -> None:
    facts = by_id((*machine_facts(readings), *kernel_facts(readings)))
    assert all(is_presentable(fact) for fact in facts.values())
    shown = [(flaw.name, flaw.words, flaw.source) for flaw in vulnerabilities(readings)]
    assert all(text.isprintable() for texts in shown for text in texts)
    under = runs_under(readings)
    assert all(text.isprintable() for text in (under.name or "", under.evidence, under.source))


def test_a_host_that_lets_nothing_be_read_says_of_each_fact_why() -> None:
    readings = host(dict.fromkeys(FILES, DENIED), ahead_s=None)
    facts = by_id((*machine_facts(readings), *kernel_facts(readings)))
    # That there is a folder of UEFI's says how the kernel was booted, whoever may look into it.
    assert {id_ for id_, fact in facts.items() if fact.known} == {"machine.firmware"}
    assert facts["kernel.lockdown"].trouble == "permission denied"
    assert "log in as root" in facts["kernel.lockdown"].mend
