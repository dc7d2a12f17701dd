"""The verdict on the processor's virtualization extension: pure, from what one survey brought and libvirt offers."""

from __future__ import annotations

from backends.model.capability import HardwareVerdict, HardwareVirtualization
from backends.probes.survey import hardware_x86
from backends.probes.survey.case import Case
from backends.probes.survey.cpuinfo import PATH, Family, cpuinfo, family_of
from backends.probes.survey.kernel_messages import SOURCE, no_hyp_mode
from backends.probes.survey.readings import Readings

_TECHNOLOGY = {
    Family.ARM: "EL2",
    Family.POWER: "POWER HV",
    Family.S390: "SIE",
    Family.RISCV: "H extension",
    Family.LOONGARCH: "LVZ",
}
_FLAG = {Family.S390: "sie", Family.RISCV: "h", Family.LOONGARCH: "lvz"}
_MODULE = {Family.S390: "kvm", Family.RISCV: "kvm", Family.LOONGARCH: "kvm", Family.POWER: "kvm_hv"}


def hardware(readings: Readings, machine: str, domain_types: frozenset[str]) -> HardwareVirtualization:
    """`domain_types`: what libvirt offers on this host, such as kvm, qemu, xen; empty where it does not answer."""
    family = family_of(machine)
    case = Case(readings, cpuinfo(readings), domain_types)
    if family is Family.X86:
        return hardware_x86.judge(case)
    technology = _TECHNOLOGY.get(family, "")
    if case.kvm_is_there:
        return case.usable(technology)
    if family is Family.ARM:
        return _arm(case, technology)
    if family is Family.POWER:
        return _power(case, technology)
    if family in _FLAG and case.info.lines:
        return _by_flag(case, family, technology)
    return _unknown(technology, "nothing on this host tells", "")


def _arm(case: Case, technology: str) -> HardwareVirtualization:
    """The processor's features do not tell: it is the level at which the kernel was started."""
    if message := no_hyp_mode(case.readings):
        where = f"; this host runs under {case.beneath}" if case.beneath else ""
        mend = "" if case.beneath else "let the firmware or boot loader start the kernel at EL2"
        evidence = f"{message}: the kernel was not started at EL2{where}"
        return HardwareVirtualization(HardwareVerdict.NONE, technology, evidence, mend, SOURCE)
    return _unknown(
        technology, "no /dev/kvm, and no message of the kernel's says why", _ask_for_messages(case)
    )


def _power(case: Case, technology: str) -> HardwareVirtualization:
    platform, source = case.info.first("platform"), f"{PATH}: platform"
    if platform == "PowerNV":
        evidence = "platform PowerNV, which is bare metal, but kvm_hv is not loaded"
        return HardwareVirtualization(
            HardwareVerdict.NO_MODULE, technology, evidence, "modprobe kvm_hv", source
        )
    if not platform:
        return _unknown(technology, "no /dev/kvm, and no platform in /proc/cpuinfo", "")
    evidence = f"platform {platform}, and no /dev/kvm: this host is itself a partition or a guest"
    return _unknown(technology, evidence, "modprobe kvm_hv tells whether guests may be nested", source)


def _by_flag(case: Case, family: Family, technology: str) -> HardwareVirtualization:
    flag, module = _FLAG[family], _MODULE[family]
    source = f"{PATH}: {'isa' if family is Family.RISCV else 'features'}"
    if flag in case.info.flags:
        evidence = f"{flag} is among the processor's features, but there is no /dev/kvm"
        return HardwareVirtualization(
            HardwareVerdict.NO_MODULE, technology, evidence, f"modprobe {module}", source
        )
    if not case.info.flags:
        return _unknown(technology, "no features in /proc/cpuinfo", "")
    mend = f"let {case.beneath} pass it on to this guest" if case.beneath else ""
    evidence = f"{flag} is not among the processor's features"
    return HardwareVirtualization(HardwareVerdict.NONE, technology, evidence, mend, source)


def _ask_for_messages(case: Case) -> str:
    trouble, mend = case.readings.trouble(SOURCE)
    return f"the kernel's messages ({trouble}): {mend}" if trouble and mend else ""


def _unknown(technology: str, evidence: str, mend: str, source: str = "") -> HardwareVirtualization:
    return HardwareVirtualization(HardwareVerdict.UNKNOWN, technology, evidence, mend, source)
