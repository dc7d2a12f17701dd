"""Keeps one host connected for as long as the program runs, whatever happens to it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path

from backends.errors import ActionError, DeadlineError, FerryError, HostKeyError, LinkError, LoginError
from backends.fleet import rates
from backends.fleet.inventory import Inventory
from backends.fleet.mailbox import Board
from backends.fleet.session import Session, open_session
from backends.fleet.together import first_to_end
from backends.hypervisor.connection import OpeningHangsError
from backends.hypervisor.events import DomainEvent, EventListener
from backends.hypervisor.statistics import Counters, read_counters
from backends.model.counters import HostCounters
from backends.model.fleet import FleetState, LinkChanged, Sampled
from backends.model.guest import GuestKey, GuestSample
from backends.model.host import HostLoad, HostName, HostSpec, Link, LinkStatus
from backends.model.question import Asker

_log = logging.getLogger(__name__)

SAMPLE_INTERVAL_S = 2.0
LIBVIRT_RETRY_S = 8.0
"""How often a host whose SSH answers is asked for its libvirt again."""
BACKOFF_FIRST_S = 1.0
BACKOFF_MAX_S = 20.0
STEADY_S = 10.0
"""A link that held so long is taken up again at once; one that did not is given time."""
REFUSED_RETRY_S = 60.0
MAX_HANGING = 4


class Supervisor:
    """One host's. Runs until it is cancelled; trouble of the host becomes state of the host."""

    def __init__(self, spec: HostSpec, board: Board, ask: Asker | None, folder: Path) -> None:
        self.spec = spec
        self.session: Session | None = None
        self._reached: Session | None = None
        """As `session`, and also while only SSH answers."""
        self.up = asyncio.Event()
        """Set while the host is up: all of its guests have been told."""
        self.reachable = asyncio.Event()
        """Set while `reached` gives a session."""
        self.hear_events: Callable[[GuestKey, DomainEvent], None] | None = None
        """Who else hears what libvirt tells of this host's guests, on the event loop's thread."""
        self._board = board
        self._ask = ask
        self._folder = folder
        self._epoch = 0
        self._failures = 0
        self._heard_once = False
        self._inventory: Inventory | None = None
        self._up_at_s: float | None = None
        """When this session came up (the loop's clock); None while it has not."""
        self._hanging: list[asyncio.Event] = []
        self._retry = asyncio.Event()

    @property
    def name(self) -> HostName:
        """The host's name."""
        return self.spec.name

    @property
    def fleet(self) -> FleetState:
        """The newest picture of all hosts."""
        return self._board.state

    def current(self) -> Session:
        """The session of now. Raises LinkError when the host is not connected."""
        if self.session is None:
            status = self._board.state.hosts[self.name].link
            raise LinkError(status.reason or "not connected", host=self.name, hint=status.hint)
        return self.session

    def reached(self) -> Session:
        """The session of now, also of a host whose libvirt does not answer. Raises LinkError when nothing does."""
        return self._reached if self._reached is not None else self.current()

    def mark(self, *keys: GuestKey) -> None:
        """Have these guests read again: something was done to them that libvirt sends no event for."""
        if self._inventory is not None:
            self._inventory.mark(keys)

    async def described(self) -> None:
        """Wait until what definitions tell of the guests (their disks) is known, or until the session ends."""
        if self._inventory is not None:
            await self._inventory.described.wait()

    def retry_now(self) -> None:
        """Do not wait for the next attempt."""
        self._retry.set()

    async def run(self, begin_after_s: float = 0.0) -> None:
        """Connect, serve, and again."""
        await asyncio.sleep(begin_after_s)
        while True:
            self._epoch += 1
            self._retry.clear()
            self._up_at_s = None
            await self._let_hanging_attempts_end()
            try:
                await self._connect_and_serve()
            except FerryError as error:
                await self._wait_after(error)

    async def _connect_and_serve(self) -> None:
        """One session, from the login to its end, which is always a FerryError."""
        inventory = Inventory(self.name, self._epoch, self._board)
        folder = self._folder / str(self._epoch)
        async with open_session(
            self.spec, ask=self._ask, listener=lambda driver: self._listener(inventory, driver), folder=folder
        ) as session:
            self._reached = session
            self.reachable.set()
            try:
                if not session.connections:
                    await first_to_end(_link_lost(session), self._wait_for_libvirt(session))
                self.session, self._inventory = session, inventory
                await first_to_end(_link_lost(session), self._serve(session, inventory))
            finally:
                self.session = self._reached = self._inventory = None
                self.up.clear()
                self.reachable.clear()
                inventory.described.set()

    def _listener(self, inventory: Inventory, driver: str) -> EventListener:
        """The inventory first: whoever else hears of an event finds the guest marked."""
        heard_by_inventory = inventory.listener(driver)

        def heard(event: DomainEvent) -> None:
            heard_by_inventory(event)
            if self.hear_events is not None:
                self.hear_events(GuestKey(self.name, driver, event.uuid), event)

        return heard

    async def _serve(self, session: Session, inventory: Inventory) -> None:
        await inventory.take_snapshot(session)
        self._heard_once = True
        self._up_at_s = asyncio.get_running_loop().time()
        self._say(Link.UP, session.trouble, session.hint)
        self.up.set()
        await first_to_end(
            inventory.follow(session),
            self._sample(session, inventory),
            _then_wait(inventory.fill_definitions(session)),
        )

    async def _sample(self, session: Session, inventory: Inventory) -> None:
        before: dict[str, Counters] = {}
        load: HostLoad | None = None
        while True:
            samples: dict[GuestKey, GuestSample] = {}
            for driver, connection in session.connections.items():
                try:
                    counters = await read_counters(connection)
                except ActionError as error:  # this driver has no figures now; the host answers all the same
                    _log.info("%s", error)
                    continue
                inventory.compare(driver, counters)
                old = before.get(driver)
                if driver == next(iter(session.connections)):
                    load = rates.host_load(old.host if old else None, counters.host, load)
                for uuid, sample in rates.guest_samples(old, counters).items():
                    samples[GuestKey(self.name, driver, uuid)] = sample
                before[driver] = counters
            self._publish_sample(load, samples)
            await asyncio.sleep(SAMPLE_INTERVAL_S)

    async def _wait_for_libvirt(self, session: Session) -> None:
        """SSH answers and libvirt does not: show the load, and look for libvirt until it is there."""
        assert session.shell is not None
        old: HostCounters | None = None
        load: HostLoad | None = None
        looked_s = asyncio.get_running_loop().time()
        while not session.connections:
            self._say(Link.DEGRADED, session.trouble, session.hint)
            new = await session.shell.host_counters()
            load = rates.host_load(old, new, load)
            old = new
            self._publish_sample(load, {})
            await asyncio.sleep(SAMPLE_INTERVAL_S)
            if asyncio.get_running_loop().time() - looked_s >= LIBVIRT_RETRY_S:
                await session.find_libvirt()
                looked_s = asyncio.get_running_loop().time()

    def _publish_sample(self, load: HostLoad | None, samples: dict[GuestKey, GuestSample]) -> None:
        epoch = self._board.state.hosts[self.name].epoch
        self._board.publish(Sampled(self.name, epoch, load, samples, datetime.now(UTC)))

    async def _wait_after(self, error: FerryError) -> None:
        """Say why, then wait: not at all after a good time, for a person where only a person can mend it."""
        if isinstance(error, OpeningHangsError):
            self._hanging.append(error.gone)
        was_up = self._up_at_s is not None
        steady = self._up_at_s is not None and asyncio.get_running_loop().time() - self._up_at_s >= STEADY_S
        self._failures = 1 if steady else self._failures + 1
        delay_s: float | None = 0.0 if steady else self._backoff()
        if isinstance(error, (HostKeyError, LoginError)):
            # a user who said no is not asked again by itself; and knocking on fills the host's log
            delay_s = REFUSED_RETRY_S if self._ask is None else None
        silent = self._heard_once and (was_up or isinstance(error, DeadlineError))
        self._say(Link.STALE if silent else Link.DOWN, error.cause, error.hint, retry_in_s=delay_s)
        try:
            async with asyncio.timeout(delay_s):
                await self._retry.wait()
        except TimeoutError:
            return

    async def _let_hanging_attempts_end(self) -> None:
        """An attempt to open that hangs holds a thread until it returns: they must not pile up."""
        while len(self._hanging) >= MAX_HANGING:
            waits = [asyncio.ensure_future(gone.wait()) for gone in self._hanging]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
            self._hanging = [gone for gone in self._hanging if not gone.is_set()]

    def _backoff(self) -> float:
        """Doubling, with jitter so that a fleet does not knock all at once (not for secrecy)."""
        ceiling = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(self._failures - 1, 10))
        return float(ceiling) * random.uniform(0.75, 1.0)  # noqa: S311

    def _say(self, link: Link, reason: str = "", hint: str = "", *, retry_in_s: float | None = None) -> None:
        now = datetime.now(UTC)
        old = self._board.state.hosts[self.name].link
        since = old.since if old.link is link else now
        if old.link is not link or old.reason != reason:
            _log.info("%s is %s%s", self.name, link.value, f": {reason}" if reason else "")
        attempt = None if retry_in_s is None else now + timedelta(seconds=retry_in_s)
        self._board.publish(LinkChanged(self.name, LinkStatus(link, since, reason, hint, attempt)))


async def _link_lost(session: Session) -> None:
    """Raises the reason when the link is lost."""
    raise await session.lost()


async def _then_wait(work: Coroutine[None, None, None]) -> None:
    """Do the work; its end ends nothing else."""
    await work
    await asyncio.Event().wait()
