"""The kernel and its guards, from the host's own files: in the forms that kernels write."""

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
from backends.probes.survey.readings import Reading, Readings
from backends.probes.survey.taints import tainted, taints
from backends.probes.survey.vulnerabilities import Protection, microcode_fact, protection, vulnerabilities
from tests.unit.host_files import BROKEN, DENIED, any_host, by_id, host, is_presentable

FLAWS = "/sys/devices/system/cpu/vulnerabilities"


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
        (
            {"uname -m": "x86_64", "/sys/class/dmi/id/bios_vendor": "SeaBIOS"},
            False,
            "off: booted by a BIOS, which cannot do it",
        ),
        ({"uname -m": "x86_64"}, None, ""),
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
    assert microcode_fact(host(files)).value == value


FILES = (
    "/proc/sys/kernel/osrelease",
    "/proc/cmdline",
    "/proc/sys/kernel/tainted",
    "/proc/cpuinfo",
    "/sys/firmware/efi",
    VARIABLE,
    LOCKDOWN,
    LSM,
    "/sys/fs/selinux/enforce",
    f"{FLAWS}/mds",
    f"{FLAWS}/old_microcode",
    f"{FLAWS}/\x1b[2J",
)


@given(any_host(*FILES))
def test_whatever_stands_in_a_hosts_files_each_fact_is_known_or_says_why_not(readings: Readings) -> None:
    assert all(is_presentable(fact) for fact in (*kernel_facts(readings), microcode_fact(readings)))
    shown = [(flaw.name, flaw.words, flaw.source) for flaw in vulnerabilities(readings)]
    assert all(text.isprintable() for texts in shown for text in texts)


def test_a_kernel_that_lets_nothing_be_read_says_of_each_fact_why() -> None:
    facts = by_id(kernel_facts(host(dict.fromkeys(FILES, DENIED))))
    assert {fact.trouble for fact in facts.values()} == {"permission denied"}
    assert "log in as root" in facts["kernel.lockdown"].mend
