"""When to let a guest stand still longer, and when to take to the last resort. Pure: samples in, decisions out.

QEMU switches over when what a pass has left fits into bandwidth x downtime limit (see passes.py). The limit begins low
and is raised only when passes have stopped shrinking and their figures say how much is needed. Where that is more than
the user allows, the user's last resort is taken, once. Each decision says why, with the figures that it rests on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import ceil

from backends.migration.convergence import reasons
from backends.migration.convergence.passes import Passes
from backends.migration.convergence.progress import LEAST_RAISED_MS
from backends.model.move import LastResort, MoveMode, MoveProgress, MoveRequest

FIRST_DOWNTIME_MS = 5
"""The limit to begin with: a guest that can do with it stands still no longer.

QEMU stops the guest as soon as bandwidth x limit covers what is left. With its own 300 ms that is in the middle of the
first pass, for a small guest on a fast link, and the stop is as long as the limit allows. Below 30 ms further passes
take but milliseconds each: the stop gets shorter still, and the move takes no longer. A guest that never gets below
this limit is soon given LEAST_RAISED_MS instead.
"""
MARGIN = 1.25
"""What is set beyond the measured need: passes differ a little, and QEMU's own figure is of 100 ms only."""
LEAST_STEP = 1.1
"""The limit is raised by at least a tenth: each step costs a window of passes."""
NEAR = 2.0
"""A need up to this many times what the user allows is near enough to try with all that is allowed."""
PATIENCE = 10
"""So many passes at a limit that should have done, by the figures, show that it does not."""
PATIENCE_S = 10.0
"""At the user's limit they must also have taken this long: nothing comes after it but the last resort."""


@dataclass(frozen=True, slots=True)
class RaiseDowntime:
    """Let the guest stand still for up to `to_ms`."""

    to_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class StartPostcopy:
    """Switch over now, and fetch the rest of the memory afterwards."""

    reason: str


@dataclass(frozen=True, slots=True)
class PauseGuest:
    """Pause the guest, so that nothing is written any more."""

    reason: str


@dataclass(frozen=True, slots=True)
class Abort:
    """Give the transfer up; the guest runs on where it is."""

    reason: str


@dataclass(frozen=True, slots=True)
class Say:
    """Nothing is done, but the user should know."""

    reason: str


Decision = RaiseDowntime | StartPostcopy | PauseGuest | Abort | Say


@dataclass(frozen=True, slots=True)
class PolicyState:
    """What the policy remembers of one transfer. Made by `begin`, opaque to callers but for `limit_ms`."""

    max_downtime_ms: int
    last_resort: LastResort
    can_postcopy: bool
    limit_ms: int
    """The downtime limit that is to be in force: to be set before the transfer starts."""
    passes: Passes = field(default_factory=Passes)
    since: int = 0
    """The pass in which the limit was last changed: only later ones tell whether it does. 0 before the first."""
    since_s: float = 0.0
    """When that was."""
    throttle_percent: int = 0
    hopeless: bool = False
    """The user has been told that it will not converge."""
    ended: bool = False
    """The last resort has been taken, or there is nothing to steer."""


def begin(request: MoveRequest, *, can_postcopy: bool) -> PolicyState:
    """For a transfer that starts, or one that is found running. `can_postcopy`: it was prepared for post-copy."""
    return PolicyState(
        max_downtime_ms=request.max_downtime_ms,
        last_resort=request.last_resort,
        can_postcopy=can_postcopy,
        limit_ms=min(FIRST_DOWNTIME_MS, request.max_downtime_ms),
        ended=request.mode is not MoveMode.LIVE,
    )


def with_limit(state: PolicyState, max_downtime_ms: int) -> PolicyState:
    """The user allows another longest stop: what was judged by the old one is judged anew.

    A limit in force beyond it is taken back to it; setting it is the caller's.
    """
    return replace(
        state,
        max_downtime_ms=max_downtime_ms,
        limit_ms=min(state.limit_ms, max_downtime_ms),
        hopeless=False,
        since=_newest(state.passes),
        since_s=state.passes.now_s,
    )


def decide(state: PolicyState, sample: MoveProgress) -> tuple[PolicyState, tuple[Decision, ...]]:
    """What to do after one more sample of a transfer that copies or converges; usually nothing.

    Not to be asked after the switch, or once the transfer is being cancelled: a sample does not tell these.
    """
    if state.ended or sample.stage or _storage_phase(sample):
        return state, ()
    in_force = min(sample.downtime_limit_ms or 0, state.max_downtime_ms)
    passes = state.passes.with_sample(sample)
    state = replace(state, passes=passes, limit_ms=max(state.limit_ms, in_force))
    if not state.since and passes.seen:
        state = replace(state, since=1, since_s=passes.now_s)
    state, said = _throttling(state, sample)
    step = _higher_limit(state)
    if step is not None:
        raised = replace(state, limit_ms=step.to_ms, since=_newest(state.passes), since_s=state.passes.now_s)
        return raised, (*said, step)
    state, judged = _judge(state, sample)
    return state, (*said, *judged)


def _storage_phase(sample: MoveProgress) -> bool:
    """Disks are mirrored first; there are no figures of memory then."""
    disks = sample.disk_remaining_bytes
    return sample.disk_total_bytes > 0 and disks > 0 and sample.remaining_bytes <= disks


def _newest(passes: Passes) -> int:
    return passes.seen[-1].number if passes.seen else 0


def _throttling(state: PolicyState, sample: MoveProgress) -> tuple[PolicyState, tuple[Say, ...]]:
    """QEMU has begun to slow the guest down, or does so more than before."""
    now = sample.throttle_percent
    if now <= state.throttle_percent:
        return state, ()
    return replace(state, throttle_percent=now), (Say(reasons.throttled(state.throttle_percent, sample)),)


def _higher_limit(state: PolicyState) -> RaiseDowntime | None:
    """The next limit, where a window of passes that do not shrink shows the need for one."""
    if state.limit_ms >= state.max_downtime_ms:
        return None
    window = state.passes.recent(state.since)
    if not window or not state.passes.stuck:
        return _off_the_first(state)
    by_need = sorted(window, key=lambda one: one.need_ms)
    least, most = by_need[0], by_need[-1]
    if least.need_ms > NEAR * state.max_downtime_ms:
        return None
    # The least of them should do, as passes come and go; then the most; then it is QEMU that sees it otherwise.
    for one in (least, most):
        if ceil(one.need_ms * MARGIN) > state.limit_ms:
            to_ms = _bounded(one.need_ms * MARGIN, state)
            return RaiseDowntime(to_ms, reasons.raised(state.limit_ms, to_ms, one, state.max_downtime_ms))
    tried = _newest(state.passes) - state.since
    if tried <= PATIENCE:
        return None
    to_ms = _bounded(state.limit_ms * MARGIN, state)
    return RaiseDowntime(to_ms, reasons.tried(state.limit_ms, to_ms, tried))


def _off_the_first(state: PolicyState) -> RaiseDowntime | None:
    """Passes of milliseconds go by unseen, many between two samples: no window is awaited to leave the first limit.

    With LEAST_RAISED_MS the guest would have been switched over already. If each pass was a fifth shorter than the
    one before, it would take fewer than PATIENCE from there down to the first limit.
    """
    to_ms = min(LEAST_RAISED_MS, state.max_downtime_ms)
    tried = state.passes.gone_by_within(to_ms)
    if state.limit_ms >= to_ms or tried <= PATIENCE:
        return None
    return RaiseDowntime(to_ms, reasons.tried(state.limit_ms, to_ms, tried))


def _bounded(wanted_ms: float, state: PolicyState) -> int:
    """A step worth taking, within what the user allows."""
    return min(ceil(max(wanted_ms, state.limit_ms * LEAST_STEP, LEAST_RAISED_MS)), state.max_downtime_ms)


def _will_not(state: PolicyState) -> bool:
    """The user's limit cannot be met, and more passes will not change it."""
    passes = state.passes
    window = passes.recent(state.since)
    if not window or not passes.stuck:
        return passes.keep_up and passes.seen[-1].need_ms > state.max_downtime_ms
    if min(one.need_ms for one in window) > state.max_downtime_ms:
        return True
    tried = _newest(passes) - state.since > PATIENCE and passes.now_s - state.since_s > PATIENCE_S
    return tried and state.limit_ms >= state.max_downtime_ms


def _will_again(state: PolicyState) -> bool:
    """What was hopeless has become better."""
    window = state.passes.recent(state.since)
    if not window:
        return False
    fits = max(one.need_ms for one in window) <= state.max_downtime_ms
    return (fits or state.passes.shrink_clearly) and not _will_not(state)


def _judge(state: PolicyState, sample: MoveProgress) -> tuple[PolicyState, tuple[Decision, ...]]:
    """The last resort, or a word about it; each only when the judgement changes."""
    if state.hopeless:
        if not _will_again(state):
            return state, ()
        better = Say(reasons.converging_again(state.passes.seen[-1], state.max_downtime_ms))
        return replace(state, hopeless=False), (better,)
    if not _will_not(state):
        return state, ()
    told = replace(state, hopeless=True)
    newest = state.passes.seen[-1]
    if newest.need_ms > state.max_downtime_ms:
        why = reasons.hopeless(newest, state.max_downtime_ms)
    else:
        why = reasons.never_short(newest.number - state.since, state.max_downtime_ms)
    match state.last_resort:
        case LastResort.POSTCOPY if state.can_postcopy:
            return replace(told, ended=True), (StartPostcopy(reasons.postcopy(why)),)
        case LastResort.PAUSE:
            return replace(told, ended=True), (PauseGuest(reasons.pause(why, sample)),)
        case LastResort.ABORT:
            return replace(told, ended=True), (Abort(reasons.abort(why)),)
        case _:
            return told, (Say(reasons.keeps_trying(why, state.last_resort)),)
