"""One crash record: cause and mend first, then what is known of it, then each piece of evidence."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from backends.model.crash import CrashRecord
from tui.actions.action import Place
from tui.actions.registry import bindings_for
from tui.screens.place import PlaceScreen
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.lines import LineView, ReadView


class CrashPageScreen(PlaceScreen):
    """Follows what is known of the record it was opened with."""

    PLACE = Place.CRASH
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.CRASH)

    def __init__(self, record: CrashRecord) -> None:
        super().__init__()
        self._record = record

    def compose(self) -> ComposeResult:
        """The panes."""
        yield Header()
        yield LineView(id="heading")
        yield ReadView(id="crash-page")
        yield KeyLine()

    def do_back(self) -> None:
        """To where the user came from."""
        self.app.pop_screen()
