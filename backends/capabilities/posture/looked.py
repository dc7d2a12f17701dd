"""All that was looked at on one host, and the two ways in which a topic answers its question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from backends.hypervisor.guest_confinement import DriverConfinement, GuestConfinement
from backends.model.guest import GuestKey
from backends.model.host import HostName
from backends.model.posture import Finding, Severity
from backends.probes.exposure.processes import GuestProcess
from backends.probes.exposure.script import Exposure
from backends.probes.survey.readings import Readings

QEMU = "qemu"
_NAMES = 4
"""So many guests are told by name, of others their number."""
_LIMIT = 400
"""Characters of an evidence."""


@dataclass(frozen=True, slots=True)
class Looked:
    """One host. None, or a driver that is not there: it was not told, and `missed` says why."""

    host: HostName
    readings: Readings | None = None
    exposure: Exposure | None = None
    drivers: Mapping[str, DriverConfinement] = field(default_factory=dict)
    missed: tuple[Finding, ...] = ()

    def running(self, driver: str = QEMU) -> tuple[GuestConfinement, ...]:
        """The guests of a driver that run."""
        seen = self.drivers.get(driver)
        return tuple(guest for guest in seen.guests if guest.active) if seen else ()

    def process(self, guest: GuestConfinement) -> GuestProcess | None:
        """Its QEMU; None where this account does not see it."""
        return self.exposure.guests.get(guest.uuid) if self.exposure else None


@dataclass(frozen=True, slots=True)
class Question:
    """What stays the same of a finding, whatever the answer."""

    id: str
    title: str

    def host(self, severity: Severity, evidence: str, mend: str = "", source: str = "") -> Finding:
        """About the host."""
        return Finding(self.id, self.title, severity, shortened(evidence), mend, source)

    def guest(
        self,
        looked: Looked,
        guest: GuestConfinement,
        severity: Severity,
        evidence: str,
        mend: str = "",
        source: str = "",
        *,
        driver: str = QEMU,
    ) -> Finding:
        """About one guest."""
        key = GuestKey(looked.host, driver, guest.uuid)
        return Finding(self.id, self.title, severity, shortened(evidence), mend, source, key, guest.name)


def shortened(text: str) -> str:
    """What is clean already, at a length that can be read."""
    return text if len(text) <= _LIMIT else text[: _LIMIT - 1] + "…"


def named(guests: Sequence[GuestConfinement]) -> str:
    """`web and db`, `a, b, c, d and 3 more`."""
    names = [guest.name for guest in guests]
    if len(names) > _NAMES:
        return f"{', '.join(names[:_NAMES])} and {len(names) - _NAMES} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def permission(path: str) -> str:
    """What an account needs that may not read a file."""
    return f"log in as root, or give this account leave to read {path}"


def worst_first(findings: Iterator[Finding]) -> tuple[Finding, ...]:
    """Of equals the host's own before its guests'."""
    order = list(Severity)
    return tuple(sorted(findings, key=lambda f: (order.index(f.severity), f.guest is not None, f.name, f.id)))
