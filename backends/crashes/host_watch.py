"""What is known of crashes on one host: what libvirt tells, and what looks at the host bring."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Generator
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from backends.crashes.elsewhere import is_elsewhere, may_be_elsewhere
from backends.crashes.survey import Look, look_at
from backends.crashes.timeline import Joined, joining, key_of, told_again
from backends.crashes.told_by_libvirt import by_event, by_states, kind_of
from backends.crashes.whose import Whose
from backends.errors import FerryError
from backends.fleet.mailbox import Board
from backends.fleet.supervisor import Supervisor
from backends.hypervisor.events import DomainEvent
from backends.model.crash import CrashKind, CrashRecord, HostCrashes, Source
from backends.model.fleet import CrashesChanged, HostView
from backends.model.guest import GuestKey
from backends.model.host import HostName
from backends.probes.crashes.sighting import Sighting
from backends.probes.crashes.stirs import stirs

_log = logging.getLogger(__name__)

LOOK_BACK = timedelta(days=7)
SETTLE_S = 0.3
"""After a sign of something: what has ended writes its last words."""
GAP_S = 1.0
"""Between two looks at one host: with both and the watcher's second, news are there within three."""
RETRY_S = 2.0
"""Doubled with each failure: it may be an account that can run nothing there."""
MOST_RETRY_S = 60.0
MOST_TRIES = 4
STEADY_S = 30.0
"""What was followed for so long has not failed at once."""
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
        self._ids: dict[str, str] = {}
        self._full: Look | None = None
        """The newest look at everything."""
        self._full_at = datetime.now(UTC)
        self._full_began_s = -_TOGETHER_S
        """By the clock that nobody sets."""
        self._since: datetime | None = None
        """So far back a full look has gone."""
        self._heard_s: dict[str, float] = {}
        """By key_of, when events were heard since the last look, on our clock: only that look tells the host's."""
        self._ahead_s: float | None = None
        self._looked_s: float | None = None
        """When the newest look began, on our clock."""
        self._ill: set[tuple[GuestKey, CrashKind, datetime | None]] = set()
        """Guests whose states have told of a crash when the host came up last."""
        self._records: tuple[CrashRecord, ...] = ()
        """All that this host tells of; also of what other hosts tell better."""
        self.on_news: Callable[[HostWatch], None] = lambda _: None
        """Who hears that other crashes are known."""
        self._failures = 0
        """Looks in a row that a sign has asked for in vain."""
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
        heard_s = time.time()
        at_s = heard_s + (self._ahead_s or 0.0)
        sighting = by_event(key, guest, event.crash, at_s=at_s)
        self._add(sighting)
        self._heard_s[key_of(sighting)] = heard_s
        self._stir.set()

    def stir(self) -> None:
        """Something may have happened: look soon."""
        self._stir.set()

    async def look_when_stirred(self) -> None:
        """Until it is cancelled. A host that cannot be looked at is left alone, after some tries, until the next sign,
        or until it is up."""
        while True:
            await self._stir.wait()
            self._stir.clear()
            await self._publish()
            await asyncio.sleep(SETTLE_S)
            try:
                await self._look_again()
                self._failures = 0
            except FerryError as error:
                _log.info("%s: not looked for crashes: %s", self._supervisor.name, error)
                self._failures += 1
                if self._failures < MOST_TRIES:
                    asyncio.get_running_loop().call_later(_delay_s(self._failures), self._stir.set)
            await asyncio.sleep(GAP_S)

    async def look_where_ill(self) -> None:
        """Until it is cancelled: a host that comes up with guests that have crashed meanwhile is looked at once."""
        while True:
            await self._supervisor.up.wait()
            with suppress(FerryError):
                session = self._supervisor.current()
                await self._look_if_ill()
                raise await session.lost()
            await asyncio.sleep(RETRY_S)

    async def _look_if_ill(self) -> None:
        """Only once for each, also where nothing can be looked at."""
        ill = {
            (key, kind, guest.since)
            for key, guest in self._view.guests.items()
            if (kind := kind_of(guest)) is not None
        }
        known, self._ill = self._ill, ill
        if not ill - known and not self._failures:
            return
        self._failures = 0
        if self._looked_s is not None:
            self.stir()
            return
        try:
            await self.look()
        except FerryError as error:
            _log.info("%s: not looked for crashes: %s", self._supervisor.name, error)

    async def follow(self) -> None:
        """Look now, then whenever a log of the host has grown, until it is cancelled."""
        failures = 0
        while True:
            await self._supervisor.reachable.wait()
            began_s = time.monotonic()
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
            failures = 1 if time.monotonic() - began_s > STEADY_S else failures + 1
            await asyncio.sleep(_delay_s(failures))

    # -- looking ------------------------------------------------------------------------------------

    async def look(self, since: datetime | None = None) -> HostCrashes:
        """At everything, at least as far back as the last time. Raises FerryError."""
        asked_s = time.monotonic()
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
        began_s, clock_s = time.time(), time.monotonic()
        since = min(wanted, self._since or wanted)
        look = await self._look(since.timestamp() + (self._ahead_s or 0.0), only_logs=False)
        self._sightings = {
            key: each for key, each in self._sightings.items() if each.evidence.source in _TOLD_ONCE
        }
        await self._take(look, began_s)
        self._full, self._full_at, self._full_began_s, self._since = look, datetime.now(UTC), clock_s, since

    async def _look_again(self) -> None:
        async with self._looking:
            began_s = time.time()
            before_s = began_s - _BEFORE_FIRST_S if self._looked_s is None else self._looked_s - _OVERLAP_S
            ahead_s = self._ahead_s or 0.0
            look = await self._look(before_s + ahead_s, only_logs=True)
            if look.ahead_s is not None and look.ahead_s < ahead_s - _OVERLAP_S:  # its clock was set back
                look = await self._look(before_s + look.ahead_s, only_logs=True)
            await self._take(look, began_s)
        await self._publish()

    async def _look(self, since_s: float, *, only_logs: bool) -> Look:
        with suppress(TimeoutError):
            async with asyncio.timeout(_DESCRIBED_S):
                await self._supervisor.described()  # definitions tell where consoles are written to
        session = self._supervisor.reached()
        return await look_at(session, self._view.guests.values(), since_s=since_s, only_logs=only_logs)

    async def _take(self, look: Look, began_s: float) -> None:
        async with self._joining:
            if look.ahead_s is not None:
                self._ahead_s = look.ahead_s
                self._time_events(look.ahead_s)
            self._heard_s.clear()
            self._looked_s = began_s
            for sighting in sorted(look.sightings, key=lambda each: each.at_s or 0.0):
                self._add(sighting)

    def _time_events(self, ahead_s: float) -> None:
        """Those that were heard since the last look, by the host's clock as it is known now. Crashes keep their ids."""
        for key, heard_s in tuple(self._heard_s.items()):
            if (sighting := self._sightings.pop(key, None)) is not None:
                timed = replace(sighting, at_s=heard_s + ahead_s)
                self._add(timed)
                if (id_ := self._ids.pop(key, None)) is not None:
                    self._ids[key_of(timed)] = id_

    def _add(self, sighting: Sighting) -> None:
        """The newest are kept: a guest that crashes again and again must not fill our memory."""
        key = key_of(sighting)
        known = self._sightings.pop(key, None)
        self._sightings[key] = sighting if known is None else told_again(known, sighting)
        if len(self._sightings) > MOST_SIGHTINGS:
            oldest = next(iter(self._sightings))
            del self._sightings[oldest]
            self._heard_s.pop(oldest, None)

    # -- telling ------------------------------------------------------------------------------------

    @property
    def name(self) -> HostName:
        """The host's."""
        return self._supervisor.name

    @property
    def _view(self) -> HostView:
        return self._board.state.hosts[self._supervisor.name]

    async def _publish(self) -> HostCrashes:
        """What is known now; told only if it is news."""
        guests = self._view.guests.values()
        for sighting in by_states(guests, ahead_s=self._ahead_s or 0.0):
            self._add(sighting)
        name = self._supervisor.name
        async with self._joining:
            sightings = tuple(self._sightings.values())
            whose = Whose(guests, sightings)
            joined = await _joined(joining(name, sightings, whose, ahead_s=self._ahead_s, ids=self._ids))
            self._ids = dict(joined.ids)
        self._records = joined.records
        look = self._full or Look()
        crashes = HostCrashes(
            host=name,
            at=self._full_at,
            since=self._since or self._full_at,
            took_s=look.took_s,
            commands=look.commands,
            clock_ahead_s=self._ahead_s,
            records=self._told_here(joined.records),
            gaps=look.gaps,
            kdump=look.kdump,
        )
        if crashes != self._view.crashes:
            self._board.publish(CrashesChanged(name, crashes))
            self.on_news(self)
        return crashes

    def _told_here(self, records: tuple[CrashRecord, ...]) -> tuple[CrashRecord, ...]:
        return tuple(record for record in records if not is_elsewhere(record, self._board.state))

    def hear_news(self, other: HostName) -> None:
        """Another host tells of other crashes: is one of ours its own?"""
        crashes, view = self._view.crashes, self._board.state.hosts[other]
        if crashes is not None and any(may_be_elsewhere(record, view) for record in self._records):
            told = replace(crashes, records=self._told_here(self._records))
            if told != crashes:
                self._board.publish(CrashesChanged(self._supervisor.name, told))


def _delay_s(failures: int) -> float:
    """Before the next try."""
    return min(MOST_RETRY_S, RETRY_S * 2.0 ** min(failures - 1, 10))


async def _joined(steps: Generator[None, None, Joined]) -> Joined:
    while True:
        for _ in range(_STEPS_AT_ONCE):
            try:
                next(steps)
            except StopIteration as end:
                joined: Joined = end.value
                return joined
        await asyncio.sleep(0)
