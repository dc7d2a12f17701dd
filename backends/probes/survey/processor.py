"""The processor of a host: pure, from what one survey brought."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from backends.model.capability import Fact, Section
from backends.probes.survey import processor_names
from backends.probes.survey.cpuinfo import PATH, CpuInfo, Family, cpuinfo, family_of
from backends.probes.survey.question import whole
from backends.probes.survey.readings import Readings
from backends.probes.survey.vulnerabilities import microcode_fact
from backends.untrusted import clean

_CPU = "/sys/devices/system/cpu"
_NODES = "/sys/devices/system/node"
_SPAN = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?")
_SIZES = re.compile(r"\b(\d{1,2}) bits physical, (\d{1,2}) bits virtual")
_MATTER = {
    Family.X86: (
        *(
            "vmx",
            "svm",
            "ept",
            "npt",
            "vpid",
            "pae",
            "lm",
            "nx",
            "pdpe1gb",
            "x2apic",
            "aes",
            "avx2",
            "avx512f",
        ),
        *("amx_tile", "sev", "sev_es", "sev_snp", "hypervisor"),
    ),
    Family.ARM: ("asimd", "aes", "sha2", "atomics", "sve", "sve2", "paca", "bti", "mte", "nv"),
    Family.S390: ("sie", "zarch", "vx", "msa", "edat", "te"),
    Family.RISCV: ("h", "v", "sstc", "smaia", "ssaia", "svpbmt"),
    Family.LOONGARCH: ("lvz", "lsx", "lasx"),
}
"""Features by the kernel's names that decide what guests can be given. In the order in which they are shown."""
_SMT = {
    "on": "on",
    "off": "off",
    "forceoff": "off, until the next start",
    "notsupported": "the processor has none",
    "notimplemented": "",
}
"""Documentation/ABI/testing/sysfs-devices-system-cpu, smt/control."""


@dataclass(frozen=True, slots=True)
class _Desk:
    """Where facts are written."""

    readings: Readings

    def fact(
        self, id_: str, label: str, value: str, source: str, *, path: str = PATH, number: float | None = None
    ) -> Fact:
        """A fact; where there is no value, the reason why `path` has none."""
        id_ = f"processor.{id_}"
        if value:
            return Fact(id_, Section.PROCESSOR, label, value, source, number=number)
        trouble, mend = self.readings.trouble(path)
        return Fact(
            id_, Section.PROCESSOR, label, "", source, trouble or "this host's kernel does not tell", mend
        )


def processor_facts(readings: Readings, machine: str) -> tuple[Fact, ...]:
    """`machine` as uname(1) or libvirt name the architecture."""
    info, family, desk = cpuinfo(readings), family_of(machine), _Desk(readings)
    model, model_source = processor_names.model(info, family)
    return (
        desk.fact("model", "CPU model", model, model_source),
        desk.fact("vendor", "CPU vendor", processor_names.vendor(info, family), f"{PATH}: vendor_id"),
        *_counts(desk),
        _numa(desk),
        _smt(desk),
        *([_modes(desk, info)] if family is Family.X86 else []),
        _address_bits(desk, info),
        *([microcode_fact(readings)] if family is Family.X86 else []),
        _features(desk, info, family),
    )


def span_count(spans: str) -> int:
    """How many processors `0-3,8,10-11` are (cpuset(7), list format)."""
    found = (_SPAN.fullmatch(part.strip()) for part in spans.split(","))
    return sum(int(span[2] or span[1]) - int(span[1]) + 1 for span in found if span)


def physical_bits(info: CpuInfo) -> int | None:
    """How wide the processor's physical addresses are; None where the kernel does not tell (before 2.6.27)."""
    sizes = _SIZES.search(info.first("address sizes", "Address Sizes", "Address sizes"))
    return int(sizes[1]) if sizes else None


def _counts(desk: _Desk) -> Sequence[Fact]:
    told = _numbers(desk.readings.text("processors"), 3)
    cores, sockets = _numbers(desk.readings.text("topology"), 2)
    threads = span_count(desk.readings.text(f"{_CPU}/online"))
    suffix = ""
    if "control_d" in desk.readings.text("/proc/xen/capabilities"):
        suffix = " (of Xen's dom0; the machine may have more)"
    rows = (
        ("threads", "threads", threads, f"{_CPU}/online", told[0], f"{PATH}: processor"),
        ("cores", "cores", cores, f"{_CPU}/cpu*/topology", told[1], f"{PATH}: core id"),
        ("sockets", "sockets", sockets, f"{_CPU}/cpu*/topology", told[2], f"{PATH}: physical id"),
    )
    facts = []
    for id_, label, number, source, fallback, fallback_source in rows:
        count = number or fallback
        value = f"{count}{suffix}" if count else ""
        where = source if number or not fallback else fallback_source
        facts.append(desk.fact(id_, label, value, where, number=count or None))
    return facts


def _numbers(text: str, wanted: int) -> list[int]:
    numbers = [number for word in text.split() if (number := whole(word)) is not None]
    return (numbers + [0] * wanted)[:wanted]


def _numa(desk: _Desk) -> Fact:
    source = f"{_NODES}/node*/cpulist"
    nodes = {
        path.removeprefix(f"{_NODES}/node").partition("/")[0]: clean(reading.text.strip(), limit=80)
        for path, reading in desk.readings.under(f"{_NODES}/node").items()
        if reading.gap is None
    }
    numbers = sorted((node for node in nodes if node.isdecimal()), key=int)
    listed = "; ".join(f"node {node}: {nodes[node] or 'memory only'}" for node in numbers[:8])
    more = f"; {len(numbers) - 8} more" if len(numbers) > 8 else ""
    words = f"{len(numbers)} nodes ({listed}{more})" if len(numbers) > 1 else "1 node" if numbers else ""
    return desk.fact(
        "numa", "NUMA nodes", words, source, path=f"{_NODES}/online", number=len(numbers) or None
    )


def _smt(desk: _Desk) -> Fact:
    """Simultaneous multithreading. POWER tells how many threads of a core are on, as a number."""
    path = f"{_CPU}/smt/control"
    control = desk.readings.text(path).strip()
    words = f"on, {control} threads of each core" if whole(control) is not None else _SMT.get(control, "")
    if words == "on" and desk.readings.text(f"{_CPU}/smt/active").strip() == "0":
        words = "allowed, but no core has two threads on"
    return desk.fact("smt", "SMT (hyper-threading)", words, path, path=path)


def _modes(desk: _Desk, info: CpuInfo) -> Fact:
    words = ["32-bit"] if info.flags else []
    words += ["PAE"] if "pae" in info.flags else []
    words += ["64-bit (long mode)"] if "lm" in info.flags else []
    return desk.fact("modes", "CPU modes", ", ".join(words), f"{PATH}: flags: pae, lm")


def _address_bits(desk: _Desk, info: CpuInfo) -> Fact:
    bits = physical_bits(info)
    words = info.first("address sizes", "Address Sizes", "Address sizes") if bits else ""
    return desk.fact("address_bits", "address bits", words, f"{PATH}: address sizes", number=bits)


def _features(desk: _Desk, info: CpuInfo, family: Family) -> Fact:
    shown = [name for name in _MATTER.get(family, ()) if name in info.flags]
    count = len(info.flags)
    words = f"{count}, of which matter to guests: {' '.join(shown)}" if shown else str(count) if count else ""
    line = {Family.X86: "flags", Family.ARM: "Features", Family.RISCV: "isa"}.get(family, "features")
    return desk.fact("features", "CPU features", words, f"{PATH}: {line}", number=count or None)
