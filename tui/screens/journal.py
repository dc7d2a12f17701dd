"""`JournalScreen`: a list out of the journal, filtered by words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input

from backends.api import FerryError
from tui.screens.place import PlaceScreen
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.filter_line import FILTER_KEYS, FilterLine
from tui.widgets.grid import Grid
from tui.widgets.grid_columns import Cell, Column, Tone
from tui.widgets.lines import Line, LineView, dim

R = TypeVar("R")

LIMIT = 1000
"""Rows at most; what is older is found by a filter."""


class JournalScreen(PlaceScreen, Generic[R]):
    """Screens say what is read and how it is shown. Rows are asked for anew whenever the filter changes."""

    CSS_PATH = Path(__file__).with_name("journal.tcss")
    HEADING: ClassVar[str]
    SORT: ClassVar[str]
    NOTHING: ClassVar[str]
    """What an empty list says."""
    FILTER_HINT: ClassVar[str]

    def columns(self) -> Sequence[Column[R]]:
        """How a row is shown."""
        raise NotImplementedError

    def key_of(self, row: R) -> object:
        """What makes a row the same row."""
        raise NotImplementedError

    async def read(self, text: str) -> Sequence[R]:
        """Ask the journal. Raises FerryError."""
        raise NotImplementedError

    def detail(self, row: R, width: int) -> Sequence[Line]:
        """The selected row in full."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """The panes."""
        yield Header()
        yield LineView(id="heading")
        yield FilterLine(self.FILTER_HINT, id="filter")
        yield Grid(
            self.columns(),
            key=self.key_of,
            sort=self.SORT,
            glyphs=self.session.settings.glyphs,
            placeholder="Reading the journal ...",
        )
        yield LineView(id="detail")
        yield KeyLine()

    def on_mount(self) -> None:
        """The list has the keys."""
        self.grid.focus()
        self._draw_heading("")
        self.do_read_again()

    @property
    def grid(self) -> Grid[R]:
        """The list."""
        return self.query_one(Grid)

    @property
    def filter_line(self) -> FilterLine:
        """What is looked for."""
        return self.query_one(FilterLine)

    # -- reading ------------------------------------------------------------------------------------

    def do_read_again(self) -> None:
        """Ask anew; an answer that is still under way is of no more use."""
        self.run_worker(self._read(self.filter_line.value), group="journal", exclusive=True)

    async def _read(self, text: str) -> None:
        try:
            rows = await self.read(text)
        except FerryError as error:
            self.grid.placeholder = f"The journal cannot be read.\n\n{error}\n\n{error.hint}".rstrip()
            self.grid.show([])
            self._draw_heading("not read", Tone.ALARM)
            return
        self.grid.placeholder = (
            "Nothing in the journal has these words: esc shows all." if text else self.NOTHING
        )
        self.grid.show(rows)
        more = f"the newest {LIMIT}" if len(rows) >= LIMIT else str(len(rows))
        self._draw_heading(f"{more}   with: {text}" if text else more)
        self._draw_detail()
        self.redraw_keys()

    def _draw_detail(self) -> None:
        row = self.grid.highlighted
        self.query_one("#detail", LineView).draw(lambda width: [] if row is None else self.detail(row, width))

    def _draw_heading(self, words: str, tone: Tone = Tone.DIM) -> None:
        cells = (Cell(f" {self.HEADING} ", Tone.TITLE), Cell(f" {words}", tone) if words else dim(""))
        self.query_one("#heading", LineView).draw(lambda _: [cells])

    # -- what the user does --------------------------------------------------------------------------

    def do_search(self) -> None:
        """Type what to look for."""
        self.filter_line.open()
        self.redraw_keys()

    def redraw_keys(self) -> None:
        """While a filter is typed, keys do other things."""
        if self.filter_line.is_open:
            self.query_one(KeyLine).show_line(FILTER_KEYS)
        else:
            super().redraw_keys()

    @on(FilterLine.Changed)
    def _filter(self, event: Input.Changed) -> None:
        event.stop()
        self.do_read_again()

    @on(FilterLine.Closed)
    def _filter_closed(self) -> None:
        self.grid.focus()
        self.redraw_keys()

    @on(Grid.Highlighted)
    def _highlighted(self) -> None:
        self._draw_detail()
        self.redraw_keys()

    def do_sort(self) -> None:
        """By the next column."""
        self.grid.action_sort_next()

    def do_sort_reverse(self) -> None:
        """The other way round."""
        self.grid.action_sort_reverse()

    def do_back(self) -> None:
        """All rows again, or to where the user came from."""
        if self.filter_line.value:
            self.filter_line.value = ""
        else:
            self.app.pop_screen()
