"""The gap of a move as the guest's users see it: its address is asked from here for as long as the move lasts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from backends.errors import FerryError
from backends.fleet.supervisor import Supervisor
from backends.hypervisor.addresses import AddressSource, read_addresses
from backends.model.move import Gap, MoveRequest
from backends.remote.echo import EchoWatch

_log = logging.getLogger(__name__)

FIRST_ANSWER_S = 0.3
"""For an address to answer before the next one is tried: a short live move takes hardly a second."""
GIVEN_ANSWER_S = 5.0
"""For the address that the user named, as there is no next one."""
COME_BACK_S = 1.0
"""For a guest that is silent when its move has ended: the switches on the way learn of its new place by and by."""
MOST_ADDRESSES = 4
"""Of one source. A guest that has more has them for its containers."""


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
        if self._request.echo_address:
            await self._try((self._request.echo_address,), GIVEN_ANSWER_S)
        else:
            for source in AddressSource:
                await self._try(await self._addresses(source), FIRST_ANSWER_S)
        _log.info("%s: no gap is measured: %s", self._request.name, self.why_not)

    async def _addresses(self, source: AddressSource) -> Sequence[str]:
        """The host is asked anew each time; that it knows none is no error."""
        guest = self._request.guest
        try:
            connection = self._source.current().connection(guest.driver)
            return (await read_addresses(connection, guest.uuid, source))[:MOST_ADDRESSES]
        except FerryError as error:
            _log.debug("%s: no addresses by %s: %s", self._request.name, source.name.lower(), error)
            return ()

    async def _try(self, addresses: Sequence[str], timeout_s: float) -> None:
        """Stays with the first that answers; returns when none does."""
        for address in addresses:
            try:
                async with EchoWatch(address) as echo:
                    if await echo.answers(timeout_s):
                        await self._stay_with(echo)
                    else:
                        self.why_not = f"nothing answers an echo to {address}"
            except FerryError as error:
                self.why_not = str(error)

    async def _stay_with(self, echo: EchoWatch) -> None:
        if self._switched:
            self.why_not = f"{echo.address} did not answer before the guest was stopped"
        else:
            self._echo, self.why_not = echo, ""
        await asyncio.Event().wait()


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
