"""One guest: its facts and its definition."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from backends.api import FerryError
from backends.model.fleet import Topic
from backends.model.guest import GuestKey
from tui.actions.action import Place
from tui.actions.registry import bindings_for
from tui.bridge import Update
from tui.screens.life import GuestPlace
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, LineView, ReadView, dim, line, wrap
from tui.words.guest import detail, row_of
from tui.words.xml import xml_lines


class GuestScreen(GuestPlace):
    """Facts above, libvirt's XML below."""

    PLACE = Place.GUEST
    CSS_PATH = Path(__file__).with_name("guest.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.GUEST)

    def __init__(self, key: GuestKey) -> None:
        super().__init__()
        self._key = key

    def compose(self) -> ComposeResult:
        """The panes."""
        yield Header()
        yield LineView(id="facts")
        yield ReadView(lambda _: [line(dim(" reading the definition ..."))], id="definition")
        yield KeyLine()

    def on_mount(self) -> None:
        """The definition has the keys for scrolling."""
        self.query_one("#definition").focus()

    def guest_key(self) -> GuestKey:
        """The guest of this page."""
        return self._key

    def resync(self) -> None:
        """Everything, the definition too: it may have changed while the page was covered."""
        self._draw_facts()
        self._read_definition()
        super().resync()

    def follow(self, update: Update) -> None:
        """What changed of this guest."""
        crashed = (Topic.CRASHES, self._key.host) in update.dirty
        if crashed or self._key in update.guests() or self._key.host in update.hosts_with_new_link():
            self._draw_facts()
            self.redraw_keys()
        if (Topic.GUEST, self._key) in update.dirty:
            self._read_definition()
        super().follow(update)

    def _draw_facts(self) -> None:
        row = row_of(self.state, self._key)
        glyphs, crash_key = self.session.settings.glyphs, self.key_for("crash-record")

        def picture(width: int) -> list[Line]:
            if row is None:
                return [line(Cell(f" It is no longer on {self._key.host}.", Tone.DOUBT))]
            return detail(row, glyphs, datetime.now(UTC), width, most=4, crash_key=crash_key)

        self.query_one("#facts", LineView).draw(picture)

    def _read_definition(self) -> None:
        """Ask for it anew; an answer that is still under way is of no more use."""
        if self.state.guest(self._key):
            self.run_worker(self._read(), group="definition", exclusive=True)

    async def _read(self) -> None:
        view = self.query_one("#definition", ReadView)
        try:
            text = await self.session.fleet.definition(self._key)
        except FerryError as error:
            trouble = f"no definition: {error}" + (f" ({error.hint})" if error.hint else "")
            view.draw(lambda width: wrap(trouble, width - 2, Tone.DOUBT, indent=" ", first=line(" ")))
            return
        view.draw(lambda width: xml_lines(text, width))

    def do_back(self) -> None:
        """To where the user came from."""
        self.app.pop_screen()
