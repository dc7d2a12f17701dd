"""Growing a disk: the whole plan before anything is done, then its steps as they are done, then what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType

from backends.api import FerryError
from backends.model.guest import GuestKey
from backends.model.storage import GrowPlan
from tui.actions.action import Action, Place
from tui.actions.reasons import Now
from tui.actions.registry import bindings_for
from tui.dialogs.grow import start_dialog
from tui.format import long_size
from tui.growths import Growth
from tui.screens.place import PlaceScreen
from tui.toasts import copy
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, LineView, ReadView, dim, line, wrap
from tui.words.growth import commands, end_words, growth_lines, growth_title, growth_verdict


class GrowthScreen(PlaceScreen):
    """Only looks: a growth that has begun belongs to the session and goes on when the user leaves."""

    PLACE = Place.GROWTH
    CSS = """
    GrowthScreen #steps { margin: 1 0 0 0; }
    GrowthScreen #verdict { height: auto; max-height: 8; border-top: solid $border-blurred; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.GROWTH)

    def __init__(self, guest: GuestKey, target: str, size_bytes: int) -> None:
        super().__init__()
        self._guest = guest
        self._target = target
        self._size_bytes = size_bytes
        self._growth: Growth | None = None
        self._error: FerryError | None = None
        self._planning = False
        self._unlisten: Callable[[], None] | None = None

    def compose(self) -> ComposeResult:
        """The panes."""
        yield Header()
        yield LineView(id="heading")
        yield ReadView(id="steps")
        yield LineView(id="verdict")
        yield KeyLine()

    def on_mount(self) -> None:
        """The steps have the keys for scrolling; the plan is made, unless it is being carried out already."""
        self.query_one("#steps").focus()
        self._unlisten = self.session.growths.listen(self._heard)
        known = self.session.growths.of(self._guest, self._target)
        if known and not known.over:
            self._growth = known
        else:
            self.do_plan_again()

    def on_unmount(self) -> None:
        """Listen no longer."""
        if self._unlisten:
            self._unlisten()

    def watches(self, growth: Growth) -> bool:
        """Is it the one of this screen?"""
        return (growth.plan.guest, growth.plan.target) == (self._guest, self._target)

    def now(self) -> Now:
        """With the plan."""
        return Now(
            self.state,
            read_only=self.session.settings.read_only,
            asking=self._planning,
            growth=self._growth,
            text=commands(self._growth.plan) if self._growth else "",
        )

    @property
    def shown_actions(self) -> tuple[Action, ...]:
        """What has begun is not begun again."""
        begun = self._growth is not None and self._growth.started
        return tuple(each for each in self.actions if not (begun and each.id == "start-growth"))

    # -- planning -----------------------------------------------------------------------------------

    def do_plan_again(self) -> None:
        """Make the plan; an answer that is still under way is of no more use."""
        self._growth, self._error, self._planning = None, None, True
        self.run_worker(self._plan(), group="plan", exclusive=True)
        self._draw_all()

    async def _plan(self) -> None:
        try:
            plan = await self.session.fleet.plan_growth(self._guest, self._target, self._size_bytes)
            self._growth = Growth(plan)
        except FerryError as error:
            self._error = error
        self._planning = False
        self._draw_all()

    # -- drawing ------------------------------------------------------------------------------------

    def resync(self) -> None:
        """Everything anew."""
        self._draw_all()
        super().resync()

    def _heard(self, growth: Growth) -> None:
        if not self.watches(growth) or not self.is_attached or not self.app.is_running:
            return
        self._growth = growth
        if self.is_current:
            self._draw_all()
        else:
            self._behind = True

    def _draw_all(self) -> None:
        growth, glyphs = self._growth, self.session.settings.glyphs
        title = growth_title(growth.plan, glyphs) if growth else self._title()
        self.query_one("#heading", LineView).draw(lambda _: [title])
        self.query_one("#steps", ReadView).draw(self._steps)
        self.query_one("#verdict", LineView).draw(
            lambda width: growth_verdict(growth, glyphs, width) if growth else self._waiting(width)
        )
        self.redraw_keys()

    def _title(self) -> Line:
        guest = self.state.guest(self._guest)
        name = guest.name if guest else self._guest.uuid
        return line(
            Cell(" GROW ", Tone.TITLE),
            Cell(f" {self._target}", Tone.TITLE),
            dim(f" of {name} on {self._guest.host} to {long_size(self._size_bytes)}"),
        )

    def _steps(self, width: int) -> list[Line]:
        return growth_lines(self._growth, self.session.settings.glyphs, width) if self._growth else []

    def _waiting(self, width: int) -> list[Line]:
        if error := self._error:
            lines = wrap(f"no plan: {error}", width - 1, Tone.DOUBT, indent="   ", first=line(" "))
            return lines + (
                wrap(error.hint, width - 1, indent="   ", first=line("   ")) if error.hint else []
            )
        return [line(Cell(" looking at each layer under the disk ...", Tone.BUSY))]

    # -- what the user does --------------------------------------------------------------------------

    def do_start_growth(self) -> None:
        """Carry it out, after a confirmation."""
        if self._growth:
            self.app.run_worker(self._start(self._growth.plan))

    async def _start(self, plan: GrowPlan) -> None:
        app, session = self.app, self.session
        if await app.push_screen_wait(start_dialog(plan)):
            session.growths.start(app, session.fleet, plan, lambda growth: tell_end(app, growth))

    def do_copy_steps(self) -> None:
        """The equivalent commands."""
        if text := self.now().text:
            copy(self.app, text)

    def do_back(self) -> None:
        """To where the user came from; it goes on."""
        self.app.pop_screen()


def tell_end(app: App[None], growth: Growth) -> None:
    """A toast for whoever does not watch it."""
    screen = app.screen
    if isinstance(screen, GrowthScreen) and screen.watches(growth):
        return
    if growth.succeeded:
        app.notify(end_words(growth), timeout=8, markup=False)
    else:
        app.notify(end_words(growth), severity="error", timeout=12, markup=False)
