"""A move of a guest from one host to another: what was asked, what the checks found, how it goes, how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NewType

from backends.model.guest import GuestKey, GuestState
from backends.model.host import HostName

MoveId = NewType("MoveId", str)


class MoveMode(Enum):
    """How a guest is moved."""

    LIVE = "live"


@dataclass(frozen=True, slots=True)
class MoveRequest:
    """What the user wants."""

    guest: GuestKey
    name: str
    """The guest's name, for the words told."""
    destination: HostName
    mode: MoveMode = MoveMode.LIVE
    bandwidth_mib_s: int | None = None
    """Upper limit of the transfer; None: no limit."""
    max_downtime_ms: int | None = None
    """How long the guest may stand still at the switch; None: the hypervisor's own (QEMU: 300 ms)."""


class Verdict(Enum):
    """What a check found, mildest first."""

    OK = "ok"
    NOTE = "note"
    UNKNOWN = "unknown"
    WARNING = "warning"
    REFUSE = "refuse"

    @property
    def severity(self) -> int:
        """0 for OK, rising."""
        return list(Verdict).index(self)


@dataclass(frozen=True, slots=True)
class Check:
    """One answered question before a move."""

    id: str
    """Stable and short: `guest.state`, `disk.vda.shared`."""
    title: str
    verdict: Verdict
    evidence: str
    """What was seen, on which host."""
    mend: str = ""
    """What to do about it; empty when there is nothing to mend."""


@dataclass(frozen=True, slots=True)
class Preflight:
    """All checks of one request, worst first."""

    request: MoveRequest
    checks: tuple[Check, ...]
    command: str
    """The equivalent virsh command, to copy."""
    peer_uri: str = ""
    """By which the source's daemon reaches the destination's."""

    @property
    def refused(self) -> bool:
        """A certain obstacle: the move must not start."""
        return any(check.verdict is Verdict.REFUSE for check in self.checks)

    @property
    def doubtful(self) -> bool:
        """No obstacle is certain, but the user should accept the risk first."""
        return any(check.verdict in (Verdict.WARNING, Verdict.UNKNOWN) for check in self.checks)


class Phase(Enum):
    """Where a move is. The machine that walks through them is backends.migration.machine."""

    CHECKING = "checking"
    REFUSED = "refused"
    READY = "ready"
    PREPARING = "preparing"
    COPYING = "copying memory"
    CONVERGING = "converging"
    SWITCHING = "switching over"
    VERIFYING = "verifying"
    CANCELLING = "cancelling"
    ROLLING_BACK = "rolling back"
    RECONCILING = "reconciling"
    SUCCEEDED = "succeeded"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INDETERMINATE = "indeterminate"

    @property
    def final(self) -> bool:
        """Nothing follows."""
        return self in (
            Phase.REFUSED,
            Phase.SUCCEEDED,
            Phase.CANCELLED,
            Phase.FAILED,
            Phase.INDETERMINATE,
        )


@dataclass(frozen=True, slots=True)
class MoveProgress:
    """One sample of a running transfer (virDomainGetJobStats). Sizes in bytes, rates in bytes a second."""

    elapsed_s: float
    total_bytes: int
    processed_bytes: int
    """Sent so far; grows past `total_bytes` when pages are sent again."""
    remaining_bytes: int
    rate_bytes_s: float | None
    dirty_bytes_s: float | None
    """How fast the guest writes memory; None until a first pass has been measured."""
    iteration: int
    """Pass over the memory, from 1; 0 before the first."""
    throttle_percent: int
    """How much auto-converge slows the guest."""
    downtime_limit_ms: int | None
    eta_s: tuple[float, float] | None = None
    """Time still needed, as an interval; None when it cannot be told or never ends at this rate."""

    @property
    def fraction(self) -> float:
        """How much of the guest's memory needs no more sending, 0..1."""
        if self.total_bytes <= 0:
            return 0.0
        return min(1.0, max(0.0, 1.0 - self.remaining_bytes / self.total_bytes))


@dataclass(frozen=True, slots=True)
class MoveLogLine:
    """One thing that happened, in words."""

    at: datetime
    text: str


class Result(Enum):
    """How a move ended; the word of the headless outcome line."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    INDETERMINATE = "indeterminate"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The truth about a move that has ended, from asking both hosts."""

    result: Result
    where: HostName | None
    """The host that runs (or, shut off, defines) the guest; None where it is not known."""
    state: GuestState
    reason: str
    total_s: float
    downtime_ms: int | None = None
    """As the hypervisor reports it."""
    transferred_bytes: int | None = None
    left_to_do: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Move:
    """A move as it stands now: one immutable picture, replaced at each step."""

    id: MoveId
    request: MoveRequest
    phase: Phase
    started: datetime
    preflight: Preflight | None = None
    progress: MoveProgress | None = None
    history: tuple[MoveProgress, ...] = ()
    """Samples for the plot, oldest first; thinned when long."""
    log: tuple[MoveLogLine, ...] = ()
    outcome: Outcome | None = None

    @property
    def source(self) -> HostName:
        """The host that the guest leaves."""
        return self.request.guest.host


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A migration job that libvirt reports on a host, whoever started it."""

    guest: GuestKey
    name: str
    operation: str
    """`migration out`, `migration in`, `save`, `dump`, ... as libvirt calls it."""
    elapsed_s: float
    processed_bytes: int
    remaining_bytes: int
