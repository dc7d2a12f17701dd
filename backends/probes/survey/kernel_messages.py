"""What Linux has said in its log about the processor's virtualization extension, in the wordings of all its ages."""

from __future__ import annotations

import re

from backends.probes.survey.readings import Readings
from backends.untrusted import clean

SOURCE = "dmesg"
_STAMP = re.compile(r"^(?:<\d+>)?\[\s*\d+\.\d+\](?:\[\s*[TC]\d+\])?\s*")
_SWITCHED_OFF = re.compile(
    r"kvm: disabled by bios"  # virt/kvm/kvm_main.c of 2.6.20 to 5.15
    r"|support for '\w+' disabled by bios"  # arch/x86/kvm/x86.c, 5.16 to 6.2
    r"|\bVMX \((?:in|out)side TXT\) disabled by BIOS"  # arch/x86/kernel/cpu/feat_ctl.c, since 5.6
    r"|\bVMX not enabled \(by BIOS\)"  # arch/x86/kvm/vmx/vmx.c, since 6.3
    r"|\bVMX not fully enabled on CPU"  # arch/x86/kvm/vmx/vmx.c, since 6.12
    r"|disable TXT in the BIOS or\s+activate TXT before enabling KVM"  # arch/x86/kvm/vmx.c of 2.6.35 to 4.x
    r"|\bSVM disabled \(by BIOS\)",  # arch/x86/kvm/svm/svm.c since 6.3, arch/x86/kernel/cpu/amd.c since 6.7
    re.IGNORECASE,
)
"""Not `SGX disabled by BIOS`, which stands right beside it."""
_NO_SUPPORT = re.compile(
    r"kvm: no hardware support|no hardware support for '\w+'|\b(?:VMX|SVM) not supported by CPU"
    r"|CPU doesn't support VMX|has_svm: (?:svm not available|not amd|can't execute)",
    re.IGNORECASE,
)
_BUSY = re.compile(r"enabling virtualization on CPU\s?\d+ failed", re.IGNORECASE)
"""virt/kvm/kvm_main.c, when another module has switched the extension on for itself."""
_NO_HYP = re.compile(r"HYP mode not available|hypervisor extension not available", re.IGNORECASE)
"""arch/arm64/kvm/arm.c, arch/riscv/kvm/main.c."""


def switched_off(readings: Readings) -> str:
    """The message that says that the firmware has switched it off; safe to show, empty where there is none."""
    return _first(readings, _SWITCHED_OFF)


def no_support(readings: Readings) -> str:
    """The message of KVM that it found no extension."""
    return _first(readings, _NO_SUPPORT)


def busy(readings: Readings) -> str:
    """The message that KVM could not switch it on, although it is there."""
    return _first(readings, _BUSY)


def no_hyp_mode(readings: Readings) -> str:
    """The message that the kernel was not started where a hypervisor must be."""
    return _first(readings, _NO_HYP)


def are_whole(readings: Readings) -> bool:
    """Are the messages since the start still there? The kernel's memory for them is small."""
    return "Linux version" in readings.text(SOURCE)


def _first(readings: Readings, form: re.Pattern[str]) -> str:
    lines = readings.text(SOURCE).split("\n")
    return next((clean(_STAMP.sub("", line), limit=200) for line in lines if form.search(line)), "")
