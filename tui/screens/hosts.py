"""Mode 2: the hosts, and what they can do."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from backends.model.capability import HostCapabilities
from backends.model.fleet import Topic
from backends.model.host import HostName
from tui.actions.action import Action, Place
from tui.actions.capability_actions import fitting_link
from tui.actions.reasons import Now
from tui.actions.registry import bindings_for
from tui.bridge import Update
from tui.dialogs.columns import ColumnsDialog
from tui.screens.baseline import BaselineScreen
from tui.screens.compare import CompareScreen
from tui.screens.filtered import FILTERED_CSS, FilteredPlace
from tui.screens.host import HostScreen
from tui.screens.host_columns import HostRow, host_columns, host_filter
from tui.screens.posture import PostureScreen
from tui.surveys import Surveys
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.filter_line import FilterLine
from tui.widgets.grid import Grid
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, LineView, dim
from tui.words.capabilities import capability_lines
from tui.words.host import can_be_asked, host_detail, host_title, survey_lines

AGE_TICK_S = 1.0
"""How often the ages on the screen are read anew; what reads the same is not painted."""

_TOPICS = (Topic.LINK, Topic.LOAD, Topic.CAPABILITIES)
_FILTER_HINT = "words of a name, link:down, driver:qemu, cpu:epyc, kernel:6.1, !not, ~regex"


def _now() -> datetime:
    return datetime.now(UTC)


class HostsScreen(FilteredPlace):
    """A table of hosts, and the verdicts on the selected one. Whoever looks at it has the hosts asked."""

    PLACE = Place.HOSTS
    CSS_PATH: ClassVar[list[str | PurePath]] = [FILTERED_CSS, Path(__file__).with_name("hosts.tcss")]
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.HOSTS)
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-usual"), (40, "-tall")]  # noqa: RUF012  (Textual declares it so)

    def __init__(self) -> None:
        super().__init__()
        self._surveys = Surveys(self._survey)
        self._marked: frozenset[HostName] = frozenset()
        self._hidden: frozenset[str] = frozenset()
        """Columns that the user does not want."""

    async def _survey(self, host: HostName) -> HostCapabilities:
        return await self.session.fleet.survey(host)

    def compose(self) -> ComposeResult:
        """The panes."""
        glyphs = self.session.settings.glyphs
        yield Header()
        yield LineView(id="heading")
        yield FilterLine(_FILTER_HINT, id="filter")
        yield Grid(
            host_columns(glyphs, _now),
            key=lambda row: row.name,
            glyphs=glyphs,
            placeholder="No hosts.",
            no_match="No host matches the filter: esc clears it.",
        )
        yield LineView(id="detail")
        yield KeyLine()

    def on_mount(self) -> None:
        """The table has the keys; ages grow."""
        self.grid.focus()
        self._surveys.listen(self._survey_changed)
        self.set_interval(AGE_TICK_S, self._grow_older)

    @property
    def grid(self) -> Grid[HostRow]:
        """The table."""
        return self.query_one(Grid)

    def filtered(self) -> Grid[HostRow]:
        """The table."""
        return self.grid

    def now(self) -> Now:
        """With the host under the cursor."""
        row = self.grid.highlighted
        return Now(
            self.state,
            read_only=self.session.settings.read_only,
            host=row.view if row else None,
            asking=row is not None and row.name in self._surveys.asking,
        )

    @property
    def shown_actions(self) -> tuple[Action, ...]:
        """Connecting where there is no link, asking where there is one."""
        return fitting_link(self.actions, self.now().host)

    def _row(self, name: HostName) -> HostRow:
        return HostRow(
            self.state.hosts[name],
            asking=name in self._surveys.asking,
            trouble=self._surveys.trouble(name),
            marked=name in self._marked,
        )

    # -- drawing ------------------------------------------------------------------------------------

    def resync(self) -> None:
        """Everything anew."""
        self._surveys.ask_where_due(self.app, self.state.hosts.values())
        self.grid.show(map(self._row, self.state.hosts))
        self._show_columns()
        self.draw_heading()
        self._draw_detail()
        super().resync()

    def follow(self, update: Update) -> None:
        """Changed hosts only."""
        guests = {key.host for key in update.guests()} if update.touches(Topic.GUEST) else set()
        named = {HostName(str(subject)) for topic, subject in update.dirty if topic in _TOPICS}
        self._surveys.ask_where_due(self.app, [self.state.hosts[name] for name in named])
        self._redraw(guests | named)
        super().follow(update)

    def _survey_changed(self, host: HostName) -> None:
        if not self.app.is_running:
            return
        if self.is_current:
            self._redraw({host})
            self.redraw_keys()
        else:
            self._behind = True

    def _redraw(self, hosts: Collection[HostName]) -> None:
        if hosts:
            self.grid.update(map(self._row, hosts))
            self._show_columns()
            self._draw_detail()

    def _show_columns(self) -> None:
        """What is wrong has a column only where something is."""
        is_calm = not any(self._row(name).reason for name in self.state.hosts)
        self.grid.hide(self._hidden | ({"reason"} if is_calm else set()))

    def _grow_older(self) -> None:
        if self.is_current:
            self.grid.reread()
            self._draw_detail()

    @on(Grid.Highlighted)
    def _highlighted(self) -> None:
        self._draw_detail()
        self.redraw_keys()

    def heading(self) -> tuple[Line, Line]:
        """How many there are."""
        grid = self.grid
        matched = f"{grid.matched} of {grid.total}" if grid.matched != grid.total else str(grid.total)
        marked = (dim("   marked "), Cell(str(len(self._marked)))) if self._marked else ()
        return (Cell(" HOSTS ", Tone.TITLE), dim(f" {matched}"), *marked), ()

    def _draw_detail(self) -> None:
        row = self.grid.highlighted
        self.query_one("#detail", LineView).draw(lambda width: self._detail(row, width) if row else [])

    def _detail(self, row: HostRow, width: int) -> list[Line]:
        glyphs, view, now = self.session.settings.glyphs, row.view, _now()
        lines = [host_title(view, glyphs, now)]
        if view.capabilities:
            lines += capability_lines(view.capabilities, glyphs, width)
        lines += survey_lines(view, now, width, asking=row.asking, error=self._surveys.troubles.get(row.name))
        known = host_detail(view, now, width)
        return [lines[0], *known, *lines[1:]] if view.link.reason else [*lines, *known]

    # -- what the user does --------------------------------------------------------------------------

    def filter_by(self, query: str) -> None:
        """Show only hosts that match."""
        self.grid.set_filter(host_filter(query))
        self._draw_detail()

    @on(Grid.Selected)
    def do_open(self) -> None:
        """The host's own page."""
        if row := self.grid.highlighted:
            self.app.push_screen(HostScreen(row.name, self._surveys))

    def do_sort(self) -> None:
        """By the next column."""
        self.grid.action_sort_next()

    def do_sort_reverse(self) -> None:
        """The other way round."""
        self.grid.action_sort_reverse()

    def do_ask_again(self) -> None:
        """The host under the cursor."""
        if row := self.grid.highlighted:
            self._surveys.ask(self.app, [row.name])

    def do_ask_all(self) -> None:
        """All that answer."""
        self._surveys.ask(
            self.app, [view.spec.name for view in self.state.hosts.values() if can_be_asked(view)]
        )

    def do_mark(self) -> None:
        """Take the host under the cursor among the marked ones, or out of them; and go on to the next."""
        if row := self.grid.highlighted:
            self._marked ^= {row.name}
            self.grid.update([self._row(row.name)])
            self.grid.action_cursor_down()
            self.draw_heading()

    def _chosen(self) -> tuple[HostName, ...]:
        """The marked hosts in their order; none: all."""
        return tuple(name for name in self.state.hosts if name in self._marked)

    def do_compare(self) -> None:
        """Who can take whose guests."""
        self.app.push_screen(CompareScreen(self._chosen()))

    def do_baseline(self) -> None:
        """The processor that they have in common."""
        self.app.push_screen(BaselineScreen(self._chosen()))

    def do_posture(self) -> None:
        """How safe they are set up."""
        self.app.push_screen(PostureScreen(tuple(self.state.hosts)))

    def do_columns(self) -> None:
        """Choose the columns."""
        columns = host_columns(self.session.settings.glyphs, _now)
        titles = [(column.id, column.title) for column in columns if column.id not in ("host", "reason")]
        self.app.push_screen(ColumnsDialog(titles, self._hidden), self._choose_columns)

    def _choose_columns(self, hidden: frozenset[str] | None) -> None:
        if hidden is not None:
            self._hidden = hidden
            self._show_columns()
