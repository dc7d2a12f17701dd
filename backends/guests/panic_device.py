"""Which panic device a guest's machine takes (formatdomain.html, panic; QEMU's docs/specs/pvpanic.rst). Pure."""

from __future__ import annotations

from dataclasses import dataclass

_PC = ("i686", "x86_64")
_WITH_PCI = ("aarch64", "armv7l", "riscv64", "loongarch64")
"""Their machine `virt` has PCI and no ISA bus."""
_PSERIES = ("ppc64", "ppc64le")
_S390 = ("s390", "s390x")
PCI_SINCE = "libvirt 9.1.0"


@dataclass(frozen=True, slots=True)
class PanicDevice:
    """What can be had."""

    model: str = ""
    """Empty: none that is known."""
    always: bool = False
    """It is a part of the machine: libvirt adds it by itself, and again when it is taken away."""
    words: str = ""
    """What else there is to know."""


def panic_device_for(driver: str, arch: str, machine: str) -> PanicDevice:
    """Of one guest."""
    if driver not in ("qemu", "test"):
        return PanicDevice(words=f"libvirt's driver {driver} has no panic devices")
    if arch in _PC:
        return PanicDevice("isa")
    if arch in _PSERIES and machine.startswith("pseries"):
        return PanicDevice("pseries", always=True, words="the firmware of pSeries tells of panics by itself")
    if arch in _S390:
        return PanicDevice("s390", always=True, words="every s390 tells of panics by itself")
    if arch in _WITH_PCI and machine.partition("-")[0] == "virt":
        return PanicDevice(
            "pvpanic", words=f"this machine has no ISA bus: pvpanic is on PCI, which takes {PCI_SINCE}"
        )
    return PanicDevice(
        words=f"no panic device is known for {machine or 'this machine'} ({arch or 'no architecture'})"
    )
