"""Who defined guests, and when, as far as logs tell.

Not who: libvirt's audit events (auditlog.html) are about starts, stops and resources, none about definitions, and
its own log says at its usual level nothing of them. When: each definition is a file, and its time is that of the
last change, whoever made it. So it is LOW, one for a host: worth knowing before somebody looks for a name that is
nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator

from backends.capabilities.posture.looked import Looked, Question, permission
from backends.model.posture import Finding, Severity
from backends.probes.exposure.definitions import DefinitionFile

_DEFINED = Question("guests.definitions", "who defined guests")
_FOLDER = "/etc/libvirt/qemu"
_NEWEST = 3
_MEND = 'from now on: access_drivers = ["polkit"] in libvirtd.conf, and a rule that logs who asks (aclpolkit.html)'


def definitions(looked: Looked) -> Iterator[Finding]:
    """One for the host. Pure."""
    exposure = looked.exposure
    if exposure is None or not any(seen.guests for seen in looked.drivers.values()):
        return
    audited = "starts and stops are in auditd's log" if exposure.runs("auditd") else "no auditd runs"
    who = f"libvirt writes down for no guest who defined it; {audited}"
    if exposure.definitions is None:
        words = f"{who}; when it was changed is not told"
        yield _DEFINED.host(Severity.UNKNOWN, words, permission(_FOLDER), _FOLDER)
    elif not exposure.definitions:
        yield _DEFINED.host(Severity.LOW, f"{who}; no guest of now has a file", _MEND, _FOLDER)
    else:
        words = f"{who}; changed last: {_newest(exposure.definitions)}"
        yield _DEFINED.host(Severity.LOW, words, _MEND, f"{_FOLDER}/*.xml: time of the last change")


def _newest(files: tuple[DefinitionFile, ...]) -> str:
    newest = sorted(files, key=lambda file: file.written, reverse=True)[:_NEWEST]
    return ", ".join(f"{file.name} {file.written:%Y-%m-%d %H:%M} UTC" for file in newest)
