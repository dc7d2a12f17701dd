"""kdump of hosts: a table of them and the selected one in full, or one host alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widget import Widget

from backends.model.fleet import HostView
from backends.model.host import HostName
from tui.actions.action import Action, Place
from tui.actions.reasons import Now
from tui.actions.registry import bindings_for
from tui.format import clock_time
from tui.screens.crash_acts import CrashPlace
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.grid import Grid
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, LineView, ReadView, dim, spread
from tui.words.host import can_be_asked
from tui.words.kdump import KdumpRow, kdump_columns, kdump_heading, kdump_lines


class KdumpScreen(CrashPlace):
    """Of all hosts a table above; of one host its page alone."""

    PLACE = Place.KDUMP
    CSS = """
    KdumpScreen Grid { height: 1fr; min-height: 4; }
    KdumpScreen #kdump-page { height: 2fr; }
    KdumpScreen.-many #kdump-page { border-top: solid $border-blurred; }
    KdumpScreen.-one Grid { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.KDUMP)

    def __init__(self, hosts: tuple[HostName, ...]) -> None:
        super().__init__()
        self._hosts = hosts
        self.add_class("-one" if len(hosts) == 1 else "-many")

    def compose(self) -> ComposeResult:
        """The panes."""
        glyphs = self.session.settings.glyphs
        yield Header()
        yield LineView(id="heading")
        yield Grid(kdump_columns(glyphs), key=lambda row: row.host, sort="verdict", glyphs=glyphs)
        yield ReadView(id="kdump-page")
        yield KeyLine()

    def on_mount(self) -> None:
        """The table has the keys, or the page."""
        front: Widget = self.page if len(self._hosts) == 1 else self.grid
        front.focus()

    @property
    def grid(self) -> Grid[KdumpRow]:
        """The hosts."""
        return self.query_one(Grid)

    @property
    def page(self) -> ReadView:
        """The selected one."""
        return self.query_one("#kdump-page", ReadView)

    def hosts(self) -> Sequence[HostName]:
        """Those that it was opened with."""
        return [host for host in self._hosts if host in self.state.hosts]

    def now(self) -> Now:
        """With what is asked."""
        return Now(self.state, read_only=self.session.settings.read_only, asking=bool(self.asking))

    @property
    def shown_actions(self) -> tuple[Action, ...]:
        """A page of one host opens nothing more."""
        return tuple(each for each in self.actions if not (len(self._hosts) == 1 and each.id == "open"))

    # -- drawing ------------------------------------------------------------------------------------

    def resync(self) -> None:
        """Everything anew; hosts of which nothing is known are asked."""
        self.ask_where_due()
        super().resync()

    def _row(self, view: HostView) -> KdumpRow:
        name, known, current = view.spec.name, view.crashes, can_be_asked(view)
        error = self.session.crashes.troubles.get(name)
        trouble = ""
        if not current:
            trouble = f"it does not answer: {view.link.reason or view.link.link.value}"
        elif name in self.session.crashes.asking:
            trouble = "" if known else "being looked at ..."
        elif error:
            trouble = f"not looked at anew: {error.cause}" + (f" ({error.hint})" if error.hint else "")
        return KdumpRow(name, known.kdump if known else None, trouble, current)

    def draw_all(self) -> None:
        """All panes."""
        rows = [self._row(self.state.hosts[host]) for host in self.hosts()]
        self.grid.show(rows)
        title = f" KDUMP of {self._hosts[0]} " if len(self._hosts) == 1 else " KDUMP "
        left: Line = (Cell(title, Tone.TITLE), *kdump_heading(rows))
        known = [crashes.at for host in self.hosts() if (crashes := self.state.hosts[host].crashes)]
        right: Line = (dim(f"looked {clock_time(min(known), datetime.now(UTC))} "),) if known else ()
        if self.asking:
            right = (Cell("looking ... ", Tone.BUSY),)
        self.query_one("#heading", LineView).draw(lambda width: [spread(left, right, width)])
        self._draw_page()

    def _draw_page(self) -> None:
        row, glyphs = self.grid.highlighted, self.session.settings.glyphs
        self.page.draw(lambda width: kdump_lines(row, glyphs, width) if row else [])

    @on(Grid.Highlighted)
    def _highlighted(self) -> None:
        self.page.scroll_home(animate=False)
        self._draw_page()

    @on(Grid.Selected)
    def do_open(self) -> None:
        """One host alone, where its page scrolls."""
        row = self.grid.highlighted
        if row and len(self._hosts) > 1:
            self.app.push_screen(KdumpScreen((row.host,)))
