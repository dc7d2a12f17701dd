"""`FilteredPlace`: a screen whose list or page is narrowed by words."""

from __future__ import annotations

from pathlib import Path

from textual import on
from textual.widget import Widget
from textual.widgets import Input

from tui.filter import FilterError
from tui.screens.place import PlaceScreen
from tui.widgets.chrome import KeyLine
from tui.widgets.filter_line import FILTER_KEYS, FilterLine
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, LineView, dim, spread

FILTERED_CSS = Path(__file__).with_name("filtered.tcss")


class FilteredPlace(PlaceScreen):
    """Has a `FilterLine` and a `#heading`; screens say what the filter does and what has the keys without it."""

    def filtered(self) -> Widget:
        """What gets the keys back."""
        raise NotImplementedError

    def filter_by(self, query: str) -> None:
        """Show only what has these words. Raises FilterError."""
        raise NotImplementedError

    def heading(self) -> tuple[Line, Line]:
        """The left and the right part of the heading."""
        raise NotImplementedError

    @property
    def filter_line(self) -> FilterLine:
        """What is looked for."""
        return self.query_one(FilterLine)

    def draw_heading(self) -> None:
        """With the filter, unless it is being typed."""
        left, right = self.heading()
        query = self.filter_line.value
        if query and not self.filter_line.is_open:
            right = (dim("filter "), Cell(f"{query} ", Tone.DOUBT))
        self.query_one("#heading", LineView).draw(lambda width: [spread(left, right, width)])

    def redraw_keys(self) -> None:
        """While a filter is typed, keys do other things."""
        if self.filter_line.is_open:
            self.query_one(KeyLine).show_line(FILTER_KEYS)
        else:
            super().redraw_keys()

    def do_filter(self) -> None:
        """Type a filter."""
        self.filter_line.open()
        self.draw_heading()
        self.redraw_keys()

    def do_clear_filter(self) -> None:
        """Everything again."""
        self.filter_line.value = ""

    def do_back(self) -> None:
        """Everything again, or to where the user came from."""
        if self.filter_line.value:
            self.do_clear_filter()
        else:
            self.app.pop_screen()

    @on(FilterLine.Changed)
    def _filter_changed(self, event: Input.Changed) -> None:
        event.stop()
        try:
            self.filter_by(event.value)
        except FilterError as error:
            trouble = (Cell(f" {error}", Tone.DOUBT),)
            self.query_one("#heading", LineView).draw(lambda _: [trouble])
            return
        self.draw_heading()

    @on(FilterLine.Closed)
    def _filter_closed(self) -> None:
        self.filtered().focus()
        self.draw_heading()
        self.redraw_keys()
