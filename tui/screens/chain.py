"""What lies under a guest's disks, down to the bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from backends.api import FerryError
from backends.model.guest import Disk, GuestKey
from backends.model.storage import Chain
from tui.actions.action import Place
from tui.actions.reasons import Now
from tui.actions.registry import bindings_for
from tui.bridge import Update
from tui.screens.disk_acts import DiskPlace
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, LineView, ReadView, dim, line, spread
from tui.words.chain import disk_chains
from tui.words.host import can_be_asked


class ChainScreen(DiskPlace):
    """Each disk is asked for on its own, so that a slow one does not hide the others."""

    PLACE = Place.CHAIN
    CSS = "ChainScreen #chains { margin: 1 0 0 0; }"
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.CHAIN)

    def __init__(self, key: GuestKey) -> None:
        super().__init__()
        self._key = key
        self._chains: dict[str, Chain] = {}
        self._troubles: dict[str, FerryError] = {}
        self._asking: set[str] = set()
        self._disks: tuple[Disk, ...] = ()
        """As they were when they were asked for."""

    def compose(self) -> ComposeResult:
        """The panes."""
        yield Header()
        yield LineView(id="heading")
        yield ReadView(id="chains")
        yield KeyLine()

    def on_mount(self) -> None:
        """The drawings have the keys for scrolling."""
        self.query_one("#chains").focus()
        self.do_read_disks()

    def guest_key(self) -> GuestKey:
        """The guest of this page."""
        return self._key

    def now(self) -> Now:
        """With what is asked."""
        return replace(super().now(), asking=bool(self._asking))

    # -- asking -------------------------------------------------------------------------------------

    def do_read_disks(self) -> None:
        """All disks anew."""
        guest = self.state.guest(self._key)
        if guest is None:
            return
        self._disks = guest.disks
        for disk in guest.disks:
            if disk.source and disk.target not in self._asking:
                self._asking.add(disk.target)
                self.run_worker(self._read(disk.target), group="chains")
        self._draw_all()

    async def _read(self, target: str) -> None:
        try:
            self._chains[target] = await self.session.fleet.chain(self._key, target)
            self._troubles.pop(target, None)
        except FerryError as error:
            self._troubles[target] = error
        finally:
            self._asking.discard(target)
        self._draw_all()
        self.redraw_keys()

    # -- drawing ------------------------------------------------------------------------------------

    def resync(self) -> None:
        """Everything, the disks too: they may have grown while the page was covered."""
        self.do_read_disks()
        self._draw_all()
        super().resync()

    def follow(self, update: Update) -> None:
        """Disks that came or went are asked for."""
        guest = update.state.guest(self._key)
        if guest and guest.disks != self._disks:
            self.do_read_disks()
        elif self._key in update.guests() or self._key.host in update.hosts_with_new_link():
            self._draw_all()
        super().follow(update)

    def _draw_all(self) -> None:
        self._draw_heading()
        glyphs = self.session.settings.glyphs
        self.query_one("#chains", ReadView).draw(
            lambda width: disk_chains(self._disks, self._chains, self._troubles, glyphs, width)
        )

    def _draw_heading(self) -> None:
        guest, host = self.state.guest(self._key), self._key.host
        right: Line = ()
        if guest is None:
            right = (Cell(f"it is no longer on {host} ", Tone.DOUBT),)
        elif not can_be_asked(self.state.hosts[host]):
            right = (Cell(f"{host} is silent now ", Tone.DOUBT),)
        elif self._asking:
            right = (Cell("reading ... ", Tone.BUSY),)
        name = guest.name if guest else self._key.uuid
        left = line(Cell(" DISKS ", Tone.TITLE), dim(" of "), Cell(name, Tone.TITLE), dim(f" on {host}"))
        self.query_one("#heading", LineView).draw(lambda width: [spread(left, right, width)])

    def do_back(self) -> None:
        """To where the user came from."""
        self.app.pop_screen()
