"""The objects that `--json` prints of storage: who sees it, what is on it, and whether that is proved.

Scripts depend on them: fields are added, never renamed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from backends.model.host import HostName
from backends.model.posture import Finding
from backends.model.storage import (
    DiskUse,
    HostProof,
    IscsiLogin,
    IscsiTarget,
    PoolUse,
    SharingProof,
    Sighting,
    Storage,
    StorageId,
    StorageMap,
)
from tui.headless.capability_lines import LeftOutPart
from tui.headless.exits import Exit


class StorageLine(msgspec.Struct, frozen=True, tag_field="event", tag="storage"):
    """One storage; what belongs to it follows, a line each, with the same `kind` and `key`."""

    kind: str
    key: str
    label: str
    seen_by: tuple[str, ...]
    capacity_bytes: int | None
    available_bytes: int | None
    promised_bytes: int | None
    ratio: float | None
    growth_bytes_s: float | None
    fills_at: datetime | None
    level: str
    reason: str
    pools: int
    disks: int
    findings: int


class WayPart(msgspec.Struct, frozen=True):
    """By what a host sees it: `mounted on`, `pool`, ... ."""

    kind: str
    words: str


class SightingLine(msgspec.Struct, frozen=True, tag_field="event", tag="sighting"):
    """How one host sees it. `detail` says why nothing is known, where `access` is `unknown`."""

    kind: str
    key: str
    host: str
    access: str
    health: str
    detail: str
    ways: tuple[WayPart, ...]
    options: tuple[str, ...]
    capacity_bytes: int | None
    available_bytes: int | None


class PoolLine(msgspec.Struct, frozen=True, tag_field="event", tag="pool"):
    """A libvirt pool on it."""

    kind: str
    key: str
    host: str
    driver: str
    name: str
    type: str
    active: bool
    capacity_bytes: int | None
    allocated_bytes: int | None
    available_bytes: int | None
    volumes: int | None


class DiskLine(msgspec.Struct, frozen=True, tag_field="event", tag="disk"):
    """A guest's disk on it."""

    kind: str
    key: str
    host: str
    guest: str
    uuid: str
    driver: str
    active: bool
    target: str
    source: str
    format: str
    read_only: bool
    virtual_bytes: int | None
    allocated_bytes: int | None
    out_of_space: bool


class StorageFindingLine(msgspec.Struct, frozen=True, tag_field="event", tag="finding"):
    """What is wrong with it; about all of it where `guest` is null."""

    kind: str
    key: str
    id: str
    title: str
    severity: str
    evidence: str
    mend: str
    source: str
    host: str | None
    guest: str | None
    uuid: str | None
    driver: str | None


class StorageMapLine(msgspec.Struct, frozen=True, tag_field="event", tag="storage_map"):
    """The last line of `storage`: which hosts have answered."""

    hosts: tuple[str, ...]
    at: datetime
    storages: int
    left_out: tuple[LeftOutPart, ...]


class ProvingLine(msgspec.Struct, frozen=True, tag_field="event", tag="proving"):
    """The first line of `prove`, before anything is written."""

    subject: str
    hosts: tuple[str, ...]
    words: str


class HostProofLine(msgspec.Struct, frozen=True, tag_field="event", tag="host_proof"):
    """What one host has shown, compared with `writer`. `locks` is null where that was not tried, or is not known."""

    subject: str
    writer: str
    host: str
    sharing: str
    evidence: str
    locks: bool | None


class ProofLine(msgspec.Struct, frozen=True, tag_field="event", tag="proof"):
    """The last line of `prove`. `shared` is null where that is not known of all hosts."""

    subject: str
    writer: str
    at: datetime
    shared: bool | None
    untried: tuple[str, ...]
    """Hosts that were named and of which nothing was learnt."""


class TargetLine(msgspec.Struct, frozen=True, tag_field="event", tag="target"):
    """An iSCSI target that a portal offers to a host. Null is what is not known."""

    host: str
    iqn: str
    portals: tuple[str, ...]
    logged_in: bool | None
    luns: tuple[str, ...]
    chap: bool | None


class IscsiLine(msgspec.Struct, frozen=True, tag_field="event", tag="iscsi"):
    """A host was logged in to a target, or out of it."""

    host: str
    iqn: str
    portal: str
    logged_in: bool


class RescanLine(msgspec.Struct, frozen=True, tag_field="event", tag="rescan"):
    """A host has looked how large its LUNs are now. `iqn`: empty for all targets."""

    host: str
    iqn: str
    done: tuple[str, ...]


Line = StorageLine | SightingLine | PoolLine | DiskLine | StorageFindingLine


def storage_lines(storage: Storage, findings: Iterable[Finding]) -> Iterator[Line]:
    """A storage, and all that belongs to it; the findings in the order in which they are to be told."""
    yield _storage_line(storage)
    for sighting in storage.sightings.values():
        yield _sighting_line(storage.id, sighting)
    for pool in storage.pools:
        yield _pool_line(storage.id, pool)
    for disk in storage.disks:
        yield _disk_line(storage.id, disk)
    for finding in findings:
        yield _finding_line(storage.id, finding)


def _storage_line(storage: Storage) -> StorageLine:
    room = storage.commitment
    return StorageLine(
        kind=storage.id.kind.value,
        key=storage.id.key,
        label=storage.label,
        seen_by=storage.seen_by,
        capacity_bytes=room.capacity_bytes,
        available_bytes=room.available_bytes,
        promised_bytes=room.promised_bytes,
        ratio=None if room.ratio is None else round(room.ratio, 3),
        growth_bytes_s=room.growth_bytes_s,
        fills_at=room.fills_at,
        level=room.level.value,
        reason=room.reason,
        pools=len(storage.pools),
        disks=len(storage.disks),
        findings=len(storage.findings),
    )


def _sighting_line(of: StorageId, sighting: Sighting) -> SightingLine:
    return SightingLine(
        kind=of.kind.value,
        key=of.key,
        host=sighting.host,
        access=sighting.access.value,
        health=sighting.health.value,
        detail=sighting.detail,
        ways=tuple(WayPart(way.kind.value, way.words) for way in sighting.ways),
        options=sighting.options,
        capacity_bytes=sighting.capacity_bytes,
        available_bytes=sighting.available_bytes,
    )


def _pool_line(of: StorageId, pool: PoolUse) -> PoolLine:
    return PoolLine(
        kind=of.kind.value,
        key=of.key,
        host=pool.host,
        driver=pool.driver,
        name=pool.name,
        type=pool.type,
        active=pool.active,
        capacity_bytes=pool.capacity_bytes,
        allocated_bytes=pool.allocated_bytes,
        available_bytes=pool.available_bytes,
        volumes=pool.volumes,
    )


def _disk_line(of: StorageId, disk: DiskUse) -> DiskLine:
    return DiskLine(
        kind=of.kind.value,
        key=of.key,
        host=disk.guest.host,
        guest=disk.name,
        uuid=disk.guest.uuid,
        driver=disk.guest.driver,
        active=disk.active,
        target=disk.target,
        source=disk.source,
        format=disk.format,
        read_only=disk.read_only,
        virtual_bytes=disk.virtual_bytes,
        allocated_bytes=disk.allocated_bytes,
        out_of_space=disk.out_of_space,
    )


def _finding_line(of: StorageId, finding: Finding) -> StorageFindingLine:
    return StorageFindingLine(
        kind=of.kind.value,
        key=of.key,
        id=finding.id,
        title=finding.title,
        severity=finding.severity.value,
        evidence=finding.evidence,
        mend=finding.mend,
        source=finding.source,
        host=finding.guest.host if finding.guest else None,
        guest=finding.name if finding.guest else None,
        uuid=finding.guest.uuid if finding.guest else None,
        driver=finding.guest.driver if finding.guest else None,
    )


def storage_map_line(found: StorageMap) -> StorageMapLine:
    """The end of the list."""
    left_out = tuple(LeftOutPart(host, reason) for host, reason in found.left_out.items())
    return StorageMapLine(found.hosts, found.at, len(found.storages), left_out)


def host_proof_line(proof: SharingProof, other: HostProof) -> HostProofLine:
    """One host."""
    return HostProofLine(
        subject=proof.subject,
        writer=proof.host,
        host=other.host,
        sharing=other.sharing.value,
        evidence=other.evidence,
        locks=other.locks,
    )


def proof_line(proof: SharingProof, untried: Sequence[HostName], status: Exit) -> ProofLine:
    """All hosts."""
    shared = {Exit.SUCCEEDED: True, Exit.FAILED: False}.get(status)
    return ProofLine(proof.subject, proof.host, proof.at, shared, tuple(untried))


def target_line(target: IscsiTarget) -> TargetLine:
    """A target."""
    return TargetLine(
        host=target.host,
        iqn=target.iqn,
        portals=target.portals,
        logged_in=target.logged_in,
        luns=target.luns,
        chap=target.chap,
    )


def iscsi_line(host: HostName, login: IscsiLogin, *, logged_in: bool) -> IscsiLine:
    """What was done; without the secret."""
    return IscsiLine(host, login.iqn, login.portal, logged_in)
