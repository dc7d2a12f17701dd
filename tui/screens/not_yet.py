"""Mode 4: a place that exists, and says that nothing works there yet."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from tui.actions.action import Place
from tui.actions.registry import bindings_for
from tui.screens.place import PlaceScreen
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, LineView, wrap


class NotYetScreen(PlaceScreen):
    """An honest empty place."""

    HEADING: ClassVar[str]
    WORDS: ClassVar[str]

    def compose(self) -> ComposeResult:
        """Header, words, keys."""
        yield Header()
        yield LineView(self._picture, id="words")
        yield KeyLine()

    def _picture(self, width: int) -> list[Line]:
        words = wrap(self.WORDS, min(76, width - 2), Tone.DIM, indent=" ", first=(Cell(" "),))
        return [(Cell(f" {self.HEADING}", Tone.TITLE),), EMPTY, *words]


class CrashesScreen(NotYetScreen):
    """Mode 4."""

    PLACE = Place.CRASHES
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.CRASHES)
    HEADING = "CRASHES"
    WORDS = (
        "Nothing works here yet. This will be the place for the crash logs and dumps of guests and hosts.\n"
        "Until then crashed guests are counted as alarms in the first line and marked in mode 1."
    )
