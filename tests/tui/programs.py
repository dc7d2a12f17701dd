"""The program as tests run it: on a fleet, with conditions to wait for instead of sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from textual.pilot import Pilot
from textual.widget import Widget

from backends.api import Fleet, embedded_hosts, open_fleet
from tui.app import FerryApp
from tui.bridge import Bridge
from tui.dialogs.questions import QuestionDesk
from tui.session import Session
from tui.settings import Settings
from tui.widgets.lines import LineView

DEADLINE_S = 10.0
"""Far more than anything in one process takes, so that only a hang fails by it."""

W = TypeVar("W", bound=Widget)


class Program:
    """One running program, seen and used as a user does."""

    def __init__(self, app: FerryApp, pilot: Pilot[None], desk: QuestionDesk) -> None:
        self.app = app
        self.desk = desk
        self._pilot = pilot

    async def press(self, *keys: str) -> None:
        """Keys, one after another."""
        await self._pilot.press(*keys)

    async def resize(self, width: int, height: int) -> None:
        """Another size of terminal."""
        await self._pilot.resize_terminal(width, height)

    async def until(self, condition: Callable[[], bool], what: str = "") -> None:
        """Wait for a condition. Fails with the screen's text when the deadline passes."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not condition():
                    await self._pilot.pause(0.01)
        except TimeoutError:
            raise AssertionError(f"never so: {what or condition}\n{self.text()}") from None

    async def sees(self, words: str) -> None:
        """Wait until these words are on the screen."""
        await self.until(lambda: words in self.text(), f"sees {words!r}")

    async def no_longer_sees(self, words: str) -> None:
        """Wait until these words are gone."""
        await self.until(lambda: words not in self.text(), f"no longer sees {words!r}")

    def text(self) -> str:
        """The screen in front, as text."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)

    def view(self, selector: str) -> LineView:
        """A pane of lines on the screen in front."""
        return self.app.screen.query_one(selector, LineView)

    def widget(self, kind: type[W]) -> W:
        """The one widget of a kind on the screen in front."""
        return self.app.screen.query_one(kind)


@asynccontextmanager
async def program_on(
    fleet: Fleet, *, size: tuple[int, int] = (120, 36), settings: Settings | None = None
) -> AsyncIterator[Program]:
    """The program on a fleet, in a terminal of `size` (columns, lines)."""
    desk = QuestionDesk()
    app = FerryApp(Session(fleet, Bridge(fleet), settings or Settings()), desk)
    async with app.run_test(size=size, notifications=True) as pilot:
        yield Program(app, pilot, desk)


@asynccontextmanager
async def embedded_program(
    *, size: tuple[int, int] = (120, 36), settings: Settings | None = None
) -> AsyncIterator[Program]:
    """The program on libvirt's in-process test hosts, once their guests are there."""
    async with (
        embedded_hosts() as specs,
        open_fleet(specs) as fleet,
        program_on(fleet, size=size, settings=settings) as program,
    ):
        await program.sees("GUESTS  24")
        yield program
