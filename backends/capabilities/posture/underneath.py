"""Is there a hypervisor under the host, and should there be?

Whatever runs below a host sees all that its guests do. In a cloud or a lab that is how it is meant: LOW, a note. On
a machine whose firmware names a maker of hardware the processor should not say that it is virtual: MEDIUM, as
somebody should know why. It may be a setting of the firmware, or a nested lab with a borrowed name; a hypervisor
that was slipped under a running system would look the same if it hid badly, and not at all if it hid well. So none
seen is no proof.
"""

from __future__ import annotations

from collections.abc import Iterator

from backends.capabilities.posture.looked import Looked, Question
from backends.model.posture import Finding, Severity
from backends.probes.survey.runs_under import runs_under
from backends.untrusted import clean

_BELOW = Question("host.hypervisor-below", "hypervisor under the host")
_VENDOR = "/sys/class/dmi/id/sys_vendor"
_MAKERS = (
    "ASUS", "ASRock", "Cisco Systems", "Dell", "Fujitsu", "Gigabyte", "Giga Computing", "HP", "Hewlett", "IBM",
    "Inspur", "Intel", "Lenovo", "Quanta", "Supermicro", "Super Micro", "Tyan", "Wiwynn",
)  # fmt: skip
"""How those begin who make machines and no clouds."""


def underneath(looked: Looked) -> Iterator[Finding]:
    """Pure."""
    if looked.readings is None:
        return
    found = runs_under(looked.readings)
    vendor = clean(looked.readings.text(_VENDOR).strip(), limit=60)
    if found.name is None:
        trouble, mend = looked.readings.trouble(_VENDOR)
        yield _BELOW.host(Severity.UNKNOWN, trouble or "nothing tells", mend, found.source or _VENDOR)
    elif not found.name:
        words = f"none was seen ({found.evidence}); one that hides well would not be"
        yield _BELOW.host(Severity.GOOD, words, source=found.source)
    elif any(vendor.casefold().startswith(maker.casefold()) for maker in _MAKERS):
        words = f"{found.name}, though the firmware says that this is a machine of {vendor}'s"
        mend = "ask who set it up: a nested lab, or a feature of the firmware, is the likely answer"
        yield _BELOW.host(Severity.MEDIUM, words, mend, f"{found.source}; {_VENDOR}")
    else:
        words = f"{found.name}: whoever runs it can see into every guest of this host"
        mend = "nothing, where this is meant, as in a cloud or a lab"
        yield _BELOW.host(Severity.LOW, words, mend, found.source)
