"""Mode 1: all guests of all hosts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from backends.model.fleet import Topic
from backends.model.guest import GuestKey
from backends.model.host import Link
from tui.actions.action import Place
from tui.actions.registry import bindings_for
from tui.bridge import Update
from tui.filter import FilterError
from tui.screens.guest import GuestScreen
from tui.screens.guest_columns import guest_columns, guest_filter
from tui.screens.life import GuestPlace
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.filter_line import FILTER_KEYS, FilterLine
from tui.widgets.grid import Grid
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.hosts_pane import HostsLine, HostsPane
from tui.widgets.lines import Line, LineView, dim, spread
from tui.words.crash_link import newest_crashes
from tui.words.guest import GuestRow, arriving, detail, row_of
from tui.words.twin import same_guest

AGE_TICK_S = 60.0
"""How often the ages on the screen are read anew; what reads the same is not painted."""

TROUBLE_TICK_S = 1.0
"""The same for the time that a host has been silent."""


def _now() -> datetime:
    return datetime.now(UTC)


class GuestsScreen(GuestPlace):
    """Hosts at the side, guests in a table, the selected guest below."""

    PLACE = Place.GUESTS
    CSS_PATH = Path(__file__).with_name("guests.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.GUESTS)
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012  (Textual declares it so)
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self._arriving: set[GuestKey] = set()
        self._moved: set[GuestKey] = set()
        """Guests of moves that rows tell of: one that is no longer watched leaves no trace in the state."""
        self._crashed: set[GuestKey] = set()
        """Guests of crashes that rows tell of."""

    def compose(self) -> ComposeResult:
        """The panes."""
        glyphs = self.session.settings.glyphs
        yield Header()
        yield HostsLine(glyphs, _now)
        with Horizontal():
            yield HostsPane(glyphs, _now)
            with Vertical():
                yield LineView(id="heading")
                yield FilterLine(id="filter")
                yield Grid(
                    guest_columns(glyphs, _now),
                    key=lambda row: row.guest.key,
                    sort="name",
                    glyphs=glyphs,
                    no_match="No guest matches the filter: esc clears it.",
                )
                yield LineView(id="detail")
        yield KeyLine()

    def on_mount(self) -> None:
        """The table has the keys; ages grow."""
        self.grid.focus()
        self.set_interval(AGE_TICK_S, self._grow_older)
        self.set_interval(TROUBLE_TICK_S, self._grow_troubles_older)

    @property
    def grid(self) -> Grid[GuestRow]:
        """The table."""
        return self.query_one(Grid)

    def guest_key(self) -> GuestKey | None:
        """The guest under the cursor."""
        row = self.grid.highlighted
        return row.guest.key if row else None

    # -- drawing ------------------------------------------------------------------------------------

    def resync(self) -> None:
        """Everything anew."""
        state = self.state
        self._arriving = arriving(state)
        self._moved = {move.request.guest for move in state.moves.values()}
        crashes = newest_crashes(state)
        self._crashed = set(crashes)
        keys = (guest.key for guest in state.guests() if guest.key not in self._arriving)
        self.grid.placeholder = self._nothing_here()
        self.grid.show([row for key in keys if (row := row_of(state, key, crashes))])
        self._draw_hosts()
        self._draw_heading()
        self._draw_detail()
        super().resync()

    def follow(self, update: Update) -> None:
        """Changed rows only."""
        if update.touches(Topic.MOVE):
            self._follow_moves(update)
        if update.touches(Topic.CRASHES):
            self._follow_crashes()
        stale = {key for host in update.hosts_with_new_link() for key in update.state.hosts[host].guests}
        self._change_rows(update.guests() | stale | self._twins(update))
        if update.touches(Topic.LINK) or update.touches(Topic.LOAD):
            self._draw_hosts()
            self.grid.placeholder = self._nothing_here()
        self._draw_heading()
        elsewhere = (Topic.MOVE, Topic.CRASHES)
        if self.guest_key() in update.guests() or stale or any(map(update.touches, elsewhere)):
            self._draw_detail()
        super().follow(update)

    def _twins(self, update: Update) -> set[GuestKey]:
        """A guest's row tells of the same guest on other hosts, too."""
        changed = (subject for topic, subject in update.dirty if topic is Topic.GUEST)
        return {
            twin for key in changed if isinstance(key, GuestKey) for twin in same_guest(update.state, key)
        }

    def _follow_moves(self, update: Update) -> None:
        """Guests in flight, and their twins at the destination, which are shown only once they have arrived."""
        before, self._arriving = self._arriving, arriving(update.state)
        moved_before, self._moved = self._moved, {move.request.guest for move in update.state.moves.values()}
        self._change_rows(moved_before | self._moved | (before ^ self._arriving))

    def _follow_crashes(self) -> None:
        """Guests that a crash is known of, or was."""
        before, self._crashed = self._crashed, set(newest_crashes(self.state))
        self._change_rows((before | self._crashed) & {row.key for row in self.state.guests()})

    def _change_rows(self, keys: set[GuestKey]) -> None:
        changed: list[GuestRow] = []
        removed: list[GuestKey] = []
        for key in keys:
            row = None if key in self._arriving else row_of(self.state, key)
            if row is None:
                removed.append(key)
            else:
                changed.append(row)
        if changed or removed:
            self.grid.update(changed, removed)

    def _grow_older(self) -> None:
        if self.is_current:
            self.grid.reread()
            self._draw_detail()

    def _grow_troubles_older(self) -> None:
        if self.is_current and any(view.link.link is not Link.UP for view in self.state.hosts.values()):
            self._draw_hosts()

    def _draw_hosts(self) -> None:
        self.query_one(HostsPane).show(self.state)
        self.query_one(HostsLine).show(self.state)

    def _draw_heading(self) -> None:
        grid = self.grid
        matched = f"{grid.matched} of {grid.total}" if grid.matched != grid.total else str(grid.total)
        query = self.query_one(FilterLine).value
        left: Line = (Cell(" GUESTS ", Tone.TITLE), dim(f" {matched}"))
        is_typed = self.query_one(FilterLine).is_open
        right: Line = (dim("filter "), Cell(f"{query} ", Tone.DOUBT)) if query and not is_typed else ()
        self.query_one("#heading", LineView).draw(lambda width: [spread(left, right, width)])

    def _draw_detail(self) -> None:
        row = self.grid.highlighted
        glyphs, key = self.session.settings.glyphs, self.key_for("crash-record")
        self.query_one("#detail", LineView).draw(
            lambda width: detail(row, glyphs, _now(), width, crash_key=key)
        )

    def _nothing_here(self) -> str:
        """What an empty table says."""
        views = list(self.state.hosts.values())
        waiting = [view.spec.name for view in views if view.link.link is Link.CONNECTING]
        if waiting:
            return f"No guests yet: connecting to {', '.join(waiting)} ..."
        if not any(view.link.answers for view in views):
            reasons = "\n".join(f"{view.spec.name}: {view.link.reason}" for view in views)
            return f"No host answers.\n\n{reasons}"
        return "The hosts have no guests."

    # -- what the user does --------------------------------------------------------------------------

    @on(Grid.Highlighted)
    def _highlighted(self) -> None:
        self._draw_detail()
        self.redraw_keys()

    @on(Grid.Selected)
    def do_open(self) -> None:
        """The guest's own page."""
        key = self.guest_key()
        if key:
            self.app.push_screen(GuestScreen(key))

    def do_sort(self) -> None:
        """By the next column."""
        self.grid.action_sort_next()

    def do_sort_reverse(self) -> None:
        """The other way round."""
        self.grid.action_sort_reverse()

    def do_host_pane(self) -> None:
        """Hosts at the side, or in one line."""
        self.toggle_class("-no-pane")

    def do_filter(self) -> None:
        """Type a filter."""
        self.query_one(FilterLine).open()
        self._draw_heading()
        self.redraw_keys()

    def redraw_keys(self) -> None:
        """While a filter is typed, keys do other things."""
        if self.query_one(FilterLine).is_open:
            self.query_one(KeyLine).show_line(FILTER_KEYS)
        else:
            super().redraw_keys()

    def do_clear_filter(self) -> None:
        """All rows again."""
        self.query_one(FilterLine).value = ""

    @on(FilterLine.Changed)
    def _filter(self, event: Input.Changed) -> None:
        try:
            self.grid.set_filter(guest_filter(event.value))
        except FilterError as error:
            trouble = (Cell(f" {error}", Tone.DOUBT),)
            self.query_one("#heading", LineView).draw(lambda _: [trouble])
            return
        self._draw_heading()
        self._draw_detail()

    @on(FilterLine.Closed)
    def _filter_closed(self) -> None:
        self.grid.focus()
        self._draw_heading()
        self.redraw_keys()
