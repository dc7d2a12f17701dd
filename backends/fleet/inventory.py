"""Keeps one host's guests current while a session lasts: the snapshot, then what events and samples say."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from backends.errors import ActionError
from backends.fleet.mailbox import Board
from backends.fleet.session import Session
from backends.hypervisor import disk_errors
from backends.hypervisor.domain_xml import Definition
from backends.hypervisor.events import DomainEvent, DomainEventKind, EventListener
from backends.hypervisor.inventory import read_definitions, read_guest, read_guests
from backends.hypervisor.statistics import Counters
from backends.model.fleet import GuestGone, GuestsChanged, Snapshot
from backends.model.guest import Guest, GuestKey
from backends.model.host import HostName
from backends.probes import guest_start

_DEFINITIONS_AT_ONCE = 16
"""Definitions are read in groups this large: few enough to be shown soon, many enough to be cheap."""
_STORM = 64
"""So many guests to be read again are read by listing all: a bulk call is cheaper than a call for each."""


class Inventory:
    """One host's. All methods run on the event loop's thread."""

    def __init__(self, host: HostName, epoch: int, board: Board) -> None:
        self._host = host
        self._epoch = epoch
        self._board = board
        self._marked: dict[GuestKey, None] = {}
        self._wake = asyncio.Event()
        self.described = asyncio.Event()
        """Set once the definitions of all guests have been read, or when nobody will read them any more."""

    def listener(self, driver: str) -> EventListener:
        """What hears the events of one driver."""

        def heard(event: DomainEvent) -> None:
            if event.kind in (DomainEventKind.LIFECYCLE, DomainEventKind.CHANGED):
                self.mark([GuestKey(self._host, driver, event.uuid)])

        return heard

    def mark(self, keys: Iterable[GuestKey]) -> None:
        """These guests are to be read again."""
        self._marked.update(dict.fromkeys(keys))
        if self._marked:
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
        guests: list[Guest] = []
        for driver, connection in session.connections.items():
            try:
                listed = await read_guests(connection, self._host, driver)
                guests += await disk_errors.explained(connection, listed)
            except ActionError as error:  # one driver's trouble hides no other's guests
                session.trouble = session.trouble or str(error)
        at = datetime.now(UTC)
        merged = tuple(self._merged(guest, starts.get((guest.key.driver, guest.name))) for guest in guests)
        self._board.publish(Snapshot(self._host, self._epoch, facts, merged, at))

    def _merged(self, guest: Guest, started: datetime | None) -> Guest:
        """A snapshot knows no definitions: what is known of them stays until they are read again."""
        before = self._known().get(guest.key)
        since = (
            started if guest.state.active else None
        )  # a pid file left behind says nothing of a guest that is off
        if before is None:
            return replace(guest, since=since)
        if (
            before.state is guest.state
            and before.since is not None
            and (since is None or since < before.since)
        ):
            since = before.since
        return replace(
            guest,
            since=since,
            disks=before.disks,
            nics=before.nics,
            machine=before.machine,
            console_logs=before.console_logs,
            kind=before.kind or guest.kind,
        )

    async def fill_definitions(self, session: Session) -> None:
        """Add what only the definitions tell, a few guests at a time. Raises FerryError."""
        for driver, connection in session.connections.items():
            uuids = iter([key.uuid for key in self._known() if key.driver == driver])
            while group := tuple(itertools.islice(uuids, _DEFINITIONS_AT_ONCE)):
                self._define(driver, await read_definitions(connection, group))
        self.described.set()

    def _define(self, driver: str, definitions: Mapping[str, Definition]) -> None:
        known = self._known()
        guests = []
        for uuid, definition in definitions.items():
            guest = known.get(GuestKey(self._host, driver, uuid))
            if guest is not None:
                guests.append(
                    replace(
                        guest,
                        disks=definition.disks,
                        nics=definition.nics,
                        machine=definition.machine,
                        console_logs=definition.console_logs,
                        kind=definition.kind,
                    )
                )
        self._publish(guests)

    async def follow(self, session: Session) -> None:
        """Read again what was marked, until cancelled. Raises FerryError when the host falls silent."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            marked, self._marked = tuple(self._marked), {}
            if len(marked) > _STORM:
                await self.take_snapshot(session)
                continue
            changed: list[Guest] = []
            for key in marked:
                connection = session.connection(key.driver)
                try:
                    guest = await read_guest(connection, key)
                except ActionError:
                    continue  # this guest cannot be read now; the next sample marks it again if it matters
                if guest is None:
                    self._board.publish(GuestGone(self._host, self._epoch, key, datetime.now(UTC)))
                else:
                    changed += map(self._dated, await disk_errors.explained(connection, [guest]))
            self._publish(changed)

    def _dated(self, guest: Guest) -> Guest:
        """A change of state that was just noticed happened just now."""
        before = self._known().get(guest.key)
        if before is not None and before.state is guest.state:
            return replace(guest, since=before.since)
        return replace(guest, since=datetime.now(UTC))

    def _publish(self, guests: Iterable[Guest]) -> None:
        self._board.publish(GuestsChanged(self._host, self._epoch, tuple(guests), datetime.now(UTC)))

    def _known(self) -> Mapping[GuestKey, Guest]:
        view = self._board.state.hosts.get(self._host)
        return view.guests if view else {}
