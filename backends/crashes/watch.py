"""Keeps what is known of crashes on each host: what libvirt tells by itself, and what a look at the host brings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from backends.errors import ActionError
from backends.fleet.mailbox import Board
from backends.fleet.supervisor import Supervisor
from backends.model.crash import HostCrashes
from backends.model.host import HostName


class CrashWatch:
    """Of the whole fleet."""

    def __init__(self, supervisors: Mapping[HostName, Supervisor], board: Board) -> None:
        self._supervisors = supervisors
        self._board = board

    async def look(self, host: Supervisor, since: datetime | None = None) -> HostCrashes:
        """Look anew. Raises FerryError."""
        raise ActionError("not built yet", host=host.name)

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Look at hosts as they come up, and when their logs grow, while the block lasts."""
        yield
