"""The objects that `--json` prints of crashes and of kdump.

Scripts depend on them: fields are added, never renamed. All times have their zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from backends.model.crash import CrashRecord, Evidence, HostCrashes, Kdump, KdumpVerdict
from backends.model.host import HostName
from tui.headless.capability_lines import FindingLine, LeftOutPart, finding_line


class EvidencePart(msgspec.Struct, frozen=True):
    """What one place tells. `path` is as the host has it: show `place` instead. `offset` is of the first line."""

    source: str
    place: str
    path: str
    offset: int | None
    size_bytes: int | None
    is_text: bool
    lines: tuple[str, ...]
    trouble: str
    mend: str


class CrashLine(msgspec.Struct, frozen=True, tag_field="event", tag="crash"):
    """One crash. `at` is on this machine's clock, `host_at` on the host's; null where nothing tells.

    `guest` is its name, of a daemon's crash null; `uuid` and `driver` are null where that guest is not there any more.
    `cause_id` is empty where no rule knows the cause: `cause` is then the last that was said. `update` is true when the
    crash was told before, and more is known now.
    """

    id: str
    host: str
    kind: str
    of_host: bool
    at: datetime | None
    host_at: datetime | None
    exact: bool
    guest: str | None
    uuid: str | None
    driver: str | None
    process: str | None
    cause_id: str
    cause: str
    mend: str
    evidence: tuple[EvidencePart, ...]
    update: bool = False


class GapPart(msgspec.Struct, frozen=True):
    """What could not be looked at."""

    what: str
    why: str
    mend: str


class CrashHostLine(msgspec.Struct, frozen=True, tag_field="event", tag="crash_host"):
    """One host that was looked at. `records` is how many crashes of it are known since then."""

    host: str
    at: datetime
    since: datetime
    took_s: float
    commands: int
    clock_ahead_s: float | None
    records: int
    gaps: tuple[GapPart, ...]


class CrashesLine(msgspec.Struct, frozen=True, tag_field="event", tag="crashes"):
    """The last line: how many crashes were told, of which hosts, and which hosts were not looked at."""

    since: datetime
    records: int
    hosts: tuple[str, ...]
    left_out: tuple[LeftOutPart, ...]


class KdumpLine(msgspec.Struct, frozen=True, tag_field="event", tag="kdump"):
    """How kdump stands on one host. `verdict` is null where it was not looked at."""

    host: str
    at: datetime
    verdict: str | None
    reserved_bytes: int | None
    service: str
    target_kind: str
    target: str
    free_bytes: int | None
    memory_bytes: int | None
    core_collector: str
    last: str
    findings: tuple[FindingLine, ...]


def crash_line(record: CrashRecord, *, update: bool = False) -> CrashLine:
    """One crash."""
    named = record.name or None
    is_process = record.kind.of_host and record.guest is None
    return CrashLine(
        id=record.id,
        host=record.host,
        kind=record.kind.value,
        of_host=record.kind.of_host,
        at=record.at,
        host_at=record.host_at,
        exact=record.exact,
        guest=None if is_process else named,
        uuid=record.guest.uuid if record.guest else None,
        driver=record.guest.driver if record.guest else None,
        process=named if is_process else None,
        cause_id=record.cause.id,
        cause=record.cause.words,
        mend=record.cause.mend,
        evidence=tuple(map(_evidence, record.evidence)),
        update=update,
    )


def _evidence(each: Evidence) -> EvidencePart:
    return EvidencePart(
        source=each.source.value,
        place=each.place,
        path=json_path(each.path),
        offset=each.offset,
        size_bytes=each.size_bytes,
        is_text=each.is_text,
        lines=each.lines,
        trouble=each.trouble,
        mend=each.mend,
    )


def json_path(text: str) -> str:
    """JSON has no lone surrogates; a path's bytes may be any."""
    return text.encode(errors="replace").decode()


def crash_host_line(found: HostCrashes) -> CrashHostLine:
    """One host."""
    return CrashHostLine(
        host=found.host,
        at=found.at,
        since=found.since,
        took_s=found.took_s,
        commands=found.commands,
        clock_ahead_s=found.clock_ahead_s,
        records=len(found.records),
        gaps=tuple(GapPart(gap.what, gap.why, gap.mend) for gap in found.gaps),
    )


def crashes_line(
    since: datetime, records: int, hosts: Sequence[HostName], left_out: Sequence[tuple[HostName, str]]
) -> CrashesLine:
    """The end of the list."""
    return CrashesLine(since, records, tuple(hosts), tuple(LeftOutPart(*each) for each in left_out))


def kdump_line(host: HostName, at: datetime, kdump: Kdump | None) -> KdumpLine:
    """One host."""
    stands = kdump or Kdump(KdumpVerdict.UNKNOWN)
    return KdumpLine(
        host=host,
        at=at,
        verdict=kdump.verdict.value if kdump else None,
        reserved_bytes=stands.reserved_bytes,
        service=stands.service,
        target_kind=stands.target_kind.value,
        target=stands.target,
        free_bytes=stands.free_bytes,
        memory_bytes=stands.memory_bytes,
        core_collector=stands.core_collector,
        last=stands.last,
        findings=tuple(finding_line(host, finding) for finding in stands.findings),
    )
