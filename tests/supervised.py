"""Supervised hosts without an engine above them, for what works on supervisors and the board."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from backends.fleet.mailbox import Board
from backends.fleet.supervisor import Supervisor
from backends.model.fleet import FleetState, HostView
from backends.model.host import HostName, HostSpec, Link, LinkStatus


@dataclass(frozen=True)
class Supervised:
    """The board and the supervisors that write on it."""

    board: Board
    supervisors: dict[HostName, Supervisor]

    async def until(self, holds: Callable[[FleetState], bool], timeout_s: float = 20) -> FleetState:
        """The first state in which it holds."""
        async with asyncio.timeout(timeout_s):
            async for changes in self.board.watch():
                if holds(changes.state):
                    return changes.state
        raise AssertionError("the board has no end")


@asynccontextmanager
async def supervised(specs: Sequence[HostSpec], *, wait: bool = True) -> AsyncIterator[Supervised]:
    """These hosts while the block lasts; `wait`: until all are up."""
    connecting = LinkStatus(Link.CONNECTING, datetime.now(UTC))
    board = Board(FleetState(hosts={spec.name: HostView(spec, connecting) for spec in specs}))
    with tempfile.TemporaryDirectory(prefix="vf-") as folder:
        supervisors = {}
        for number, spec in enumerate(specs):
            sockets = Path(folder) / str(number)
            sockets.mkdir(mode=0o700)
            supervisors[spec.name] = Supervisor(spec, board, None, sockets)
        tasks = [asyncio.ensure_future(supervisor.run()) for supervisor in supervisors.values()]
        hosts = Supervised(board, supervisors)
        try:
            if wait:
                await hosts.until(lambda state: all(view.link.answers for view in state.hosts.values()))
            yield hosts
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
