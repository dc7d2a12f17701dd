"""Can what runs below the guests, the host's kernel, be what it should be?

Secure boot and lockdown keep even root from replacing or rewriting the kernel unseen; most hosts do without, and
whoever is root has lost nothing by it that is open: LOW. A taint says what was loaded (tainted-kernels.rst):
proprietary code or code from outside the tree is common and nobody's review: LOW. A module that was forced in, or
has no signature where signatures are in use, is how a rootkit would come, and mostly how a driver does: MEDIUM.
Taints that are no matter of trust (a warning, a live patch, a build option) are GOOD.
"""

from __future__ import annotations

from collections.abc import Iterator

from backends.capabilities.posture.looked import Looked, Question
from backends.model.posture import Finding, Severity
from backends.probes.survey.kernel import lockdown, lockdown_fact, secure_boot_fact
from backends.probes.survey.kernel import secure_boot as is_secure_boot
from backends.probes.survey.taints import tainted

_SECURE_BOOT = Question("host.secure-boot", "secure boot")
_LOCKDOWN = Question("host.lockdown", "kernel lockdown")
_TAINT = Question("host.taint", "kernel taint")
_TAINTED = "/proc/sys/kernel/tainted"
_UNTRUSTED = frozenset({1, 13})
"""Force loaded; unsigned."""
_HARMLESS = frozenset({9, 11, 15, 16, 17, 18})
"""A warning, a workaround for firmware, a live patch, the distribution's own, a build option, a test."""


def secure_boot(looked: Looked) -> Iterator[Finding]:
    """Pure."""
    if looked.readings is None:
        return
    on, fact = is_secure_boot(looked.readings), secure_boot_fact(looked.readings)
    if on is None:
        yield _SECURE_BOOT.host(Severity.UNKNOWN, fact.trouble, fact.mend, fact.source)
    elif on:
        yield _SECURE_BOOT.host(
            Severity.GOOD, "on: the firmware has checked what it booted", source=fact.source
        )
    else:
        words = f"{fact.value or 'off'}: root can change what the host boots"
        yield _SECURE_BOOT.host(Severity.LOW, words, "switch it on in the firmware's setup", fact.source)


def locked_down(looked: Looked) -> Iterator[Finding]:
    """Pure."""
    if looked.readings is None:
        return
    level, fact = lockdown(looked.readings), lockdown_fact(looked.readings)
    if not level:
        yield _LOCKDOWN.host(Severity.UNKNOWN, fact.trouble, fact.mend, fact.source)
    elif level == "none":
        mend = "boot with lockdown=integrity (kernel_lockdown(7)), or with secure boot"
        yield _LOCKDOWN.host(Severity.LOW, "none: root can rewrite the running kernel", mend, fact.source)
    else:
        yield _LOCKDOWN.host(
            Severity.GOOD, f"{level}: not even root can rewrite the kernel", source=fact.source
        )


def taint(looked: Looked) -> Iterator[Finding]:
    """One finding, as bad as the worst reason. Pure."""
    if looked.readings is None:
        return
    found = tainted(looked.readings)
    if found is None:
        trouble, mend = looked.readings.trouble(_TAINTED)
        yield _TAINT.host(Severity.UNKNOWN, trouble or "not understood", mend, _TAINTED)
        return
    bits = {reason.bit for reason in found}
    words = "; ".join(f"{reason.words} ({reason.letter or reason.bit})" for reason in found) or "none"
    if bits & _UNTRUSTED:
        mend = "find out which module it is (/proc/modules marks it), and whether it belongs there"
        yield _TAINT.host(Severity.MEDIUM, words, mend, _TAINTED)
    elif bits - _HARMLESS:
        yield _TAINT.host(
            Severity.LOW, words, "tainted-kernels.rst of the kernel tells what each means", _TAINTED
        )
    else:
        yield _TAINT.host(Severity.GOOD, words, source=_TAINTED)
