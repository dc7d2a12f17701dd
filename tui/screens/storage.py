"""Mode 3: all storage of the fleet by its identity, and which hosts see it how."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from backends.model.host import HostName
from backends.model.storage import Storage
from tui.actions.action import Place
from tui.actions.registry import bindings_for
from tui.bridge import Update
from tui.dialogs.iscsi import portal_dialog
from tui.format import clock_time
from tui.screens.filtered import FILTERED_CSS, FilteredPlace
from tui.screens.iscsi import IscsiScreen
from tui.screens.storage_acts import StoragePlace
from tui.screens.storage_page import StoragePageScreen
from tui.storages import Storages
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.filter_line import FilterLine
from tui.widgets.grid import Grid
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, LineView, dim, line, wrap
from tui.widgets.wide_grid import WideGrid
from tui.words.comparison import left_out_lines
from tui.words.host import can_be_asked
from tui.words.storage import (
    SIDE_LEAST,
    SIDE_MOST,
    StorageRow,
    host_column,
    storage_columns,
    storage_filter,
    storage_heading,
)
from tui.words.storage_page import storage_pane

_FILTER_HINT = (
    "words of a name, kind:nfs, host:h1, pool:images, guest:web, level:alarm, shared:yes, !not, ~regex"
)


class StorageScreen(FilteredPlace, StoragePlace):
    """A row is a storage, a column at the right is a host; below, how the chosen host sees the selected storage."""

    PLACE = Place.STORAGE
    CSS_PATH: ClassVar[list[str | PurePath]] = [FILTERED_CSS, Path(__file__).with_name("storage.tcss")]
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.STORAGE)
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-usual"), (40, "-tall")]  # noqa: RUF012  (Textual declares it so)

    def __init__(self) -> None:
        super().__init__()
        self.storages = Storages(lambda: self.session.fleet)
        self._portal = ""
        """The one that was looked at last."""

    def compose(self) -> ComposeResult:
        """The panes."""
        glyphs = self.session.settings.glyphs
        yield Header()
        yield LineView(id="heading")
        yield FilterLine(_FILTER_HINT, id="filter")
        yield WideGrid(
            storage_columns(glyphs),
            marker=glyphs.marker,
            key=lambda row: row.storage.id,
            sort="dangers",
            glyphs=glyphs,
            no_match="No storage matches the filter: esc clears it.",
        )
        yield LineView(id="detail")
        yield KeyLine()

    def on_mount(self) -> None:
        """The table has the keys."""
        self.grid.focus()
        self.storages.listen(self._answered)

    @property
    def grid(self) -> WideGrid[StorageRow]:
        """The table."""
        return self.query_one(WideGrid)

    def filtered(self) -> WideGrid[StorageRow]:
        """The table."""
        return self.grid

    def storage(self) -> Storage | None:
        """The one under the cursor."""
        row = self.grid.highlighted
        return row.storage if row else None

    def chosen_host(self) -> HostName | None:
        """The one whose column is marked; before there are columns, the first of the fleet."""
        side = self.grid.side
        return HostName(side) if side else next(iter(self.state.hosts), None)

    # -- drawing ------------------------------------------------------------------------------------

    def resync(self) -> None:
        """Everything anew; who comes to look has the hosts asked."""
        self.storages.ask_where_due(self.app, self.state.hosts.values())
        self._draw_all()
        super().resync()

    def follow(self, update: Update) -> None:
        """Hosts that answer now are asked; what silent ones have told is marked."""
        if update.hosts_with_new_link():
            self.storages.ask_where_due(self.app, self.state.hosts.values())
            self._draw_all()
        super().follow(update)

    def _answered(self) -> None:
        if not self.is_attached or not self.app.is_running:
            return
        if self.is_current:
            if not self.storages.asking:
                self.storages.ask_where_due(self.app, self.state.hosts.values())
            self._draw_all()
            self.redraw_keys()
        else:
            self._behind = True

    def _draw_all(self) -> None:
        known, grid = self.storages.map, self.grid
        grid.placeholder = self._nothing_here()
        if known:
            names = [*known.hosts, *(host for host in known.left_out if host not in known.hosts)]
            width = max(SIDE_LEAST, min(SIDE_MOST, max(map(len, names), default=0) + 1))
            grid.show_sides(names, host_column(self.session.settings.glyphs, width))
            silent = self.silent()
            grid.show(StorageRow(storage, silent) for storage in known.storages)
        self.draw_heading()
        self._draw_detail()

    def _nothing_here(self) -> str:
        """What an empty table says."""
        if self.storages.asking:
            return "Asking the hosts what storage they see: mounts, LUNs, volume groups, pools, guests' disks ..."
        if error := self.storages.error:
            return f"The hosts could not be asked: {error}" + (f"\n\n{error.hint}" if error.hint else "")
        if not any(map(can_be_asked, self.state.hosts.values())):
            return "No host answers, so that none can be asked: mode 2 says why."
        return "These hosts see no storage that guests could use: make a pool, or mount a share."

    def heading(self) -> tuple[Line, Line]:
        """How many there are, which hosts are on the screen, and how old the answer is."""
        known, grid = self.storages.map, self.grid
        matched = f"{grid.matched} of {grid.total}" if grid.matched != grid.total else str(grid.total)
        left: Line = (Cell(" STORAGE ", Tone.TITLE), dim(f" {matched}" if known else ""))
        if known is None:
            return left, (Cell("asking ... ", Tone.BUSY),) if self.storages.asking else ()
        left = (*left, *storage_heading(known))
        shown = grid.sides_shown
        if len(shown) < len(known.hosts) + len(known.left_out):
            total = len(known.hosts) + len(known.left_out)
            left = (*left, dim(f"   hosts {shown.start + 1}-{shown.stop} of {total}"))
        return left, self._age()

    def _age(self) -> Line:
        known, now = self.storages.map, datetime.now(UTC)
        if self.storages.asking:
            return (Cell("asking ... ", Tone.BUSY),)
        if known is None:
            return ()
        age = dim(f"asked {clock_time(known.at, now)} ")
        if self.storages.error:
            return (Cell("not asked anew; ", Tone.ALARM), age)
        all_silent = self.silent()
        if silent := [host for host in known.hosts if host in all_silent]:
            words = (
                f"{', '.join(silent)} silent now; "
                if len(silent) <= 2
                else f"{len(silent)} hosts silent now; "
            )
            return (Cell(words, Tone.DOUBT), age)
        return (age,)

    def _draw_detail(self) -> None:
        self.query_one("#detail", LineView).draw(self._detail)

    def _detail(self, width: int) -> list[Line]:
        row, known, error = self.grid.highlighted, self.storages.map, self.storages.error
        glyphs, lines = self.session.settings.glyphs, list[Line]()
        if row:
            now = datetime.now(UTC)
            lines += storage_pane(row, self.chosen_host(), self.proving_of(row.storage), glyphs, now, width)
        if known and error:
            trouble = f"{error}" + (f" ({error.hint})" if error.hint else "")
            lines += wrap(trouble, width - 1, Tone.DOUBT, indent=" " * 10, first=line(dim(" not anew ")))
        if known and known.left_out:
            lines += left_out_lines(tuple(known.left_out.items()), width)
        return lines

    @on(Grid.Highlighted)
    @on(WideGrid.SideChosen)
    def _highlighted(self) -> None:
        self._draw_detail()
        self.draw_heading()
        self.redraw_keys()

    # -- what the user does --------------------------------------------------------------------------

    def filter_by(self, query: str) -> None:
        """Show only storage that matches."""
        self.grid.set_filter(storage_filter(query))
        self._draw_detail()

    @on(Grid.Selected)
    def do_open(self) -> None:
        """The page of the storage."""
        if storage := self.storage():
            self.app.push_screen(StoragePageScreen(storage, self.storages, self.chosen_host()))

    def show_proof(self) -> None:
        """On its page."""
        if self.is_current:
            self.do_open()

    def do_next_host(self) -> None:
        """The column at the right."""
        self.grid.move_side(1)

    def do_previous_host(self) -> None:
        """The column at the left."""
        self.grid.move_side(-1)

    def do_sort(self) -> None:
        """By the next column."""
        self.grid.action_sort_next()

    def do_sort_reverse(self) -> None:
        """The other way round."""
        self.grid.action_sort_reverse()

    def do_iscsi(self) -> None:
        """Targets, as the chosen host sees them."""
        if host := self.chosen_host():
            self.app.run_worker(self._look_for_targets(host))

    async def _look_for_targets(self, host: HostName) -> None:
        answer = await self.app.push_screen_wait(portal_dialog(host, self._portal))
        if answer and answer.strip():
            self._portal = answer.strip()
            self.app.push_screen(IscsiScreen(host, self._portal))
