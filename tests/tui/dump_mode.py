"""A guest that can be dumped, and the program at the form and at the plan."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from backends.errors import ActionError, LinkError
from backends.model.dump import DumpPlan, DumpProgress, DumpWish
from tests.tui.crashing import dump_plan, dumping
from tests.tui.programs import Program, program_on
from tests.tui.scripted import ScriptedFleet, guest

WEB = guest("h1", "web-01")


class StepByStep(ScriptedFleet):
    """Its dumps go on when the test lets them, and may break off."""

    def __init__(self, *hosts: str) -> None:
        super().__init__(*hosts)
        self.may_go_on = asyncio.Semaphore(0)
        self.may_be_removed = asyncio.Event()
        self.may_be_removed.set()
        self.breaks: ActionError | LinkError | None = None
        self.closed = 0
        self.leaves: ActionError | None = None
        """What the dump that is closed had written cannot be removed."""

    async def dump(self, plan: DumpPlan) -> AsyncGenerator[DumpProgress, None]:
        """A step for each release; who closes it aborts it."""
        self.asked.append(("dump", plan))
        try:
            for progress in self.dumping:
                yield progress
                await self.may_go_on.acquire()
                if self.breaks:
                    raise self.breaks
        except (asyncio.CancelledError, GeneratorExit):
            self.closed += 1
            await self.may_be_removed.wait()
            if self.leaves:
                raise self.leaves from None
            raise


def dumpable(fleet: ScriptedFleet | None = None, **plan: Any) -> ScriptedFleet:
    """web-01 can be dumped."""
    fleet = fleet or ScriptedFleet("h1", "h2")
    fleet.up("h1", WEB)
    made = dump_plan(WEB.key, **plan)
    fleet.dump_plan, fleet.dumping = made, dumping(made)
    return fleet


@asynccontextmanager
async def choosing(fleet: ScriptedFleet, **how: Any) -> AsyncIterator[Program]:
    """The form."""
    async with program_on(fleet, **how) as program:
        await program.sees("web-01")
        await program.press("D")
        await program.sees("dump web-01 on h1")
        yield program


@asynccontextmanager
async def planned(fleet: ScriptedFleet, **how: Any) -> AsyncIterator[Program]:
    """The plan, as the form proposes it."""
    async with choosing(fleet, **how) as program:
        await program.press("enter")
        await program.sees("DUMP  web-01 on h1")
        yield program


def wishes(fleet: ScriptedFleet) -> list[DumpWish]:
    """For what plans were made."""
    return [wish for what, *rest in fleet.asked if what == "plan dump" for wish in rest]  # type: ignore[misc]


def was_dumped(fleet: ScriptedFleet) -> bool:
    """Was anything done?"""
    return any(what[0] == "dump" for what in fleet.asked)
