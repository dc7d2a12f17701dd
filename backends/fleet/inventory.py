"""Keeps one host's guests current while a session lasts: the snapshot, then what events and samples say."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from backends.errors import ActionError
from backends.fleet.mailbox import Board
from backends.fleet.session import Session
from backends.hypervisor.connection import DomainEvent, DomainEventKind, EventListener
from backends.hypervisor.inventory import read_definitions, read_guest, read_guests
from backends.hypervisor.statistics import Counters
from backends.model.fleet import GuestChanged, GuestGone, Snapshot
from backends.model.guest import Guest, GuestKey
from backends.model.host import HostName
from backends.probes import guest_start

_DEFINITIONS_AT_ONCE = 16
"""Definitions are read in groups this large, so that samples and events get their turn in between."""


class Inventory:
    """One host's. All methods run on the event loop's thread."""

    def __init__(self, host: HostName, epoch: int, board: Board) -> None:
        self._host = host
        self._epoch = epoch
        self._board = board
        self._dirty: dict[GuestKey, None] = {}
        self._wake = asyncio.Event()

    def listener(self, driver: str) -> EventListener:
        """What hears the events of one driver."""

        def heard(event: DomainEvent) -> None:
            if event.kind in (DomainEventKind.LIFECYCLE, DomainEventKind.CHANGED):
                self.mark([GuestKey(self._host, driver, event.uuid)])

        return heard

    def mark(self, keys: Iterable[GuestKey]) -> None:
        """These guests are to be read again."""
        self._dirty.update(dict.fromkeys(keys))
        if self._dirty:
            self._wake.set()

    def compare(self, driver: str, counters: Counters) -> None:
        """A sample tells states too: where it differs from what is known, an event was lost."""
        known = {key.uuid: guest for key, guest in self._known().items() if key.driver == driver}
        for uuid in known.keys() | counters.guests.keys():
            seen, guest = counters.guests.get(uuid), known.get(uuid)
            if seen is None or guest is None or seen.state is not guest.state:
                self.mark([GuestKey(self._host, driver, uuid)])

    async def take_snapshot(self, session: Session) -> None:
        """Say all of the host at once. Raises FerryError."""
        facts = await session.facts()
        starts = await guest_start.read(session.shell) if session.shell else {}
        guests = [
            guest
            for driver, connection in session.connections.items()
            for guest in await read_guests(connection, self._host, driver)
        ]
        before = self._known()
        at = datetime.now(UTC)
        self._board.publish(
            Snapshot(
                self._host,
                self._epoch,
                facts,
                tuple(self._dated(g, before.get(g.key), starts.get(g.name)) for g in guests),
                at,
            )
        )

    async def fill_definitions(self, session: Session) -> None:
        """Add what only the definitions tell, a few guests at a time."""
        guests = iter(tuple(self._known().values()))
        while group := tuple(itertools.islice(guests, _DEFINITIONS_AT_ONCE)):
            for driver, connection in session.connections.items():
                mine = [guest for guest in group if guest.key.driver == driver]
                for guest in await read_definitions(connection, mine) if mine else ():
                    self._publish(guest)

    async def follow(self, session: Session) -> None:
        """Read again what was marked, for ever. Raises FerryError when the host falls silent."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            marked, self._dirty = tuple(self._dirty), {}
            for key in marked:
                try:
                    guest = await read_guest(session.connection(key.driver), key)
                except ActionError:
                    continue  # this guest cannot be read now; the next sample marks it again if it matters
                if guest is None:
                    self._board.publish(GuestGone(self._host, self._epoch, key, datetime.now(UTC)))
                else:
                    self._publish(guest)

    def _publish(self, guest: Guest) -> None:
        before = self._known().get(guest.key)
        at = datetime.now(UTC)
        dated = self._dated(guest, before, at if before is None or before.state is not guest.state else None)
        self._board.publish(GuestChanged(self._host, self._epoch, dated, at))

    def _dated(self, guest: Guest, before: Guest | None, since: datetime | None) -> Guest:
        """Keep the time of the last change while the state stays, else take the new one.

        A snapshot knows no definitions: what is known of them stays until they are read again.
        """
        if before is not None and not guest.machine and not guest.disks:
            guest = replace(
                guest, disks=before.disks, nics=before.nics, machine=before.machine, kind=before.kind
            )
        if before is not None and before.state is guest.state and before.since is not None:
            since = before.since
        elif not guest.state.active and before is None:
            since = None  # a pid file left behind says nothing about a guest that is off
        return replace(guest, since=since)

    def _known(self) -> dict[GuestKey, Guest]:
        view = self._board.state.hosts.get(self._host)
        return dict(view.guests) if view else {}
