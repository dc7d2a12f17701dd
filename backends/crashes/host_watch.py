"""What is known of crashes on one host: what libvirt tells, and what looks at the host bring."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Generator, Mapping
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta

from backends.crashes.survey import Look, look_at
from backends.crashes.timeline import Joined, joining, key_of, told_again
from backends.crashes.told_by_libvirt import by_event, by_states, kind_of
from backends.crashes.whose import Whose
from backends.errors import FerryError
from backends.fleet.mailbox import Board
from backends.fleet.supervisor import Supervisor
from backends.hypervisor.events import DomainEvent
from backends.model.crash import HostCrashes, Source
from backends.model.fleet import CrashesChanged, HostView
from backends.model.guest import GuestKey
from backends.probes.crashes.sighting import Sighting
from backends.probes.crashes.stirs import stirs

_log = logging.getLogger(__name__)

LOOK_BACK = timedelta(days=7)
SETTLE_S = 0.3
"""After a sign of something: what has ended writes its last words."""
GAP_S = 1.0
"""Between two looks at one host: with both and the watcher's second, news are there within three."""
RETRY_S = 2.0
MOST_SIGHTINGS = 4000
"""Of one host: some thousand crashes."""
_OVERLAP_S = 3.0
"""A look begins so much before the last one, as times of files are coarse and clocks are set."""
_BEFORE_FIRST_S = 120.0
"""How far a look goes back that follows an event, on a host that nobody has looked at yet."""
_DESCRIBED_S = 5.0
_TOGETHER_S = 0.5
"""Looks that are asked for within so many seconds are one."""
_STEPS_AT_ONCE = 16
_TOLD_ONCE = (Source.EVENT, Source.STATE)
"""A new look does not tell these again, and they have happened all the same."""


class HostWatch:
    """One host's. All methods run on the event loop's thread."""

    def __init__(self, supervisor: Supervisor, board: Board) -> None:
        self._supervisor = supervisor
        self._board = board
        self._sightings: dict[str, Sighting] = {}
        """By key_of."""
        self._ids: Mapping[str, str] = {}
        self._full: Look | None = None
        """The newest look at everything."""
        self._full_at = datetime.now(UTC)
        self._full_began_s = 0.0
        self._since: datetime | None = None
        """So far back a full look has gone."""
        self._ahead_s: float | None = None
        self._looked_s: float | None = None
        """When the newest look began, on the host's clock."""
        self._looking = asyncio.Lock()
        self._joining = asyncio.Lock()
        self._stir = asyncio.Event()
        supervisor.hear_events = self.hear

    # -- what libvirt tells -------------------------------------------------------------------------

    def hear(self, key: GuestKey, event: DomainEvent) -> None:
        """An event of libvirt's: told soon, and looked into."""
        if event.crash is None:
            return
        guest = self._view.guests.get(key)
        at_s = time.time() + (self._ahead_s or 0.0)
        sighting = by_event(key, guest.name if guest else "", event.crash, at_s=at_s)
        self._add(sighting)
        self._stir.set()

    def stir(self) -> None:
        """Something may have happened: look soon."""
        self._stir.set()

    async def look_when_stirred(self) -> None:
        """Until it is cancelled. A host that cannot be looked at now is left alone until the next sign."""
        while True:
            await self._stir.wait()
            self._stir.clear()
            await self._publish()
            await asyncio.sleep(SETTLE_S)
            try:
                await self._look_again()
            except FerryError as error:
                _log.info("%s: not looked for crashes: %s", self._supervisor.name, error)
            await asyncio.sleep(GAP_S)

    async def look_where_ill(self) -> None:
        """Until it is cancelled: a host that comes up with guests that have crashed is looked at once."""
        while True:
            await self._supervisor.up.wait()
            with suppress(FerryError):
                session = self._supervisor.current()
                if any(kind_of(guest) for guest in self._view.guests.values()) and self._full is None:
                    await self.look()
                raise await session.lost()
            await asyncio.sleep(RETRY_S)

    async def follow(self) -> None:
        """Look now, then whenever a log of the host has grown, until it is cancelled."""
        while True:
            await self._supervisor.reachable.wait()
            try:
                session = self._supervisor.reached()
                await self.look()
                if session.shell is None:
                    raise await session.lost()
                async with aclosing(stirs(session.shell)) as signs:
                    async for _ in signs:
                        self._stir.set()
            except FerryError as error:
                _log.info("%s: crashes are not followed: %s", self._supervisor.name, error)
            await asyncio.sleep(RETRY_S)

    # -- looking ------------------------------------------------------------------------------------

    async def look(self, since: datetime | None = None) -> HostCrashes:
        """At everything, at least as far back as the last time. Raises FerryError."""
        asked_s = time.time()
        wanted = since or datetime.now(UTC) - LOOK_BACK
        async with self._looking:
            if not self._is_answered(asked_s, wanted):
                await self._look_at_all(wanted)
        return await self._publish()

    def _is_answered(self, asked_s: float, wanted: datetime) -> bool:
        """Has somebody else asked for as much at the same time?"""
        goes_back = self._since is not None and self._since <= wanted + timedelta(seconds=_TOGETHER_S)
        return goes_back and self._full_began_s >= asked_s - _TOGETHER_S

    async def _look_at_all(self, wanted: datetime) -> None:
        began_s = time.time()
        since = min(wanted, self._since or wanted)
        look = await self._look(since.timestamp() + (self._ahead_s or 0.0), only_logs=False)
        self._sightings = {
            key: each for key, each in self._sightings.items() if each.evidence.source in _TOLD_ONCE
        }
        self._take(look, began_s)
        self._full, self._full_at, self._full_began_s, self._since = look, datetime.now(UTC), began_s, since

    async def _look_again(self) -> None:
        async with self._looking:
            began_s = time.time()
            now_s = began_s + (self._ahead_s or 0.0)
            since_s = now_s - _BEFORE_FIRST_S if self._looked_s is None else self._looked_s - _OVERLAP_S
            self._take(await self._look(since_s, only_logs=True), began_s)
        await self._publish()

    async def _look(self, since_s: float, *, only_logs: bool) -> Look:
        with suppress(TimeoutError):
            async with asyncio.timeout(_DESCRIBED_S):
                await self._supervisor.described()  # definitions tell where consoles are written to
        session = self._supervisor.reached()
        return await look_at(session, self._view.guests.values(), since_s=since_s, only_logs=only_logs)

    def _take(self, look: Look, began_s: float) -> None:
        if look.ahead_s is not None:
            self._ahead_s = look.ahead_s
        self._looked_s = began_s + (self._ahead_s or 0.0)
        for sighting in sorted(look.sightings, key=lambda each: each.at_s or 0.0):
            self._add(sighting)

    def _add(self, sighting: Sighting) -> None:
        """The newest are kept: a guest that crashes again and again must not fill our memory."""
        key = key_of(sighting)
        known = self._sightings.pop(key, None)
        self._sightings[key] = sighting if known is None else told_again(known, sighting)
        if len(self._sightings) > MOST_SIGHTINGS:
            del self._sightings[next(iter(self._sightings))]

    # -- telling ------------------------------------------------------------------------------------

    @property
    def _view(self) -> HostView:
        return self._board.state.hosts[self._supervisor.name]

    async def _publish(self) -> HostCrashes:
        """What is known now; told only if it is news."""
        guests = self._view.guests.values()
        for sighting in by_states(guests, ahead_s=self._ahead_s or 0.0):
            self._add(sighting)
        sightings = tuple(self._sightings.values())
        name = self._supervisor.name
        whose = Whose(guests, sightings)
        async with self._joining:
            joined = await _joined(joining(name, sightings, whose, ahead_s=self._ahead_s, ids=self._ids))
            self._ids = joined.ids
        look = self._full or Look()
        crashes = HostCrashes(
            host=name,
            at=self._full_at,
            since=self._since or self._full_at,
            took_s=look.took_s,
            commands=look.commands,
            clock_ahead_s=self._ahead_s,
            records=joined.records,
            gaps=look.gaps,
            kdump=look.kdump,
        )
        if crashes != self._view.crashes:
            self._board.publish(CrashesChanged(name, crashes))
        return crashes


async def _joined(steps: Generator[None, None, Joined]) -> Joined:
    while True:
        for _ in range(_STEPS_AT_ONCE):
            try:
                next(steps)
            except StopIteration as end:
                joined: Joined = end.value
                return joined
        await asyncio.sleep(0)
