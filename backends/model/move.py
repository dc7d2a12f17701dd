"""A move of a guest from one host to another: what was asked, what the checks found, how it goes, how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NewType

from backends.model.guest import GuestKey, GuestState
from backends.model.host import HostName

MoveId = NewType("MoveId", str)


DEFAULT_MAX_DOWNTIME_MS = 500
"""The most that a guest may stand still unless the user says otherwise (Nova's and oVirt's upper limit, too)."""


class MoveMode(Enum):
    """How a guest is moved."""

    LIVE = "live"
    """It runs on while its memory is copied, and stands still only for the switch."""
    PAUSED = "paused"
    """It stands still while its memory is copied; one that was paused before stays so."""
    SAVED = "saved"
    """It is saved to a file, the file is carried over, and it is restored there."""
    OFFLINE = "offline"
    """It is off: only its definition moves."""


class LastResort(Enum):
    """What to do with a live move that does not converge within the user's downtime limit."""

    KEEP_TRYING = "keep-trying"
    AUTO_CONVERGE = "auto-converge"
    """QEMU slows the guest's processors down."""
    POSTCOPY = "post-copy"
    """Switch over first, and fetch the rest of the memory over the network."""
    PAUSE = "pause"
    """Pause the guest, so that it writes no more; it runs on there."""
    ABORT = "abort"


class Route(Enum):
    """Who drives libvirt's transfer."""

    PEER_TO_PEER = "peer-to-peer"
    """The source's daemon: the move goes on when this program ends."""
    DIRECT = "client-managed"
    """This program: when it ends, the move is rolled back, or leaves the guest paused."""


@dataclass(frozen=True, slots=True)
class MoveRequest:
    """What the user wants."""

    guest: GuestKey
    name: str
    """The guest's name, for the words told."""
    destination: HostName
    mode: MoveMode = MoveMode.LIVE
    copy_disks: bool = False
    """Copy the disks that are not shared. Without it such a disk is a refusal."""
    postcopy: bool = False
    """Prepare the transfer for post-copy, so that it can be switched to at any time."""
    last_resort: LastResort = LastResort.KEEP_TRYING
    bandwidth_mib_s: int | None = None
    """Upper limit of the transfer; None: no limit."""
    max_downtime_ms: int = DEFAULT_MAX_DOWNTIME_MS
    """The most that the guest may stand still at the switch; the policy starts far below."""
    echo_address: str = ""
    """Where the guest answers to an echo, to measure its gap from outside; empty: ask the host for its address."""

    @property
    def wants_postcopy(self) -> bool:
        """Must the transfer be able to switch to post-copy?"""
        return self.postcopy or self.last_resort is LastResort.POSTCOPY


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
class DiskCopy:
    """A disk whose contents move along."""

    target: str
    """Its name in the definition: `vda`."""
    path: str
    """The same on both hosts; to be used, never to be shown."""
    shown: str
    """The path, safe to show."""
    format: str
    size_bytes: int
    """The virtual size: what the guest sees."""
    exists: bool
    """Is there a file of that path on the destination already (it will be written over)?"""


@dataclass(frozen=True, slots=True)
class Preflight:
    """All checks of one request, worst first."""

    request: MoveRequest
    checks: tuple[Check, ...]
    command: str
    """The equivalent virsh command, to copy."""
    peer_uri: str = ""
    """By which the source's daemon reaches the destination's."""
    route: Route = Route.PEER_TO_PEER
    copies: tuple[DiskCopy, ...] = ()
    """The disks that are copied, because they are not shared."""
    was_paused: bool = False
    """The guest was paused before: it is to stay so."""

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
    COPYING = "copying"
    CONVERGING = "converging"
    SWITCHING = "switching over"
    POSTCOPY = "post-copy"
    """The guest runs on the destination and fetches what is left of its memory: no way back."""
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


class Outlook(Enum):
    """Will the passes get small enough for the downtime limit?"""

    WILL_CONVERGE = "will converge"
    TIGHT = "tight"
    WILL_NOT = "will not converge"


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
    """The limit in force now, which the policy raises up to the request's."""
    eta_s: tuple[float, float] | None = None
    """Time still needed, as an interval; None when it cannot be told or never ends at this rate."""
    stop_ms: tuple[int, int] | None = None
    """How long the guest will stand still at the switch, as an interval; None while it cannot be told."""
    outlook: Outlook | None = None
    disk_total_bytes: int = 0
    """Of all that is counted above, the disks' part."""
    disk_remaining_bytes: int = 0
    stage: str = ""
    """What is being done, where a mode has stages of its own: `saving`, `carrying the state over`, `restoring`."""
    pass_bytes: int | None = None
    """What the pass before had left to be sent when this one began; None in the first."""

    @property
    def fraction(self) -> float:
        """How much needs no more sending, 0..1."""
        if self.total_bytes <= 0:
            return 0.0
        return min(1.0, max(0.0, 1.0 - self.remaining_bytes / self.total_bytes))


class LogKind(Enum):
    """What a line of a move's log tells of."""

    STEP = "step"
    """What the engine or the hosts did."""
    POLICY = "policy"
    """A knob that the policy turned, with its reason."""
    USER = "user"
    """What a user asked for."""


@dataclass(frozen=True, slots=True)
class MoveLogLine:
    """One thing that happened, in words."""

    at: datetime
    text: str
    kind: LogKind = LogKind.STEP


class Result(Enum):
    """How a move ended; the word of the headless outcome line."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    INDETERMINATE = "indeterminate"


@dataclass(frozen=True, slots=True)
class Gap:
    """How long the guest did not answer, as seen from outside."""

    milliseconds: int
    """The longest time without an answer."""
    interval_ms: int
    """Between two questions: the gap is not known more exactly than this."""
    how: str
    """Who asked whom: `echo to 10.77.0.101`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The truth about a move that has ended, from asking both hosts."""

    result: Result
    where: HostName | None
    """The host that runs (or, shut off, defines) the guest; None where it is not known, or on no host whole."""
    state: GuestState
    reason: str
    total_s: float
    downtime_ms: int | None = None
    """As the hypervisor reports it."""
    transferred_bytes: int | None = None
    left_to_do: tuple[str, ...] = ()
    gap: Gap | None = None
    """As seen from outside; None where nothing answered before the move."""


class TraceKind(Enum):
    """What a move leaves on a host until it is taken back."""

    STATE_FILE = "saved state"
    DISK_FILE = "copied disk"
    DEFINITION = "definition"
    DEFINED = "definition made"
    """The host has answered that the definition is there: from then on it is known to be ours."""
    PAUSE = "pause"
    """The guest was paused by us, and is to run on if it stays."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Something that a move has put on a host. Journalled before it is put there, removed when it is gone again."""

    kind: TraceKind
    host: HostName
    path: str = ""
    """Of a file, as it is: to be used, never to be shown uncleaned."""
    was_there: bool = False
    """Something of the kind was there before: it is not ours to remove."""


class Origin(Enum):
    """Where a move comes from."""

    HERE = "here"
    """Started by this program."""
    EARLIER = "earlier"
    """Found in the journal: started by a program that has ended since."""
    ELSEWHERE = "elsewhere"
    """A job that libvirt reports: started by somebody else."""


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
    origin: Origin = Origin.HERE
    who: str = ""
    """Who started it: `root@bastion, process 4711`; empty where that is not known."""
    traces: tuple[Trace, ...] = ()
    cancelled: bool = False
    """The user has asked for its end."""

    @property
    def source(self) -> HostName:
        """The host that the guest leaves."""
        return self.request.guest.host

    @property
    def route(self) -> Route:
        """Who drives the transfer."""
        return self.preflight.route if self.preflight else Route.PEER_TO_PEER

    @property
    def outlives_us(self) -> bool:
        """Does it go on when this program ends?"""
        return self.request.mode in (MoveMode.LIVE, MoveMode.PAUSED) and self.route is Route.PEER_TO_PEER


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A job that libvirt reports on a host, whoever started it."""

    guest: GuestKey
    name: str
    operation: str
    """`migration out`, `migration in`, `save`, `dump`, ... as libvirt calls it."""
    elapsed_s: float
    processed_bytes: int
    remaining_bytes: int
