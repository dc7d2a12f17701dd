"""The program on many test hosts, with a line to the benchmark: `python -m tests.bench.crowd_child CONFIG FD`.

It is the program as `tui.launch` opens it, plus a task that reads orders from a file descriptor:

    hush                    no host is sampled any more, so that nothing changes by itself
    cpu HOST NAME SHARE     this guest's CPU is SHARE of a processor now
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from backends.api import load_config, open_fleet
from backends.fleet import supervisor
from backends.fleet.mailbox import Board
from backends.model.fleet import Sampled
from backends.model.guest import GuestSample
from backends.model.host import HostName
from backends.service.fleet import FleetService
from tui.app import FerryApp
from tui.bridge import Bridge
from tui.dialogs.questions import QuestionDesk
from tui.session import Session
from tui.settings import Settings

_NEVER_S = 86_400.0


async def main(config: Path, orders: int) -> None:
    """Until the program is left."""
    desk = QuestionDesk()
    async with open_fleet(load_config(config).specs(), asker=desk) as fleet:
        assert isinstance(fleet, FleetService)
        obeying = asyncio.create_task(_obey(fleet._board, orders))
        await FerryApp(Session(fleet, Bridge(fleet), Settings()), desk).run_async()
        obeying.cancel()


async def _obey(board: Board, orders: int) -> None:
    reader = asyncio.StreamReader()
    pipe = os.fdopen(orders, "rb")
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    while order := (await reader.readline()).decode().split():
        if order[0] == "hush":
            supervisor.SAMPLE_INTERVAL_S = _NEVER_S  # read anew before each pause
        else:
            _, host, name, share = order
            _publish(board, HostName(host), name, float(share))


def _publish(board: Board, host: HostName, name: str, cpu: float) -> None:
    """The way a sample of a real host takes, with one figure in it that differs."""
    view = board.state.hosts[host]
    key = next(key for key, guest in view.guests.items() if guest.name == name)
    samples = {**view.samples, key: replace(view.samples.get(key, GuestSample()), cpu=cpu)}
    board.publish(Sampled(host, view.epoch, view.load, samples, datetime.now(UTC)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
