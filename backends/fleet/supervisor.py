"""Keeps one host connected for as long as the program runs, whatever happens to it."""

from __future__ import annotations

import asyncio
import logging
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from backends.errors import DeadlineError, FerryError, HostKeyError, LinkError, LoginError
from backends.fleet import rates
from backends.fleet.inventory import Inventory
from backends.fleet.mailbox import Board
from backends.fleet.session import Session, open_session
from backends.hypervisor.statistics import Counters, read_counters
from backends.model.counters import HostCounters
from backends.model.fleet import LinkChanged, Sampled
from backends.model.guest import GuestKey, GuestSample
from backends.model.host import HostLoad, HostName, HostSpec, Link, LinkStatus
from backends.model.question import Asker

_log = logging.getLogger(__name__)

SAMPLE_INTERVAL_S = 2.0
LIBVIRT_RETRY_S = 8.0
"""How often a host whose SSH answers is asked for its libvirt again."""
BACKOFF_FIRST_S = 1.0
BACKOFF_MAX_S = 20.0


class Supervisor:
    """One host's. Runs until it is cancelled; trouble of the host becomes state of the host."""

    def __init__(self, spec: HostSpec, board: Board, ask: Asker | None, folder: Path) -> None:
        self.spec = spec
        self.session: Session | None = None
        self._board = board
        self._ask = ask
        self._folder = folder
        self._epoch = 0
        self._failures = 0
        self._heard_once = False
        self._inventory: Inventory | None = None
        self._retry = asyncio.Event()

    @property
    def name(self) -> HostName:
        """The host's name."""
        return self.spec.name

    def current(self) -> Session:
        """The session of now. Raises LinkError when the host is not connected."""
        if self.session is None:
            status = self._board.state.hosts[self.name].link
            raise LinkError(status.reason or "not connected", host=self.name, hint=status.hint)
        return self.session

    def mark(self, *keys: GuestKey) -> None:
        """Have these guests read again: something was done to them that libvirt sends no event for."""
        if self._inventory is not None:
            self._inventory.mark(keys)

    def retry_now(self) -> None:
        """Do not wait for the next attempt."""
        self._retry.set()

    async def run(self, begin_after_s: float = 0.0) -> None:
        """Connect, serve, and again."""
        await asyncio.sleep(begin_after_s)
        while True:
            self._epoch += 1
            self._retry.clear()
            try:
                await self._connect_and_serve()
            except FerryError as error:
                await self._wait_after(error)

    async def _connect_and_serve(self) -> None:
        """One session, from the login to its end, which is always a FerryError."""
        reason: BaseExceptionGroup[FerryError] | None = None
        inventory = Inventory(self.name, self._epoch, self._board)
        folder = self._folder / str(self._epoch)
        folder.mkdir(mode=0o700)
        try:
            async with open_session(
                self.spec, ask=self._ask, listener=inventory.listener, folder=folder
            ) as session:
                self.session, self._inventory = session, inventory
                try:
                    async with asyncio.TaskGroup() as group:
                        group.create_task(self._watch_link(session))
                        group.create_task(self._serve(session, inventory))
                finally:
                    self.session = self._inventory = None
        except* FerryError as errors:
            reason = errors
        if reason is not None:
            raise _first(reason)

    async def _watch_link(self, session: Session) -> None:
        raise await session.lost()

    async def _serve(self, session: Session, inventory: Inventory) -> None:
        if not session.connections:
            await self._serve_without_libvirt(session)
            return
        await inventory.take_snapshot(session)
        self._failures = 0
        self._heard_once = True
        self._say(Link.UP, session.trouble, session.hint)
        async with asyncio.TaskGroup() as group:
            group.create_task(inventory.follow(session))
            group.create_task(inventory.fill_definitions(session))
            group.create_task(self._sample(session, inventory))

    async def _sample(self, session: Session, inventory: Inventory) -> None:
        before: dict[str, Counters] = {}
        load: HostLoad | None = None
        while True:
            samples: dict[GuestKey, GuestSample] = {}
            for driver, connection in session.connections.items():
                counters = await read_counters(connection)
                inventory.compare(driver, counters)
                old = before.get(driver)
                if driver == next(iter(session.connections)):
                    load = rates.host_load(old.host if old else None, counters.host, load)
                for uuid, sample in rates.guest_samples(old, counters).items():
                    samples[GuestKey(self.name, driver, uuid)] = sample
                before[driver] = counters
            self._publish_sample(load, samples)
            await asyncio.sleep(SAMPLE_INTERVAL_S)

    async def _serve_without_libvirt(self, session: Session) -> None:
        """SSH answers and libvirt does not: show the load, and look for libvirt again after a while."""
        assert session.shell is not None
        self._say(Link.DEGRADED, session.trouble, session.hint)
        old: HostCounters | None = None
        load: HostLoad | None = None
        end = asyncio.get_running_loop().time() + LIBVIRT_RETRY_S
        while asyncio.get_running_loop().time() < end and not self._retry.is_set():
            new = await session.shell.host_counters()
            load = rates.host_load(old, new, load)
            old = new
            self._publish_sample(load, {})
            await asyncio.sleep(SAMPLE_INTERVAL_S)
        raise LinkError(session.trouble, host=self.name, hint=session.hint)

    def _publish_sample(self, load: HostLoad | None, samples: dict[GuestKey, GuestSample]) -> None:
        epoch = self._board.state.hosts[self.name].epoch
        self._board.publish(Sampled(self.name, epoch, load, samples, datetime.now(UTC)))

    async def _wait_after(self, error: FerryError) -> None:
        self._failures += 1
        silent = isinstance(error, DeadlineError)
        lost_just_now = self._heard_once and self._failures == 1
        delay = 0.0 if lost_just_now else self._backoff()
        link = Link.STALE if self._heard_once and (silent or lost_just_now) else Link.DOWN
        if isinstance(error, (HostKeyError, LoginError)):
            delay = max(delay, BACKOFF_MAX_S)  # only a person can mend it; do not fill the host's log
        self._say(link, error.cause, error.hint, retry_in_s=delay)
        try:
            async with asyncio.timeout(delay):
                await self._retry.wait()
        except TimeoutError:
            return

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


def _first(group: BaseExceptionGroup[FerryError]) -> FerryError:
    """The first leaf of a group: what came after it is its consequence."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
