"""What a host itself runs on: bare metal as far as it tells, or a hypervisor."""

from __future__ import annotations

import re
from dataclasses import dataclass

from backends.probes.survey.cpuinfo import PATH, cpuinfo
from backends.probes.survey.readings import Readings
from backends.untrusted import clean

UNNAMED = "a hypervisor"
"""It hides which one it is."""
_DMI = "/sys/class/dmi/id/"
_DMI_WORDS = (
    ("KVM", "KVM"),
    ("OpenStack", "KVM"),
    ("KubeVirt", "KVM"),
    ("QEMU", "QEMU"),
    ("Google Compute Engine", "Google Compute Engine"),
    ("VMware", "VMware"),
    ("VMW", "VMware"),
    ("innotek GmbH", "VirtualBox"),
    ("VirtualBox", "VirtualBox"),
    ("Xen", "Xen"),
    ("Bochs", "Bochs"),
    ("Parallels", "Parallels"),
    ("BHYVE", "bhyve"),
    ("Hyper-V", "Hyper-V"),
    ("Apple Virtualization", "Apple Virtualization"),
)
"""How product and vendor names begin on virtual hardware (systemd, src/basic/virt.c, detect_vm_dmi)."""
_DETECTED = re.compile(r"Hypervisor detected: (\S.*)")
_CONTROL_PROGRAM = re.compile(r"VM\d+ Control Program:\s*(\S.*)")
_XENFEAT_DOM0 = 11
"""A bit of /sys/hypervisor/properties/features (Xen, public/features.h)."""


@dataclass(frozen=True, slots=True)
class Beneath:
    """The hypervisor that a host is a guest of; clean."""

    name: str
    source: str


def is_xen_host(readings: Readings) -> bool:
    """Is it Xen's dom0 (or its hardware domain), which is the host and no guest?"""
    if "control_d" in readings.text("/proc/xen/capabilities"):
        return True
    try:
        features = int(readings.text("/sys/hypervisor/properties/features").strip() or "0", 16)
    except ValueError:
        return False
    return bool(features >> _XENFEAT_DOM0 & 1)


def hypervisor_beneath(readings: Readings) -> Beneath | None:
    """None where none is seen, which proves nothing: a hypervisor can hide. Xen's dom0 counts as the host."""
    if is_xen_host(readings):
        return None
    if readings.text("/sys/hypervisor/type").strip() == "xen":
        return Beneath("Xen", "/sys/hypervisor/type")
    if program := _CONTROL_PROGRAM.search(readings.text("/proc/sysinfo")):
        return Beneath(_tidy(program[1]), "/proc/sysinfo: VM00 Control Program")
    if detected := _DETECTED.search(readings.text("dmesg")):
        return Beneath(_tidy(detected[1]), "dmesg: Hypervisor detected")
    return _by_hardware(readings)


def _by_hardware(readings: Readings) -> Beneath | None:
    info = cpuinfo(readings)
    metal = ".metal" in readings.text(f"{_DMI}product_name")
    flagged = "hypervisor" in info.flags
    for name in ("product_name", "sys_vendor"):
        told = readings.text(f"{_DMI}{name}").strip()
        for word, hypervisor in _DMI_WORDS:
            if told.startswith(word) and not metal:
                return Beneath(hypervisor, f"{_DMI}{name}: {_tidy(told)}")
    if "emulated by qemu" in info.first("machine", "model"):
        return Beneath("QEMU", f"{PATH}: machine")
    return Beneath(UNNAMED, f"{PATH}: flags: hypervisor") if flagged else None


def _tidy(text: str) -> str:
    return clean(" ".join(text.split()), limit=60)
