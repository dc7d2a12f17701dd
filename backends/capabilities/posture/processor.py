"""What the processor may let one guest learn of another, or of the host.

The kernel says of each known flaw whether it is closed (hw-vuln/*.rst). An open one needs an attacker's code in a
guest, and patience: MEDIUM, a missing protection. The same for threads of one core that share what a mitigation
cannot part ("SMT vulnerable"). Guests with guests reach more of KVM's code (running-nested-guests.rst warns of it):
LOW. So is KSM, by which a guest can find out which pages others have. A microcode's number alone is neither good
nor bad.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from backends.capabilities.posture.looked import Looked, Question
from backends.model.posture import Finding, Severity
from backends.probes.survey.encrypted import nested, nested_fact
from backends.probes.survey.runs_under import hypervisor_below
from backends.probes.survey.vulnerabilities import (
    Protection,
    Vulnerability,
    microcode_fact,
    protection,
    vulnerabilities,
)

_FOLDER = "/sys/devices/system/cpu/vulnerabilities"
_SMT_ACTIVE = "/sys/devices/system/cpu/smt/active"
_KSM_RUN = "/sys/kernel/mm/ksm/run"
_OLD_MICROCODE = "old_microcode"
_SMT_VULNERABLE = re.compile(r",? ?SMT vulnerable", re.IGNORECASE)

_FLAWS = Question("host.vulnerabilities", "flaws of the processor")
_SMT = Question("host.smt", "threads that share a core")
_MICROCODE = Question("host.microcode", "microcode")
_NESTED = Question("host.nested", "guests in guests")
_KSM = Question("host.ksm", "memory shared between guests")
_UPDATE = "update kernel and microcode, boot without mitigations=off; see the kernel's admin-guide/hw-vuln"


def flaws(looked: Looked) -> Iterator[Finding]:
    """One for each that is open, and one for the rest. Pure."""
    if looked.readings is None:
        return
    found = [flaw for flaw in vulnerabilities(looked.readings) if flaw.name != _OLD_MICROCODE]
    if not found:
        trouble, mend = looked.readings.trouble(_FOLDER)
        yield _FLAWS.host(Severity.UNKNOWN, trouble or "the kernel tells of none", mend, _FOLDER)
        return
    is_open = [flaw for flaw in found if _apart_from_smt(flaw) in (Protection.VULNERABLE, Protection.IN_PART)]
    untold = [flaw for flaw in found if flaw.state is Protection.UNKNOWN]
    for flaw in is_open:
        question = Question(f"host.vulnerability.{flaw.name}", f"flaw of the processor: {flaw.name}")
        yield question.host(Severity.MEDIUM, flaw.words, _UPDATE, flaw.source)
    if untold:
        words = "; ".join(f"{flaw.name}: {flaw.words}" for flaw in untold)
        yield _FLAWS.host(Severity.UNKNOWN, words, "ask whoever runs the hypervisor below", f"{_FOLDER}/*")
    rest = len(found) - len(is_open) - len(untold)
    if rest:
        words = f"{rest} of {len(found)} known ones are mitigated, or not in this processor"
        yield _FLAWS.host(Severity.GOOD, words, source=f"{_FOLDER}/*")


def _apart_from_smt(flaw: Vulnerability) -> Protection:
    """What is told once for all flaws is not told of each."""
    return protection(_SMT_VULNERABLE.sub("", flaw.words)) if flaw.state is Protection.IN_PART else flaw.state


def smt(looked: Looked) -> Iterator[Finding]:
    """Pure."""
    if looked.readings is None:
        return
    found = vulnerabilities(looked.readings)
    shared = [flaw.name for flaw in found if _SMT_VULNERABLE.search(flaw.words)]
    active = looked.readings.text(_SMT_ACTIVE).strip()
    source = f"{_SMT_ACTIVE}; {_FOLDER}/*"
    if active == "0":
        yield _SMT.host(Severity.GOOD, "no core runs more than one thread", source=source)
    elif shared:
        words = f"on, and the kernel says `SMT vulnerable` of {', '.join(shared)}"
        yield _SMT.host(
            Severity.MEDIUM, words, "boot with mitigations=auto,nosmt, or give guests whole cores", source
        )
    elif active == "1" and all(flaw.state is Protection.UNKNOWN for flaw in found):
        yield _SMT.host(Severity.UNKNOWN, "on; the kernel tells of no flaws", source=source)
    elif active == "1":
        yield _SMT.host(Severity.GOOD, "on, and no flaw is called `SMT vulnerable`", source=source)
    else:
        trouble, mend = looked.readings.trouble(_SMT_ACTIVE)
        yield _SMT.host(Severity.UNKNOWN, trouble or "not understood", mend, source)


def microcode(looked: Looked) -> Iterator[Finding]:
    """Only the kernel knows of newer ones, since 6.16 (hw-vuln/old_microcode.rst). Pure."""
    if looked.readings is None:
        return
    fact = microcode_fact(looked.readings)
    newest = protection(looked.readings.text(f"{_FOLDER}/{_OLD_MICROCODE}"))
    below = hypervisor_below(looked.readings)
    if newest is Protection.VULNERABLE:
        yield _MICROCODE.host(
            Severity.MEDIUM, fact.value or "older than what is released", fact.mend, fact.source
        )
    elif not fact.known:
        yield _MICROCODE.host(Severity.UNKNOWN, fact.trouble, fact.mend, fact.source)
    elif below:
        words = f"{fact.value}, as the hypervisor under the host tells it: it may be made up"
        yield _MICROCODE.host(Severity.UNKNOWN, words, "ask the host below", fact.source)
    elif newest is Protection.NOT_AFFECTED:
        yield _MICROCODE.host(
            Severity.GOOD, f"{fact.value}: the kernel knows of none newer", source=fact.source
        )
    else:
        words = f"{fact.value}: not told whether there is a newer one"
        yield _MICROCODE.host(
            Severity.UNKNOWN, words, "compare it with the maker's; Linux 6.16 does", fact.source
        )


def nesting(looked: Looked) -> Iterator[Finding]:
    """Pure."""
    if looked.readings is None:
        return
    on = nested(looked.readings)
    source = "/sys/module/kvm*/parameters/nested"
    if on:
        mend = "options kvm_intel (or kvm_amd) nested=0 in modprobe.d, where no guest needs it"
        yield _NESTED.host(Severity.LOW, "allowed: guests reach more of the host's KVM", mend, source)
    elif on is False:
        yield _NESTED.host(Severity.GOOD, "not allowed", source=source)
    else:
        fact = nested_fact(looked.readings)
        yield _NESTED.host(Severity.UNKNOWN, fact.trouble or "not understood", fact.mend, fact.source)


def same_pages(looked: Looked) -> Iterator[Finding]:
    """Pure. mm/ksm.rst: 1 is running; nothing is told where the kernel has no KSM."""
    if looked.readings is None:
        return
    run = looked.readings.text(_KSM_RUN).strip()
    if run == "1":
        mend = "echo 2 > /sys/kernel/mm/ksm/run, where guests do not trust each other"
        yield _KSM.host(
            Severity.LOW, "KSM merges pages: a guest can find out what others have", mend, _KSM_RUN
        )
    elif run:
        yield _KSM.host(Severity.GOOD, "KSM is off", source=_KSM_RUN)
