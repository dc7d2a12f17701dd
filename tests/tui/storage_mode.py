"""How a user looks at the storage in mode 3 (a scripted fleet), and what the screen shows of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from backends.model.host import HostName
from backends.model.storage import SharingProof, StorageMap
from tests.tui.programs import Program, program_on
from tests.tui.scripted import ScriptedFleet


class SlowStorage(ScriptedFleet):
    """Hosts that take their time to answer what they see, and to prove it."""

    def __init__(self, *hosts: str) -> None:
        super().__init__(*hosts)
        self.may_answer = asyncio.Event()
        self.may_prove = asyncio.Event()

    async def storage(self, hosts: Sequence[HostName] = ()) -> StorageMap:
        """Once the test lets it."""
        self.asked.append(("asking",))
        await self.may_answer.wait()
        return await super().storage(hosts)

    async def prove(self, subject: str, hosts: Sequence[HostName] = ()) -> SharingProof:
        """Once the test lets it."""
        await self.may_prove.wait()
        return await super().prove(subject, hosts)


@asynccontextmanager
async def looking(fleet: ScriptedFleet, **how: Any) -> AsyncIterator[Program]:
    """Mode 3."""
    async with program_on(fleet, **how) as program:
        await program.press("3")
        await program.sees("STORAGE")
        yield program


def rows(program: Program) -> list[str]:
    """The lines of the table, without the words below it."""
    kinds = ("NFS", "iSCSI", "LVM", "local")
    return [line for line in program.text().splitlines()[2:] if line[2:].startswith(kinds)]


def detail(program: Program) -> str:
    """The pane below the table."""
    return program.view("#detail").text
