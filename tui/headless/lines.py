"""The objects that `--json` prints, one a line. Scripts depend on them: fields are added, never renamed."""

from __future__ import annotations

from datetime import datetime

import msgspec

from backends.model.fleet import FleetState, HostView
from backends.model.guest import Guest
from backends.model.move import (
    Check,
    Move,
    MoveLogLine,
    MoveProgress,
    MoveRequest,
    Outcome,
    Preflight,
    RunningJob,
)


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
    """One migration job that libvirt reports."""

    host: str
    guest: str
    uuid: str
    operation: str
    elapsed_s: float
    processed_bytes: int
    remaining_bytes: int


class PlanLine(msgspec.Struct, frozen=True, tag_field="event", tag="plan"):
    """What is about to be done."""

    guest: str
    source: str
    destination: str
    mode: str
    bandwidth_mib_s: int | None
    max_downtime_ms: int


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


class PhaseLine(msgspec.Struct, frozen=True, tag_field="event", tag="phase"):
    """The move has taken a step."""

    phase: str


class LogLine(msgspec.Struct, frozen=True, tag_field="event", tag="log"):
    """What happened, in words."""

    at: datetime
    text: str


class ProgressLine(msgspec.Struct, frozen=True, tag_field="event", tag="progress"):
    """A sample of the transfer."""

    phase: str
    elapsed_s: float
    fraction: float
    total_bytes: int
    processed_bytes: int
    remaining_bytes: int
    rate_bytes_s: float | None
    dirty_bytes_s: float | None
    iteration: int
    throttle_percent: int
    downtime_limit_ms: int | None
    eta_s: tuple[float, float] | None


class CancellingLine(msgspec.Struct, frozen=True, tag_field="event", tag="cancelling"):
    """The user wants the move to stop; the outcome tells whether it did."""

    guest: str


class OutcomeLine(msgspec.Struct, frozen=True, tag_field="event", tag="outcome"):
    """The last line of a move."""

    verdict: str
    guest: str
    where: str | None
    state: str | None
    total_s: float
    downtime_ms: int | None
    bytes: int | None
    reason: str
    left_to_do: tuple[str, ...] = ()


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


def job_line(job: RunningJob) -> JobLine:
    """A job of libvirt."""
    return JobLine(
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
    )


def phase_line(move: Move) -> PhaseLine:
    """Where the move is."""
    return PhaseLine(move.phase.value)


def log_line(line: MoveLogLine) -> LogLine:
    """A line of the move's log."""
    return LogLine(line.at, line.text)


def progress_line(move: Move, progress: MoveProgress) -> ProgressLine:
    """A sample of a move."""
    return ProgressLine(
        phase=move.phase.value,
        elapsed_s=progress.elapsed_s,
        fraction=round(progress.fraction, 4),
        total_bytes=progress.total_bytes,
        processed_bytes=progress.processed_bytes,
        remaining_bytes=progress.remaining_bytes,
        rate_bytes_s=progress.rate_bytes_s,
        dirty_bytes_s=progress.dirty_bytes_s,
        iteration=progress.iteration,
        throttle_percent=progress.throttle_percent,
        downtime_limit_ms=progress.downtime_limit_ms,
        eta_s=progress.eta_s,
    )


def outcome_line(guest: str, outcome: Outcome) -> OutcomeLine:
    """The truth about a move that has ended."""
    return OutcomeLine(
        verdict=outcome.result.value,
        guest=guest,
        where=outcome.where,
        state=outcome.state.value,
        total_s=round(outcome.total_s, 3),
        downtime_ms=outcome.downtime_ms,
        bytes=outcome.transferred_bytes,
        reason=outcome.reason,
        left_to_do=outcome.left_to_do,
    )
