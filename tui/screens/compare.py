"""Who can take whose guests: hosts by hosts, and what stands in the way."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from backends.api import FerryError
from backends.model.comparison import Comparison
from backends.model.host import HostName
from tui.actions.action import Place
from tui.actions.reasons import Now
from tui.actions.registry import bindings_for
from tui.bridge import Update
from tui.format import clock_time
from tui.screens.baseline import BaselineScreen
from tui.screens.place import PlaceScreen
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, LineView, ReadView, dim, line, spread, wrap
from tui.widgets.matrix import Matrix
from tui.words.comparison import comparison_heading, fit_cell, fit_lines, left_out_lines, row_lines

AGE_TICK_S = 10.0
"""How often the age in the heading is read anew."""


class CompareScreen(PlaceScreen):
    """A row is where guests are, a column is where they would go; below, the selected pair in full."""

    PLACE = Place.COMPARE
    CSS_PATH = Path(__file__).with_name("compare.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.COMPARE)

    def __init__(self, hosts: tuple[HostName, ...] = ()) -> None:
        super().__init__()
        self._hosts = hosts
        """Empty: all."""
        self._comparison: Comparison | None = None
        self._error: FerryError | None = None
        self._asking = False
        self._marked: frozenset[HostName] = frozenset()

    def compose(self) -> ComposeResult:
        """The panes."""
        yield Header()
        yield LineView(id="heading")
        yield Matrix(glyphs=self.session.settings.glyphs, corner="FROM \\ TO")
        yield ReadView(id="obstacles")
        yield KeyLine()

    def on_mount(self) -> None:
        """The matrix has the keys; the hosts are asked."""
        self.matrix.focus()
        self.set_interval(AGE_TICK_S, self._grow_older)
        self.do_ask_them_again()

    @property
    def matrix(self) -> Matrix:
        """The matrix."""
        return self.query_one(Matrix)

    def now(self) -> Now:
        """With the host of the row."""
        row = self.matrix.row
        return Now(
            self.state,
            read_only=self.session.settings.read_only,
            host=self.state.hosts.get(HostName(row)) if row else None,
            asking=self._asking,
        )

    # -- asking -------------------------------------------------------------------------------------

    def do_ask_them_again(self) -> None:
        """Ask all of them anew; an answer that is still under way is of no more use."""
        self._asking = True
        self.run_worker(self._compare(), group="comparison", exclusive=True)
        self._draw_all()

    async def _compare(self) -> None:
        try:
            self._comparison = await self.session.fleet.compare(self._hosts)
            self._error = None
        except FerryError as error:
            self._error = error
        self._asking = False
        self._draw_all()
        self.redraw_keys()

    # -- drawing ------------------------------------------------------------------------------------

    def resync(self) -> None:
        """Everything anew."""
        self._draw_heading()
        super().resync()

    def follow(self, update: Update) -> None:
        """A comparison is of the moment in which it was made; that a host is silent now is told."""
        if update.hosts_with_new_link():
            self._draw_heading()
        super().follow(update)

    def _draw_all(self) -> None:
        comparison, glyphs = self._comparison, self.session.settings.glyphs
        if comparison is None:
            self.matrix.show((), lambda _, __: Cell(""), self._placeholder())
        else:
            cells = {(fit.source, fit.destination): fit_cell(fit, glyphs) for fit in comparison.fits}
            nothing = fit_cell(None, glyphs)
            self.matrix.show(
                comparison.hosts,
                lambda row, column: cells.get((HostName(row), HostName(column)), nothing),
                "No host could be asked.",
            )
        self._draw_heading()
        self._draw_pair()

    def _placeholder(self) -> str:
        names = ", ".join(self._hosts) if self._hosts else "all hosts"
        if self._error:
            return "The hosts cannot be compared."
        return f"Comparing {names}: processors, machine types, versions ..."

    def _draw_heading(self) -> None:
        comparison = self._comparison
        left: Line = (Cell(" WHO TAKES WHOSE GUESTS ", Tone.TITLE),)
        right: Line = ()
        if comparison:
            left = (*left, *comparison_heading(comparison))
            silent = [host for host in comparison.hosts if not self.state.hosts[host].link.answers]
            right = (dim(f"asked {clock_time(comparison.at, datetime.now(UTC))} "),)
            if silent:
                right = (Cell(f"{', '.join(silent)} silent now; ", Tone.DOUBT), *right)
        if self._error:
            right = (Cell("not compared anew ", Tone.ALARM), *right)
        if self._asking:
            right = (Cell("asking ... ", Tone.BUSY),)
        self.query_one("#heading", LineView).draw(lambda width: [spread(left, right, width)])

    def _grow_older(self) -> None:
        if self.is_current:
            self._draw_heading()

    def _draw_pair(self) -> None:
        pane = self.query_one("#obstacles", ReadView)
        pane.draw(self._pair)
        pane.scroll_home(animate=False)

    def _pair(self, width: int) -> list[Line]:
        """The pair under the cursor, hosts that were left out, and what went wrong."""
        comparison, error, lines = self._comparison, self._error, self._lines_of_pair(width)
        left_out = left_out_lines(comparison.left_out, width) if comparison else []
        trouble: list[Line] = []
        if error:
            first = line(dim(" not compared anew: " if comparison else " "))
            trouble = wrap(str(error), width - 1, Tone.DOUBT, indent="   ", first=first)
            trouble += wrap(error.hint, width - 1, indent=" ", first=line(" ")) if error.hint else []
        parts = [part for part in (lines, left_out, trouble) if part]
        return [piece for part in parts for piece in (*part, EMPTY)]

    def _lines_of_pair(self, width: int) -> list[Line]:
        comparison, glyphs = self._comparison, self.session.settings.glyphs
        row, column = self.matrix.row, self.matrix.column
        if comparison is None or row is None or column is None:
            return []
        source = HostName(row)
        fit = comparison.fit(source, HostName(column))
        return fit_lines(fit, glyphs, width) if fit else row_lines(comparison, source, glyphs, width)

    @on(Matrix.Highlighted)
    def _highlighted(self) -> None:
        self._draw_pair()
        self.redraw_keys()

    # -- what the user does --------------------------------------------------------------------------

    def do_mark(self) -> None:
        """Take the host of the row among those for a common processor, or out of them; and go on to the next."""
        if row := self.matrix.row:
            self._marked ^= {HostName(row)}
            self.matrix.mark(self._marked)
            self.matrix.action_move(1, 0)

    def do_baseline(self) -> None:
        """Of the marked hosts; none: of those that were compared."""
        hosts = self._comparison.hosts if self._comparison else self._hosts
        chosen = tuple(host for host in hosts if host in self._marked)
        self.app.push_screen(BaselineScreen(chosen or hosts))

    def do_back(self) -> None:
        """To the hosts."""
        self.app.pop_screen()
