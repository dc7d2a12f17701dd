"""What could not be looked at for crashes: each with why, and what mends it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from tui.actions.action import Place
from tui.actions.reasons import Now
from tui.actions.registry import bindings_for
from tui.screens.crash_acts import CrashPlace
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, LineView, ReadView, dim, spread
from tui.words.crash_gaps import blanks_of, gap_page


class CrashGapsScreen(CrashPlace):
    """Of all hosts."""

    PLACE = Place.CRASH_GAPS
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.CRASH_GAPS)

    def compose(self) -> ComposeResult:
        """The panes."""
        yield Header()
        yield LineView(id="heading")
        yield ReadView(id="gap-page")
        yield KeyLine()

    def on_mount(self) -> None:
        """The page has the keys for scrolling."""
        self.query_one("#gap-page").focus()

    def now(self) -> Now:
        """With what is asked."""
        return Now(self.state, read_only=self.session.settings.read_only, asking=bool(self.asking))

    def draw_all(self) -> None:
        """All panes."""
        blanks = blanks_of(self.state.hosts.values(), self.session.crashes, datetime.now(UTC))
        glyphs = self.session.settings.glyphs
        left: Line = (Cell(" NOT READ ", Tone.TITLE), dim(f" {len(blanks)}"))
        right: Line = (Cell("looking ... ", Tone.BUSY),) if self.asking else ()
        self.query_one("#heading", LineView).draw(lambda width: [spread(left, right, width)])
        self.query_one("#gap-page", ReadView).draw(lambda width: gap_page(blanks, glyphs, width))
