"""One storage: its space, what threatens it, who sees it how, what was proved, and what is kept on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from backends.model.host import HostName
from backends.model.storage import Storage
from tui.actions.action import Place
from tui.actions.registry import bindings_for
from tui.bridge import Update
from tui.format import clock_time
from tui.screens.storage_acts import StoragePlace
from tui.storages import Storages
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, LineView, ReadView, dim, line, spread, wrap
from tui.words.storage import StorageRow, level_cell
from tui.words.storage_page import storage_page


class StoragePageScreen(StoragePlace):
    """Follows the newest answer; a storage that is in it no longer stays as it was last seen, and says so."""

    PLACE = Place.STORAGE_PAGE
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.STORAGE_PAGE)

    def __init__(self, storage: Storage, storages: Storages, host: HostName | None = None) -> None:
        super().__init__()
        self.storages = storages
        self._storage = storage
        self._host = host
        self._is_gone = False
        self._unlisten: Callable[[], None] | None = None

    def compose(self) -> ComposeResult:
        """The panes."""
        yield Header()
        yield LineView(id="heading")
        yield ReadView(id="storage-page")
        yield KeyLine()

    def on_mount(self) -> None:
        """The page has the keys for scrolling."""
        self.query_one("#storage-page").focus()
        self._unlisten = self.storages.listen(self._answered)

    def on_unmount(self) -> None:
        """Listen no longer."""
        if self._unlisten:
            self._unlisten()

    def storage(self) -> Storage:
        """The one of this page."""
        return self._storage

    def chosen_host(self) -> HostName | None:
        """The one that was chosen in the table."""
        return self._host

    def resync(self) -> None:
        """Everything anew."""
        self._draw_all()
        super().resync()

    def follow(self, update: Update) -> None:
        """What silent hosts have told is marked."""
        if update.hosts_with_new_link():
            self._draw_all()
        super().follow(update)

    def _answered(self) -> None:
        if not self.is_attached or not self.app.is_running:
            return
        if self.is_current:
            self._draw_all()
            self.redraw_keys()
        else:
            self._behind = True

    def _draw_all(self) -> None:
        if self.storages.map:
            newest = self.storages.find(self._storage.id)
            self._storage, self._is_gone = newest or self._storage, newest is None
        self._draw_heading()
        self.query_one("#storage-page", ReadView).draw(self._page)

    def _draw_heading(self) -> None:
        glyphs, storage = self.session.settings.glyphs, self._storage
        left = line(Cell(f" {storage.label}  ", Tone.TITLE), level_cell(storage.commitment.level, glyphs))
        right: Line = ()
        if self.storages.asking:
            right = (Cell("asking ... ", Tone.BUSY),)
        elif known := self.storages.map:
            right = (dim(f"asked {clock_time(known.at, datetime.now(UTC))} "),)
            if self.storages.error:
                right = (Cell("not asked anew; ", Tone.ALARM), *right)
        self.query_one("#heading", LineView).draw(lambda width: [spread(left, right, width)])

    def _page(self, width: int) -> list[Line]:
        row, glyphs = StorageRow(self._storage, self.silent()), self.session.settings.glyphs
        lines: list[Line] = []
        if error := self.storages.error:
            told = f"not asked anew: {error}" + (f" ({error.hint})" if error.hint else "")
            lines += [*wrap(told, width - 1, Tone.DOUBT, indent=" ", first=line(" ")), EMPTY]
        if self._is_gone:
            gone = "No host has told of it when they were asked last: this is what was known before."
            lines += [*wrap(gone, width - 1, Tone.DOUBT, indent=" ", first=line(" ")), EMPTY]
        return lines + storage_page(row, self.proving_of(self._storage), glyphs, datetime.now(UTC), width)

    def show_proof(self) -> None:
        """At the top of the page."""
        if self.is_current:
            self.query_one("#storage-page", ReadView).scroll_home(animate=False)

    def do_back(self) -> None:
        """To the table."""
        self.app.pop_screen()
