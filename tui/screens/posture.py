"""How safe the hosts and their guests are set up: worst first, each with what was seen and what mends it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from backends.api import LinkError
from backends.model.fleet import HostView
from backends.model.host import HostName
from backends.model.posture import Posture, Severity
from tui.actions.action import Place
from tui.actions.reasons import Now
from tui.actions.registry import bindings_for
from tui.bridge import Update
from tui.format import clock_time
from tui.inquiry import Inquiry
from tui.screens.filtered import FILTERED_CSS, FilteredPlace
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.filter_line import FilterLine
from tui.widgets.grid import Grid
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, LineView, dim
from tui.words.host import can_be_asked
from tui.words.posture import (
    PostureRow,
    finding_lines,
    not_asked,
    nothing_found,
    posture_columns,
    posture_filter,
    posture_heading,
    rows_of,
)

AGE_TICK_S = 10.0
"""How often the age in the heading is read anew."""

_FILTER_HINT = "words of a finding, host:h1, guest:web, severity:high, !not, ~regex"


class PostureScreen(FilteredPlace):
    """Hosts come in one by one. What is as it should be is counted, and shown on demand."""

    PLACE = Place.POSTURE
    CSS_PATH: ClassVar[list[str | PurePath]] = [FILTERED_CSS, Path(__file__).with_name("posture.tcss")]
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.POSTURE)
    VERTICAL_BREAKPOINTS = [(0, "-short"), (36, "-tall")]  # noqa: RUF012  (Textual declares it so)

    def __init__(self, hosts: tuple[HostName, ...]) -> None:
        super().__init__()
        self._hosts = hosts
        self._inquiry = Inquiry(self._question, "posture")
        self._shows_good = False

    async def _question(self, host: HostName) -> Posture:
        return await self.session.fleet.posture(host)

    def compose(self) -> ComposeResult:
        """The panes."""
        glyphs = self.session.settings.glyphs
        yield Header()
        yield LineView(id="heading")
        yield FilterLine(_FILTER_HINT, id="filter")
        yield Grid(
            posture_columns(glyphs),
            key=lambda row: row.key,
            sort="severity",
            glyphs=glyphs,
            no_match="Nothing that was found matches the filter: esc clears it.",
        )
        yield LineView(id="detail")
        yield KeyLine()

    def on_mount(self) -> None:
        """The table has the keys; the age grows."""
        self.grid.focus()
        self._inquiry.listen(self._answered)
        self.set_interval(AGE_TICK_S, self._grow_older)

    @property
    def grid(self) -> Grid[PostureRow]:
        """The findings."""
        return self.query_one(Grid)

    def filtered(self) -> Grid[PostureRow]:
        """The findings."""
        return self.grid

    def now(self) -> Now:
        """With what is asked."""
        return Now(self.state, read_only=self.session.settings.read_only, asking=bool(self._inquiry.asking))

    @property
    def _views(self) -> list[HostView]:
        return [self.state.hosts[host] for host in self._hosts]

    # -- asking -------------------------------------------------------------------------------------

    def _ask_new(self) -> None:
        """Those that answer and were never asked."""
        seen = self._inquiry.answers.keys() | self._inquiry.troubles.keys()
        new = [view.spec.name for view in self._views if can_be_asked(view) and view.spec.name not in seen]
        self._inquiry.ask(self, new)

    def _answered(self, _: HostName) -> None:
        if not self.is_attached or not self.app.is_running:
            return
        if self.is_current:
            self._draw_all()
            self.redraw_keys()
        else:
            self._behind = True

    # -- drawing ------------------------------------------------------------------------------------

    def resync(self) -> None:
        """Everything anew."""
        self._ask_new()
        self._draw_all()
        super().resync()

    def follow(self, update: Update) -> None:
        """Hosts that answer now are asked; those that answer no longer say so."""
        if not update.hosts_with_new_link().isdisjoint(self._hosts):
            self._ask_new()
            self._draw_all()
        super().follow(update)

    def _rows(self) -> list[PostureRow]:
        rows: list[PostureRow] = []
        for view in self._views:
            host = view.spec.name
            if (answer := self._inquiry.answers.get(host)) is not None:
                rows += rows_of(answer)
            error = self._inquiry.troubles.get(host)
            if error is None and answer is None and not can_be_asked(view):
                error = LinkError(view.link.reason or f"it is {view.link.link.value}", hint=view.link.hint)
            if error is not None and host not in self._inquiry.asking:
                rows.append(not_asked(host, error))
        return rows

    def _draw_all(self) -> None:
        rows = self._rows()
        shown = [row for row in rows if self._shows_good or row.finding.severity is not Severity.GOOD]
        self.grid.placeholder = nothing_found(self._inquiry.answers, sorted(self._inquiry.asking))
        self.grid.show(shown)
        self.draw_heading()
        self._draw_detail()

    def heading(self) -> tuple[Line, Line]:
        """What was found, who has not answered yet, and how old it is."""
        title = f" SECURITY of {self._hosts[0]} " if len(self._hosts) == 1 else " SECURITY "
        asking = [host for host in self._hosts if host in self._inquiry.asking]
        words = posture_heading(self._rows(), asking, shows_good=self._shows_good)
        oldest = min((answer.at for answer in self._inquiry.answers.values()), default=None)
        silent = any(
            not can_be_asked(view) for view in self._views if view.spec.name in self._inquiry.answers
        )
        tone = Tone.DOUBT if silent else Tone.DIM
        stale = ", and not all hosts answer now" if silent else ""
        age = (Cell(f"asked {clock_time(oldest, datetime.now(UTC))}{stale} ", tone),) if oldest else ()
        return (Cell(title, Tone.TITLE), dim(""), *words), age

    def _grow_older(self) -> None:
        if self.is_current:
            self.draw_heading()

    def _draw_detail(self) -> None:
        row, glyphs = self.grid.highlighted, self.session.settings.glyphs
        self.query_one("#detail", LineView).draw(
            lambda width: finding_lines(row, glyphs, width) if row else []
        )

    @on(Grid.Highlighted)
    def _highlighted(self) -> None:
        self._draw_detail()

    # -- what the user does --------------------------------------------------------------------------

    def filter_by(self, query: str) -> None:
        """Show only findings that match."""
        self.grid.set_filter(posture_filter(query))
        self._draw_detail()

    def do_good_findings(self) -> None:
        """All, or only what needs somebody."""
        self._shows_good = not self._shows_good
        self._draw_all()

    def do_ask_them_again(self) -> None:
        """All that answer."""
        self._inquiry.ask(self, [view.spec.name for view in self._views if can_be_asked(view)])

    def do_sort(self) -> None:
        """By the next column."""
        self.grid.action_sort_next()

    def do_sort_reverse(self) -> None:
        """The other way round."""
        self.grid.action_sort_reverse()
