"""The processor that a set of hosts has in common, as XML to paste."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from backends.api import FerryError
from backends.model.comparison import Baseline
from backends.model.host import HostName
from tui.actions.action import Place
from tui.actions.reasons import Now
from tui.actions.registry import bindings_for
from tui.screens.place import PlaceScreen
from tui.toasts import copy
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, LineView, ReadView, dim, line, wrap
from tui.words.baseline import baseline_page


class BaselineScreen(PlaceScreen):
    """What to paste, what each host gives up for it, and which guests must be restarted to get it."""

    PLACE = Place.BASELINE
    CSS_PATH = Path(__file__).with_name("baseline.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.BASELINE)

    def __init__(self, hosts: tuple[HostName, ...] = ()) -> None:
        super().__init__()
        self._hosts = hosts
        """Empty: all."""
        self._baseline: Baseline | None = None
        self._error: FerryError | None = None
        self._asking = False

    def compose(self) -> ComposeResult:
        """The panes."""
        yield Header()
        yield LineView(self._heading, id="heading")
        yield ReadView(self._page, id="baseline")
        yield KeyLine()

    def on_mount(self) -> None:
        """The page has the keys for scrolling; the hosts are asked."""
        self.query_one("#baseline").focus()
        self.do_ask_them_again()

    def now(self) -> Now:
        """With what can be copied."""
        return Now(
            self.state,
            read_only=self.session.settings.read_only,
            asking=self._asking,
            text=self._baseline.xml if self._baseline else "",
        )

    def do_ask_them_again(self) -> None:
        """Ask all of them anew; an answer that is still under way is of no more use."""
        self._asking = True
        self.run_worker(self._read(), group="baseline", exclusive=True)
        self._draw_all()

    async def _read(self) -> None:
        try:
            self._baseline = await self.session.fleet.baseline(self._hosts)
            self._error = None
        except FerryError as error:
            self._baseline, self._error = None, error
        self._asking = False
        self._draw_all()

    def _draw_all(self) -> None:
        self.query_one("#heading", LineView).draw()
        self.query_one("#baseline", ReadView).draw()
        self.redraw_keys()

    def _heading(self, _: int) -> list[Line]:
        cells = [Cell(" A COMMON PROCESSOR ", Tone.TITLE)]
        if self._asking:
            cells.append(Cell("  asking ...", Tone.BUSY))
        return [tuple(cells)]

    def _page(self, width: int) -> list[Line]:
        names = ", ".join(self._hosts) or "all hosts"
        if self._baseline:
            return baseline_page(self._baseline, self.session.settings.glyphs, width)
        if self._error:
            hint = wrap(self._error.hint, width - 1, indent=" ", first=line(" ")) if self._error.hint else []
            words = f"No common processor of {names}: {self._error}"
            return [EMPTY, *wrap(words, width - 1, Tone.DOUBT, indent=" ", first=line(" ")), *hint]
        return [EMPTY, line(dim(f" Asking {names} which processor all of them can give ..."))]

    def do_copy_xml(self) -> None:
        """The element to paste."""
        if self._baseline:
            copy(self.app, self._baseline.xml)

    def do_back(self) -> None:
        """To where the user came from."""
        self.app.pop_screen()
