"""What the verdict on hardware virtualization is found from."""

from __future__ import annotations

from dataclasses import dataclass, field

from backends.model.capability import HardwareVerdict, HardwareVirtualization
from backends.probes.survey.cpuinfo import CpuInfo
from backends.probes.survey.readings import Readings
from backends.probes.survey.runs_under import hypervisor_below

DEVICE, REGISTERED = "/dev/kvm", "/sys/class/misc/kvm/dev"


@dataclass(frozen=True, slots=True)
class Case:
    """One host's signs."""

    readings: Readings
    info: CpuInfo
    domain_types: frozenset[str]
    beneath: str = field(init=False)
    """The hypervisor that this host is itself a guest of; empty where none is seen, or nothing tells."""
    modules: frozenset[str] = field(init=False)
    """Loaded ones, and built-in ones that have parameters."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "beneath", hypervisor_below(self.readings) or "")
        loaded = (line.split(" ")[0] for line in self.readings.text("/proc/modules").split("\n"))
        object.__setattr__(self, "modules", frozenset((*loaded, *self.readings.text("/sys/module").split())))

    @property
    def modules_are_told(self) -> bool:
        """Can be said of a module that it is not there?"""
        return any(self.readings.text(path) for path in ("/proc/modules", "/sys/module"))

    @property
    def kvm_is_registered(self) -> bool:
        """Has the kernel's KVM found what it needs?

        The device alone proves nothing on POWER and s390, where it is made before its module is loaded.
        """
        return bool(self.readings.text(REGISTERED))

    @property
    def kvm_is_there(self) -> bool:
        """By the kernel's word or by libvirt's, which has tried it with QEMU."""
        return "kvm" in self.domain_types or self.kvm_is_registered

    def usable(self, technology: str, seen: str = "") -> HardwareVirtualization:
        """USABLE, or NESTED where the host is itself a guest; `seen` goes before the rest of the evidence."""
        signs, source, mend = [seen] if seen else [], REGISTERED, ""
        if "kvm" in self.domain_types:
            signs.append("libvirt offers kvm guests")
            source = "libvirt capabilities: guest/arch/domain type"
        elif not self.kvm_is_registered:
            signs.append(f"{DEVICE} is there")
            source = DEVICE
        else:
            signs.append("KVM is ready")
            if not self.readings.there(DEVICE):
                signs.append(f"but there is no {DEVICE}")
                mend = f"mknod {DEVICE} c 10 232 (or let udev make it)"
        if self.beneath:
            signs.append(f"this host runs under {self.beneath}")
        verdict = HardwareVerdict.NESTED if self.beneath else HardwareVerdict.USABLE
        return HardwareVirtualization(verdict, technology, "; ".join(signs), mend, source)
