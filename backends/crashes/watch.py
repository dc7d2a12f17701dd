"""Crashes of the whole fleet: a watch for each host, and whether somebody wants their logs followed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from backends.crashes.host_watch import HostWatch
from backends.fleet.mailbox import Board
from backends.fleet.supervisor import Supervisor
from backends.fleet.together import first_to_end
from backends.model.crash import HostCrashes
from backends.model.host import HostName


class CrashWatch:
    """On the event loop's thread."""

    def __init__(self, supervisors: Mapping[HostName, Supervisor], board: Board) -> None:
        self._hosts = {name: HostWatch(each, board) for name, each in supervisors.items()}
        for host in self._hosts.values():
            host.on_news = self._tell_others
        self._followers = 0
        self._wanted, self._unwanted = asyncio.Event(), asyncio.Event()
        self._unwanted.set()

    async def run(self) -> None:
        """Until it is cancelled. Trouble of a host stays with that host."""
        works = [
            work
            for host in self._hosts.values()
            for work in (host.look_when_stirred(), host.look_where_ill(), self._follow_while_wanted(host))
        ]
        if works:  # the journal alone is read without hosts
            await first_to_end(*works)

    async def _follow_while_wanted(self, host: HostWatch) -> None:
        while True:
            await self._wanted.wait()
            await first_to_end(host.follow(), _until(self._unwanted))

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Hosts are looked at as they come up, and when their logs grow, while the block lasts."""
        self._followers += 1
        self._unwanted.clear()
        self._wanted.set()
        try:
            yield
        finally:
            self._followers -= 1
            if not self._followers:
                self._wanted.clear()
                self._unwanted.set()

    async def look(self, host: HostName, since: datetime | None = None) -> HostCrashes:
        """Look anew. Raises FerryError."""
        return await self._hosts[host].look(since)

    def _tell_others(self, host: HostWatch) -> None:
        for other in self._hosts.values():
            if other is not host:
                other.hear_news(host.name)

    def stir(self, host: HostName) -> None:
        """Something has failed there: look soon."""
        self._hosts[host].stir()


async def _until(event: asyncio.Event) -> None:
    await event.wait()
