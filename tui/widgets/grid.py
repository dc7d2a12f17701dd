"""`Grid`: a table that costs little over a slow line, for tens of thousands of rows.

Only lines on the screen are computed, and only the cells that differ are sent: a changed cell among
10,000 rows is some 60 bytes, an unchanged table none. Rows are frozen values of the caller's type `R`.

How to use it::

    grid = Grid(
        [Column(id="name", title="NAME", cell=lambda g: Cell(g.name), width=12, flex=1,
                sort=lambda g: g.name, priority=9), ...],
        key=lambda guest: guest.uuid,     # what makes a row the same row; hashable
        sort="name",                      # the column sorted by at first, or None
        glyphs=glyphs_for(os.environ),
        placeholder="No guests yet.",
    )
    grid.show(rows)                       # replace all rows
    grid.update(changed, removed_keys)    # apply a delta; the order follows at most once a second
    grid.set_filter(predicate)            # None shows all; `grid.matched` of `grid.total`
    grid.sort_by("cpu")                   # again: the other direction; also a click on the title
    grid.highlighted                      # the row under the cursor, or None
    grid.highlight(key)                   # put the cursor on a row
    grid.reread()                         # cells depend on more than the row (a clock): ask them again
    grid.placeholder = "..."              # shown when there are no rows (may have several lines)
    grid.no_match = "..."                 # shown when the filter hides all rows

Messages: `Grid.Highlighted` whenever the cursor gets onto another row, `Grid.Selected` on enter; both
have `.key`. Actions for the registry of keys: `sort_next`, `sort_reverse`, `cursor_up`, `cursor_down`,
`page_up`, `page_down`, `home`, `end`, `select`. All methods belong to the thread of the app.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from typing import Any, ClassVar, Generic

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from tui.glyphs import UNICODE, Glyphs
from tui.widgets.grid_columns import Align, Cell, Column, R, Tone
from tui.widgets.grid_lines import GUTTER, HEADER, Lines
from tui.widgets.grid_model import RESORT_INTERVAL_S, GridModel
from tui.widgets.grid_paint import COMPONENT_CLASSES, Painter
from tui.widgets.grid_viewport import Viewport

__all__ = ["Align", "Cell", "Column", "Grid", "Tone"]

_WHEEL_ROWS = 3
"""Rows a notch of the mouse wheel moves the cursor."""


class Grid(Widget, Generic[R], can_focus=True):
    """See the module's docstring."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = set(COMPONENT_CLASSES)
    DEFAULT_CSS = """
    Grid {
        height: 1fr;
        & > .grid--normal { color: $foreground; }
        & > .grid--dim { color: $foreground 55%; }
        & > .grid--good { color: $text-success; }
        & > .grid--busy { color: $text-accent; }
        & > .grid--doubt { color: $text-warning; }
        & > .grid--alarm { color: $text-error; text-style: bold; }
        & > .grid--title { color: $foreground; text-style: bold; }
        & > .grid--header { color: $foreground 55%; text-style: bold; }
        & > .grid--cursor { color: $foreground; background: $foreground 10%; text-style: bold; }
        &:focus > .grid--cursor { background: $primary 40%; }
        &:nocolor > .grid--cursor { text-style: bold reverse; }
        &:ansi > .grid--cursor { background: ansi_default; text-style: bold reverse; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor_up", "Up", show=False, id="grid.up"),
        Binding("down,j", "cursor_down", "Down", show=False, id="grid.down"),
        Binding("pageup,ctrl+b", "page_up", "Page up", show=False, id="grid.page_up"),
        Binding("pagedown,ctrl+f", "page_down", "Page down", show=False, id="grid.page_down"),
        Binding("home,g", "home", "First", show=False, id="grid.home"),
        Binding("end,G", "end", "Last", show=False, id="grid.end"),
        Binding("enter", "select", "Open", show=False, id="grid.select"),
    ]

    class _AboutRow(Message):
        """A message about one row of one grid."""

        def __init__(self, grid: Grid[Any], key: Hashable | None) -> None:
            super().__init__()
            self.grid = grid
            self.key = key

        @property
        def control(self) -> Grid[Any]:
            """The grid, for the selectors of `textual.on`."""
            return self.grid

    class Highlighted(_AboutRow):
        """The cursor is on the row `key` now, or on none when no row is left."""

        def can_replace(self, message: Message) -> bool:
            """A cursor in flight: only where it rests matters."""
            return isinstance(message, Grid.Highlighted) and message.grid is self.grid

    class Selected(_AboutRow):
        """The user opens the row `key`."""

    def __init__(
        self,
        columns: Sequence[Column[R]],
        *,
        key: Callable[[R], Hashable],
        sort: str | None = None,
        glyphs: Glyphs = UNICODE,
        placeholder: str = "Nothing here.",
        no_match: str = "Nothing matches the filter.",
        clock: Callable[[], float] = time.monotonic,
        resort_interval_s: float = RESORT_INTERVAL_S,
        name: str | None = None,
        id: str | None = None,  # noqa: A002  (the name Textual gives it)
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._columns = self._shown = tuple(columns)
        self._clock = clock
        self._placeholder = placeholder
        self._no_match = no_match
        self._model = GridModel(key, interval_s=resort_interval_s)
        self._viewport = Viewport()
        self._lines = Lines(self._model, self._viewport)
        self._laid_out: Size | None = None
        self._cursor_key: Hashable | None = None
        self._resort_timer: Timer | None = None
        self._painter = Painter(self.get_component_rich_style, glyphs)
        if sort is not None:
            column = self._column(sort)
            self._model.set_sort(column, descending=column.descending_first, now_s=clock())

    # -- rows ---------------------------------------------------------------------------------------

    @property
    def matched(self) -> int:
        """The number of rows that pass the filter."""
        return len(self._model)

    @property
    def total(self) -> int:
        """The number of rows, filtered or not."""
        return self._model.total

    def show(self, rows: Iterable[R]) -> None:
        """Replace all rows; the cursor stays on its row when that is among them."""
        self._model.show(rows, self._clock())
        self._settle()

    def update(self, changed: Iterable[R] = (), removed: Collection[Hashable] = ()) -> None:
        """Apply a delta: rows that are new or differ, and the keys of rows that are gone."""
        self._model.update(changed, removed, self._clock())
        self._settle()
        self._resort_when_due()

    def set_filter(self, predicate: Callable[[R], bool] | None) -> None:
        """Show only rows for which `predicate` holds; None shows all."""
        self._model.set_filter(predicate, self._clock())
        self._settle()

    def reread(self) -> None:
        """Ask every column for its cells again, because they depend on more than the row."""
        self._lines.forget_cells()
        self._sync()

    def hide(self, column_ids: Collection[str]) -> None:
        """Leave these columns out, and no others."""
        shown = tuple(column for column in self._columns if column.id not in column_ids)
        if shown != self._shown:
            self._shown, self._laid_out = shown, None
            self.refresh()

    @property
    def placeholder(self) -> str:
        """What stands in the pane when there are no rows."""
        return self._placeholder

    @placeholder.setter
    def placeholder(self, text: str) -> None:
        if text != self._placeholder:
            self._placeholder = text
            self._refresh_if_empty()

    @property
    def no_match(self) -> str:
        """What stands in the pane when the filter hides all rows."""
        return self._no_match

    @no_match.setter
    def no_match(self, text: str) -> None:
        if text != self._no_match:
            self._no_match = text
            self._refresh_if_empty()

    def _refresh_if_empty(self) -> None:
        if not self.matched:
            self.refresh()

    # -- cursor -------------------------------------------------------------------------------------

    @property
    def highlighted(self) -> R | None:
        """The row under the cursor."""
        return None if self._cursor_key is None else self._model.row(self._cursor_key)

    @property
    def highlighted_key(self) -> Hashable | None:
        """The key of the row under the cursor."""
        return self._cursor_key

    def highlight(self, key: Hashable) -> bool:
        """Put the cursor on the row `key`; False when no such row is shown."""
        index = self._model.index_of(key)
        if index is None:
            return False
        self._move_to(index)
        return True

    def action_cursor_up(self) -> None:
        """Move one row up."""
        self._move_to(self._viewport.cursor - 1)

    def action_cursor_down(self) -> None:
        """Move one row down."""
        self._move_to(self._viewport.cursor + 1)

    def action_page_up(self) -> None:
        """Turn one page back."""
        self._viewport.page(-1)
        self._move_to(self._viewport.cursor)

    def action_page_down(self) -> None:
        """Turn one page on."""
        self._viewport.page(1)
        self._move_to(self._viewport.cursor)

    def action_home(self) -> None:
        """Go to the first row."""
        self._move_to(0)

    def action_end(self) -> None:
        """Go to the last row."""
        self._move_to(self.matched - 1)

    def action_select(self) -> None:
        """Open the row under the cursor."""
        if self._cursor_key is not None:
            self.post_message(self.Selected(self, self._cursor_key))

    def _move_to(self, index: int) -> None:
        self._model.hold(self._clock())
        self._viewport.move_to(index)
        self._set_cursor_key(self._model.key_at(self._viewport.cursor))
        self._sync()

    def _set_cursor_key(self, key: Hashable | None) -> None:
        if key != self._cursor_key:
            self._cursor_key = key
            self.post_message(self.Highlighted(self, key))

    # -- order --------------------------------------------------------------------------------------

    @property
    def sorted_by(self) -> tuple[str, bool] | None:
        """The id of the column rows are sorted by, and whether the greatest comes first."""
        column = self._model.sort_column
        return (column.id, self._model.descending) if column else None

    def sort_by(self, column_id: str, *, descending: bool | None = None) -> None:
        """Sort by a column; without a direction: its own, or the other one when it is sorted by already."""
        column = self._column(column_id)
        if column.sort is None:
            return
        if descending is None:
            is_again = column is self._model.sort_column
            descending = not self._model.descending if is_again else column.descending_first
        self._model.set_sort(column, descending=descending, now_s=self._clock())
        self.refresh(Region(0, 0, self.size.width, HEADER))
        self._settle()

    def action_sort_next(self) -> None:
        """Sort by the next column on the screen that can be sorted by."""
        shown = [placement.column for placement in self._lines.placements if placement.column.sort]
        if shown:
            current = self._model.sort_column
            self.sort_by(shown[(shown.index(current) + 1) % len(shown) if current in shown else 0].id)

    def action_sort_reverse(self) -> None:
        """Turn the order round."""
        if self._model.sort_column:
            self.sort_by(self._model.sort_column.id)

    def _column(self, column_id: str) -> Column[R]:
        return next(column for column in self._columns if column.id == column_id)

    def _resort_when_due(self) -> None:
        """Move changed rows to their places: now, or when the user has left the cursor alone for a while."""
        now_s = self._clock()
        due_in_s = self._model.resort_due_in(now_s)
        if due_in_s == 0.0:
            self._model.resort(now_s)
            self._settle()
        elif due_in_s is not None and self._resort_timer is None and self.is_running:
            self._resort_timer = self.set_timer(due_in_s, self._on_resort_timer)

    def _on_resort_timer(self) -> None:
        self._resort_timer = None
        self._resort_when_due()

    # -- painting -----------------------------------------------------------------------------------

    def _settle(self) -> None:
        """After any change of rows or order: the cursor stays on its row, or goes to the one in its place."""
        viewport = self._viewport
        index = self._index_of_cursor()
        viewport.follow(viewport.cursor if index is None else index, self.matched)
        self._set_cursor_key(self._model.key_at(viewport.cursor))
        self._sync()

    def _index_of_cursor(self) -> int | None:
        if self._cursor_key is None:
            return None
        if self._model.key_at(self._viewport.cursor) == self._cursor_key:
            return self._viewport.cursor
        return self._model.index_of(self._cursor_key)

    def _sync(self) -> None:
        """Repaint what differs from what should be on the screen."""
        regions = self._lines.sync()
        if regions is None:
            self.refresh()
        elif regions:
            self.refresh(*regions)

    def _lay_out_if_resized(self) -> None:
        if self._laid_out != self.size:
            self._laid_out = self.size
            self._lines.lay_out(self._shown, *self.size)
            self._lines.sync()

    def render_line(self, y: int) -> Strip:
        """One line of the pane (Textual's line API)."""
        self._lay_out_if_resized()
        width, placements = self.size.width, self._lines.placements
        if y < HEADER:
            return self._painter.header(placements, width, self._model.sort_column, self._model.descending)
        if not self._lines:
            text = self._no_match if self.total else self._placeholder
            return self._painter.placeholder(text, y - HEADER, width)
        return self._painter.row(self._lines[y - HEADER], placements, width)

    def notify_style_update(self) -> None:
        """The theme, the focus or the style sheet changed: ask for the styles again."""
        self._painter.forget_styles()
        super().notify_style_update()

    # -- events -------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Rows given before the grid was on a screen may still wait for their places."""
        self._resort_when_due()

    def on_click(self, event: events.Click) -> None:
        """A click on a title sorts; on a row it highlights, and opens the row that is highlighted."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        event.stop()
        if offset.y < HEADER:
            hit = (p.column for p in self._lines.placements if 0 <= offset.x - GUTTER - p.x < p.width)
            if column := next(hit, None):
                self.sort_by(column.id)
            return
        index = self._viewport.top + offset.y - HEADER
        if index == self._viewport.cursor:
            self.action_select()
        elif index < self.matched:
            self._move_to(index)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel moves the cursor."""
        event.stop()
        self._move_to(self._viewport.cursor + _WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel moves the cursor."""
        event.stop()
        self._move_to(self._viewport.cursor - _WHEEL_ROWS)
