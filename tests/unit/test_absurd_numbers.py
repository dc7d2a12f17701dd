"""Hosts that tell numbers no machine has: what they say is not known, and nothing breaks."""

from __future__ import annotations

import re

import pytest

from backends.capabilities.posture import TOPICS
from backends.capabilities.posture.looked import Looked
from backends.capabilities.survey import conclude
from backends.hypervisor.guest_confinement import DriverConfinement, GuestConfinement
from backends.hypervisor.host_capabilities import SecurityModel
from backends.hypervisor.id_sets import parse_ids
from backends.model.host import HostName
from backends.probes.exposure.script import exposure
from backends.probes.survey.readings import Reading, Readings
from tui.headless.capabilities import tell_host
from tui.headless.output import Output

WEB = "6695eb01-f6a4-8304-79aa-97f2502e193f"
USUAL = {
    "uname -m": "x86_64",
    "/proc/cpuinfo": "flags : fpu vmx pae lm\nmicrocode : 0x42\naddress sizes : 46 bits physical, 48 bits virtual",
    "processors": "4 2 1",
    "topology": "2 1",
    "/sys/devices/system/cpu/online": "0-3",
    "/sys/devices/system/cpu/smt/control": "4",
    "/sys/devices/system/node/node0/cpulist": "0-3",
    "/proc/meminfo": "MemTotal: 100 kB\nSwapTotal: 5 kB\nSwapFree: 2 kB",
    "/proc/uptime": "123.45 5",
    "/proc/sys/kernel/osrelease": "6.1.0-18",
    "/proc/sys/kernel/tainted": "4097",
    "/sys/hypervisor/properties/features": "00000705",
    "/sys/kernel/mm/ksm/run": "1",
    "/sys/kernel/mm/ksm/pages_sharing": "10",
    "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages": "10",
    "/sys/class/net/eth0/device/sriov_totalvfs": "64",
    "/dev/cpu/0/msr 0x3a": "05 00 00 00 00 00 00 00",
    "/etc/libvirt/qemu.conf": "migration_port_min = 49152\nseccomp_sandbox = 1",
    "/etc/libvirt/libvirtd.conf": 'listen_tcp = 1\ntcp_port = "16509"',
    "/proc/net/tcp": "  0: 0100007F:407D 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 12345 1",
    "systemctl": "Id=libvirtd-tcp.socket\nActiveState=active\nListen=[::]:16509 (Stream)",
    "stat": "777 root /run/libvirt/libvirt-sock",
    "daemon 12": "libvirtd\n/usr/sbin/libvirtd",
    "sockets 12": "12345",
    "guest 99": f"-uuid {WEB}\n-vnc 0.0.0.0:1\n-spice port=5900,addr=0.0.0.0",
    "status": "/proc/99/status:Uid:\t64055\n/proc/99/status:Seccomp:\t2",
    "/etc/libvirt/qemu": "1700000000.5 web.xml",
}
"""A number in each, by the names of a survey's and an exposure's answers."""


def looked_at(files: dict[str, str]) -> list[str]:
    """All that is said of such a host."""
    readings = Readings("root", True, 0.0, 0.0, 0.1, {name: Reading(text) for name, text in files.items()})
    found = conclude(HostName("h1"), readings, (), commands=1, took_s=0.1)
    tell_host(Output(), found, sources=True)
    drivers = {"qemu": DriverConfinement((SecurityModel("dac"),), (GuestConfinement(WEB, "web", True),))}
    looked = Looked(HostName("h1"), readings, exposure(readings), drivers)
    return [fact.value for fact in found.facts] + [f.evidence for topic in TOPICS for f in topic(looked)]


@pytest.mark.parametrize("name", USUAL)
@pytest.mark.parametrize("digits", [8, 19, 5000])
def test_a_number_that_no_machine_has_breaks_nothing(name: str, digits: int) -> None:
    for number in ("9" * digits, "\u0663" * digits):
        absurd = re.sub(r"\d+(?!.*\d)", number, USUAL[name]), re.sub(r"\d+", number, USUAL[name])
        for text in absurd:
            assert all(words.isprintable() for words in looked_at(USUAL | {name: text}))


def test_a_processor_with_absurd_addresses_allows_guests_without_a_limit_that_is_known() -> None:
    absurd = USUAL["/proc/cpuinfo"].replace("46 bits", f"{'4' * 30} bits")
    readings = Readings("", False, None, 0.0, 0.1, {"/proc/cpuinfo": Reading(absurd)})
    wide = conclude(HostName("h1"), readings, (), commands=1, took_s=0.1).widths
    assert all(width.memory_limit_bytes is None or width.memory_limit_bytes <= 1 << 52 for width in wide)


def test_a_set_of_processors_with_an_absurd_number_is_read_without_it() -> None:
    assert parse_ids(f"0-3,{'9' * 5000},^2,7-{'9' * 5000}") == {0, 1, 3}
