"""What is said of a host: who may give orders to libvirt, what its processor and kernel let through, what is below."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address

import pytest

from backends.capabilities.posture import TOPICS
from backends.capabilities.posture.access import network, unix_sockets
from backends.capabilities.posture.kernel import locked_down, secure_boot, taint
from backends.capabilities.posture.looked import Looked, Question, worst_first
from backends.capabilities.posture.migration import migration
from backends.capabilities.posture.processor import flaws, microcode, nesting, same_pages, smt
from backends.capabilities.posture.underneath import underneath
from backends.hypervisor.guest_confinement import DriverConfinement, GuestConfinement
from backends.hypervisor.host_capabilities import SecurityModel
from backends.model.host import HostName
from backends.model.posture import Finding, Severity
from backends.probes import libvirt_conf, qemu_conf
from backends.probes.exposure.daemons import Daemon, SocketFile, SystemdSocket
from backends.probes.exposure.script import Exposure
from backends.probes.exposure.tcp_sockets import ListeningSocket
from backends.probes.libvirt_conf import Settings
from backends.probes.qemu_conf import QemuConf
from backends.probes.survey.readings import Gap, Reading, Readings

HIGH, MEDIUM, LOW, UNKNOWN, GOOD = Severity
FLAWS = "/sys/devices/system/cpu/vulnerabilities"
SMT = "/sys/devices/system/cpu/smt/active"
QEMU = {"qemu": DriverConfinement((SecurityModel("apparmor"),))}


def host(files: dict[str, str | Gap] | None = None, exposure: Exposure | None = None) -> Looked:
    """One of which these files, and this exposure, were told."""
    told = {n: Reading(t) if isinstance(t, str) else Reading(gap=t) for n, t in (files or {}).items()}
    return Looked(HostName("h1"), Readings("root", True, 0.0, 0.0, 0.0, told), exposure, QEMU)


def exposed(
    conf: str | None = "",
    *sockets: tuple[str, int],
    qemu: QemuConf | None = None,
    systemd: tuple[SystemdSocket, ...] = (),
    held: Iterable[int] = (),
    files: tuple[SocketFile, ...] = (),
) -> Looked:
    """A host with this libvirtd.conf (None: it may not be read) and these sockets, of which libvirtd holds some."""
    listening = tuple(
        ListeningSocket(ip_address(address), port, number)
        for number, (address, port) in enumerate(sockets, 1)
    )
    settings = None if conf is None else libvirt_conf.parse(conf)
    return host(
        exposure=Exposure(
            is_root=True,
            qemu=qemu or QemuConf(True),
            daemon_settings={"libvirtd": settings, "virtproxyd": settings, "virtqemud": settings},
            listening=listening,
            systemd=systemd,
            socket_files=files,
            daemons=(Daemon("libvirtd", True, frozenset(held)),),
            certificates=(),
        )
    )


def the(findings: Iterable[Finding], id_: str) -> Finding:
    (found,) = (finding for finding in findings if finding.id == id_)
    return found


# Who gives orders to libvirt -------------------------------------------------------------------

TCP, TLS = ("10.84.0.1", 16509), ("::", 16514)
NOBODY_ASKED = 'listen_tcp = 1\nauth_tcp = "none"\n'
"""As src/remote/libvirtd.conf.in warns against."""


@pytest.mark.parametrize(
    ("looked", "severity", "evidence"),
    [
        (exposed(NOBODY_ASKED, TCP), HIGH, "10.84.0.1:16509"),
        (exposed(NOBODY_ASKED, ("127.0.0.1", 16509)), HIGH, "this host only"),
        (exposed(NOBODY_ASKED), LOW, "would"),
        (exposed("", TCP), LOW, "sasl"),
        (exposed('auth_tcp = "none"\naccess_drivers = [ "polkit" ]', TCP), MEDIUM, "access_drivers"),
        (exposed(None, TCP), UNKNOWN, "not told"),
        (exposed(None), GOOD, "does not listen"),
        (exposed("", ("10.84.0.1", 22)), GOOD, "does not listen"),
        (exposed('tcp_port = "7000"\n' + NOBODY_ASKED, ("10.84.0.1", 7000)), HIGH, ":7000"),
        # somebody else's program on libvirt's port, while all sockets of libvirtd's are known
        (exposed(NOBODY_ASKED, TCP, ("10.84.0.1", 22), held=(99,)), LOW, "does not listen now"),
        (exposed(NOBODY_ASKED, ("10.84.0.1", 4711), held=(1,)), HIGH, ":4711"),
    ],
)
def test_libvirt_on_plain_tcp_is_as_bad_as_what_it_asks(
    looked: Looked, severity: Severity, evidence: str
) -> None:
    found = the(network(looked), "libvirt.tcp")
    assert found.severity is severity, found
    assert evidence in found.evidence
    assert bool(found.mend) is (severity is not GOOD)
    assert the(network(looked), "libvirt.tls").severity is GOOD, "where nothing listens on TLS"


def test_a_socket_that_systemd_holds_for_a_daemon_that_sleeps_counts() -> None:
    unit = SystemdSocket("virtproxyd-tcp.socket", active=True, ports=(16509,))
    found = the(network(exposed('auth_tcp = "none"', TCP, systemd=(unit,))), "libvirt.tcp")
    assert found.severity is HIGH and "virtproxyd.conf" in found.source


@pytest.mark.parametrize(
    ("conf", "severity"),
    [
        ("", GOOD),
        ("tls_no_verify_certificate = 1", HIGH),
        ('tls_no_verify_certificate = 1\nauth_tls = "sasl"', LOW),
        (None, UNKNOWN),
    ],
)
def test_libvirt_on_tls_should_want_a_certificate(conf: str | None, severity: Severity) -> None:
    findings = list(network(exposed(conf, TLS)))
    assert the(findings, "libvirt.tls").severity is severity
    assert the(findings, "libvirt.tcp").severity is GOOD


def test_a_host_that_does_not_tell_its_sockets_is_not_called_safe() -> None:
    looked = exposed()
    assert looked.exposure
    silent = replace(looked, exposure=replace(looked.exposure, listening=None))
    assert [finding.severity for finding in network(silent)] == [UNKNOWN, UNKNOWN]


OPEN, SHUT = (
    SocketFile("/run/libvirt/libvirt-sock", 0o777, "root"),
    SocketFile("/run/libvirt/virtqemud-sock", 0o770, "libvirt"),
)


@pytest.mark.parametrize(
    ("conf", "files", "severity"),
    [
        ('auth_unix_rw = "none"', (OPEN,), HIGH),
        ('auth_unix_rw = "none"', (SHUT,), GOOD),
        ('auth_unix_rw = "none"', (SHUT, OPEN), HIGH),
        ('auth_unix_rw = "polkit"', (OPEN,), GOOD),
        ("", (OPEN,), GOOD),
        (None, (OPEN,), UNKNOWN),
        (None, (SHUT,), GOOD),
    ],
)
def test_a_socket_open_to_every_account_should_ask_who_it_is(
    conf: str | None, files: tuple[SocketFile, ...], severity: Severity
) -> None:
    (finding,) = unix_sockets(exposed(conf, files=files))
    assert finding.severity is severity, finding


@pytest.mark.parametrize(
    ("conf", "certificates", "severity"),
    [
        (QemuConf(True), (), MEDIUM),
        (QemuConf(True), ("/etc/pki/qemu",), LOW),
        (QemuConf(True, tls_forced=True), ("/etc/pki/qemu",), GOOD),
        (QemuConf(True), None, UNKNOWN),
        (QemuConf(False), (), UNKNOWN),
    ],
)
def test_memory_that_crosses_the_network_in_clear_text_is_told(
    conf: QemuConf, certificates: tuple[str, ...] | None, severity: Severity
) -> None:
    looked = exposed(qemu=conf)
    assert looked.exposure
    told = replace(looked, exposure=replace(looked.exposure, certificates=certificates))
    (finding,) = migration(told)
    assert finding.severity is severity
    assert (finding.severity is UNKNOWN) is ("root" in finding.mend)


# The processor ---------------------------------------------------------------------------------

# Texts of the kernel's: Documentation/admin-guide/hw-vuln (l1tf, mds, spectre, multihit, processor_mmio_stale_data).
SHARED = "Mitigation: PTE Inversion; VMX: conditional cache flushes, SMT vulnerable"


def of_flaws(**texts: str) -> dict[str, str | Gap]:
    return {f"{FLAWS}/{name}": text for name, text in texts.items()}


def test_each_open_flaw_is_told_with_the_kernels_words_and_the_closed_ones_together() -> None:
    told = of_flaws(
        mds="Vulnerable: Clear CPU buffers attempted, no microcode",
        meltdown="Mitigation: PTI",
        l1tf="Not affected",
        itlb_multihit="KVM: Mitigation: VMX disabled",
        mmio_stale_data="Unknown: No mitigations",
    )
    found = list(flaws(host(told)))
    assert [(f.severity, f.id) for f in found] == [
        (MEDIUM, "host.vulnerability.mds"),
        (UNKNOWN, "host.vulnerabilities"),
        (GOOD, "host.vulnerabilities"),
    ]
    assert "no microcode" in found[0].evidence and found[0].source == f"{FLAWS}/mds"
    assert "3 of 5" in found[2].evidence


def test_a_flaw_that_is_open_between_threads_alone_is_told_once_for_all() -> None:
    told = of_flaws(l1tf=SHARED, mds="Mitigation: Clear CPU buffers; SMT vulnerable")
    looked = host(told | {SMT: "1"})
    assert [finding.severity for finding in flaws(looked)] == [GOOD]
    (finding,) = smt(looked)
    assert finding.severity is MEDIUM and "l1tf, mds" in finding.evidence and "nosmt" in finding.mend


@pytest.mark.parametrize(("active", "severity"), [("0", GOOD), ("1", GOOD), (None, UNKNOWN)])
def test_threads_by_themselves_are_no_trouble(active: str | None, severity: Severity) -> None:
    told = of_flaws(meltdown="Not affected") | ({SMT: active} if active else {})
    (finding,) = smt(host(told))
    assert finding.severity is severity


def test_a_kernel_that_tells_of_no_flaws_is_not_called_safe() -> None:
    assert [finding.severity for finding in flaws(host())] == [UNKNOWN]
    assert [finding.severity for finding in smt(host({SMT: "1"}))] == [UNKNOWN]


CPU = "processor\t: 0\nmicrocode\t: 0xf0\nflags\t\t: fpu vmx\n\n"


@pytest.mark.parametrize(
    ("cpuinfo", "old", "severity"),
    [
        (CPU, "Not affected", GOOD),
        (CPU, "Vulnerable", MEDIUM),
        (CPU, None, UNKNOWN),
        (CPU.replace("vmx", "hypervisor"), "Not affected", UNKNOWN),
        ("", "Not affected", UNKNOWN),
    ],
)
def test_a_microcode_is_only_called_good_by_who_knows_the_newest(
    cpuinfo: str, old: str | None, severity: Severity
) -> None:
    told = of_flaws(old_microcode=old) if old else {}
    (finding,) = microcode(host(told | {"/proc/cpuinfo": cpuinfo}))
    assert finding.severity is severity, finding


def test_guests_in_guests_and_merged_pages_are_worth_knowing() -> None:
    parameter, run = "/sys/module/kvm_intel/parameters/nested", "/sys/kernel/mm/ksm/run"
    for text, severity in (("Y", LOW), ("1", LOW), ("N", GOOD)):
        assert [finding.severity for finding in nesting(host({parameter: text}))] == [severity]
    assert [finding.severity for finding in nesting(host())] == [UNKNOWN]
    for text, severity in (("1", LOW), ("0", GOOD), ("2", GOOD)):
        assert [finding.severity for finding in same_pages(host({run: text}))] == [severity]
    assert not list(same_pages(host())), "a kernel without KSM"


# The kernel, and what is below -----------------------------------------------------------------

EFI_VARIABLE = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


@pytest.mark.parametrize(
    ("files", "severity"),
    [
        ({EFI_VARIABLE: " 6 0 0 0 1", "/sys/firmware/efi": ""}, GOOD),
        ({EFI_VARIABLE: " 6 0 0 0 0", "/sys/firmware/efi": ""}, LOW),
        ({EFI_VARIABLE: Gap.DENIED, "/sys/firmware/efi": ""}, UNKNOWN),
        ({}, UNKNOWN),
    ],
)
def test_secure_boot_is_read_from_the_firmwares_variable(
    files: dict[str, str | Gap], severity: Severity
) -> None:
    (finding,) = secure_boot(host(files))
    assert finding.severity is severity
    if Gap.DENIED in files.values():
        assert "root" in finding.mend


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("[none] integrity confidentiality", LOW),
        ("none [integrity] confidentiality", GOOD),
        (Gap.DENIED, UNKNOWN),
        (Gap.MISSING, UNKNOWN),
    ],
)
def test_a_kernel_without_lockdown_is_worth_knowing(text: str | Gap, severity: Severity) -> None:
    (finding,) = locked_down(host({"/sys/kernel/security/lockdown": text}))
    assert finding.severity is severity


@pytest.mark.parametrize(
    ("number", "severity", "words"),
    [
        ("0", GOOD, "none"),
        ("512", GOOD, "warning"),
        ("32768", GOOD, "live patched"),
        ("4097", LOW, "proprietary"),  # nvidia and the like: P and O
        ("8192", MEDIUM, "unsigned"),
        ("12290", MEDIUM, "force loaded"),
        ("what", UNKNOWN, ""),
    ],
)
def test_a_taint_is_as_bad_as_its_worst_reason(number: str, severity: Severity, words: str) -> None:
    (finding,) = taint(host({"/proc/sys/kernel/tainted": number}))
    assert finding.severity is severity
    assert words in finding.evidence


VENDOR, PRODUCT = "/sys/class/dmi/id/sys_vendor", "/sys/class/dmi/id/product_name"
VIRTUAL = "processor\t: 0\nflags\t\t: fpu hypervisor\n\n"


@pytest.mark.parametrize(
    ("files", "severity", "words"),
    [
        ({"/proc/cpuinfo": CPU, VENDOR: "Dell Inc."}, GOOD, "none was seen"),
        ({"/proc/cpuinfo": VIRTUAL, VENDOR: "Dell Inc."}, MEDIUM, "Dell Inc."),
        ({"/proc/cpuinfo": VIRTUAL, VENDOR: "QEMU", PRODUCT: "Standard PC (Q35 + ICH9, 2009)"}, LOW, "QEMU"),
        ({"/proc/cpuinfo": VIRTUAL, VENDOR: "Hetzner", "dmesg": "Hypervisor detected: KVM"}, LOW, "KVM"),
        ({"/proc/cpuinfo": VIRTUAL}, LOW, "a hypervisor"),
        ({}, UNKNOWN, ""),
    ],
)
def test_a_hypervisor_below_is_a_note_but_where_the_machine_calls_itself_real(
    files: dict[str, str | Gap], severity: Severity, words: str
) -> None:
    (finding,) = underneath(host(files))
    assert finding.severity is severity, finding
    assert words in finding.evidence


# All of it -------------------------------------------------------------------------------------


def test_the_worst_is_told_first_and_the_hosts_own_before_its_guests() -> None:
    looked = Looked(HostName("h1"))
    ask, guest = Question("a", "a"), GuestConfinement("u", "web", active=True)
    found = [
        ask.host(GOOD, ""),
        ask.guest(looked, guest, HIGH, ""),
        ask.host(UNKNOWN, ""),
        ask.host(HIGH, ""),
        ask.host(LOW, ""),
    ]
    assert [(f.severity, f.name) for f in worst_first(iter(found))] == [
        (HIGH, ""),
        (HIGH, "web"),
        (LOW, ""),
        (UNKNOWN, ""),
        (GOOD, ""),
    ]


def test_a_host_of_which_nothing_was_told_is_asked_nothing_and_called_nothing() -> None:
    for topic in TOPICS:
        assert not list(topic(Looked(HostName("h1")))), topic


def test_no_password_comes_into_any_finding() -> None:
    conf = qemu_conf.parse_text('vnc_password = "sesame12"\nspice_password = "sesame12"\nuser = "root"\n')
    settings = libvirt_conf.parse('auth_tcp = "none"\nsome_password = "sesame12"\n')
    exposure = Exposure(True, conf, {"libvirtd": settings}, listening=())
    looked = host(exposure=exposure)
    found = [finding for topic in TOPICS for finding in topic(looked)]
    assert found and "sesame" not in repr(found) + repr(looked)


def test_what_is_strange_in_a_file_breaks_no_topic() -> None:
    strange = "\x1b]0;x\x07 \u202e" + "9" * 5000
    names = [
        VENDOR,
        PRODUCT,
        SMT,
        f"{FLAWS}/mds",
        "/proc/sys/kernel/tainted",
        "/sys/kernel/mm/ksm/run",
        "dmesg",
    ]
    looked = exposed(f'auth_tcp = "{strange}"\n'.replace("\x1b", "^"), TCP, files=(OPEN,))
    told: dict[str, str | Gap] = dict.fromkeys(names, strange)
    found = [finding for topic in TOPICS for finding in topic(replace(looked, readings=host(told).readings))]
    assert all(text.isprintable() for f in found for text in (f.evidence, f.mend, f.source))
    assert all(len(finding.evidence) <= 400 for finding in found)
    assert Settings() == libvirt_conf.parse(strange)
