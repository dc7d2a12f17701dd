"""The objects that `--json` prints of a move's course, of the journal, and of what is left to do.

Scripts depend on them: fields are added, never renamed.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from backends.model.history import AuditLine
from backends.model.move import Move, MoveLogLine, MoveProgress, Outcome
from backends.model.unfinished import Unfinished


class PhaseLine(msgspec.Struct, frozen=True, tag_field="event", tag="phase"):
    """The move has taken a step."""

    phase: str


class LogLine(msgspec.Struct, frozen=True, tag_field="event", tag="log"):
    """What happened, in words."""

    at: datetime
    text: str
    kind: str = "step"
    """`step`, `policy` or `user`."""


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
    stop_ms: tuple[int, int] | None = None
    outlook: str | None = None
    disk_total_bytes: int = 0
    disk_remaining_bytes: int = 0
    stage: str = ""


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
    gap_ms: int | None = None
    """How long it did not answer, as seen from outside, by `gap_how`; `downtime_ms` is what libvirt says."""
    gap_interval_ms: int | None = None
    gap_how: str | None = None


class PastLine(msgspec.Struct, frozen=True, tag_field="event", tag="move"):
    """One move of the journal."""

    id: str
    guest: str
    uuid: str
    source: str
    destination: str
    mode: str
    started: datetime
    who: str
    verdict: str | None
    where: str | None
    state: str | None
    total_s: float | None
    downtime_ms: int | None
    gap_ms: int | None
    bytes: int | None
    reason: str
    left_to_do: tuple[str, ...]


class ActLine(msgspec.Struct, frozen=True, tag_field="event", tag="act"):
    """One act of a user, or of the program in his name."""

    at: datetime
    who: str
    what: str
    result: str
    move: str


class UnfinishedLine(msgspec.Struct, frozen=True, tag_field="event", tag="unfinished"):
    """One thing that a move has left to do."""

    id: str
    kind: str
    host: str
    guest: str
    uuid: str
    text: str
    mend: str | None
    command: str
    move: str | None


def phase_line(move: Move) -> PhaseLine:
    """Where the move is."""
    return PhaseLine(move.phase.value)


def log_line(line: MoveLogLine) -> LogLine:
    """A line of the move's log."""
    return LogLine(line.at, line.text, line.kind.value)


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
        stop_ms=progress.stop_ms,
        outlook=progress.outlook.value if progress.outlook else None,
        disk_total_bytes=progress.disk_total_bytes,
        disk_remaining_bytes=progress.disk_remaining_bytes,
        stage=progress.stage,
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
        gap_ms=outcome.gap.milliseconds if outcome.gap else None,
        gap_interval_ms=outcome.gap.interval_ms if outcome.gap else None,
        gap_how=outcome.gap.how if outcome.gap else None,
    )


def past_line(move: Move) -> PastLine:
    """A move of the journal."""
    request, outcome = move.request, move.outcome
    return PastLine(
        id=move.id,
        guest=request.name,
        uuid=request.guest.uuid,
        source=move.source,
        destination=request.destination,
        mode=request.mode.value,
        started=move.started,
        who=move.who,
        verdict=outcome.result.value if outcome else None,
        where=outcome.where if outcome else None,
        state=outcome.state.value if outcome else None,
        total_s=round(outcome.total_s, 3) if outcome else None,
        downtime_ms=outcome.downtime_ms if outcome else None,
        gap_ms=outcome.gap.milliseconds if outcome and outcome.gap else None,
        bytes=outcome.transferred_bytes if outcome else None,
        reason=outcome.reason if outcome else "",
        left_to_do=outcome.left_to_do if outcome else (),
    )


def act_line(act: AuditLine) -> ActLine:
    """A line of the audit."""
    return ActLine(act.at, act.who, act.what, act.result, act.move)


def unfinished_line(left: Unfinished) -> UnfinishedLine:
    """Something that is left to do."""
    return UnfinishedLine(
        id=left.id,
        kind=left.kind.value,
        host=left.guest.host,
        guest=left.name,
        uuid=left.guest.uuid,
        text=left.text,
        mend=left.mend.value if left.mend else None,
        command=left.command,
        move=left.move,
    )
