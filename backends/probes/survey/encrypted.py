"""Guests in guests, and guests whose memory the host cannot read: SEV, TDX, Secure Execution."""

from __future__ import annotations

import re

from backends.model.capability import Fact, Section
from backends.probes.survey.cpuinfo import PATH, Family, cpuinfo, family_of
from backends.probes.survey.question import Question, switch
from backends.probes.survey.readings import Readings

_MODULES = "/sys/module"
_UV = "/sys/firmware/uv/prot_virt_host"

_NESTED = Question("virtualization.nested", Section.VIRTUALIZATION, "guests in guests")
_SEV = Question("virtualization.sev", Section.VIRTUALIZATION, "AMD SEV")
_TDX = Question("virtualization.tdx", Section.VIRTUALIZATION, "Intel TDX")
_SECURE_EXECUTION = Question("virtualization.secure_execution", Section.VIRTUALIZATION, "Secure Execution")

_NESTED_FILES = tuple(
    f"{_MODULES}/{module}/parameters/nested" for module in ("kvm_intel", "kvm_amd", "kvm_hv", "kvm")
)
"""x86, POWER and s390x (virt/kvm/x86/running-nested-guests.rst)."""
_SEV_KINDS = {"sev": "SEV", "sev_es": "SEV-ES", "sev_snp": "SEV-SNP"}
"""Flag of the processor and parameter of kvm_amd alike (virt/kvm/x86/amd-memory-encryption.rst)."""
_AMD, _INTEL = ("AuthenticAMD", "HygonGenuine"), ("GenuineIntel",)


def guest_encryption_facts(readings: Readings) -> tuple[Fact, ...]:
    """`virtualization.nested`, and those of `.sev`, `.tdx`, `.secure_execution` that the processor's kind can have."""
    family = family_of(readings.text("uname -m").strip())
    vendor = cpuinfo(readings).first("vendor_id")
    facts = [nested_fact(readings)]
    if family is Family.X86:
        if not vendor or vendor in _AMD:
            facts.append(_sev(readings))
        if not vendor or vendor in _INTEL:
            facts.append(_tdx(readings))
    if family is Family.S390:
        facts.append(_secure_execution(readings))
    return tuple(facts)


def nested(readings: Readings) -> bool | None:
    """May guests have guests by hardware? None: not known, as where KVM's module is not loaded. Pure."""
    return next(
        (on for path in _NESTED_FILES if (on := switch(readings.text(path))) is not None),
        None,
    )


def nested_fact(readings: Readings) -> Fact:
    """`virtualization.nested`. Pure."""
    on = nested(readings)
    if on is not None:
        path = next(path for path in _NESTED_FILES if switch(readings.text(path)) is not None)
        return _NESTED.answer("on" if on else "off", path, number=float(on))
    path = next((path for path in _NESTED_FILES if readings.there(path)), "")
    if path:
        return _NESTED.untold(readings, path)
    if readings.text("/sys/hypervisor/type").strip() == "xen":
        return _NESTED.unknown("Xen decides it for each guest", "/sys/hypervisor/type")
    modules = {"kvm_intel", "kvm_amd", "kvm_hv"} & set(readings.text(_MODULES).split())
    why = f"{min(modules)} does not tell" if modules else "no module of KVM's is loaded that tells"
    return _NESTED.unknown(why, f"{_MODULES}/kvm*/parameters/nested")


def sev_kinds(readings: Readings) -> tuple[str, ...]:
    """Those of `SEV`, `SEV-ES`, `SEV-SNP` that KVM offers to guests. Pure."""
    folder = f"{_MODULES}/kvm_amd/parameters"
    return tuple(name for word, name in _SEV_KINDS.items() if switch(readings.text(f"{folder}/{word}")))


def _sev(readings: Readings) -> Fact:
    flags = cpuinfo(readings).flags
    in_cpu = [name for word, name in _SEV_KINDS.items() if word in flags]
    on = sev_kinds(readings)
    source = f"{_MODULES}/kvm_amd/parameters/sev*, {PATH}: flags"
    if on:
        off = [name for name in in_cpu if name not in on]
        words = f"{', '.join(on)} on" + (f"; {', '.join(off)} in the processor, off" if off else "")
        if readings.there("/dev/sev"):
            return _SEV.answer(words, f"{source}, /dev/sev")
        mend = "modprobe ccp, and see what it says to the kernel's log"
        return _SEV.answer(f"{words}; guests cannot use it: there is no /dev/sev", source, mend=mend)
    if not flags:
        return _SEV.untold(readings, PATH)
    if not in_cpu:
        return _SEV.answer("none: the processor has no such flag, or the firmware hides it", source)
    words = f"{', '.join(in_cpu)} in the processor, off"
    if "kvm_amd" not in readings.text(_MODULES).split():
        return _SEV.answer(f"{words}: kvm_amd is not loaded", source, mend="modprobe kvm_amd sev=1")
    mend = "load kvm_amd with sev=1 sev_es=1, and let the firmware allow memory encryption"
    return _SEV.answer(words, source, mend=mend)


def tdx(readings: Readings) -> bool | None:
    """Does KVM offer TDX to guests? None: not known. Pure."""
    return switch(readings.text(f"{_MODULES}/kvm_intel/parameters/tdx"))


def _tdx(readings: Readings) -> Fact:
    """arch/x86/tdx.rst: the firmware switches it on, the kernel says so and initializes the module, KVM offers it."""
    path = f"{_MODULES}/kvm_intel/parameters/tdx"
    on = tdx(readings)
    said = readings.text("dmesg")
    failed = re.search(r"virt/tdx: ([^\n]{0,80}failed[^\n]{0,120})", said)
    by_firmware = "virt/tdx: BIOS enabled" in said
    flags = cpuinfo(readings).flags
    if on:
        return _TDX.answer("on", path)
    if failed:
        return _TDX.answer(f"off: the kernel said: {failed[1]}", "dmesg")
    if by_firmware or "tdx_host_platform" in flags:
        source = "dmesg" if by_firmware else f"{PATH}: flags"
        mend = "boot the kernel with kvm_intel.tdx=1 nohibernate"
        return _TDX.answer("switched on by the firmware, KVM does not offer it", source, mend=mend)
    if on is False:
        words = "off: KVM does not offer it, and no message tells that the firmware has switched it on"
        return _TDX.answer(words, f"{path}, dmesg")
    if not flags:
        return _TDX.untold(readings, PATH)
    if readings.text(_MODULES) and "kvm_intel" not in readings.text(_MODULES).split():
        return _TDX.unknown("kvm_intel is not loaded", path)
    return _TDX.answer("none: this kernel's KVM does not know it", path)


def _secure_execution(readings: Readings) -> Fact:
    """`prot_virt_host`: 1 where guests can run that the ultravisor keeps from the host (kvm/s390/s390-pv.rst)."""
    on = switch(readings.text(_UV))
    if on is None:
        if not readings.there(_UV):
            return _SECURE_EXECUTION.answer("none: this machine has no ultravisor", _UV)
        return _SECURE_EXECUTION.untold(readings, _UV)
    mend = "" if on else "boot the kernel with prot_virt=1, on a machine with facility 158"
    return _SECURE_EXECUTION.answer("on" if on else "off", _UV, mend=mend)
