"""A host is looked at: two commands and one call for each driver, all at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from backends.capabilities.posture.looked import Looked, Question
from backends.errors import FerryError
from backends.fleet.session import Session
from backends.hypervisor.guest_confinement import DriverConfinement, read_confinement
from backends.model.host import LinkStatus
from backends.model.posture import Finding, Severity
from backends.probes.exposure import script as exposure_script
from backends.probes.survey import script as survey_script
from backends.probes.survey.question import listed

T = TypeVar("T")

_SIMULATED = "test"
_FILES = Question("host.files", "the host's own files")
_PROCESSES = Question("host.settings", "the host's settings and processes")
_LIBVIRT = Question("libvirt.answers", "what libvirt tells")
_GUESTS = Question("guests.unread", "guests that were not looked at")
_LEAVE = "is this account denied it by access_drivers? else see what virsh dumpxml says"
_NO_SHELL = "add the host as user@host: a plain libvirt URI shows no files and no processes"


@dataclass(slots=True)
class _Parts:
    """Parts of an answer, each of which may fail by itself."""

    missed: list[Finding] = field(default_factory=list)
    errors: list[FerryError] = field(default_factory=list)

    async def of(self, question: Question, work: Awaitable[T]) -> T | None:
        """None where it fails; then a finding says so."""
        try:
            return await work
        except FerryError as error:
            self.errors.append(error)
            self.missed.append(question.host(Severity.UNKNOWN, error.cause, error.hint, error.operation))
            return None


async def look(session: Session, link: LinkStatus) -> Looked:
    """Raises FerryError when nothing of the host answers."""
    if set(session.connections) == {_SIMULATED}:
        words = "libvirt's test driver makes its hosts up: there is nothing to protect"
        return Looked(session.host, missed=(_LIBVIRT.host(Severity.UNKNOWN, words),))
    parts = _Parts()
    if session.shell is None:
        drivers = await _drivers(session, link, parts)
        parts.missed.append(_FILES.host(Severity.UNKNOWN, "reached by libvirt alone", _NO_SHELL))
        looked = Looked(session.host, drivers=drivers, missed=tuple(parts.missed))
    else:
        readings, exposure, drivers = await asyncio.gather(
            parts.of(_FILES, survey_script.ask(session.shell)),
            parts.of(_PROCESSES, exposure_script.ask(session.shell)),
            _drivers(session, link, parts),
        )
        looked = Looked(session.host, readings, exposure, drivers, tuple(parts.missed))
    if parts.errors and not (looked.readings or looked.exposure or looked.drivers):
        raise parts.errors[0]
    return looked


async def _drivers(session: Session, link: LinkStatus, parts: _Parts) -> Mapping[str, DriverConfinement]:
    """A host whose libvirt does not let this account in says so once."""
    if not session.connections:
        trouble = session.trouble or link.reason or "none of its drivers answers"
        parts.missed.append(_LIBVIRT.host(Severity.UNKNOWN, trouble, session.hint or link.hint))
    names = tuple(session.connections)
    asked = (parts.of(_LIBVIRT, read_confinement(session.connections[name])) for name in names)
    found = await asyncio.gather(*asked)
    told = {name: seen for name, seen in zip(names, found, strict=True) if seen is not None}
    for name, seen in told.items():
        if seen.unread:
            words = f"{name}: the definitions of {listed(list(seen.unread))} cannot be read"
            parts.missed.append(_GUESTS.host(Severity.UNKNOWN, words, _LEAVE, "virDomainGetXMLDesc"))
    return told
