"""The gap of a move as the guest's users see it: its address is asked from here for as long as the move lasts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from backends.errors import FerryError
from backends.fleet.session import Session
from backends.fleet.supervisor import Supervisor
from backends.hypervisor.addresses import AddressSource, read_addresses, read_link_local
from backends.model.guest import GuestKey
from backends.model.move import Gap, MoveRequest
from backends.probes.way_here import our_address
from backends.remote.echo import EchoWatch, first_to_answer
from backends.remote.links import link_with

_log = logging.getLogger(__name__)

FIND_S = 0.4
"""For one of a source's addresses to answer before the next source is asked: a short move takes hardly a second."""
FIRST_ANSWER_S = 5.0
"""For the address that was found, or that the user named: there is no other."""
COME_BACK_S = 1.0
"""For a guest that is silent when its move has ended: the switches on the way learn of its new place by and by."""
MOST_ADDRESSES = 32
"""Of one source, asked at once. A guest that has more has them for its containers."""

_Way = Callable[[Session, GuestKey], Awaitable[Sequence[str]]]
"""To addresses of a guest."""


class GapWatch:
    """Asks the guest during one move. Whatever goes wrong here only means that there is no figure."""

    def __init__(self, request: MoveRequest, source: Supervisor) -> None:
        self.why_not = "no address of the guest is known"
        """Why there will be no figure, for the user; empty while the guest is watched."""
        self._request = request
        self._source = source
        self._echo: EchoWatch | None = None
        self._switched = False

    def switching(self) -> None:
        """The guest is being stopped for the switch. One that never answered before has no gap that could be told."""
        self._switched = True

    async def result(self) -> Gap | None:
        """What was seen until now; None when nothing answered before the guest was stopped.

        Waits up to COME_BACK_S for a guest that does not answer: ask when the move is over.
        """
        if self._echo is None:
            return None
        await self._echo.answers_again(COME_BACK_S)
        return self._echo.gap()

    async def run(self) -> None:
        """Find an address that answers, and ask it until cancelled."""
        try:
            address = self._request.echo_address or await self._find()
            if address:
                await self._watch(address)
        except FerryError as error:
            self.why_not = str(error)
        _log.info("%s: no gap is measured: %s", self._request.name, self.why_not)

    async def _find(self) -> str:
        """The first address that answers; empty where none does. Raises FerryError where this user may not ask."""
        ways: list[_Way] = [partial(_known, source=source) for source in AddressSource]
        for way in (*ways, _neighbours):
            addresses = (await self._told(way))[:MOST_ADDRESSES]
            if found := await first_to_answer(addresses, FIND_S):
                return found
            if addresses and way is not _neighbours:  # those are only guessed
                self.why_not = f"nothing answers an echo to {' or '.join(addresses[:3])}"
        return ""

    async def _told(self, way: _Way) -> Sequence[str]:
        """That a host knows no address, or cannot be asked now, is no error."""
        try:
            return await way(self._source.current(), self._request.guest)
        except FerryError as error:
            _log.debug("%s: no addresses: %s", self._request.name, error)
            return ()

    async def _watch(self, address: str) -> None:
        async with EchoWatch(address) as echo:
            if not await echo.answers(FIRST_ANSWER_S):
                self.why_not = f"nothing answers an echo to {address}"
            elif self._switched:
                self.why_not = f"{address} did not answer before the guest was stopped"
            else:
                self._echo, self.why_not = echo, ""
                await asyncio.Event().wait()


async def _known(session: Session, guest: GuestKey, source: AddressSource) -> Sequence[str]:
    return await read_addresses(session.connection(guest.driver), guest.uuid, source)


async def _neighbours(session: Session, guest: GuestKey) -> Sequence[str]:
    """Where the guest would be on the network over which we have come to its host.

    Guests are often on that network too, and there no two have the same hardware address. On others of this machine's
    networks somebody else might have it.
    """
    link = link_with(await our_address(session.shell)) if session.shell is not None else ""
    if not link:
        return ()
    addresses = await read_link_local(session.connection(guest.driver), guest.uuid)
    return tuple(f"{address}%{link}" for address in addresses)


@asynccontextmanager
async def watch_gap(request: MoveRequest, source: Supervisor) -> AsyncIterator[GapWatch]:
    """Watch a guest while the block lasts: it begins at once, and the watch finds its way beside it.

    Ask for `result()` inside the block, after the move. Raises nothing of its own.
    """
    watch = GapWatch(request, source)
    task = asyncio.ensure_future(watch.run())
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.wait((task,))
        if not task.cancelled():
            task.result()  # run() raises no FerryError: whatever it is belongs into the open
