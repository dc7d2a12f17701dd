"""Mode 4: one time line of what went wrong on all hosts, newest first."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType

from backends.model.fleet import HostView
from tui.actions.action import Place
from tui.actions.reasons import Now
from tui.actions.registry import bindings_for
from tui.bridge import Update
from tui.format import clock_time
from tui.screens.crash_acts import CrashPlace
from tui.screens.crash_gaps import CrashGapsScreen
from tui.screens.crash_page import CrashPageScreen
from tui.screens.filtered import FILTERED_CSS, FilteredPlace
from tui.screens.kdump import KdumpScreen
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.filter_line import FilterLine
from tui.widgets.grid import Grid
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, LineView, dim, line
from tui.words.crash import (
    KIND_COLUMNS,
    TIME_COLUMNS,
    CrashRow,
    crash_columns,
    crash_filter,
    crash_heading,
    crash_pane,
    rows_of,
)
from tui.words.crash_gaps import Blank, blanks_of, short_lines
from tui.words.host import can_be_asked

AGE_TICK_S = 60.0
"""How often the ages in the table are read anew; what reads the same is not painted."""

_ROOMY = 110
"""Columns from which what happened is told in full."""

_GAPS_MOST = ((40, 5), (30, 4), (0, 2))
"""From how many lines of a screen on how many may tell what was not read."""

_FILTER_HINT = (
    "words, host:h1, guest:web, kind:panic, cause:space, since:2h, known:no, open:yes, !not, ~regex"
)


def _now() -> datetime:
    return datetime.now(UTC)


class CrashesScreen(FilteredPlace, CrashPlace):
    """A row is a crash; below, the selected one, and what could not be read. Whoever comes has the hosts followed."""

    PLACE = Place.CRASHES
    CSS_PATH: ClassVar[list[str | PurePath]] = [FILTERED_CSS, Path(__file__).with_name("crashes.tcss")]
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.CRASHES)
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-usual"), (40, "-tall")]  # noqa: RUF012  (Textual declares it so)

    def __init__(self) -> None:
        super().__init__()
        self._times = TIME_COLUMNS[0]

    def compose(self) -> ComposeResult:
        """The panes."""
        glyphs = self.session.settings.glyphs
        yield Header()
        yield LineView(id="heading")
        yield FilterLine(_FILTER_HINT, id="filter")
        yield Grid(
            crash_columns(glyphs, _now),
            key=lambda row: row.key,
            sort=self._times,
            glyphs=glyphs,
            no_match="No crash matches the filter: esc clears it.",
        )
        yield LineView(id="detail")
        yield LineView(id="gaps")
        yield KeyLine()

    def on_mount(self) -> None:
        """The table has the keys; ages grow; from now on hosts are followed."""
        self.grid.focus()
        self.session.crashes.follow(self.app, self.session.fleet)
        self.set_interval(AGE_TICK_S, self._grow_older)

    def on_resize(self, event: events.Resize) -> None:
        """Where there is room, things are told in full."""
        self._show_columns(event.size.width)
        self.draw_heading()
        self._draw_gaps()

    @property
    def grid(self) -> Grid[CrashRow]:
        """The time line."""
        return self.query_one(Grid)

    def filtered(self) -> Grid[CrashRow]:
        """The time line."""
        return self.grid

    @property
    def _views(self) -> list[HostView]:
        return list(self.state.hosts.values())

    def now(self) -> Now:
        """With the crash under the cursor."""
        row = self.grid.highlighted
        return Now(
            self.state,
            read_only=self.session.settings.read_only,
            host=self.state.hosts.get(row.record.host) if row else None,
            crash=row.record if row else None,
            asking=bool(self.asking),
            reach=self.session.crashes.reach,
        )

    # -- drawing ------------------------------------------------------------------------------------

    def resync(self) -> None:
        """Everything anew; who comes to look has hosts asked of which nothing is known."""
        self.ask_where_due()
        super().resync()

    def follow(self, update: Update) -> None:
        """Hosts that answer now are asked; a guest that runs again needs nobody."""
        if update.hosts_with_new_link():
            self.ask_where_due()
        if not update.guests().isdisjoint(
            row.record.guest for row in rows_of(self.state) if row.record.guest
        ):
            self.draw_all()
        super().follow(update)

    def draw_all(self) -> None:
        """All panes."""
        self.grid.placeholder = self._nothing_here()
        self.grid.show(rows_of(self.state))
        self.draw_heading()
        self._draw_detail()
        self._draw_gaps()

    def _show_columns(self, width: int) -> None:
        kind = KIND_COLUMNS[0 if width >= _ROOMY else 1]
        self.grid.hide({*TIME_COLUMNS, *KIND_COLUMNS} - {self._times, kind})

    def _nothing_here(self) -> str:
        """What an empty table says."""
        looked = [view for view in self._views if view.crashes is not None]
        if self.asking and not looked:
            return f"Looking for what crashes have left on {', '.join(self.asking)} ..."
        if not any(map(can_be_asked, self._views)) and not looked:
            return "No host answers, so that none can be asked: mode 2 says why."
        if not looked:
            reasons = [f"{blank.host}: {blank.what}" for blank in self._blanks()]
            return "\n".join(["No host could be looked at.", "", *reasons, "", "r looks again."])
        since = max(view.crashes.since for view in looked if view.crashes)
        further = "" if self.session.crashes.reach.further is None else "\n\nb looks further back."
        names = ", ".join(view.spec.name for view in looked) if len(looked) <= 4 else f"{len(looked)} hosts"
        unread = " All that could be read was looked at." if self._blanks() else ""
        return f"Nothing has crashed on {names} since {clock_time(since, _now())}.{unread}{further}"

    def heading(self) -> tuple[Line, Line]:
        """How many there are, of which hosts, how far back, and whether news come by themselves."""
        grid, crashes = self.grid, self.session.crashes
        matched = f"{grid.matched} of {grid.total}" if grid.matched != grid.total else str(grid.total)
        left = line(
            Cell(" CRASHES ", Tone.TITLE),
            dim(f" {matched}"),
            *crash_heading(rows_of(self.state), self._views, roomy=self.size.width >= _ROOMY),
        )
        since = [view.crashes.since for view in self._views if view.crashes]
        if since:
            left = (*left, dim(f"  since {self._since_words(max(since))}"))
        return left, self._age() if not crashes.asking else (self._asking_cell(),)

    def _since_words(self, since: datetime) -> str:
        return "ever" if since.year <= 1970 else clock_time(since, _now())

    def _asking_cell(self) -> Cell:
        asking = self.asking
        names = ", ".join(asking) if len(asking) <= 3 else f"{len(asking)} hosts"
        return Cell(f"looking at {names} ... ", Tone.BUSY)

    def _age(self) -> Line:
        """When all of it was looked at last; news come by themselves, or why they do not."""
        crashes = self.session.crashes
        at = [view.crashes.at for view in self._views if view.crashes]
        age = (dim(f"looked {clock_time(min(at), _now())} "),) if at else ()
        if crashes.unfollowed:
            return (Cell(f"not followed: {crashes.unfollowed.cause}  ", Tone.DOUBT), *age)
        return (dim("followed, "), *age) if crashes.is_followed and at else age

    def _blanks(self) -> list[Blank]:
        return blanks_of(self._views, self.session.crashes, _now())

    def _draw_gaps(self) -> None:
        blanks, glyphs = self._blanks(), self.session.settings.glyphs
        most = next(most for lines, most in _GAPS_MOST if self.size.height >= lines)
        self.set_class(bool(blanks), "-gaps")
        self.query_one("#gaps", LineView).draw(lambda width: short_lines(blanks, glyphs, width, most))

    def _draw_detail(self) -> None:
        row, glyphs, pane = (
            self.grid.highlighted,
            self.session.settings.glyphs,
            self.query_one("#detail", LineView),
        )
        pane.draw(lambda width: crash_pane(row, glyphs, width, pane.size.height) if row else [])

    def _grow_older(self) -> None:
        if self.is_current:
            self.grid.reread()

    @on(Grid.Highlighted)
    def _highlighted(self) -> None:
        self._draw_detail()
        self.redraw_keys()

    # -- what the user does --------------------------------------------------------------------------

    def filter_by(self, query: str) -> None:
        """Show only crashes that match."""
        self.grid.set_filter(crash_filter(query))
        self._draw_detail()

    @on(Grid.Selected)
    def do_open(self) -> None:
        """The page of the record."""
        if row := self.grid.highlighted:
            self.app.push_screen(CrashPageScreen(row.record))

    def do_further_back(self) -> None:
        """A month, then all that there is."""
        crashes = self.session.crashes
        if further := crashes.reach.further:
            crashes.reach = further
            self.do_look_for_crashes()

    def do_crash_times(self) -> None:
        """Ages, times on our clock, times on the hosts' clocks."""
        before = self._times
        self._times = TIME_COLUMNS[(TIME_COLUMNS.index(before) + 1) % len(TIME_COLUMNS)]
        sorted_by = self.grid.sorted_by
        if sorted_by and sorted_by[0] == before:
            self.grid.sort_by(self._times, descending=sorted_by[1])
        self._show_columns(self.size.width)

    def do_kdump(self) -> None:
        """Of all hosts."""
        self.app.push_screen(KdumpScreen(tuple(self.state.hosts)))

    def do_crash_gaps(self) -> None:
        """All of them, in full."""
        self.app.push_screen(CrashGapsScreen())

    def do_sort(self) -> None:
        """By the next column."""
        self.grid.action_sort_next()

    def do_sort_reverse(self) -> None:
        """The other way round."""
        self.grid.action_sort_reverse()
