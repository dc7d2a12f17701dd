"""One host: all that it can do, each fact with its source on demand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from backends.model.fleet import HostView
from backends.model.host import HostName
from tui.actions.action import Action, Place
from tui.actions.capability_actions import fitting_link
from tui.actions.reasons import Now
from tui.actions.registry import bindings_for
from tui.bridge import Update
from tui.format import clock_time
from tui.screens.filtered import FILTERED_CSS, FilteredPlace
from tui.screens.kdump import KdumpScreen
from tui.screens.posture import PostureScreen
from tui.surveys import Surveys
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.filter_line import FilterLine
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, LineView, ReadView, dim
from tui.words.capabilities import survey_cost
from tui.words.facts import facts_page
from tui.words.host import can_be_asked, host_detail, host_title, survey_lines

AGE_TICK_S = 10.0
"""How often the ages on the page are read anew; what reads the same is not painted."""


class HostScreen(FilteredPlace):
    """The verdicts, then the facts by section."""

    PLACE = Place.HOST
    CSS_PATH: ClassVar[list[str | PurePath]] = [FILTERED_CSS, Path(__file__).with_name("host.tcss")]
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.HOST)

    def __init__(self, host: HostName, surveys: Surveys) -> None:
        super().__init__()
        self._host = host
        self._surveys = surveys
        self._shows_sources = False
        self._unlisten: Callable[[], None] | None = None

    def compose(self) -> ComposeResult:
        """The panes."""
        yield Header()
        yield LineView(id="heading")
        yield FilterLine("words of a label, a value or a section", id="filter")
        yield LineView(id="trouble")
        yield ReadView(id="facts-page")
        yield KeyLine()

    def on_mount(self) -> None:
        """The page has the keys for scrolling; ages grow."""
        self.page.focus()
        self._unlisten = self._surveys.listen(self._survey_changed)
        self.set_interval(AGE_TICK_S, self._grow_older)

    def on_unmount(self) -> None:
        """Listen no longer."""
        if self._unlisten:
            self._unlisten()

    @property
    def page(self) -> ReadView:
        """The facts."""
        return self.query_one("#facts-page", ReadView)

    def filtered(self) -> ReadView:
        """The facts."""
        return self.page

    def now(self) -> Now:
        """With this host."""
        return Now(
            self.state,
            read_only=self.session.settings.read_only,
            host=self._view,
            asking=self._host in self._surveys.asking,
        )

    @property
    def shown_actions(self) -> tuple[Action, ...]:
        """Connecting where there is no link, asking where there is one."""
        return fitting_link(self.actions, self._view)

    @property
    def _view(self) -> HostView:
        return self.state.hosts[self._host]

    # -- drawing ------------------------------------------------------------------------------------

    def resync(self) -> None:
        """Everything anew."""
        self._surveys.ask_where_due(self.app, [self._view])
        self._draw_all()
        super().resync()

    def follow(self, update: Update) -> None:
        """What changed of this host."""
        if any(subject == self._host for _, subject in update.dirty):
            self._surveys.ask_where_due(self.app, [self._view])
            self._draw_all()
        super().follow(update)

    def _survey_changed(self, host: HostName) -> None:
        if host != self._host or not self.app.is_running:
            return
        if self.is_current:
            self._draw_all()
            self.redraw_keys()
        else:
            self._behind = True

    def _draw_all(self) -> None:
        self.draw_heading()
        self._draw_trouble()
        self._draw_page()

    def _grow_older(self) -> None:
        if self.is_current:
            self.draw_heading()
            self._draw_trouble()

    def heading(self) -> tuple[Line, Line]:
        """Its name, whether it answers, and how old the facts are."""
        now = datetime.now(UTC)
        title = host_title(self._view, self.session.settings.glyphs, now)
        if self._host in self._surveys.asking:
            return title, (Cell("asking ... ", Tone.BUSY),)
        known = self._view.capabilities
        if known is None:
            return title, ()
        is_stale = not can_be_asked(self._view) or self._host in self._surveys.troubles
        age = Cell(f"asked {clock_time(known.at, now)}", Tone.DOUBT if is_stale else Tone.DIM)
        return title, (age, dim(f", {survey_cost(known)} "))

    def _draw_trouble(self) -> None:
        """Why there is no answer, or no new one."""
        view, now = self._view, datetime.now(UTC)
        error = self._surveys.troubles.get(self._host)
        asking = self._host in self._surveys.asking

        def picture(width: int) -> list[Line]:
            lines: list[Line] = []
            if view.link.reason or view.capabilities is None:
                lines += host_detail(view, now, width)
            if view.capabilities is None or error:
                lines += survey_lines(view, now, width, asking=asking, error=error)
            return [*lines, EMPTY] if lines else []

        self.set_class(bool(picture(80)), "-trouble")
        self.query_one("#trouble", LineView).draw(picture)

    def _draw_page(self) -> None:
        known, glyphs, query = self._view.capabilities, self.session.settings.glyphs, self.filter_line.value
        sources = self._shows_sources
        if known is None:
            self.page.draw(lambda _: [])
            return
        self.page.draw(lambda width: facts_page(known, glyphs, width, sources=sources, query=query))

    # -- what the user does --------------------------------------------------------------------------

    def filter_by(self, query: str) -> None:
        """Show only facts that have these words; the page takes them from the line."""
        self._draw_page()
        if query:
            self.page.scroll_home(animate=False)

    def do_sources(self) -> None:
        """Where each fact was read."""
        self._shows_sources = not self._shows_sources
        self._draw_page()

    def do_ask_again(self) -> None:
        """Ask it anew."""
        self._surveys.ask(self.app, [self._host])

    def do_host_posture(self) -> None:
        """How safe it is set up."""
        self.app.push_screen(PostureScreen((self._host,)))

    def do_host_kdump(self) -> None:
        """Would a crash of its kernel leave a dump?"""
        self.app.push_screen(KdumpScreen((self._host,)))
