"""What each part of the service has at hand: hosts, board, engine, and the journal that hears of every act."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from backends.errors import FerryError, GuestMissingError, JournalError, LinkError
from backends.fleet.mailbox import Board
from backends.fleet.supervisor import Supervisor
from backends.journal.journal import Journal
from backends.migration.engine import Engine
from backends.model.fleet import FleetState, HostView
from backends.model.guest import Guest, GuestKey
from backends.model.host import HostName, HostSpec, Link, LinkStatus
from backends.model.move import MoveId
from backends.model.question import Asker

_DESCRIBED_S = 10.0
"""For the definitions of all guests of a host that has just been reached: ten thousand take a few seconds."""


class Desk:
    """The base of each part."""

    def __init__(
        self, specs: Sequence[HostSpec], ask: Asker | None, folder: Path, journal: Journal | JournalError
    ) -> None:
        connecting = LinkStatus(Link.CONNECTING, datetime.now(UTC))
        self._board = Board(FleetState(hosts={spec.name: HostView(spec, connecting) for spec in specs}))
        self._supervisors: dict[HostName, Supervisor] = {}
        for number, spec in enumerate(specs):
            sockets = folder / str(number)
            sockets.mkdir(mode=0o700)
            self._supervisors[spec.name] = Supervisor(spec, self._board, ask, sockets)
        self._journal = journal
        self._engine = Engine(self._supervisors, self._board, journal)

    @property
    def state(self) -> FleetState:
        """The newest picture."""
        return self._board.state

    @contextmanager
    def _audited(self, act: str, move: MoveId | None = None) -> Iterator[None]:
        """Whatever comes of it goes into the journal."""
        try:
            yield
        except FerryError as error:
            self._engine.note(act, str(error), move)
            raise
        self._engine.note(act, "done", move)

    def _guest(self, key: GuestKey) -> Guest:
        guest = self.state.guest(key)
        if guest is None:
            raise GuestMissingError("no such guest (any more)", host=key.host)
        return guest

    def _chosen(self, hosts: Sequence[HostName]) -> tuple[Supervisor, ...]:
        return tuple(self._supervisor(host) for host in hosts or self._supervisors)

    async def _described(self, supervisors: tuple[Supervisor, ...]) -> tuple[Supervisor, ...]:
        """The same, once the disks of their guests are known: a little later than that they are up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_DESCRIBED_S):
                await asyncio.gather(*(supervisor.described() for supervisor in supervisors))
        return supervisors

    def _supervisor(self, host: HostName) -> Supervisor:
        supervisor = self._supervisors.get(host)
        if supervisor is None:
            raise LinkError("no such host in this fleet", host=host)
        return supervisor
