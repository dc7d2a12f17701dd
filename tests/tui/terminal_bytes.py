"""What an app sends to its terminal: for tests that count bytes or look at the picture they make."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pyte
from textual.app import App
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot

SETTLE_S = 0.1
"""Longer than some frames of Textual (1/60 s), so that everything due has been sent."""


class Wire(HeadlessDriver):
    """A driver that keeps what is written instead of sending it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._written: list[str] = []
        self._taken = 0

    @property
    def is_headless(self) -> bool:
        """Textual sends nothing to drivers that are."""
        return False

    def write(self, data: str) -> None:
        """Keep it."""
        self._written.append(data)

    def take(self) -> bytes:
        """What was written since the last time."""
        fresh = "".join(self._written[self._taken :])
        self._taken = len(self._written)
        return fresh.encode()

    def picture(self, size: tuple[int, int]) -> list[str]:
        """The lines a terminal of `size` (columns, lines) shows after everything written so far."""
        return list(self._terminal(size).display)

    def cells(self, size: tuple[int, int]) -> list[list[tuple[Any, ...]]]:
        """The same, cell by cell with colours and attributes."""
        columns, lines = size
        buffer = self._terminal(size).buffer
        return [[tuple(buffer[y][x]) for x in range(columns)] for y in range(lines)]

    def _terminal(self, size: tuple[int, int]) -> pyte.Screen:
        screen = pyte.Screen(*size)
        screen.set_mode(pyte.modes.LNM)
        pyte.Stream(screen).feed("".join(self._written))
        return screen


@asynccontextmanager
async def on_a_wire(app: App[Any], size: tuple[int, int]) -> AsyncIterator[tuple[Pilot[Any], Wire]]:
    """Run `app` as on a terminal of `size` (columns, lines), with its first picture already sent."""
    app.driver_class = Wire
    async with app.run_test(headless=False, size=size) as pilot:
        await pilot.pause(SETTLE_S)
        wire = app._driver
        assert isinstance(wire, Wire)
        yield pilot, wire
