"""VT-x and AMD-V: usable, switched off by the firmware, without their module, taken, or not there. Pure.

Since Linux 5.6 (Intel) and 6.7 (AMD) the kernel itself hides the flag that the firmware has switched off; before, the
flag stays and only KVM finds out.
"""

from __future__ import annotations

import re

from backends.model.capability import HardwareVerdict, HardwareVirtualization
from backends.probes.survey import kernel_messages
from backends.probes.survey.case import DEVICE, Case
from backends.probes.survey.cpuinfo import PATH
from backends.probes.survey.underlay import UNNAMED, is_xen_host

_FLAGS = f"{PATH}: flags"
_XEN = "/sys/hypervisor/properties/capabilities"
_AMD = ("AuthenticAMD", "HygonGenuine")
_HIDES_SINCE = {"AMD-V": (6, 7), "VT-x": (5, 6)}
_FEAT_CTL, _VM_CR = "/dev/cpu/0/msr 0x3a", "/dev/cpu/0/msr 0xc0010114"
_FEAT_CTL_LOCKED, _FEAT_CTL_VMX_OUTSIDE_SMX = 1 << 0, 1 << 2
"""IA32_FEATURE_CONTROL (Intel SDM volume 3, 25.7; the kernel's asm/msr-index.h)."""
_VM_CR_SVMDIS = 1 << 4
"""AMD64 Architecture Programmer's Manual volume 2, 15.30.1."""
_RIVALS = {"vboxdrv": "VirtualBox", "vmmon": "VMware"}
_RELEASE = re.compile(r"(\d{1,9})\.(\d{1,9})\b")


def judge(case: Case) -> HardwareVirtualization:
    """The first of these that has an answer has it."""
    looks = (_xen, _taken, _software, _offered, _register, _message, _registered, _flag)
    return next((found for look in looks if (found := look(case))), None) or _no_flag(case)


def technology(case: Case) -> str:
    """What this vendor calls it; empty where no processor is told of."""
    if "svm" in case.info.flags or case.info.first("vendor_id") in _AMD:
        return "AMD-V"
    return "VT-x" if case.info.lines else ""


def _told(
    case: Case, verdict: HardwareVerdict, evidence: str, mend: str, source: str
) -> HardwareVirtualization:
    return HardwareVirtualization(verdict, technology(case), evidence, mend, source)


def _xen(case: Case) -> HardwareVirtualization | None:
    """Under Xen, dom0's own flags tell nothing of what Xen has found."""
    if not is_xen_host(case.readings):
        return None
    offers = case.readings.text(_XEN)
    if "hvm-" in offers and "xen" in case.domain_types:
        evidence = "Xen has it and gives it to its own hvm guests"
        return _told(case, HardwareVerdict.USABLE, evidence, "", _XEN)
    if "hvm-" in offers or not offers:
        evidence = "Xen runs beneath this system and owns the processor: KVM cannot have the extension"
        mend = "run guests by libvirt's xen driver, or start the host without Xen"
        return _told(
            case, HardwareVerdict.TAKEN, evidence, mend, _XEN if offers else "/proc/xen/capabilities"
        )
    evidence = "Xen runs beneath this system and offers no hvm guests"
    return _told(case, HardwareVerdict.UNKNOWN, evidence, "as root: xl dmesg tells what Xen has found", _XEN)


def _taken(case: Case) -> HardwareVirtualization | None:
    rivals = [name for module, name in _RIVALS.items() if module in case.modules]
    message = kernel_messages.busy(case.readings)
    if not rivals or not message:
        return None
    evidence = f"the kernel says: {message}; the module of {' and '.join(rivals)} is loaded"
    mend = f"stop the guests of {' and '.join(rivals)}"
    return _told(case, HardwareVerdict.TAKEN, evidence, mend, kernel_messages.SOURCE)


def _software(case: Case) -> HardwareVirtualization | None:
    """KVM without the extension: pagetable-based guests (kvm_pvm)."""
    if "kvm_pvm" not in case.modules or not case.info.flags or _flag_name(case):
        return None
    device = f"{DEVICE} is that of" if case.readings.there(DEVICE) else f"no {DEVICE}, though there is"
    evidence = f"no vmx or svm flag; {device} kvm_pvm, which does without"
    return _told(case, HardwareVerdict.NONE, evidence, _pass_on(case), _FLAGS)


def _offered(case: Case) -> HardwareVirtualization | None:
    if "kvm" not in case.domain_types:
        return None
    return case.usable(technology(case), _flag_seen(case))


def _register(case: Case) -> HardwareVirtualization | None:
    """What the firmware has written: a processor of one vendor does not have the other's register.

    Without the flag, a guest's register is its hypervisor's fiction (bhyve tells a locked one).
    """
    if case.beneath and not _flag_name(case):
        return None
    control, vm_cr = _value(case, _FEAT_CTL), _value(case, _VM_CR)
    if technology(case) == "AMD-V" and vm_cr is not None and vm_cr & _VM_CR_SVMDIS:
        evidence = f"VM_CR is {vm_cr:#x}: its bit 4 (SVMDIS) is set"
        return _told(case, HardwareVerdict.LOCKED, evidence, _switch_on(case), _VM_CR)
    if technology(case) == "VT-x" and control is not None:
        locked, allowed = control & _FEAT_CTL_LOCKED, control & _FEAT_CTL_VMX_OUTSIDE_SMX
        if locked and not allowed:
            evidence = f"IA32_FEATURE_CONTROL is {control:#x}: locked (bit 0), VMX not allowed (bit 2)"
            return _told(case, HardwareVerdict.LOCKED, evidence, _switch_on(case), _FEAT_CTL)
    return None


def _message(case: Case) -> HardwareVirtualization | None:
    message = kernel_messages.switched_off(case.readings)
    if not message or case.kvm_is_registered:
        return None
    evidence = f"the kernel says: {message}"
    return _told(case, HardwareVerdict.LOCKED, evidence, _switch_on(case), kernel_messages.SOURCE)


def _registered(case: Case) -> HardwareVirtualization | None:
    if not case.kvm_is_registered and not (case.readings.there(DEVICE) and _flag_name(case)):
        return None
    return case.usable(technology(case), _flag_seen(case))


def _flag(case: Case) -> HardwareVirtualization | None:
    flag = _flag_name(case)
    if not flag:
        return None
    module = "kvm_amd" if flag == "svm" else "kvm_intel"
    if module in case.modules or not case.modules_are_told:
        loaded = f"{module} is loaded" if module in case.modules else "no list of loaded modules"
        return _told(case, HardwareVerdict.UNKNOWN, f"{flag} flag, no {DEVICE}, {loaded}", "", _FLAGS)
    evidence, mend = f"{flag} flag, but {module} is not loaded", f"modprobe {module}"
    if not kernel_messages.are_whole(case.readings) and not _hides_flag(case):
        evidence += "; the kernel's messages are not there to tell whether the firmware has switched it off"
        mend += f"; if that says `Operation not supported`: {_switch_on(case)}"
    return _told(case, HardwareVerdict.NO_MODULE, evidence, mend, _FLAGS)


def _no_flag(case: Case) -> HardwareVirtualization:
    if not case.info.flags:
        trouble, mend = case.readings.trouble(PATH)
        return _told(case, HardwareVerdict.UNKNOWN, f"no flags in {PATH}: {trouble}", mend, PATH)
    evidence = "no vmx or svm flag"
    if case.beneath:
        evidence += f"; this host runs under {case.beneath}, which does not pass it on"
        return _told(case, HardwareVerdict.NONE, evidence, _pass_on(case), _FLAGS)
    looked = kernel_messages.are_whole(case.readings) or _value(case, _FEAT_CTL) is not None
    if _hides_flag(case) and not looked:
        trouble, mend = case.readings.trouble(kernel_messages.SOURCE)
        evidence += (
            "; this kernel also hides a flag that the firmware has switched off, and its messages would tell:"
            f" {trouble or 'those of the start are no longer there'}"
        )
        return _told(case, HardwareVerdict.UNKNOWN, evidence, mend or _switch_on(case), _FLAGS)
    message = kernel_messages.no_support(case.readings)
    evidence += f"; the kernel says: {message}" if message else ""
    return _told(case, HardwareVerdict.NONE, evidence, "", _FLAGS)


def _flag_name(case: Case) -> str:
    return next((flag for flag in ("vmx", "svm") if flag in case.info.flags), "")


def _flag_seen(case: Case) -> str:
    flag = _flag_name(case)
    return f"{flag} flag" if flag else ""


def _hides_flag(case: Case) -> bool:
    """Does this kernel hide the flag of an extension that the firmware has switched off?"""
    release = _RELEASE.match(case.readings.text("/proc/sys/kernel/osrelease"))
    since = _HIDES_SINCE.get(technology(case))
    return release is None or since is None or (int(release[1]), int(release[2])) >= since


def _value(case: Case, register: str) -> int | None:
    """Of eight bytes in hexadecimal, the least first; None where there are not eight."""
    words = case.readings.text(register).split()
    try:
        return int.from_bytes(bytes(int(word, 16) for word in words), "little") if len(words) == 8 else None
    except ValueError:
        return None


def _switch_on(case: Case) -> str:
    if case.beneath:
        return _pass_on(case)
    name = "SVM Mode (AMD-V)" if technology(case) == "AMD-V" else "Intel Virtualization Technology (VT-x)"
    return f"switch on {name} in the firmware's setup, then power the host off fully: a reboot may not do"


def _pass_on(case: Case) -> str:
    if not case.beneath:
        return ""
    name = "the hypervisor beneath" if case.beneath == UNNAMED else case.beneath
    return f"let {name} allow nested virtualization for this host"
