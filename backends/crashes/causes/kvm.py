"""KVM that could not go on with the guest. QEMU accel/kvm/kvm-all.c; Linux Documentation/virt/kvm/api.rst."""

from __future__ import annotations

import re

from backends.crashes.causes.rule import HYPERVISOR, Rule

_SUBERRORS = {
    "1": "an instruction could not be emulated",
    "2": "several exceptions at once",
    "3": "an event could not be delivered",
    "4": "an exit that KVM does not know",
}
"""KVM_INTERNAL_ERROR_* (Linux include/uapi/linux/kvm.h)."""
_NESTED = "reset the guest; update the host's kernel and microcode; check whether it is nested"


def _suberror(match: re.Match[str]) -> str:
    number = match["number"]
    told = f": {_SUBERRORS[number]}" if number in _SUBERRORS else ""
    return f"KVM internal error, suberror {number}{told}"


RULES = (
    Rule(
        "kvm-internal",
        re.compile(r"KVM internal error\. Suberror: (?P<number>\d{1,9})"),
        _suberror,
        _NESTED,
        HYPERVISOR,
    ),
    Rule(
        "kvm-entry",
        re.compile(r"KVM: entry failed, hardware error 0x(?P<code>[\da-fA-F]{1,16})"),
        "KVM could not enter the guest: hardware error 0x{code}",
        _NESTED,
        HYPERVISOR,
    ),
    Rule(
        "kvm-internal",
        re.compile(r"^emulation failure$|KVM internal error: (?P<why>[^:]{1,120})"),
        "KVM internal error[: {why}]",
        _NESTED,
        HYPERVISOR,
    ),
    Rule(
        "kvm-run",
        re.compile(r"error: kvm run failed (?P<why>[^:]{1,80})"),
        "KVM could not run the guest: {why}",
        "see the host's kernel log; memory under the guest may be gone (a DAX or huge page file, a poisoned page)",
        HYPERVISOR,
    ),
    Rule(
        "kvm-create",
        re.compile(
            r"ioctl\((?P<call>KVM_CREATE_V(?:M|CPU))\) failed: (?P<number>-?\d{1,5}) (?P<why>[^:]{1,80})"
        ),
        "KVM refused the guest: {call}: {why}",
        "see the host's kernel log; another hypervisor may use the processor's virtualization",
        HYPERVISOR,
    ),
)
