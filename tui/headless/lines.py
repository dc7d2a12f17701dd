"""The objects that `--json` prints, one a line: hosts, guests, jobs, plans and checks.

Scripts depend on them: fields are added, never renamed. Those of a move's course are in `move_lines`.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from backends.model.fleet import FleetState, HostView
from backends.model.guest import Guest
from backends.model.move import Check, Move, MoveRequest, Preflight, RunningJob


class HostLine(msgspec.Struct, frozen=True, tag_field="event", tag="host"):
    """One host as of now."""

    name: str
    link: str
    since: datetime
    reason: str
    hint: str
    next_attempt: datetime | None
    hostname: str | None
    arch: str | None
    cpu_model: str | None
    cpus: int | None
    cpu: float | None
    memory_bytes: int | None
    memory_used_bytes: int | None
    drivers: tuple[str, ...]
    guests: int


class GuestLine(msgspec.Struct, frozen=True, tag_field="event", tag="guest"):
    """One guest. `current` is false when its host is silent and the state is the last that was known."""

    host: str
    name: str
    uuid: str
    driver: str
    state: str
    reason: str
    current: bool
    since: datetime | None
    vcpus: int
    memory_bytes: int
    cpu: float | None
    disk_bytes_s: float | None
    net_bytes_s: float | None
    moving_to: str | None


class JobLine(msgspec.Struct, frozen=True, tag_field="event", tag="job"):
    """One move in flight, or another job that libvirt reports. `id` is what `attach` and `abort` take.

    Only a move has a destination, a mode, a phase and an origin: `here`, `earlier` (of a program that has ended) or
    `elsewhere` (somebody else's).
    """

    host: str
    guest: str
    uuid: str
    operation: str
    elapsed_s: float
    processed_bytes: int
    remaining_bytes: int
    id: str = ""
    destination: str | None = None
    mode: str | None = None
    phase: str | None = None
    origin: str | None = None
    who: str | None = None


class PlanLine(msgspec.Struct, frozen=True, tag_field="event", tag="plan"):
    """What is about to be done."""

    guest: str
    source: str
    destination: str
    mode: str
    bandwidth_mib_s: int | None
    max_downtime_ms: int
    copy_disks: bool = False
    post_copy: bool = False
    last_resort: str = ""
    echo_address: str = ""


class CheckLine(msgspec.Struct, frozen=True, tag_field="event", tag="check"):
    """One answered question."""

    id: str
    title: str
    verdict: str
    evidence: str
    mend: str


class PreflightLine(msgspec.Struct, frozen=True, tag_field="event", tag="preflight"):
    """All questions are answered."""

    guest: str
    destination: str
    refused: bool
    doubtful: bool
    command: str
    route: str = ""
    copies: tuple[str, ...] = ()
    was_paused: bool = False


def host_line(view: HostView) -> HostLine:
    """A host for programs to read."""
    facts, load = view.facts, view.load if view.link.answers else None
    return HostLine(
        name=view.spec.name,
        link=view.link.link.value,
        since=view.link.since,
        reason=view.link.reason,
        hint=view.link.hint,
        next_attempt=view.link.next_attempt,
        hostname=facts.hostname if facts else None,
        arch=facts.arch if facts else None,
        cpu_model=facts.cpu_model if facts else None,
        cpus=facts.cpus if facts else None,
        cpu=load.cpu if load else None,
        memory_bytes=view.memory_bytes,
        memory_used_bytes=load.memory_used_bytes if load else None,
        drivers=tuple(driver.name for driver in facts.drivers) if facts else (),
        guests=len(view.guests),
    )


def guest_line(state: FleetState, guest: Guest) -> GuestLine:
    """A guest with its newest figures."""
    move = state.move_of(guest.key)
    is_current = state.hosts[guest.key.host].link.answers
    sample = state.sample(guest.key) if is_current else None
    return GuestLine(
        host=guest.key.host,
        name=guest.name,
        uuid=guest.key.uuid,
        driver=guest.key.driver,
        state=guest.state.value,
        reason=guest.reason,
        current=is_current,
        since=guest.since,
        vcpus=guest.vcpus,
        memory_bytes=guest.memory_bytes,
        cpu=sample.cpu if sample else None,
        disk_bytes_s=sample.disk_bytes_s if sample else None,
        net_bytes_s=sample.net_bytes_s if sample else None,
        moving_to=move.request.destination if move else None,
    )


def move_line(move: Move) -> JobLine:
    """A move in flight among the jobs."""
    progress = move.progress
    return JobLine(
        host=move.source,
        guest=move.request.name,
        uuid=move.request.guest.uuid,
        operation="migration out",
        elapsed_s=progress.elapsed_s if progress else 0.0,
        processed_bytes=progress.processed_bytes if progress else 0,
        remaining_bytes=progress.remaining_bytes if progress else 0,
        id=move.id,
        destination=move.request.destination,
        mode=move.request.mode.value,
        phase=move.phase.value,
        origin=move.origin.value,
        who=move.who,
    )


def job_line(job: RunningJob) -> JobLine:
    """A job of libvirt that is no move."""
    return JobLine(
        id=f"{job.guest.host}/{job.name}",
        host=job.guest.host,
        guest=job.name,
        uuid=job.guest.uuid,
        operation=job.operation,
        elapsed_s=job.elapsed_s,
        processed_bytes=job.processed_bytes,
        remaining_bytes=job.remaining_bytes,
    )


def plan_line(request: MoveRequest) -> PlanLine:
    """What was asked for."""
    return PlanLine(
        guest=request.name,
        source=request.guest.host,
        destination=request.destination,
        mode=request.mode.value,
        bandwidth_mib_s=request.bandwidth_mib_s,
        max_downtime_ms=request.max_downtime_ms,
        copy_disks=request.copy_disks,
        post_copy=request.postcopy,
        last_resort=request.last_resort.value,
        echo_address=request.echo_address,
    )


def check_line(check: Check) -> CheckLine:
    """An answered question."""
    return CheckLine(check.id, check.title, check.verdict.value, check.evidence, check.mend)


def preflight_line(preflight: Preflight) -> PreflightLine:
    """The sum of the checks."""
    return PreflightLine(
        guest=preflight.request.name,
        destination=preflight.request.destination,
        refused=preflight.refused,
        doubtful=preflight.doubtful,
        command=preflight.command,
        route=preflight.route.value,
        copies=tuple(copy.target for copy in preflight.copies),
        was_paused=preflight.was_paused,
    )
