"""Hosts that can be asked what they can do, and how a user looks at them (a scripted fleet)."""

from __future__ import annotations

import asyncio

from backends.errors import CommandError
from backends.model.capability import HardwareVerdict, HostCapabilities, Support
from backends.model.host import HostName
from tests.tui.capable import capabilities
from tests.tui.programs import Program
from tests.tui.scripted import ScriptedFleet, guest

REFUSED = CommandError("permission denied", host="h3", hint="log in as a user that may read /proc")


class SlowFleet(ScriptedFleet):
    """Hosts that take their time to answer what they can do."""

    def __init__(self, *hosts: str) -> None:
        super().__init__(*hosts)
        self.may_answer = asyncio.Event()

    async def survey(self, host: HostName) -> HostCapabilities:
        """Once the test lets it."""
        await self.may_answer.wait()
        return await super().survey(host)


def able(fleet: ScriptedFleet | None = None) -> ScriptedFleet:
    """h1 is usable, h2 locked by its firmware, h3 does not let itself be asked."""
    fleet = fleet or ScriptedFleet("h1", "h2", "h3")
    fleet.up("h1", guest("h1", "web-01"))
    fleet.up("h2")
    fleet.up("h3")
    fleet.surveys = {
        "h1": capabilities("h1"),
        "h2": capabilities("h2", HardwareVerdict.LOCKED, Support.EMULATED),
        "h3": REFUSED,
    }
    return fleet


async def see_hosts(program: Program) -> None:
    """Mode 2."""
    await program.sees("web-01")
    await program.press("2")
    await program.sees("HOSTS  3")


def row(program: Program, host: str) -> str:
    """A host's line in the table."""
    return next(each for each in program.text().splitlines() if each[2:].startswith(f"{host} "))


def asked(fleet: ScriptedFleet) -> list[object]:
    """The hosts that were surveyed, in their order."""
    return [what[1] for what in fleet.asked if what[0] == "survey"]
