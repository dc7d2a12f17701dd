"""Growing a disk: the whole plan before anything is done, then its steps as they are done, then what came of it."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from backends.model.guest import GuestKey
from backends.model.storage import GrowPlan
from tui.actions.action import Action, Place
from tui.actions.reasons import Now
from tui.actions.registry import bindings_for
from tui.dialogs.grow import start_dialog
from tui.format import long_size
from tui.growths import Growth, Growths
from tui.screens.work import WorkScreen, tell_end
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, dim, line
from tui.words.growth import commands, end_words, growth_lines, growth_title, growth_verdict


class GrowthScreen(WorkScreen[Growth]):
    """The growth of one disk."""

    PLACE = Place.GROWTH
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.GROWTH)
    LOOKING = "looking at each layer under the disk"

    def __init__(self, guest: GuestKey, target: str, size_bytes: int) -> None:
        super().__init__()
        self._guest = guest
        self._target = target
        self._size_bytes = size_bytes

    @property
    def works(self) -> Growths:
        """Those of the session."""
        return self.session.growths

    @property
    def key(self) -> tuple[GuestKey, str]:
        """Which disk it is."""
        return self._guest, self._target

    def now(self) -> Now:
        """With the plan."""
        return Now(
            self.state,
            read_only=self.session.settings.read_only,
            asking=self._planning,
            growth=self._work,
            text=commands(self._work.plan) if self._work else "",
        )

    @property
    def shown_actions(self) -> tuple[Action, ...]:
        """What has begun is not begun again."""
        begun = self._work is not None and self._work.started
        return tuple(each for each in self.actions if not (begun and each.id == "start-growth"))

    async def plan(self) -> Growth:
        """To the size that was asked for. Raises FerryError."""
        return Growth(await self.session.fleet.plan_growth(self._guest, self._target, self._size_bytes))

    def heading(self) -> Line:
        """Whose disk, and from what to what."""
        if self._work:
            return growth_title(self._work.plan, self.session.settings.glyphs)
        guest = self.state.guest(self._guest)
        name = guest.name if guest else self._guest.uuid
        return line(
            Cell(" GROW ", Tone.TITLE),
            Cell(f" {self._target}", Tone.TITLE),
            dim(f" of {name} on {self._guest.host} to {long_size(self._size_bytes)}"),
        )

    def plan_of(self, work: Growth, width: int) -> list[Line]:
        """Its steps."""
        return growth_lines(work, self.session.settings.glyphs, width)

    def verdict_of(self, work: Growth, width: int) -> list[Line]:
        """What is done and what is left."""
        return growth_verdict(work, self.session.settings.glyphs, width)

    # -- what the user does --------------------------------------------------------------------------

    def do_plan_again(self) -> None:
        """From what is there now."""
        self.plan_anew()

    def do_start_growth(self) -> None:
        """Carry it out, after a confirmation."""
        if self._work:
            self.app.run_worker(self._start(self._work.plan))

    async def _start(self, plan: GrowPlan) -> None:
        app, session = self.app, self.session

        def at_end(growth: Growth) -> None:
            tell_end(app, growth, end_words(growth), well=growth.succeeded)

        if await app.push_screen_wait(start_dialog(plan)):
            session.growths.start(app, session.fleet, plan, at_end)

    def do_copy_steps(self) -> None:
        """The equivalent commands."""
        self.copy_text()
