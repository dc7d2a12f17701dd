"""/proc/cpuinfo, in the dialects of Linux's architectures (proc_pid_cpuinfo(5); arch/*/kernel, show_cpuinfo)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from backends.probes.survey.readings import Readings
from backends.untrusted import clean

PATH = "/proc/cpuinfo"
_FLAGS_LIMIT = 16384
"""A processor of today has some 200 flags of some ten letters each."""
_RISCV_ISA = re.compile(r"rv\d+([a-z]*)")


class Family(Enum):
    """Architectures that tell the same things in the same words."""

    X86 = "x86"
    ARM = "arm"
    POWER = "power"
    S390 = "s390"
    RISCV = "riscv"
    LOONGARCH = "loongarch"
    OTHER = "other"


_FAMILIES = (
    (Family.X86, r"(x86_64|amd64|i[3-6]86|x86)"),
    (Family.ARM, r"(aarch64|arm).*"),
    (Family.POWER, r"(ppc|powerpc).*"),
    (Family.S390, r"s390x?"),
    (Family.RISCV, r"riscv.*"),
    (Family.LOONGARCH, r"loongarch.*"),
)


def family_of(machine: str) -> Family:
    """Of a machine as uname(1) or libvirt (`armv7l`, `i686`) name it."""
    return next((family for family, form in _FAMILIES if re.fullmatch(form, machine)), Family.OTHER)


@dataclass(frozen=True, slots=True)
class CpuInfo:
    """What it says, in its order; clean. Of processors after the first only what differs is there (survey.sh)."""

    lines: tuple[tuple[str, str], ...]
    flags: frozenset[str]
    """Features of the processor by the kernel's names, whatever the architecture calls that line."""

    def first(self, *keys: str) -> str:
        """The first processor's value of the first of these keys that it has; empty where it has none."""
        for wanted in keys:
            for key, value in self.lines:
                if key == wanted and value:
                    return value
        return ""

    def all(self, key: str) -> tuple[str, ...]:
        """All values that differ, in their order."""
        return tuple(dict.fromkeys(value for name, value in self.lines if name == key and value))


def cpuinfo(readings: Readings) -> CpuInfo:
    """Empty where the host does not tell."""
    return parse(readings.text(PATH))


def parse(text: str) -> CpuInfo:
    """`KEY : VALUE` lines; blanks within values become single ones. Lines of another form are left out."""
    lines = []
    for line in text.split("\n"):
        key, colon, value = line.partition(":")
        if colon:
            lines.append((clean(key.strip()), clean(" ".join(value.split()), limit=_FLAGS_LIMIT)))
    return CpuInfo(tuple(lines), _flags(lines))


def _flags(lines: list[tuple[str, str]]) -> frozenset[str]:
    """The flags that all processors have: those of a big and of a little core may differ."""
    sets = [frozenset(value.split()) for key, value in lines if key.lower() in ("flags", "features")]
    sets += [_riscv_extensions(value) for key, value in lines if key == "isa" and value.startswith("rv")]
    return frozenset.intersection(*sets) if sets else frozenset()


def _riscv_extensions(isa: str) -> frozenset[str]:
    """`rv64imafdch_zicbom_sstc`: single letters, then names (riscv/uabi.rst of the kernel)."""
    first, *names = isa.split("_")
    letters = _RISCV_ISA.fullmatch(first)
    return frozenset([*(letters[1] if letters else ""), *names])
