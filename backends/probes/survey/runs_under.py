"""Does a host itself run under a hypervisor: in words, with what was seen, and `not known` where nothing tells.

Beside what `underlay` looks at: clouds and Hyper-V, which the firmware names, and the device tree of machines that are
no PCs; as systemd-detect-virt asks (src/basic/virt.c).
"""

from __future__ import annotations

from dataclasses import dataclass

from backends.model.capability import Fact, Section
from backends.probes.survey.cpuinfo import PATH, cpuinfo
from backends.probes.survey.question import Question, lines_of
from backends.probes.survey.readings import Readings
from backends.probes.survey.underlay import UNNAMED, hypervisor_beneath, is_xen_host
from backends.untrusted import clean

_DMI = "/sys/class/dmi/id"
_TREE = "/sys/firmware/devicetree/base"
_UNDER = Question("machine.hypervisor_below", Section.MACHINE, "runs under")

_VENDORS = {("Microsoft Corporation", "Virtual Machine"): "Hyper-V", ("Amazon EC2", ""): "Amazon EC2"}
"""Vendor, and how the product begins, of guests whose vendor makes whole machines too: counted only where the processor
or the kernel says that there is a hypervisor."""
_COMPATIBLE = {"linux,kvm": "KVM", "vmware": "VMware", "xen,xen": "Xen"}


@dataclass(frozen=True, slots=True)
class Under:
    """What a host runs under. All texts are safe to show."""

    name: str | None
    """`KVM`, `VMware`, ...; `a hypervisor` where it hides which; empty: none was seen; None: nothing tells."""
    evidence: str = ""
    source: str = ""


def hypervisor_below(readings: Readings) -> str | None:
    """A name; empty where none was seen (one can hide); None where nothing tells. Pure. See `Under`."""
    return runs_under(readings).name


def runs_under(readings: Readings) -> Under:
    """With what was seen, and where. Pure. A Xen dom0 is not under Xen."""
    found = hypervisor_beneath(readings)
    if found and found.name != UNNAMED:
        return Under(found.name, "", found.source)
    named = _by_vendor(readings) if found else _by_device_tree(readings)
    if named:
        return named
    if found:
        return Under(found.name, "the processor has the flag `hypervisor`", found.source)
    return _none(readings)


def _by_vendor(readings: Readings) -> Under | None:
    vendor, product = (readings.text(f"{_DMI}/{name}").strip() for name in ("sys_vendor", "product_name"))
    for (maker, start), name in _VENDORS.items():
        if vendor == maker and product.startswith(start):
            evidence = f"the firmware says {clean(f'{vendor} {product}', limit=80)}"
            return Under(name, evidence, f"{_DMI}/sys_vendor, product_name")
    return None


def _by_device_tree(readings: Readings) -> Under | None:
    """Texts of the device tree end in a zero byte."""
    if is_xen_host(readings):
        return None
    path = f"{_TREE}/hypervisor/compatible"
    kinds = [kind for kind in readings.text(path).split("\0") if kind.strip()]
    if kinds:
        name = next((_COMPATIBLE[kind] for kind in kinds if kind in _COMPATIBLE), UNNAMED)
        return Under(name, f"the device tree says {clean(kinds[0], limit=60)}", path)
    path = f"{_TREE}/compatible"
    if "qemu,pseries" in readings.text(path).split("\0"):
        return Under("QEMU", "the device tree says qemu,pseries", path)
    return None


def _none(readings: Readings) -> Under:
    """None was seen: an answer only where something would have told."""
    if is_xen_host(readings):
        return Under("", "the domain of Xen that has the machine's devices", "/proc/xen/capabilities")
    if cpuinfo(readings).first("flags"):  # the other architectures' processors have no such flag
        return Under("", "the processor has no flag `hypervisor`", f"{PATH}: flags")
    if readings.text(f"{_DMI}/sys_vendor").strip():
        return Under("", "the firmware names no hypervisor", f"{_DMI}/sys_vendor")
    if readings.text(f"{_TREE}/model").strip("\0 \n"):
        return Under("", "the device tree names no hypervisor", f"{_TREE}/model")
    if lines_of(readings.text("/proc/sysinfo"), "LPAR Number"):
        return Under("", "a logical partition of the machine", "/proc/sysinfo: LPAR Number")
    return Under(None)


def runs_under_fact(readings: Readings) -> Fact:
    """`machine.hypervisor_below`. The number is 1 under one, else 0."""
    found = runs_under(readings)
    if found.name is None:
        return _UNDER.untold(readings, PATH)
    words = found.name or "the machine itself"
    value = f"{words}: {found.evidence}" if found.evidence else words
    return _UNDER.answer(value, found.source, number=float(bool(found.name)))
