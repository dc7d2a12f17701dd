"""Where pictures are taken: the lab, the fleet on it, the program on that, and terminals of three sizes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from backends.api import Fleet
from backends.lab.lab import Lab
from tests.shots.picture import save
from tests.tui.programs import Program

USUAL, SMALL, LARGE = (100, 30), (80, 24), (200, 50)
"""Columns and lines."""
MOVER = "db-primary"
"""The guest that is moved: busy enough for several passes over its memory."""
SETTLE_S = 0.3
"""After a key or another size, until all is painted."""
MOVE_DEADLINE_S = 120.0


@dataclass(frozen=True)
class Stage:
    """The lab, the fleet on it, and the program on that."""

    lab: Lab
    fleet: Fleet
    program: Program
    tell: Callable[[str], None]

    async def shoot(self, name: str, size: tuple[int, int] = USUAL) -> None:
        """A picture of the screen as it is, in a terminal of this size."""
        await self.program.resize(*size)
        await asyncio.sleep(SETTLE_S)
        png = save(self.program.app, name)
        self.tell(f"{png.name}  {size[0]}x{size[1]}  {png.stat().st_size // 1024} KiB")


async def select(program: Program, name: str) -> None:
    """Put the cursor on a row, as a user does."""
    await program.press("home")
    for _ in range(20):
        if any("▸" in line and name in line for line in program.text().splitlines()):
            return
        await program.press("down")
    raise AssertionError(f"no {name} in\n{program.text()}")
