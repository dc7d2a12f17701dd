"""Dumping a guest's memory: the plan before anything is done, how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType

from backends.api import FerryError
from backends.model.dump import DumpPlan, DumpWish
from tui.actions.action import Action, Place
from tui.actions.reasons import Now
from tui.actions.registry import bindings_for
from tui.dialogs.dump import DumpDialog, start_dump_dialog, stop_dump_dialog
from tui.dumps import Dump
from tui.screens.place import PlaceScreen
from tui.toasts import copy
from tui.widgets.chrome import Header, KeyLine
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, LineView, ReadView, line, wrap
from tui.words.dump import ENDS, dump_end_words, dump_title, dump_verdict, plan_lines

_BEFORE = frozenset({"start-dump", "change-dump", "plan-dump-again"})
"""Actions that mean nothing while the dump is under way."""


class DumpScreen(PlaceScreen):
    """Only looks: a dump that has begun belongs to the session and goes on when the user leaves."""

    PLACE = Place.DUMP
    CSS = """
    DumpScreen #plan { margin: 1 0 0 0; }
    DumpScreen #verdict { height: auto; max-height: 8; border-top: solid $border-blurred; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.DUMP)

    def __init__(self, wish: DumpWish) -> None:
        super().__init__()
        self._wish = wish
        self._dump: Dump | None = None
        self._error: FerryError | None = None
        self._planning = False
        self._unlisten: Callable[[], None] | None = None

    def compose(self) -> ComposeResult:
        """The panes."""
        yield Header()
        yield LineView(id="heading")
        yield ReadView(id="plan")
        yield LineView(id="verdict")
        yield KeyLine()

    def on_mount(self) -> None:
        """The plan has the keys for scrolling; it is made, unless it is being carried out already."""
        self.query_one("#plan").focus()
        self._unlisten = self.session.dumps.listen(self._heard)
        known = self.session.dumps.of(self._wish.guest)
        if known and not known.over:
            self._dump, self._wish = known, known.plan.wish
        else:
            self.do_plan_dump_again()

    def on_unmount(self) -> None:
        """Listen no longer."""
        if self._unlisten:
            self._unlisten()

    def watches(self, dump: Dump) -> bool:
        """Is it the one of this screen?"""
        return dump.guest == self._wish.guest

    def now(self) -> Now:
        """With the plan."""
        return Now(
            self.state,
            read_only=self.session.settings.read_only,
            guest=self.state.guest(self._wish.guest),
            asking=self._planning,
            dump=self._dump,
            text=self._dump.plan.command if self._dump else "",
        )

    @property
    def shown_actions(self) -> tuple[Action, ...]:
        """What has begun is stopped, and what has not is started."""
        under_way = self._dump is not None and self._dump.started and not self._dump.over
        hidden = _BEFORE if under_way else frozenset({"stop-dump"})
        return tuple(each for each in self.actions if each.id not in hidden)

    # -- planning -----------------------------------------------------------------------------------

    def do_plan_dump_again(self) -> None:
        """Make the plan; an answer that is still under way is of no more use."""
        self._dump, self._error, self._planning = None, None, True
        self.run_worker(self._plan(self._wish), group="plan", exclusive=True)
        self._draw_all()

    async def _plan(self, wish: DumpWish) -> None:
        try:
            self._dump = Dump(await self.session.fleet.plan_dump(wish))
        except FerryError as error:
            self._error = error
        self._planning = False
        self._draw_all()

    def do_change_dump(self) -> None:
        """Another wish, and its plan."""
        self.run_worker(self._change(), group="change", exclusive=True)

    async def _change(self) -> None:
        guest = self.state.guest(self._wish.guest)
        if guest and (wish := await self.app.push_screen_wait(DumpDialog(guest, self._wish))):
            self._wish = wish
            self.do_plan_dump_again()

    # -- drawing ------------------------------------------------------------------------------------

    def resync(self) -> None:
        """Everything anew."""
        self._draw_all()
        super().resync()

    def _heard(self, dump: Dump) -> None:
        if not self.watches(dump) or not self.is_attached or not self.app.is_running:
            return
        self._dump = dump
        if self.is_current:
            self._draw_all()
        else:
            self._behind = True

    def _draw_all(self) -> None:
        dump, glyphs = self._dump, self.session.settings.glyphs
        title = dump_title(self._guest_name(), self._wish.guest.host)
        self.query_one("#heading", LineView).draw(lambda _: [title])
        self.query_one("#plan", ReadView).draw(
            lambda width: plan_lines(dump.plan, glyphs, width) if dump else []
        )
        self.query_one("#verdict", LineView).draw(
            lambda width: dump_verdict(dump, glyphs, width) if dump else self._waiting(width)
        )
        self.redraw_keys()

    def _guest_name(self) -> str:
        if self._dump:
            return self._dump.plan.name
        guest = self.state.guest(self._wish.guest)
        return guest.name if guest else self._wish.guest.uuid

    def _waiting(self, width: int) -> list[Line]:
        if error := self._error:
            lines = wrap(f"no plan: {error}", width - 1, Tone.DOUBT, indent="   ", first=line(" "))
            return lines + (
                wrap(error.hint, width - 1, indent="   ", first=line("   ")) if error.hint else []
            )
        return [line(Cell(" looking for room and at what the host can do ...", Tone.BUSY))]

    # -- what the user does --------------------------------------------------------------------------

    def do_start_dump(self) -> None:
        """Take it, after a confirmation where the guest does not run on after it."""
        if self._dump:
            self.app.run_worker(self._start(self._dump.plan))

    async def _start(self, plan: DumpPlan) -> None:
        app, session = self.app, self.session
        if plan.wish.then not in ENDS or await app.push_screen_wait(start_dump_dialog(plan)):
            session.dumps.start(app, session.fleet, plan, lambda dump: tell_end(app, dump))

    def do_stop_dump(self) -> None:
        """Break it off, after a confirmation."""
        if self._dump:
            self.app.run_worker(self._stop(self._dump.plan))

    async def _stop(self, plan: DumpPlan) -> None:
        session = self.session
        if await self.app.push_screen_wait(stop_dump_dialog(plan)):
            session.dumps.stop(plan.wish.guest)

    def do_copy_dump_command(self) -> None:
        """The virsh command."""
        if text := self.now().text:
            copy(self.app, text)

    def do_back(self) -> None:
        """To where the user came from; it goes on."""
        self.app.pop_screen()


def tell_end(app: App[None], dump: Dump) -> None:
    """A toast for whoever does not watch it."""
    screen = app.screen
    if isinstance(screen, DumpScreen) and screen.watches(dump):
        return
    if dump.succeeded or dump.stopped:
        app.notify(dump_end_words(dump), timeout=8, markup=False)
    else:
        app.notify(dump_end_words(dump), severity="error", timeout=12, markup=False)
