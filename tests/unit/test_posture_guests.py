"""What is said of guests: how they are confined, as whom they run, and who may look at their screens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from backends.capabilities.posture.confinement import confinement
from backends.capabilities.posture.definitions import definitions
from backends.capabilities.posture.firmware import protected_guests
from backends.capabilities.posture.looked import Looked
from backends.capabilities.posture.qemu_process import devices, system_calls, user
from backends.capabilities.posture.screens import is_reachable, judge, screens
from backends.hypervisor.guest_confinement import (
    DriverConfinement,
    GuestConfinement,
    Screen,
    SecurityLabel,
)
from backends.hypervisor.host_capabilities import SecurityModel
from backends.model.host import HostName
from backends.model.posture import Finding, Severity
from backends.probes.exposure.daemons import Daemon
from backends.probes.exposure.definitions import DefinitionFile
from backends.probes.exposure.processes import GuestProcess, ServedScreen
from backends.probes.exposure.script import Exposure
from backends.probes.qemu_conf import QemuConf
from backends.probes.survey.readings import Reading, Readings

HIGH, MEDIUM, LOW, UNKNOWN, GOOD = Severity
APPARMOR, DAC = SecurityModel("apparmor"), SecurityModel("dac", labels=(("kvm", "+64055:+64055"),))
CONFINED = (
    SecurityLabel("apparmor", "dynamic", "libvirt-x"),
    SecurityLabel("dac", "dynamic", "+64055:+64055"),
)
PUBLIC = ServedScreen("VNC", "10.84.0.1", "5900")


def guest(
    name: str, *, active: bool = True, labels: tuple[SecurityLabel, ...] = CONFINED
) -> GuestConfinement:
    return GuestConfinement(uuid=name, name=name, active=active, labels=labels)


def looked(
    *guests: GuestConfinement,
    models: tuple[SecurityModel, ...] = (APPARMOR, DAC),
    conf: QemuConf | None = None,
    files: dict[str, str] | None = None,
    **processes: GuestProcess,
) -> Looked:
    """A host with these guests of QEMU's, and their processes by name."""
    told = {name: Reading(text) for name, text in (files or {}).items()}
    return Looked(
        HostName("h1"),
        Readings("root", True, 0.0, 0.0, 0.0, told),
        Exposure(is_root=True, qemu=conf or QemuConf(True), guests=processes, definitions=()),
        {"qemu": DriverConfinement(models, guests)},
    )


def told(findings: Iterable[Finding]) -> list[tuple[Severity, str]]:
    """How bad, and of which guest."""
    return [(finding.severity, finding.name) for finding in findings]


# Confinement -----------------------------------------------------------------------------------


def test_guests_with_a_label_of_their_own_are_confined_and_told_together() -> None:
    (finding,) = confinement(looked(guest("web"), guest("db")))
    assert (finding.severity, finding.guest) == (GOOD, None)
    assert "web and db" in finding.evidence and "apparmor" in finding.evidence


def test_a_guest_whose_definition_asks_for_no_confinement_is_told_by_name() -> None:
    """As libvirt shows `<seclabel type='none' model='apparmor'/>` (formatdomain.html)."""
    bare = guest("bare", labels=(SecurityLabel("apparmor", "none"),))
    found = list(confinement(looked(guest("web"), bare)))
    assert told(found) == [(MEDIUM, "bare"), (GOOD, "")]
    assert found[0].guest and found[0].guest.uuid == "bare" and found[0].guest.host == "h1"
    assert "seclabel" in found[0].mend


def test_a_guest_that_is_off_and_will_not_be_confined_is_worth_knowing() -> None:
    off = guest("off", active=False, labels=(SecurityLabel("", "none"),))
    assert told(confinement(looked(guest("web"), off))) == [(LOW, "off"), (GOOD, "")]


def test_a_running_guest_without_a_label_is_not_confined_whatever_was_meant() -> None:
    assert told(confinement(looked(guest("web", labels=CONFINED[1:])))) == [(MEDIUM, "web")]


@pytest.mark.parametrize(
    ("label", "severity"),
    [
        ("libvirt-x (enforce)", GOOD),
        ("libvirt-x (complain)", MEDIUM),
        ("unconfined", MEDIUM),
        ("libvirt-x (unconfined)", MEDIUM),
        ("unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023", MEDIUM),
        ("system_u:system_r:unconfined_service_t:s0", MEDIUM),
        ("system_u:system_r:svirt_t:s0:c16,c759", GOOD),
        ("", GOOD),
    ],
)
def test_the_kernels_word_counts_more_than_libvirts(label: str, severity: Severity) -> None:
    (finding, *_) = confinement(looked(guest("web"), web=GuestProcess(1, label=label)))
    assert finding.severity is severity


def test_a_host_that_confines_nobody_is_told_once_with_its_cause() -> None:
    conf = QemuConf(True, security_drivers=("none",))
    (finding,) = confinement(
        looked(guest("web"), guest("db"), models=(SecurityModel("none"), DAC), conf=conf)
    )
    assert (finding.severity, finding.guest) == (MEDIUM, None)
    assert "web and db" in finding.evidence and 'security_driver = "none"' in finding.evidence
    assert "qemu.conf" in finding.mend


@pytest.mark.parametrize(
    ("conf", "modules", "mend"),
    [
        (QemuConf(True), "lockdown,capability,yama,apparmor", "set security_driver"),
        (QemuConf(True), "capability,yama", "in the host's kernel"),
        (QemuConf(False), "capability,yama", "log in as root"),
    ],
)
def test_what_mends_a_host_without_confinement_depends_on_why(
    conf: QemuConf, modules: str, mend: str
) -> None:
    host = looked(guest("web"), models=(DAC,), conf=conf, files={"/sys/kernel/security/lsm": modules})
    (finding,) = confinement(host)
    assert finding.severity is MEDIUM and mend in finding.mend


def test_a_permissive_selinux_confines_nobody() -> None:
    svirt = guest(
        "web", labels=(SecurityLabel("selinux", "dynamic", "system_u:system_r:svirt_t:s0:c16,c759"),)
    )
    for mode, severity in (("0", MEDIUM), ("1", GOOD)):
        host = looked(svirt, models=(SecurityModel("selinux"),), files={"/sys/fs/selinux/enforce": mode})
        assert [finding.severity for finding in confinement(host)] == [severity]


def test_a_driver_that_has_no_guests_is_no_trouble() -> None:
    host = replace(looked(), drivers={"lxc": DriverConfinement(())})
    assert not list(confinement(host))


def test_of_xen_it_is_not_claimed_to_know() -> None:
    host = replace(looked(), drivers={"xen": DriverConfinement((), (guest("dom"),))})
    assert told(confinement(host)) == [(UNKNOWN, "")]


# The process -----------------------------------------------------------------------------------


def test_guests_that_run_as_root_by_the_hosts_settings_are_told_once() -> None:
    conf = QemuConf(True, user="root")
    root = (SecurityModel("none"), SecurityModel("dac", labels=(("kvm", "+0:+0"),)))
    host = looked(guest("web"), models=root, conf=conf, web=GuestProcess(1, uid=0))
    (finding,) = user(host)
    assert (finding.severity, finding.guest) == (MEDIUM, None)
    assert "qemu.conf" in finding.evidence and "web" in finding.evidence


def test_one_guest_that_runs_as_root_among_others_is_told_by_name() -> None:
    host = looked(guest("web"), guest("db"), web=GuestProcess(1, uid=64055), db=GuestProcess(2, uid=0))
    assert told(user(host)) == [(MEDIUM, "db"), (GOOD, "")]


def test_without_a_shell_libvirts_own_label_tells_the_user() -> None:
    host = replace(looked(guest("web")), exposure=None, readings=None)
    assert told(user(host)) == [(GOOD, "")]


def test_a_host_without_guests_tells_as_whom_they_would_run() -> None:
    assert told(user(looked())) == [(GOOD, "")]
    assert told(user(looked(models=(APPARMOR,)))) == [(UNKNOWN, "")]


@pytest.mark.parametrize(
    ("mode", "conf", "expected"),
    [
        (2, QemuConf(True), [(GOOD, "")]),
        (0, QemuConf(True), [(MEDIUM, "web")]),
        (0, QemuConf(True, seccomp=False), [(MEDIUM, "")]),
        (None, QemuConf(True), [(UNKNOWN, "")]),
    ],
)
def test_the_filter_of_system_calls_is_read_from_the_process(
    mode: int | None, conf: QemuConf, expected: list[tuple[Severity, str]]
) -> None:
    host = looked(guest("web"), conf=conf, web=GuestProcess(1, seccomp=mode))
    assert told(system_calls(host)) == expected


def test_a_guest_whose_process_is_hidden_needs_a_permission() -> None:
    (finding,) = system_calls(looked(guest("web")))
    assert finding.severity is UNKNOWN and "root" in finding.mend and "web" in finding.evidence


@pytest.mark.parametrize(
    ("own", "conf", "expected"),
    [
        (True, QemuConf(True), [(GOOD, "")]),
        (False, QemuConf(True), [(LOW, "web")]),
        (None, QemuConf(True), [(GOOD, "")]),
        (None, QemuConf(False), [(UNKNOWN, "")]),
        (False, QemuConf(True, namespaces=False), [(LOW, "")]),
    ],
)
def test_a_dev_of_its_own_is_read_from_the_process_or_else_from_the_settings(
    own: bool | None, conf: QemuConf, expected: list[tuple[Severity, str]]
) -> None:
    host = looked(guest("web"), conf=conf, web=GuestProcess(1, own_mounts=own))
    assert told(devices(host)) == expected


# Screens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("screen", "verifies", "severity"),
    [
        (PUBLIC, False, HIGH),
        (replace(PUBLIC, address=""), False, HIGH),
        (replace(PUBLIC, encrypted=True), False, HIGH),
        (replace(PUBLIC, encrypted=True), None, UNKNOWN),
        (replace(PUBLIC, encrypted=True), True, GOOD),
        (replace(PUBLIC, password=True), False, MEDIUM),
        (replace(PUBLIC, password=True, encrypted=True), False, GOOD),
        (replace(PUBLIC, sasl=True), False, LOW),
        (replace(PUBLIC, kind="SPICE", encrypted=True), True, HIGH),
    ],
)
def test_a_screen_that_others_reach_is_as_bad_as_what_it_asks_of_them(
    screen: ServedScreen, verifies: bool | None, severity: Severity
) -> None:
    found, words = judge(screen, verifies)
    assert found is severity
    assert (screen.address or "every address") in words


@pytest.mark.parametrize(
    ("address", "reachable"),
    [
        ("127.0.0.1", False),
        ("127.1.2.3", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("localhost", False),
        ("0.0.0.0", True),  # noqa: S104 - what is judged
        ("::", True),
        ("fe80::1%eth0", True),
        ("h1.lan", True),
        ("", True),
    ],
)
def test_loopback_is_told_from_what_other_machines_reach(address: str, reachable: bool) -> None:
    assert is_reachable(address) is reachable


def test_an_open_screen_is_told_by_guest_and_the_closed_ones_together() -> None:
    public = GuestProcess(1, screens=(PUBLIC,))
    closed = GuestProcess(2, screens=(ServedScreen("VNC", "127.0.0.1", "5900"),))
    socket = GuestProcess(3, screens=(ServedScreen("SPICE", "/run/s", "", is_socket=True),))
    host = looked(guest("open"), guest("web"), guest("db"), open=public, web=closed, db=socket)
    found = list(screens(host))
    assert told(found) == [(HIGH, "open"), (GOOD, "")]
    assert "web and db" in found[1].evidence and "vnc_tls" in found[0].mend


def test_a_screen_that_is_open_by_right_needs_no_mending() -> None:
    safe = GuestProcess(1, screens=(replace(PUBLIC, password=True, encrypted=True),))
    (finding,) = screens(looked(guest("web"), web=safe))
    assert (finding.severity, finding.name, finding.mend) == (GOOD, "web", "")


def test_without_the_process_it_is_not_known_whether_an_open_screen_wants_a_password() -> None:
    told_by_libvirt = replace(guest("web"), screens=(Screen("VNC", ("10.84.0.1",)),))
    (finding,) = screens(looked(told_by_libvirt))
    assert finding.severity is UNKNOWN and "root" in finding.mend
    local = replace(guest("web"), screens=(Screen("VNC", ("127.0.0.1",)),))
    assert told(screens(looked(local))) == [(GOOD, "")]


def test_a_screen_of_xens_that_others_reach_is_told_although_only_xen_knows_its_password() -> None:
    dom = replace(guest("dom"), screens=(Screen("VNC", ("0.0.0.0",)),))  # noqa: S104 - what is judged
    (finding,) = screens(replace(looked(), drivers={"xen": DriverConfinement((), (dom,))}))
    assert (finding.severity, finding.name) == (UNKNOWN, "dom")
    assert finding.guest and finding.guest.driver == "xen"


def test_guests_that_are_off_show_no_screen() -> None:
    off = replace(guest("off", active=False), screens=(Screen("VNC", ("10.84.0.1",)),))
    assert told(screens(looked(off))) == [(GOOD, "")]


# Who, when, and what protects besides ----------------------------------------------------------


def test_who_defined_guests_is_said_to_be_unknown_once_for_a_host() -> None:
    host = looked(guest("web"), guest("db"))
    assert host.exposure
    files = tuple(
        DefinitionFile(name, datetime(2026, 11, day, tzinfo=UTC)) for day, name in enumerate("abcd", 1)
    )
    told_all = replace(
        host,
        exposure=replace(host.exposure, definitions=files, daemons=(Daemon("auditd", False, frozenset()),)),
    )
    (finding,) = definitions(told_all)
    assert finding.severity is LOW and finding.guest is None
    assert "d 2026-11-04" in finding.evidence and "a 2026" not in finding.evidence, "the newest ones"
    assert "auditd's log" in finding.evidence
    (shut,) = definitions(replace(host, exposure=replace(host.exposure, definitions=None)))
    assert shut.severity is UNKNOWN and "/etc/libvirt/qemu" in shut.mend
    assert told(definitions(host)) == [(LOW, "")], "a guest that was only started has no file"
    assert not list(definitions(looked())), "without guests there is no question"


def test_guests_with_more_protection_than_usual_are_told_and_the_others_are_no_trouble() -> None:
    strong = replace(guest("vault"), launch_security="sev-snp", secure_boot=True)
    found = list(protected_guests(looked(guest("web"), strong)))
    assert told(found) == [(GOOD, ""), (GOOD, "")]
    assert all("vault" in finding.evidence and "web" not in finding.evidence for finding in found)
    assert not list(protected_guests(looked(guest("web"))))


def test_many_guests_are_told_by_a_few_names_and_their_number() -> None:
    (finding,) = confinement(looked(*(guest(f"vm{number}") for number in range(40))))
    assert "vm0, vm1, vm2, vm3 and 36 more" in finding.evidence
