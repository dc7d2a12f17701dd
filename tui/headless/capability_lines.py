"""The objects that `--json` prints of what hosts can do, who can take whose guests, and how safe they are set up.

Scripts depend on them: fields are added, never renamed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from backends.model.capability import Fact, HostCapabilities
from backends.model.comparison import Baseline, Comparison, GuestFit, HostFit, Obstacle
from backends.model.host import HostName
from backends.model.posture import Finding, Posture, Severity


class HardwarePart(msgspec.Struct, frozen=True):
    """The processor's extension for virtualization."""

    verdict: str
    technology: str
    evidence: str
    mend: str
    source: str


class KindPart(msgspec.Struct, frozen=True):
    """One kind of guests: `full`, `para-virtual` or `single kernel image`."""

    kind: str
    support: str
    detail: str
    source: str


class WidthPart(msgspec.Struct, frozen=True):
    """Guests of one width. `allowed` is null where it is not known."""

    label: str
    allowed: bool | None
    memory_limit_bytes: int | None
    reason: str
    source: str


class CapabilitiesLine(msgspec.Struct, frozen=True, tag_field="event", tag="capabilities"):
    """The verdicts about one host; its facts follow, a line each."""

    host: str
    at: datetime
    took_s: float
    commands: int
    hardware: HardwarePart
    kinds: tuple[KindPart, ...]
    widths: tuple[WidthPart, ...]
    facts: int
    """How many lines follow."""


class FactLine(msgspec.Struct, frozen=True, tag_field="event", tag="fact"):
    """One fact. `trouble` is empty where it is known, and else says why it is not."""

    host: str
    id: str
    section: str
    label: str
    value: str
    number: float | None
    source: str
    trouble: str
    mend: str


class ObstaclePart(msgspec.Struct, frozen=True):
    """One reason against a destination; a doubt where it is not certain."""

    hurdle: str
    certain: bool
    words: str
    missing: tuple[str, ...]
    mend: str


class HostFitLine(msgspec.Struct, frozen=True, tag_field="event", tag="host_fit"):
    """All guests of one host, and a new one, on another host; its guests follow, a line each."""

    source: str
    destination: str
    fit: str
    fitting: int
    guests: int
    obstacles: tuple[ObstaclePart, ...]


class GuestFitLine(msgspec.Struct, frozen=True, tag_field="event", tag="guest_fit"):
    """One guest, one destination."""

    source: str
    destination: str
    guest: str
    uuid: str
    driver: str
    active: bool
    fit: str
    obstacles: tuple[ObstaclePart, ...]


class LeftOutPart(msgspec.Struct, frozen=True):
    """A host that could not be asked."""

    host: str
    reason: str


class ComparisonLine(msgspec.Struct, frozen=True, tag_field="event", tag="comparison"):
    """The last line of `compare`: which hosts it was about."""

    hosts: tuple[str, ...]
    at: datetime
    left_out: tuple[LeftOutPart, ...]


class DroppedPart(msgspec.Struct, frozen=True):
    """Features that one host would give on its own, and that the common processor lacks."""

    host: str
    features: tuple[str, ...]


class BaselineGuestPart(msgspec.Struct, frozen=True):
    """What it takes to give one guest the common processor."""

    host: str
    guest: str
    uuid: str
    fits_already: bool
    needs_restart: bool
    reason: str


class BaselineLine(msgspec.Struct, frozen=True, tag_field="event", tag="baseline"):
    """The processor that all hosts can give."""

    hosts: tuple[str, ...]
    arch: str
    kind: str
    model: str
    xml: str
    dropped: tuple[DroppedPart, ...]
    guests: tuple[BaselineGuestPart, ...]
    left_out: tuple[LeftOutPart, ...]


class FindingLine(msgspec.Struct, frozen=True, tag_field="event", tag="finding"):
    """One finding; about the host where `guest` is null."""

    host: str
    id: str
    title: str
    severity: str
    evidence: str
    mend: str
    source: str
    guest: str | None
    uuid: str | None
    driver: str | None


class PostureLine(msgspec.Struct, frozen=True, tag_field="event", tag="posture"):
    """The last line of a host: the worst of its findings, and how many there are of each severity, hidden ones too."""

    host: str
    at: datetime
    worst: str
    counts: dict[str, int]


def capabilities_line(found: HostCapabilities) -> CapabilitiesLine:
    """The verdicts about a host."""
    hardware = found.hardware
    return CapabilitiesLine(
        host=found.host,
        at=found.at,
        took_s=round(found.took_s, 3),
        commands=found.commands,
        hardware=HardwarePart(
            hardware.verdict.value, hardware.technology, hardware.evidence, hardware.mend, hardware.source
        ),
        kinds=tuple(KindPart(k.kind.value, k.support.value, k.detail, k.source) for k in found.kinds),
        widths=tuple(
            WidthPart(w.label, w.allowed, w.memory_limit_bytes, w.reason, w.source) for w in found.widths
        ),
        facts=len(found.facts),
    )


def fact_line(host: HostName, fact: Fact) -> FactLine:
    """A fact of a host."""
    return FactLine(
        host=host,
        id=fact.id,
        section=fact.section.value,
        label=fact.label,
        value=fact.value,
        number=fact.number,
        source=fact.source,
        trouble=fact.trouble,
        mend=fact.mend,
    )


def host_fit_line(fit: HostFit) -> HostFitLine:
    """A cell of the matrix."""
    return HostFitLine(
        source=fit.source,
        destination=fit.destination,
        fit=fit.fit.value,
        fitting=fit.fitting,
        guests=len(fit.guests),
        obstacles=_obstacles(fit.obstacles),
    )


def guest_fit_line(fit: GuestFit) -> GuestFitLine:
    """A guest and a destination."""
    return GuestFitLine(
        source=fit.guest.host,
        destination=fit.destination,
        guest=fit.name,
        uuid=fit.guest.uuid,
        driver=fit.guest.driver,
        active=fit.active,
        fit=fit.fit.value,
        obstacles=_obstacles(fit.obstacles),
    )


def comparison_line(comparison: Comparison) -> ComparisonLine:
    """What was compared."""
    return ComparisonLine(comparison.hosts, comparison.at, _left_out(comparison.left_out))


def baseline_line(baseline: Baseline) -> BaselineLine:
    """The common processor."""
    return BaselineLine(
        hosts=baseline.hosts,
        arch=baseline.arch,
        kind=baseline.kind,
        model=baseline.model,
        xml=baseline.xml,
        dropped=tuple(DroppedPart(host, features) for host, features in baseline.dropped),
        guests=tuple(
            BaselineGuestPart(
                host=guest.guest.host,
                guest=guest.name,
                uuid=guest.guest.uuid,
                fits_already=guest.fits_already,
                needs_restart=guest.needs_restart,
                reason=guest.reason,
            )
            for guest in baseline.guests
        ),
        left_out=_left_out(baseline.left_out),
    )


def finding_line(host: HostName, finding: Finding) -> FindingLine:
    """A finding on a host."""
    return FindingLine(
        host=host,
        id=finding.id,
        title=finding.title,
        severity=finding.severity.value,
        evidence=finding.evidence,
        mend=finding.mend,
        source=finding.source,
        guest=finding.name if finding.guest else None,
        uuid=finding.guest.uuid if finding.guest else None,
        driver=finding.guest.driver if finding.guest else None,
    )


def posture_line(posture: Posture) -> PostureLine:
    """The sum of a host's findings."""
    severities = [finding.severity for finding in posture.findings]
    return PostureLine(
        host=posture.host,
        at=posture.at,
        worst=posture.worst.value,
        counts={severity.value: severities.count(severity) for severity in Severity},
    )


def _obstacles(obstacles: Sequence[Obstacle]) -> tuple[ObstaclePart, ...]:
    return tuple(ObstaclePart(o.hurdle.value, o.certain, o.words, o.missing, o.mend) for o in obstacles)


def _left_out(left_out: Sequence[tuple[HostName, str]]) -> tuple[LeftOutPart, ...]:
    return tuple(LeftOutPart(host, reason) for host, reason in left_out)
