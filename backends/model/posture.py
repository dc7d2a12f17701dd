"""How safe a host and its guests are set up: what was found, on what evidence, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from backends.model.guest import GuestKey
from backends.model.host import HostName


class Severity(Enum):
    """How much a finding matters. Declared worst first; what is not known is neither good nor bad."""

    HIGH = "high"
    """A way in, or out of a guest, that is open now."""
    MEDIUM = "medium"
    """A protection that is missing: something else has to fail first."""
    LOW = "low"
    """Worth knowing."""
    UNKNOWN = "unknown"
    """Could not be looked at; `mend` says which permission it needs."""
    GOOD = "good"
    """Looked at, and as it should be."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One answered question about one host or guest. All texts are safe to show."""

    id: str
    """`guests.confinement`: stable, for scripts."""
    title: str
    """What was asked, with no answer in it: `confinement of guests`. The answer is in `evidence`."""
    severity: Severity
    evidence: str
    mend: str = ""
    source: str = ""
    """Where it was read."""
    guest: GuestKey | None = None
    """None: it is about the host."""
    name: str = ""
    """Of the guest."""


@dataclass(frozen=True, slots=True)
class Posture:
    """What was found on one host, worst first."""

    host: HostName
    at: datetime
    findings: tuple[Finding, ...]

    @property
    def worst(self) -> Severity:
        """The worst of them; UNKNOWN where nothing was found out."""
        order = list(Severity)
        return min((finding.severity for finding in self.findings), key=order.index, default=Severity.UNKNOWN)
