"""A move that has ended, as the journal keeps it."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from backends.api import FerryError
from backends.model.fleet import Topic
from backends.model.move import Move
from tui.actions.action import Place
from tui.actions.registry import bindings_for
from tui.bridge import Update
from tui.screens.move_page import MovePage


class PastScreen(MovePage):
    """What the list knows of it is shown at once, its samples when the journal has given them."""

    PLACE = Place.PAST
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.PAST)

    def __init__(self, move: Move) -> None:
        super().__init__()
        self._past = move

    def on_mount(self) -> None:
        """Ask the journal."""
        self.run_worker(self._read())

    async def _read(self) -> None:
        try:
            move = await self.session.fleet.past_move(self._past.id)
        except FerryError as error:
            self._refuse(f"its samples cannot be read: {error}")
            return
        if move:
            self._past = move
            self.draw_move()

    def move(self) -> Move:
        """As far as it is known."""
        return self._past

    def nothing_known(self) -> str:
        """Never: the list has given it."""
        return ""

    def follow(self, update: Update) -> None:
        """Nothing of the past changes but what is left of it."""
        if update.touches(Topic.UNFINISHED):
            self.draw_move()
        super().follow(update)
