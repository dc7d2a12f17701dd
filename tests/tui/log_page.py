"""How a user comes to a log in mode 4 (a scripted fleet), and what the screen shows of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from backends.errors import FerryError
from backends.model.host import HostName
from tests.tui.crashed import QEMU_LOG, crashed, looking
from tests.tui.programs import Program
from tests.tui.scripted import ScriptedFleet
from tests.tui.scripted_crashes import ScriptedLog
from tui.screens.log_page import LogScreen
from tui.widgets.log_view import LogView

H1 = HostName("h1")


@asynccontextmanager
async def reading(fleet: ScriptedFleet, **how: Any) -> AsyncIterator[Program]:
    """The log of the newest crash."""
    async with looking(fleet, **how) as program:
        await program.sees("stopped by I/O error")
        await program.press("enter")
        await program.sees("PIECES OF EVIDENCE")
        await program.press("enter")
        await program.until(lambda: isinstance(program.app.screen, LogScreen))
        yield program


def with_log(log: ScriptedLog | FerryError, fleet: ScriptedFleet | None = None) -> ScriptedFleet:
    """web-01's log is this one."""
    fleet = crashed(fleet)
    fleet.logs = {QEMU_LOG: log}
    return fleet


def rows(program: Program) -> list[str]:
    """What is in the pane of the log."""
    view = program.widget(LogView)
    top = view.region.y
    return program.text().splitlines()[top : top + view.size.height]


def position(program: Program) -> str:
    """The line below the log."""
    return program.view("#position").text
