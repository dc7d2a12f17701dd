"""What the kernel says of each known flaw of the processor: /sys/devices/system/cpu/vulnerabilities.

The forms are those of Documentation/ABI/testing/sysfs-devices-system-cpu and admin-guide/hw-vuln/*.rst.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from backends.model.capability import Fact, Section
from backends.probes.survey.cpuinfo import PATH, cpuinfo
from backends.probes.survey.question import Question, listed
from backends.probes.survey.readings import Readings
from backends.untrusted import clean

_FOLDER = "/sys/devices/system/cpu/vulnerabilities"
_FLAWS = Question("kernel.vulnerabilities", Section.KERNEL, "processor flaws")
_MICROCODE = Question("processor.microcode", Section.PROCESSOR, "microcode")

_STILL_OPEN = re.compile(r"\bvulnerable\b|\bno microcode\b", re.IGNORECASE)
"""`Mitigation: PTE Inversion; VMX: conditional cache flushes, SMT vulnerable` (l1tf.rst), `Mitigation: safe RET, no
microcode` (6.5; newer kernels call that vulnerable)."""


class Protection(Enum):
    """Is a flaw closed? Declared worst first."""

    VULNERABLE = "vulnerable"
    IN_PART = "mitigated in part"
    UNKNOWN = "not known"
    MITIGATED = "mitigated"
    NOT_AFFECTED = "not affected"


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """One flaw. All texts are safe to show."""

    name: str
    """As the file is called: `spectre_v2`."""
    state: Protection
    words: str
    """What the kernel says: `Mitigation: PTI`; why it is not known where the file could not be read."""
    source: str


def vulnerabilities(readings: Readings) -> tuple[Vulnerability, ...]:
    """One for each file, by name; empty where the kernel tells of none. Pure."""
    found = []
    for path, reading in readings.under(f"{_FOLDER}/").items():
        name = path.rpartition("/")[2]
        words = reading.text.strip()
        state = protection(words)
        said = clean(words, limit=200) if words else readings.trouble(path)[0] or "says nothing"
        found.append(Vulnerability(clean(name, limit=60), state, said, clean(path)))
    return tuple(found)


def protection(words: str) -> Protection:
    """Of one file's text. `KVM: ` before it is about guests only (multihit.rst); what has another form is UNKNOWN."""
    said = words.strip().removeprefix("KVM: ").casefold()
    if said.startswith("not affected"):
        return Protection.NOT_AFFECTED
    if said.startswith(("vulnerable", "processor vulnerable")):
        return Protection.VULNERABLE
    if said.startswith("mitigation"):
        return Protection.IN_PART if _STILL_OPEN.search(said) else Protection.MITIGATED
    return Protection.UNKNOWN


def flaws_fact(readings: Readings) -> Fact:
    """`kernel.vulnerabilities`. Pure. The number is how many are open, in whole or in part."""
    found = vulnerabilities(readings)
    if all(flaw.state is Protection.UNKNOWN for flaw in found):
        return _FLAWS.untold(readings, min(readings.under(f"{_FOLDER}/"), default=_FOLDER))
    by_state = {state: [flaw.name for flaw in found if flaw.state is state] for state in Protection}
    named = (Protection.VULNERABLE, Protection.IN_PART, Protection.UNKNOWN)
    told = [
        f"{len(names)} {state.value}" + (f" ({listed(names, most=20)})" if state in named else "")
        for state, names in by_state.items()
        if names
    ]
    still_open = len(by_state[Protection.VULNERABLE]) + len(by_state[Protection.IN_PART])
    return _FLAWS.answer(", ".join(told), f"{_FOLDER}/*", number=still_open, limit=1000)


def microcode_fact(readings: Readings) -> Fact:
    """`processor.microcode`. Pure. `old_microcode` tells of newer ones since 6.16 (hw-vuln/old_microcode.rst)."""
    revisions = cpuinfo(readings).all("microcode")
    good = [revision for revision in revisions if re.fullmatch(r"0x[0-9a-f]{1,16}", revision)]
    if not good:
        trouble, mend = readings.trouble(PATH)
        why = trouble or "this processor's kernel does not tell"
        return _MICROCODE.unknown(why, f"{PATH}: microcode", mend=mend)
    words = ", ".join(good[:4]) + (": the processors differ" if len(good) > 1 else "")
    is_old = protection(readings.text(f"{_FOLDER}/old_microcode")) is Protection.VULNERABLE
    if is_old:
        mend = "update the package of the processor's microcode, and boot"
        source = f"{PATH}: microcode, {_FOLDER}/old_microcode"
        return _MICROCODE.answer(f"{words}, older than what is released", source, mend=mend)
    return _MICROCODE.answer(words, f"{PATH}: microcode")
