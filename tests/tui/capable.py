"""What scripted hosts answer when they are asked what they can do, who takes whose guests, and how safe they are.

Ids, titles, sources and words are those of backends.probes.survey and backends.capabilities.posture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar
from uuid import NAMESPACE_DNS, uuid5

from backends.api import FerryError
from backends.model.capability import (
    Fact,
    GuestKind,
    GuestWidth,
    HardwareVerdict,
    HardwareVirtualization,
    HostCapabilities,
    KindSupport,
    Section,
    Support,
)
from backends.model.comparison import (
    Baseline,
    BaselineGuest,
    Comparison,
    Fit,
    GuestFit,
    HostFit,
    Hurdle,
    Obstacle,
)
from backends.model.guest import GuestKey
from backends.model.host import HostName
from backends.model.posture import Finding, Posture, Severity

T = TypeVar("T")

GIB = 1024**3
CPU_XML = (
    "<cpu mode='custom' match='exact'>\n  <model fallback='forbid'>SandyBridge</model>\n"
    "  <feature policy='require' name='vmx'/>\n</cpu>"
)
LACKS = Obstacle(
    Hurdle.CPU,
    certain=True,
    words="the destination does not give avx2, bmi2",
    missing=("avx2", "bmi2"),
    mend="give the guest a common processor: b shows one",
)


def answer(told: T | FerryError | None, otherwise: FerryError) -> T:
    """What a test has set; raises it where it is an error, and `otherwise` where nothing is set."""
    told = otherwise if told is None else told
    if isinstance(told, FerryError):
        raise told
    return told


def hardware(verdict: HardwareVerdict) -> HardwareVirtualization:
    """A verdict with usual words."""
    usual = {
        HardwareVerdict.USABLE: ("VT-x", "flag vmx, /dev/kvm opens", ""),
        HardwareVerdict.NESTED: ("AMD-V", "flags svm and hypervisor, /dev/kvm opens", ""),
        HardwareVerdict.LOCKED: (
            "VT-x",
            "kernel: kvm: disabled by bios",
            "switch on Intel Virtualization Technology in the firmware's setup, then power off and on",
        ),
        HardwareVerdict.NO_MODULE: ("AMD-V", "flag svm, no /dev/kvm", "modprobe kvm_amd"),
        HardwareVerdict.TAKEN: ("VT-x", "/sys/hypervisor/type: xen", ""),
        HardwareVerdict.NONE: ("", "neither vmx nor svm among the flags", ""),
        HardwareVerdict.UNKNOWN: ("", "/proc/cpuinfo: permission denied", "let the user read /proc/cpuinfo"),
    }
    technology, evidence, mend = usual[verdict]
    return HardwareVirtualization(verdict, technology, evidence, mend, "/proc/cpuinfo: flags")


FACTS = (
    Fact(
        "machine.model",
        Section.MACHINE,
        "machine",
        "Dell Inc. PowerEdge R740",
        "/sys/class/dmi/id/sys_vendor, product_name",
    ),
    Fact(
        "machine.clock",
        Section.MACHINE,
        "clock",
        "0.20 s behind (seen to 0.01 s)",
        "date +%s.%N",
        number=-0.2,
    ),
    Fact(
        "machine.firmware",
        Section.MACHINE,
        "firmware",
        source="/sys/class/dmi/id/bios_version",
        trouble="permission denied",
        mend="log in as root, or give this account leave to read /sys/class/dmi/id/bios_version",
    ),
    Fact(
        "processor.model",
        Section.PROCESSOR,
        "CPU model",
        "Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz",
        "/proc/cpuinfo: model name",
    ),
    Fact("processor.cores", Section.PROCESSOR, "cores", "40", "/proc/cpuinfo: core id", number=40),
    Fact("processor.threads", Section.PROCESSOR, "threads", "80", "/proc/cpuinfo: processor", number=80),
    Fact("processor.numa", Section.PROCESSOR, "NUMA nodes", "2", "/sys/devices/system/node", number=2),
    Fact("memory.total", Section.MEMORY, "memory", "384 GiB", "/proc/meminfo: MemTotal", number=384 * GIB),
    Fact(
        "virtualization.nested",
        Section.VIRTUALIZATION,
        "guests in guests",
        "on",
        "/sys/module/kvm_intel/parameters/nested",
    ),
    Fact(
        "devices.iommu",
        Section.DEVICES,
        "IOMMU",
        source="/sys/kernel/iommu_groups",
        trouble="this host does not tell",
    ),
    Fact("kernel.release", Section.KERNEL, "kernel", "6.1.0-18-amd64", "/proc/sys/kernel/osrelease"),
    Fact(
        "libvirt.qemu.guests",
        Section.LIBVIRT,
        "qemu: guests",
        "x86_64: kvm, qemu",
        "libvirt capabilities: guest/arch",
    ),
)


def capabilities(
    host: str,
    verdict: HardwareVerdict = HardwareVerdict.USABLE,
    full: Support = Support.HARDWARE,
    *,
    at: datetime | None = None,
    facts: Sequence[Fact] = FACTS,
) -> HostCapabilities:
    """What one round of questions told."""
    return HostCapabilities(
        HostName(host),
        at or datetime.now(UTC),
        0.8,
        2,
        hardware(verdict),
        (
            KindSupport(GuestKind.FULL, full, "qemu: kvm, qemu", "libvirt capabilities: guest"),
            KindSupport(GuestKind.PARA, Support.NO, "no Xen on this host", "libvirt capabilities: guest"),
            KindSupport(GuestKind.CONTAINER, Support.YES, "lxc", "libvirt capabilities: guest"),
        ),
        (
            GuestWidth("32-bit", True, 4 * GIB, source="/proc/cpuinfo: flags"),
            GuestWidth("32-bit with PAE", True, 64 * GIB, "flag pae", "/proc/cpuinfo: flags"),
            GuestWidth("64-bit", True, None, "flag lm", "/proc/cpuinfo: flags"),
        ),
        tuple(facts),
    )


def guest_key(host: str, name: str) -> GuestKey:
    """As the scripted guests have it."""
    return GuestKey(HostName(host), "qemu", str(uuid5(NAMESPACE_DNS, name)))


def guest_fit(source: str, name: str, destination: str, fit: Fit = Fit.YES, *obstacles: Obstacle) -> GuestFit:
    """One guest, one destination."""
    return GuestFit(guest_key(source, name), name, True, HostName(destination), fit, obstacles)


def comparison(
    *hosts: str,
    special: Mapping[tuple[str, str], HostFit] | None = None,
    left_out: Sequence[tuple[str, str]] = (),
) -> Comparison:
    """Hosts that take each other's guests, of which each has two, but for what is `special`."""
    names = tuple(map(HostName, hosts))
    special = special or {}
    fits = [
        special.get((source, destination)) or all_fit(source, destination)
        for source in names
        for destination in names
        if source != destination
    ]
    return Comparison(
        names, datetime.now(UTC), tuple(fits), tuple((HostName(host), reason) for host, reason in left_out)
    )


def all_fit(source: str, destination: str) -> HostFit:
    """Both guests can go."""
    guests = (guest_fit(source, f"web-{source}", destination), guest_fit(source, f"db-{source}", destination))
    return HostFit(HostName(source), HostName(destination), Fit.YES, (), guests)


def half_fit(source: str, destination: str) -> HostFit:
    """One of them lacks features of the processor there."""
    stays = guest_fit(source, f"db-{source}", destination, Fit.NO, LACKS)
    fit = all_fit(source, destination)
    return replace(fit, fit=Fit.PART, guests=(fit.guests[0], stays))


def baseline(*hosts: str) -> Baseline:
    """A processor that these have in common, for one guest of each kind."""
    first = hosts[0]
    return Baseline(
        tuple(map(HostName, hosts)),
        "x86_64",
        "kvm",
        "SandyBridge",
        CPU_XML,
        tuple((HostName(host), ("avx2", "bmi2") if host == first else ()) for host in hosts),
        (
            BaselineGuest(
                guest_key(first, "db"), "db", False, True, "it runs with avx2, which h2 does not give"
            ),
            BaselineGuest(
                guest_key(first, "web"), "web", True, False, "it has qemu64, which all of them give"
            ),
        ),
    )


def posture(host: str, *findings: Finding) -> Posture:
    """What was found."""
    return Posture(HostName(host), datetime.now(UTC), findings or FINDINGS)


FINDINGS = (
    Finding(
        "libvirt.tcp",
        "libvirt on plain TCP",
        Severity.HIGH,
        'listens on 10.84.0.1:16509 in clear text, auth_tcp = "none": whoever reaches it gives orders to libvirt',
        "listen_tcp = 0 in /etc/libvirt/virtproxyd.conf (or mask its -tcp.socket), and come by SSH or TLS",
        "/proc/net/tcp, /proc/net/tcp6; /etc/libvirt/virtproxyd.conf",
    ),
    Finding(
        "guests.confinement",
        "confinement of guests",
        Severity.MEDIUM,
        "its definition asks for no confinement",
        "take <seclabel type='none'/> out of its definition, or enforce its profile; start it anew",
        "the guest's definition in force: seclabel",
        guest_key("h1", "web-01"),
        "web-01",
    ),
    Finding(
        "host.nested",
        "guests in guests",
        Severity.LOW,
        "allowed: guests reach more of the host's KVM",
        source="/sys/module/kvm*/parameters/nested",
    ),
    Finding(
        "host.lockdown",
        "kernel lockdown",
        Severity.UNKNOWN,
        "permission denied",
        "log in as root; or: open securityfs, which is root's by default, to this account",
        "/sys/kernel/security/lockdown",
    ),
    Finding(
        "host.vulnerabilities",
        "flaws of the processor",
        Severity.GOOD,
        "18 of 18 known ones are mitigated, or not in this processor",
        source="/sys/devices/system/cpu/vulnerabilities/*",
    ),
)
