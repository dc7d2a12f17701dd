"""What processors are called, on architectures whose kernel tells numbers as well as on those that tell names."""

from __future__ import annotations

import re

from backends.probes.survey.cpuinfo import PATH, CpuInfo, Family

_VENDORS = {
    "GenuineIntel": "Intel",
    "AuthenticAMD": "AMD",
    "HygonGenuine": "Hygon",
    "CentaurHauls": "Centaur",
    "Shanghai": "Zhaoxin",
    "IBM/S390": "IBM",
}
"""CPUID's vendor strings, as the kernel's arch/x86/kernel/cpu knows them, and that of arch/s390."""
_ARM_IMPLEMENTERS = {
    0x41: "ARM",
    0x42: "Broadcom",
    0x43: "Cavium",
    0x46: "Fujitsu",
    0x48: "HiSilicon",
    0x4E: "NVIDIA",
    0x50: "APM",
    0x51: "Qualcomm",
    0x61: "Apple",
    0x6D: "Microsoft",
    0x70: "Phytium",
    0xC0: "Ampere",
}
_ARM_PARTS = {
    (0x41, 0xB76): "ARM1176",
    (0x41, 0xC07): "Cortex-A7",
    (0x41, 0xC0F): "Cortex-A15",
    (0x41, 0xD03): "Cortex-A53",
    (0x41, 0xD05): "Cortex-A55",
    (0x41, 0xD07): "Cortex-A57",
    (0x41, 0xD08): "Cortex-A72",
    (0x41, 0xD0B): "Cortex-A76",
    (0x41, 0xD0C): "Neoverse-N1",
    (0x41, 0xD40): "Neoverse-V1",
    (0x41, 0xD41): "Cortex-A78",
    (0x41, 0xD44): "Cortex-X1",
    (0x41, 0xD49): "Neoverse-N2",
    (0x41, 0xD4F): "Neoverse-V2",
    (0x43, 0x0A1): "ThunderX-88XX",
    (0x43, 0x0AF): "ThunderX2-99xx",
    (0x46, 0x001): "A64FX",
    (0x48, 0xD01): "TaiShan-v110",
    (0x50, 0x000): "X-Gene",
    (0xC0, 0xAC3): "Ampere-1",
    (0xC0, 0xAC4): "Ampere-1a",
}
"""Implementers and parts of MIDR_EL1 by the names that lscpu(1) gives them (util-linux, sys-utils/lscpu-arm.c)."""
_S390_MACHINES = {
    "2817": "z196",
    "2827": "zEC12",
    "2964": "z13",
    "2965": "z13s",
    "3906": "z14",
    "3907": "z14 ZR1",
    "8561": "z15",
    "8562": "z15 T02",
    "3931": "z16",
    "3932": "z16 A02",
}
"""Machine types (the kernel's arch/s390/kernel/processor.c, setup_elf_platform)."""
_S390_MACHINE = re.compile(r"machine = (\w+)")


def model(info: CpuInfo, family: Family) -> tuple[str, str]:
    """(the processor's name, where it was read); the name is empty where nothing tells it."""
    if family is Family.ARM and not info.first("model name"):
        return _arm(info), f"{PATH}: CPU implementer, CPU part"
    if family is Family.S390:
        machine = _S390_MACHINE.search(info.first("processor 0"))
        known = _S390_MACHINES.get(machine[1], "") if machine else ""
        words = f"IBM {known} ({machine[1]})" if machine and known else f"IBM {machine[1]}" if machine else ""
        return words, f"{PATH}: processor 0: machine"
    key = {Family.POWER: "cpu", Family.RISCV: "uarch"}.get(family, "model name")
    if name := info.first(key, "Model Name"):
        return name, f"{PATH}: {key}"
    if family is Family.RISCV:
        return info.first("isa"), f"{PATH}: isa"
    return "", f"{PATH}: {key}"


def vendor(info: CpuInfo, family: Family) -> str:
    """Empty where nothing tells it."""
    if family is Family.ARM:
        return " and ".join(
            _ARM_IMPLEMENTERS.get(_number(code), code) for code in info.all("CPU implementer")
        )
    if family is Family.POWER:
        return "IBM" if info.first("cpu").startswith("POWER") else ""
    told = info.first("vendor_id")
    return _VENDORS.get(told, told)


def _arm(info: CpuInfo) -> str:
    """All kinds of cores that it has, as in `Cortex-X1, Cortex-A78`: a part counts for the implementer before it."""
    names: list[str] = []
    implementer = ""
    for key, value in info.lines:
        if key == "CPU implementer":
            implementer = value
        elif key == "CPU part":
            maker, part = _number(implementer), _number(value)
            known = _ARM_PARTS.get((maker, part))
            names.append(known or f"{_ARM_IMPLEMENTERS.get(maker, implementer)} part {value}")
    return ", ".join(dict.fromkeys(names))


def _number(code: str) -> int:
    """-1 for what is no number."""
    try:
        return int(code, 16)
    except ValueError:
        return -1
