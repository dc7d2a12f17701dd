"""What guests can be given of a host's devices: IOMMU, virtual functions of cards (SR-IOV), TPM, VFIO."""

from __future__ import annotations

import re

from backends.model.capability import Fact, Section
from backends.probes.survey.question import Question, listed, whole
from backends.probes.survey.readings import Gap, Readings
from backends.untrusted import clean

_GROUPS = "/sys/kernel/iommu_groups"
_UNITS = "/sys/class/iommu"
_TABLES = "/sys/firmware/acpi/tables"
_TPM = "/sys/class/tpm"
_VFIO_PCI = "/sys/bus/pci/drivers/vfio-pci"

_IOMMU = Question("devices.iommu", Section.DEVICES, "IOMMU")
_SRIOV = Question("devices.sriov", Section.DEVICES, "SR-IOV")
_TPM_CHIP = Question("devices.tpm", Section.DEVICES, "TPM")
_VFIO = Question("devices.vfio", Section.DEVICES, "VFIO")

_UNIT_NAMES = {"dmar": "VT-d", "ivhd": "AMD-Vi", "smmu": "SMMU", "virtio": "virtio-iommu", "s390": "zPCI"}
"""How the units are called in sysfs (iommu_device_sysfs_add), and what their makers call them."""
_TABLE_NAMES = {"DMAR": "VT-d", "IVRS": "AMD-Vi", "IORT": "SMMU"}
"""ACPI tables by which firmware tells of an IOMMU."""
_OFF = ("intel_iommu=off", "amd_iommu=off", "iommu=off")
"""Kernel arguments that switch one off (kernel-parameters.txt)."""
_TABLE_MESSAGE = re.compile(r"\bACPI: (DMAR|IVRS|IORT) 0x")
_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_CARD = re.compile(r"/sys/class/[a-z]+/([^/]+)/device/sriov_totalvfs")


def device_facts(readings: Readings) -> tuple[Fact, ...]:
    """`devices.*`. Pure; what cannot be read or understood is a fact with its trouble."""
    return _iommu(readings), _sriov(readings), _vfio(readings), _tpm(readings)


def iommu_groups(readings: Readings) -> int | None:
    """How many groups of devices the kernel keeps apart; 0: no IOMMU is in use; None: not known. Pure."""
    if readings.reading(_GROUPS).gap in (Gap.DENIED, Gap.BROKEN):
        return None
    return sum(1 for name in readings.text(_GROUPS).split() if name.isdigit())


def _iommu(readings: Readings) -> Fact:
    """The number is the count of groups."""
    groups = iommu_groups(readings)
    if groups is None:
        return _IOMMU.untold(readings, _GROUPS)
    if groups:
        name = _unit_name(readings) or _offered(readings)
        words = f"on: {groups} {'group' if groups == 1 else 'groups'} of devices"
        return _IOMMU.answer(words + (f", {name}" if name else ""), f"{_GROUPS}, {_UNITS}", number=groups)
    if readings.text("/sys/hypervisor/type").strip() == "xen":
        return _IOMMU.unknown(
            "Xen keeps it to itself", _GROUPS, mend="look for hvm_directio among virt_caps of `xl info`"
        )
    return _without_groups(readings)


def _without_groups(readings: Readings) -> Fact:
    name = _offered(readings)
    if name:
        words = f"off: the firmware offers {name}, and the kernel does not use it"
        return _IOMMU.answer(words, f"{_GROUPS}, {_TABLES}", number=0, mend=_advice(readings, name))
    source = _TABLES if readings.there(_TABLES) else "dmesg"
    if readings.reading(source).gap in (Gap.DENIED, Gap.BROKEN):
        return _IOMMU.untold(readings, source)
    return _IOMMU.answer("none that the firmware tells of", f"{_GROUPS}, {_TABLES}", number=0)


def _advice(readings: Readings, name: str) -> str:
    """Only Intel's has to be asked for (CONFIG_INTEL_IOMMU_DEFAULT_ON); the others are on where they can be."""
    given = [word for word in readings.text("/proc/cmdline").split() if word in _OFF]
    if given:
        return f"boot the kernel without {given[0]}"
    if name == "VT-d":
        return "boot the kernel with intel_iommu=on"
    return f"see why in the kernel's log: dmesg | grep -i -e iommu -e {name.lower()}"


def _unit_name(readings: Readings) -> str:
    units = readings.text(_UNITS).split()
    return next((name for unit in units for start, name in _UNIT_NAMES.items() if unit.startswith(start)), "")


def _offered(readings: Readings) -> str:
    """Which IOMMU the firmware tells of; empty where it tells of none."""
    tables = readings.text(_TABLES).split()
    if match := _TABLE_MESSAGE.search(readings.text("dmesg")):
        tables.append(match[1])
    return next((name for table, name in _TABLE_NAMES.items() if table in tables), "")


def _sriov(readings: Readings) -> Fact:
    """Cards that can show themselves as many (Documentation/PCI/pci-iov-howto.rst). The number: functions in all."""
    cards: list[str] = []
    all_functions = 0
    for path in readings.under("/sys/class/"):
        match = _CARD.fullmatch(path)
        if not match:
            continue
        total = whole(readings.text(path))
        if total is None:
            return _SRIOV.untold(readings, path)
        if total:
            used = whole(readings.text(path.replace("sriov_totalvfs", "sriov_numvfs")))
            told = "" if used is None else f"{used} of "
            cards.append(f"{clean(match[1], limit=40)} {told}{total}")
            all_functions += total
    source = "/sys/class/*/*/device/sriov_totalvfs, sriov_numvfs"
    if not cards:
        return _SRIOV.answer("no card offers it", source, number=0)
    return _SRIOV.answer(f"virtual functions in use: {listed(cards)}", source, number=all_functions)


def _tpm(readings: Readings) -> Fact:
    """The kernel tells its major version since 5.6; before, the firmware's description or a TPM 1.2's own words do."""
    if readings.reading(_TPM).gap in (Gap.DENIED, Gap.BROKEN):
        return _TPM_CHIP.untold(readings, _TPM)
    chips = sorted(name for name in readings.text(_TPM).split() if re.fullmatch(r"tpm\d{1,4}", name))
    if not chips:
        return _TPM_CHIP.answer("none", _TPM)
    path = f"{_TPM}/{chips[0]}"
    version = tpm_version(readings, path)
    if not version:
        return _TPM_CHIP.answer("there, version not known", path)
    return _TPM_CHIP.answer(f"TPM {version}", path, number=float(version))


def tpm_version(readings: Readings, path: str) -> str:
    """`2.0` or `1.2`, of the chip with this folder; empty where nothing tells. Pure."""
    major = readings.text(f"{path}/tpm_version_major").strip()
    told = readings.text(f"{path}/device/description") + readings.text(f"{path}/device/caps")
    if major == "2" or re.search(r"\bTPM 2\.0\b", told):
        return "2.0"
    if major == "1" or re.search(r"\bTCG version: 1\.2\b|\bTPM 1\.2\b", told):
        return "1.2"
    return ""


def _vfio(readings: Readings) -> Fact:
    """Is the driver there that gives whole PCI devices to guests? The number: devices that it holds now."""
    if readings.reading(_VFIO_PCI).gap in (Gap.DENIED, Gap.BROKEN):
        return _VFIO.untold(readings, _VFIO_PCI)
    if not readings.there(_VFIO_PCI):
        words = "driver not loaded; libvirt loads it for the first guest that needs it"
        return _VFIO.answer(words, _VFIO_PCI, number=0)
    held = [name for name in readings.text(_VFIO_PCI).split() if _ADDRESS.fullmatch(name)]
    words = f"driver loaded, holds {listed(held)}" if held else "driver loaded, holds no device"
    return _VFIO.answer(words, _VFIO_PCI, number=len(held))
