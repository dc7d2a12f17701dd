"""What is known of one host's crashes: events, looks that fail, clocks that are set, many guests that end together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import cast

import pytest

from backends.crashes import host_watch
from backends.crashes.host_watch import HostWatch
from backends.crashes.survey import Look
from backends.errors import LinkError
from backends.fleet.mailbox import Board
from backends.fleet.session import Session
from backends.fleet.supervisor import Supervisor
from backends.hypervisor.events import CrashTold, DomainEvent, DomainEventKind
from backends.model.crash import CrashKind, Evidence, HostCrashes, Source
from backends.model.fleet import FleetState, HostView
from backends.model.guest import Guest, GuestKey, GuestState
from backends.model.host import HostName, HostSpec, Link, LinkStatus, Reach
from backends.probes.crashes.sighting import Sighting

H1 = HostName("h1")
ENDED = CrashTold(CrashKind.ENDED, "stopped (failed)")


class Supervised:
    """A host that is there, or not."""

    name = H1

    def __init__(self) -> None:
        self.up, self.reachable = asyncio.Event(), asyncio.Event()
        self.gone = asyncio.Event()
        self.hear_events: Callable[[GuestKey, DomainEvent], None] | None = None
        self.shell = None

    async def described(self) -> None:
        """At once."""

    def reached(self) -> Supervised:
        """This is the session, too."""
        return self

    current = reached

    async def lost(self) -> LinkError:
        await self.gone.wait()
        self.up.clear()
        return LinkError("gone")


class Looks:
    """In the place of `look_at`."""

    def __init__(self) -> None:
        self.since_s: list[float] = []
        self.at_s: list[float] = []
        self.answers: Callable[[], Look] = Look

    async def __call__(
        self, session: Session, guests: Iterable[Guest], *, since_s: float, only_logs: bool
    ) -> Look:
        del session, guests, only_logs
        self.since_s.append(since_s)
        self.at_s.append(time.monotonic())
        return self.answers()

    def fail(self) -> Look:
        raise LinkError("no shell for this account")


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    """Without pauses worth speaking of."""
    made = Looks()
    monkeypatch.setattr(host_watch, "look_at", made)
    for name in ("SETTLE_S", "GAP_S", "RETRY_S"):
        monkeypatch.setattr(host_watch, name, 0.01)
    return made


def guest(name: str, state: GuestState = GuestState.RUNNING, reason: str = "") -> Guest:
    return Guest(GuestKey(H1, "qemu", f"uuid-of-{name}"), name, state, reason, 1, 1 << 30)


@asynccontextmanager
async def watched(*guests: Guest) -> AsyncIterator[tuple[HostWatch, Supervised, Board]]:
    """While the block lasts."""
    up = LinkStatus(Link.UP, datetime.now(UTC))
    view = HostView(HostSpec(H1, Reach.URI, "x"), up, guests={each.key: each for each in guests})
    board, supervisor = Board(FleetState(hosts={H1: view})), Supervised()
    watch = HostWatch(cast(Supervisor, supervisor), board)
    tasks = [asyncio.ensure_future(each) for each in (watch.look_when_stirred(), watch.look_where_ill())]
    try:
        yield watch, supervisor, board
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def dies(supervisor: Supervised, of: Guest, told: CrashTold = ENDED) -> None:
    assert supervisor.hear_events
    supervisor.hear_events(of.key, DomainEvent(of.key.uuid, DomainEventKind.LIFECYCLE, crash=told))


def in_log(name: str, at_s: float) -> Sighting:
    path = f"/var/log/libvirt/qemu/{name}.log"
    evidence = Evidence(Source.QEMU_LOG, path, ("shutting down, reason=crashed",), path=path, offset=9)
    return Sighting(CrashKind.ENDED, evidence, at_s, guest=name)


async def known(board: Board, holds: Callable[[HostCrashes], bool]) -> HostCrashes:
    async with asyncio.timeout(10):
        async for changes in board.watch():
            crashes = changes.state.hosts[H1].crashes
            if crashes is not None and holds(crashes):
                return crashes
    raise AssertionError("the board has no end")


@pytest.mark.parametrize("ahead_s", [0.0, 3600.0, -86400.0, 9.4e10])
async def test_an_event_and_the_log_are_one_crash_also_where_the_clock_was_not_known_before(
    looks: Looks, ahead_s: float
) -> None:
    web = guest("web")
    async with watched(web) as (_, supervisor, board):
        looks.answers = lambda: Look((in_log("web", time.time() + ahead_s),), ahead_s=ahead_s)
        dies(supervisor, web)
        (first,) = (await known(board, lambda crashes: bool(crashes.records))).records
        crashes = await known(board, lambda crashes: len(crashes.records[0].evidence) == 2)

    (record,) = crashes.records
    assert record.id == first.id, "who has it open does not lose it"
    assert record.at is not None
    assert abs((datetime.now(UTC) - record.at).total_seconds()) < 10


async def test_a_host_whose_clock_is_set_back_is_asked_again_for_what_it_has_written_since(
    looks: Looks,
) -> None:
    async with watched(guest("web")) as (watch, _, _board):
        looks.answers = lambda: Look(ahead_s=600.0)
        await watch.look()
        looks.answers = lambda: Look(ahead_s=0.0)
        watch.stir()
        async with asyncio.timeout(5):
            while len(looks.since_s) < 3:  # noqa: ASYNC110 - nobody tells of a look
                await asyncio.sleep(0.01)

    assert looks.since_s[1] > time.time() + 500
    assert looks.since_s[2] < time.time()


async def test_a_look_that_fails_is_tried_again_but_not_for_ever(looks: Looks) -> None:
    web = guest("web")
    async with watched(web) as (_, supervisor, board):
        looks.answers = looks.fail
        dies(supervisor, web)
        await asyncio.sleep(1)
        assert len(looks.since_s) == host_watch.MOST_TRIES
        looks.answers = lambda: Look((in_log("web", time.time()),), ahead_s=0.0)
        supervisor.up.set()  # it comes back
        await known(board, lambda crashes: len(crashes.records[0].evidence) == 2)


async def test_an_account_without_a_shell_is_asked_ever_more_seldom(
    looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_watch, "RETRY_S", 0.05)
    async with watched() as (watch, supervisor, _):
        looks.answers = looks.fail
        supervisor.reachable.set()
        following = asyncio.ensure_future(watch.follow())
        await asyncio.sleep(1.0)
        following.cancel()
        await asyncio.wait([following])

    assert 2 <= len(looks.at_s) <= 6


async def test_a_host_that_comes_back_with_the_same_crashed_guests_is_not_looked_at_again(
    looks: Looks,
) -> None:
    async with watched(guest("web", GuestState.CRASHED, "crashed")) as (_, supervisor, board):
        looks.answers = lambda: Look(ahead_s=0.0)
        supervisor.up.set()
        await known(board, lambda crashes: bool(crashes.records))
        supervisor.gone.set()
        await asyncio.sleep(0.1)
        supervisor.gone.clear()
        assert len(looks.since_s) == 1
        supervisor.up.set()
        await asyncio.sleep(0.1)
        assert len(looks.since_s) == 1, "of this one everything is known"


async def test_hundreds_of_guests_that_end_together_are_one_look_and_do_not_hold_up_the_screen(
    looks: Looks,
) -> None:
    guests = [guest(f"vm-{number}") for number in range(300)]
    longest_s = 0.0

    async def pulse() -> None:
        nonlocal longest_s
        while True:
            began_s = time.process_time()
            await asyncio.sleep(0)
            longest_s = max(longest_s, time.process_time() - began_s)

    async with watched(*guests) as (_, supervisor, board):
        looks.answers = lambda: Look(tuple(in_log(each.name, time.time()) for each in guests), ahead_s=0.0)
        pulsing = asyncio.ensure_future(pulse())
        for each in guests:
            dies(supervisor, each)
        crashes = await known(
            board, lambda crashes: all(len(record.evidence) == 2 for record in crashes.records)
        )
        pulsing.cancel()

    assert len(crashes.records) == 300
    assert len(looks.since_s) <= 2
    assert longest_s < 0.25
