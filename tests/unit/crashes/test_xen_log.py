"""An operator sees which Xen guests crashed or did not start, from the logs of libvirt's driver, xl, xend, and QEMU."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.model.crash import CrashKind, Source
from backends.probes.crashes import xen_hypervisor, xen_log
from backends.probes.crashes.looked import Looked
from backends.probes.crashes.sighting import Sighting
from tests.unit.crashes.looked_hosts import NOW_S, is_presentable, log, looked, mangled

XL = "/var/log/xen/xl-soti.vm.log"
XL_TEXT = """\
Waiting for domain soti.vm (domid 4) to die [pid 9174]
Domain 4 has shut down, reason code 3 0x3
Action for shutdown reason code 3 is destroy
Domain 4 needs to be cleaned up: destroying the domain
Done. Exiting now"""
"""xen-devel, October 2019: a Windows guest that crashed."""
_TOGETHER = (
    "libxl_create.c:1327:libxl__domain_config_setdefault: nestedhvm and altp2mhvm cannot be used together"
)
DRIVER_TEXT = f"""\
2023-10-22 02:52:41.620+0000: libxl: {_TOGETHER}
2023-10-22 02:53:02.069+0000: libxl: {_TOGETHER}"""
"""A Qubes OS user's libxl-driver.log; the form is libvirt's src/libxl/libxl_logger.c."""
_PCI = "libxl_pci.c:1772:device_pci_add_done: Domain 3:libxl__device_pci_add failed for PCI device 0:0:14.0 (rc -9)"
GUEST_TEXT = f"""\
Domain start: {{
    "c_info": {{
2022-09-05 13:20:01.100+0000: libxl: {_PCI}
2022-09-05 13:20:01.101+0000: libxl: libxl_create.c:1904:domcreate_attach_devices: Domain 3:unable to add pci devices
Domain start: {{
2022-09-05 14:00:00.000+0000: libxl: libxl_dom.c:51:libxl__domain_type: Domain 4:something while it runs"""
"""xen-devel, September 2022."""
XEND_TEXT = """\
[2009-06-04 17:08:40 14342] DEBUG (XendDomainInfo:84) XendDomainInfo.create(['vm', ['name', 'one-new246']])
[2009-06-04 17:08:47 14342] INFO (XendDomain:1167) Domain one-new246 (17) unpaused.
[2009-06-04 17:08:51 14342] WARNING (XendDomainInfo:1283) Domain has crashed: name=one-new246 id=17."""
"""A forum's xend.log of 2009."""
HYPERVISOR = "/var/log/xen/console/hypervisor.log"
DMESG_TEXT = """\
(XEN) d7:v0: unhandled page fault (ec=0000)
(XEN) Pagetable walk from ffffea000005b2d0:
(XEN)  L4[0x1d4] = 0000000000000000 ffffffffffffffff
(XEN) domain_crash_sync called from entry.S
(XEN) Domain 7 (vcpu#0) crashed on cpu#3:
(XEN) ----[ Xen-4.2.0  x86_64  debug=n  Not tainted ]----
(XEN) CPU:    3
(XEN) RIP:    e033:[<ffffffff8103feba>]"""
"""xen-devel on Xen 4.2."""
LIST_TEXT = """\
Name                                        ID   Mem VCPUs\tState\tTime(s)
Domain-0                                     0  4096     4     r-----     123.4
web 1                                        7   512     1     -b----       2.0"""
"""xl(1)."""
WHOLE = {"/proc/uptime": "1000.50 3000.10", "date +%z": "+0200", "xl list": LIST_TEXT}


def _xen(*logs: tuple[str, str], **answers: str) -> list[Sighting]:
    host = looked({**WHOLE, **answers}, logs=[log(path, text) for path, text in logs])
    return _of(host)


def _of(host: Looked) -> list[Sighting]:
    return [*xen_log.sightings(host), *xen_hypervisor.sightings(host)]


def _utc(*parts: int) -> float:
    text = "{:04}-{:02}-{:02} {:02}:{:02}:{:02}".format(*parts)
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_a_guest_that_told_xen_of_its_crash_is_seen_in_xls_log() -> None:
    """At the file's time, or before."""
    (seen,) = _xen((XL, XL_TEXT))
    assert (seen.kind, seen.guest, seen.at_s, seen.exact) == (CrashKind.PANIC, "soti.vm", NOW_S, False)
    assert seen.evidence.source is Source.XEN_LOG
    assert "Action for shutdown reason code 3 is destroy" in seen.evidence.lines
    assert seen.evidence.offset == 0


@pytest.mark.parametrize("code", ["0", "1", "2", "5", "33"])
def test_a_guest_that_was_shut_down_or_moved_is_no_crash(code: str) -> None:
    """poweroff, reboot, suspend, soft reset (xen/include/public/sched.h)."""
    assert _xen((XL, XL_TEXT.replace("reason code 3", f"reason code {code}"))) == []


def test_a_guest_whose_watchdog_ended_it_is_seen() -> None:
    """SHUTDOWN_watchdog."""
    (seen,) = _xen((XL, XL_TEXT.replace("reason code 3 0x3", "reason code 4 0x4")))
    assert seen.kind is CrashKind.ENDED


def test_a_restart_by_xl_that_failed_is_seen_beside_the_crash() -> None:
    """xen-devel, February 2022."""
    text = XL_TEXT.replace("Done. Exiting now", "Done. Rebooting now")
    text += (
        "\nlibxl: error: libxl_create.c:1613:domcreate_rebuild_done: Domain 1:cannot (re-)build domain: -3"
    )
    assert [each.kind for each in _xen((XL, text))] == [CrashKind.PANIC, CrashKind.NOT_STARTED]


def test_libxls_words_before_a_domain_has_a_number_are_of_no_guest_that_is_known() -> None:
    """Each start once, at its time."""
    seen = _xen(("/var/log/libvirt/libxl/libxl-driver.log", DRIVER_TEXT))
    assert [(each.kind, each.guest) for each in seen] == [(CrashKind.NOT_STARTED, "")] * 2
    assert seen[0].at_s == _utc(2023, 10, 22, 2, 52, 41) + 0.62
    assert seen[0].exact


def test_a_guests_own_log_tells_each_start_that_failed() -> None:
    """A later one that went well tells nothing."""
    (seen,) = _xen(("/var/log/libvirt/libxl/web.log", GUEST_TEXT))
    assert (seen.guest, seen.at_s) == ("web", _utc(2022, 9, 5, 13, 20, 1) + 0.101)
    assert len(seen.evidence.lines) == 2


def test_xends_times_are_the_hosts_local_ones() -> None:
    """Its zone is two hours ahead."""
    (seen,) = _xen(("/var/log/xen/xend.log", XEND_TEXT))
    assert (seen.kind, seen.guest, seen.at_s) == (CrashKind.PANIC, "one-new246", _utc(2009, 6, 4, 15, 8, 51))


def test_a_start_that_xend_could_not_do_is_of_the_guest_that_it_was_creating() -> None:
    """tools/python/xen/xend/server/DevController.py."""
    text = "\n".join(XEND_TEXT.split("\n")[:2])
    text += "\nVmError: Device 0 (vif) could not be connected. Hotplug scripts not working."
    (seen,) = _xen(("/var/log/xen/xend.log.1", text))
    assert (seen.kind, seen.guest) == (CrashKind.NOT_STARTED, "one-new246")


def test_a_device_model_that_ended_as_xl_wished_tells_nothing() -> None:
    """A Debian user's qemu-dm log, December 2024."""
    text = "VNC server running\nxen-qemu-system-i386: terminating on signal 1 from pid 6302 (/usr/lib/xen/bin/xl)"
    assert _xen(("/var/log/xen/qemu-dm-web.log", text)) == []


def test_a_device_model_that_crashed_is_seen() -> None:
    """glibc's assert."""
    text = "qemu-system-i386: ../hw/xen/xen_pt.c:120: xen_pt_pci_config_access_check: Assertion `addr <= 0xff' failed."
    (seen,) = _xen(("/var/log/xen/qemu-dm-web.log.2", text))
    assert (seen.kind, seen.guest) == (CrashKind.ENDED, "web")


def test_the_hypervisors_own_words_name_the_guest_by_its_number() -> None:
    """`xl list` knows the name."""
    (seen,) = _xen(**{"xl dmesg": DMESG_TEXT})
    assert (seen.kind, seen.guest, seen.at_s) == (CrashKind.PANIC, "web 1", None)
    assert seen.evidence.place == "xl dmesg"
    assert seen.evidence.lines[0] == "(XEN) d7:v0: unhandled page fault (ec=0000)"
    assert seen.evidence.lines[-1] == "(XEN) RIP:    e033:[<ffffffff8103feba>]"


def test_a_number_that_two_guests_had_names_none() -> None:
    """After a restart of the host Xen counts anew."""
    text = "Waiting for domain {} (domid 9) to die [pid 1]"
    seen = _xen(
        ("/var/log/xen/xl-a.log", text.format("a")),
        ("/var/log/xen/xl-b.log", text.format("b")),
        (HYPERVISOR, DMESG_TEXT.replace("Domain 7 ", "Domain 9 ")),
    )
    assert [each.guest for each in seen] == [""]


def test_what_log_and_ring_tell_alike_is_told_once() -> None:
    """The log has a place to be opened."""
    (seen,) = _xen((HYPERVISOR, DMESG_TEXT), **{"xl dmesg": DMESG_TEXT})
    assert seen.evidence.path == HYPERVISOR
    assert seen.evidence.offset == 0


@pytest.mark.parametrize(
    ("stamp", "at_s", "exact"),
    [
        ("[2019-10-24 15:02:03] (XEN) ", _utc(2019, 10, 24, 13, 2, 3), True),
        ("(XEN) [2019-10-24 15:02:03] ", _utc(2019, 10, 24, 15, 2, 3), True),
        ("(XEN) [2019-10-24 15:02:03.123] ", _utc(2019, 10, 24, 15, 2, 3), True),
        ("(XEN) [ 3.969657] ", NOW_S, False),
        ("(XEN) ", NOW_S, False),
    ],
)
def test_stamps_of_xenconsoled_are_local_and_xens_own_are_utc(stamp: str, at_s: float, exact: bool) -> None:
    """xenconsoled(8), --timestamp; xen-command-line, console_timestamps. A time since Xen's start is of which start?"""
    (seen,) = _xen((HYPERVISOR, DMESG_TEXT.replace("(XEN) ", stamp)))
    assert (seen.at_s, seen.exact) == (at_s, exact)


def test_a_time_since_xens_start_in_its_ring_is_of_this_start() -> None:
    """dom0 was started somewhat later, so it was then or before."""
    (seen,) = _xen(**{"xl dmesg": DMESG_TEXT.replace("(XEN) ", "(XEN) [  200.500000] ")})
    assert (seen.at_s, seen.exact) == (NOW_S - 1000.5 + 200.5, False)


def test_a_guest_cannot_forge_another_ones_crash_through_the_console() -> None:
    """Xen puts `(d7) ` before each of its lines."""
    forged = "(d7) (XEN) Domain 8 (vcpu#0) crashed on cpu#1:\n(d7) Domain 8 (vcpu#0) crashed on cpu#1:"
    assert _xen((HYPERVISOR, forged), **{"xl dmesg": forged}) == []


def test_a_crash_of_dom0_is_the_hosts() -> None:
    """xen-devel on Xen 4.14."""
    (seen,) = _xen(**{"xl dmesg": DMESG_TEXT.replace("Domain 7 ", "Domain 0 ")})
    assert (seen.kind, seen.guest) == (CrashKind.HOST_PANIC, "")


def test_a_domain_that_is_kept_after_its_crash_is_seen_in_the_list() -> None:
    """on_crash=preserve: its state has a c (xl(1))."""
    (seen,) = _xen(**{"xl list": LIST_TEXT.replace("-b----", "---sc-")})
    assert (seen.kind, seen.guest, seen.at_s) == (CrashKind.PANIC, "web 1", None)


def test_a_host_without_xen_tells_nothing() -> None:
    """No command, no log."""
    assert _of(looked()) == []


@settings(deadline=None)
@given(
    st.tuples(
        mangled(XL_TEXT),
        mangled(DRIVER_TEXT),
        mangled(GUEST_TEXT),
        mangled(XEND_TEXT),
        mangled(DMESG_TEXT),
        mangled(LIST_TEXT),
    )
)
def test_broken_logs_never_crash_the_reader(texts: tuple[str, ...]) -> None:
    """And nothing of them would be obeyed by a terminal."""
    xl, driver, guest, xend, dmesg, listed = texts
    seen = _xen(
        (XL, xl),
        ("/var/log/libvirt/libxl/libxl-driver.log", driver),
        ("/var/log/libvirt/libxl/a\x1b[2J.log", guest),
        ("/var/log/xen/xend.log", xend),
        ("/var/log/xen/qemu-dm-x.log", guest),
        (HYPERVISOR, dmesg),
        **{"xl list": listed, "xl dmesg": dmesg},
    )
    assert all(is_presentable(each) for each in seen)
