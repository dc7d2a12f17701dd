"""A small simulator of QEMU's pre-copy, to run the policy end to end over many guests.

Its rules are QEMU's, as its migration.c and ram.c have them:
- a pass sends what the last look at the dirty pages found; when nearly all is sent QEMU looks again, and switches over
  if what it finds fits into bandwidth x downtime limit (migration_iteration_run, ram_state_pending_exact);
- the bandwidth is that of the last 100 ms, and the expected downtime is what the last look found over that bandwidth
  (migration_update_counters); until a dirty rate was measured it is the limit that the transfer began with;
- the dirty rate is measured at looks that are more than a second apart (migration_bitmap_sync).
What a guest writes is a matter of two figures, its rate and its working set, and of the order: walking through the set
it meets no page twice until it has been round, at random it does so ever more often.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random

from backends.hypervisor.jobs import JobStatistics
from backends.migration.convergence import policy
from backends.migration.convergence.policy import Decision, PolicyState, RaiseDowntime, Say
from backends.migration.convergence.progress import extended, from_statistics
from backends.model.guest import GuestKey
from backends.model.host import HostName
from backends.model.move import LastResort, MoveProgress, MoveRequest

MIB = 2**20
PAGE = 4096
LOOK_S = 0.003
"""What a look at the dirty pages and the turn to a new pass take."""
WINDOW_S = 0.1
"""QEMU's BUFFER_DELAY."""


@dataclass(frozen=True)
class Guest:
    memory: int
    writes_s: float
    """Bytes a second, if it met no page twice."""
    working_set: int
    at_random: bool = False

    def dirtied(self, seconds: float) -> float:
        """Bytes of different pages that it writes in so long."""
        written = self.writes_s * seconds
        if not self.at_random:
            return min(written, self.working_set)
        return self.working_set * (1 - math.exp(-written / self.working_set))


@dataclass(frozen=True)
class Link:
    bandwidth: float
    jitter: float = 0.0
    """The bandwidth of each 100 ms differs by up to this share."""


def request(last_resort: LastResort = LastResort.KEEP_TRYING, max_downtime_ms: int = 500) -> MoveRequest:
    key = GuestKey(HostName("h1"), "qemu", "00000000-0000-0000-0000-000000000001")
    return MoveRequest(key, "web", HostName("h2"), last_resort=last_resort, max_downtime_ms=max_downtime_ms)


def floor_ms(guest: Guest, link: Link, passes: int) -> float:
    """The least stop that any of so many passes would need, by arithmetic: no policy, no samples."""
    seconds = guest.memory / link.bandwidth
    least = math.inf
    for _ in range(passes):
        seconds = guest.dirtied(seconds + LOOK_S) / link.bandwidth
        least = min(least, seconds)
    return least * 1000


@dataclass
class Transfer:
    """A running transfer: `until` lets time pass, `statistics` is what libvirt would say of it."""

    guest: Guest
    link: Link
    limit_ms: int
    random: Random
    now_s: float = 0.0
    iteration: int = 1
    switched_ms: float | None = None
    """How long the guest stood still for its memory, once it has been switched over."""
    left: float = 0.0
    sent: float = 0.0
    pass_began_s: float = 0.0
    last_look: float = 0.0
    bandwidth: float = 0.0
    window_ends_s: float = 0.0
    expected_ms: int = 0
    rate_pages_s: int = 0
    rate_from_s: float = 0.0
    dirtied_since: float = 0.0

    def __post_init__(self) -> None:
        self.left = float(self.guest.memory)
        self.expected_ms = self.limit_ms
        self._new_window()

    def until(self, end_s: float) -> None:
        while self.now_s < end_s and self.switched_ms is None:
            done_s = self.now_s + self.left / self.bandwidth
            now_s = min(end_s, done_s, self.window_ends_s)
            moved = min(self.left, (now_s - self.now_s) * self.bandwidth)
            self.sent, self.left, self.now_s = self.sent + moved, self.left - moved, now_s
            if self.now_s >= self.window_ends_s:
                self._new_window()
            if self.left < 1:
                self._look()

    def _new_window(self) -> None:
        self.window_ends_s = self.now_s + WINDOW_S
        self.bandwidth = self.link.bandwidth * (1 + self.link.jitter * self.random.uniform(-1, 1))
        if self.rate_pages_s:
            self.expected_ms = int(self.last_look / self.bandwidth * 1000)

    def _look(self) -> None:
        self.now_s += LOOK_S
        found = self.guest.dirtied(self.now_s - self.pass_began_s)
        self.pass_began_s, self.last_look, self.left = self.now_s, found, found
        self.dirtied_since += found
        self.iteration += 1
        if self.now_s - self.rate_from_s > 1:
            self.rate_pages_s = int(self.dirtied_since / PAGE / (self.now_s - self.rate_from_s))
            self.rate_from_s, self.dirtied_since = self.now_s, 0.0
        if found <= self.bandwidth * self.limit_ms / 1000:
            self.switched_ms = found / self.bandwidth * 1000

    def statistics(self) -> JobStatistics:
        figures = {"total": self.guest.memory, "processed": int(self.sent), "remaining": int(self.left)}
        return JobStatistics(
            running=True,
            operation="migration out",
            elapsed_ms=int(self.now_s * 1000),
            downtime_ms=self.expected_ms,
            memory_bps=int(self.bandwidth),
            memory_iteration=self.iteration,
            memory_dirty_pages_s=self.rate_pages_s,
            page_size=PAGE,
            throttle_percent=0,
            **figures,
            **{f"memory_{name}": value for name, value in figures.items()},
        )


@dataclass
class Run:
    """How it went."""

    state: PolicyState
    transfer: Transfer
    samples: list[MoveProgress] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    @property
    def last_resorts(self) -> list[Decision]:
        return [one for one in self.decisions if not isinstance(one, RaiseDowntime | Say)]

    @property
    def limit_ms(self) -> int:
        return self.transfer.limit_ms

    @property
    def switched(self) -> bool:
        return self.transfer.switched_ms is not None


def run(
    guest: Guest,
    link: Link,
    asked: MoveRequest,
    *,
    every_s: float,
    most_s: float,
    seed: int = 0,
    later: tuple[float, Link] | None = None,
) -> Run:
    """Move the guest with the policy at the knob, until it is switched over, the last resort, or `most_s`.

    `later`: from this second on it is another link, as when the user turns the bandwidth's knob.
    """
    state = policy.begin(asked, can_postcopy=asked.wants_postcopy)
    transfer = Transfer(guest, link, state.limit_ms, Random(seed))  # noqa: S311 - no secret
    done = Run(state, transfer)
    history: tuple[MoveProgress, ...] = ()
    while not done.switched and not done.last_resorts and transfer.now_s < most_s:
        if later is not None and transfer.now_s >= later[0]:
            transfer.link = later[1]
        transfer.until(transfer.now_s + every_s)
        if done.transfer.switched_ms is not None:
            break
        sample = from_statistics(
            transfer.statistics(), history, transfer.limit_ms, max_downtime_ms=asked.max_downtime_ms
        )
        history = extended(history, sample)
        done.samples.append(sample)
        done.state, decisions = policy.decide(done.state, sample)
        done.decisions += decisions
        for one in decisions:
            if isinstance(one, RaiseDowntime):
                transfer.limit_ms = one.to_ms
    return done
