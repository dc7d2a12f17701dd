"""Mode 2: the hosts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from backends.model.fleet import HostView, Topic
from tui.actions.action import Place
from tui.actions.reasons import Now
from tui.actions.registry import bindings_for
from tui.bridge import Update
from tui.screens.place import PlaceScreen
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.grid import Grid
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, LineView, dim
from tui.words.host import host_columns, host_detail

AGE_TICK_S = 1.0
"""How often the ages on the screen are read anew; what reads the same is not painted."""


def _now() -> datetime:
    return datetime.now(UTC)


class HostsScreen(PlaceScreen):
    """A table of hosts, and all that is known of the selected one."""

    PLACE = Place.HOSTS
    CSS_PATH = Path(__file__).with_name("hosts.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.HOSTS)

    def compose(self) -> ComposeResult:
        """The panes."""
        glyphs = self.session.settings.glyphs
        yield Header()
        yield LineView(lambda _: [(Cell(" HOSTS", Tone.TITLE),)], id="heading")
        yield Grid(
            host_columns(glyphs, _now),
            key=lambda view: view.spec.name,
            glyphs=glyphs,
            placeholder="No hosts.",
        )
        yield LineView(id="detail")
        yield KeyLine()

    def on_mount(self) -> None:
        """The table has the keys; ages grow."""
        self.grid.focus()
        self.set_interval(AGE_TICK_S, self._grow_older)

    @property
    def grid(self) -> Grid[HostView]:
        """The table."""
        return self.query_one(Grid)

    def now(self) -> Now:
        """With the host under the cursor."""
        return Now(self.state, read_only=self.session.settings.read_only, host=self.grid.highlighted)

    def resync(self) -> None:
        """Everything anew."""
        self.grid.show(self.state.hosts.values())
        self._draw_detail()
        super().resync()

    def follow(self, update: Update) -> None:
        """Changed hosts only."""
        guests = {key.host for key in update.guests()} if update.touches(Topic.GUEST) else set()
        named = {str(subject) for topic, subject in update.dirty if topic in (Topic.LINK, Topic.LOAD)}
        changed = guests | named
        if changed:
            self.grid.update([view for name, view in update.state.hosts.items() if name in changed])
            self._draw_detail()
        super().follow(update)

    def _grow_older(self) -> None:
        if self.is_current:
            self.grid.reread()
            self._draw_detail()

    @on(Grid.Highlighted)
    def _highlighted(self) -> None:
        self._draw_detail()
        self.redraw_keys()

    def _draw_detail(self) -> None:
        view = self.grid.highlighted
        glyphs = self.session.settings.glyphs

        def picture(width: int) -> list[Line]:
            lines = host_detail(view, glyphs, _now(), width) if view else []
            return [*lines, (dim(" What the hosts can do (capabilities) is not shown yet."),)]

        self.query_one("#detail", LineView).draw(picture)
