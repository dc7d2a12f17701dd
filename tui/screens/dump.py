"""Dumping a guest's memory: the plan before anything is done, how far it is, and what came of it."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from backends.model.dump import DumpPlan, DumpWish
from backends.model.guest import GuestKey
from tui.actions.action import Action, Place
from tui.actions.reasons import Now
from tui.actions.registry import bindings_for
from tui.dialogs.dump import DumpDialog, start_dump_dialog, stop_dump_dialog
from tui.dumps import Dump, Dumps
from tui.screens.work import WorkScreen, tell_end
from tui.widgets.lines import Line
from tui.words.dump import ENDS, dump_end_words, dump_title, dump_verdict, plan_lines

_BEFORE = frozenset({"start-dump", "change-dump", "plan-dump-again"})
"""Actions that mean nothing while the dump is under way."""


class DumpScreen(WorkScreen[Dump]):
    """The dump of one guest."""

    PLACE = Place.DUMP
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.DUMP)
    LOOKING = "looking for room and at what the host can do"

    def __init__(self, wish: DumpWish) -> None:
        super().__init__()
        self._asked = wish

    @property
    def works(self) -> Dumps:
        """Those of the session."""
        return self.session.dumps

    @property
    def key(self) -> GuestKey:
        """Whose memory it is."""
        return self._asked.guest

    @property
    def _wish(self) -> DumpWish:
        """What is planned or done: of one that was under way already, what it was begun with."""
        return self._work.plan.wish if self._work else self._asked

    def now(self) -> Now:
        """With the plan."""
        return Now(
            self.state,
            read_only=self.session.settings.read_only,
            guest=self.state.guest(self.key),
            asking=self._planning,
            dump=self._work,
            text=self._work.plan.command if self._work else "",
        )

    @property
    def shown_actions(self) -> tuple[Action, ...]:
        """What has begun is stopped, and what has not is started."""
        under_way = self._work is not None and self._work.started and not self._work.over
        hidden = _BEFORE if under_way else frozenset({"stop-dump"})
        return tuple(each for each in self.actions if each.id not in hidden)

    async def plan(self) -> Dump:
        """By what was wished. Raises FerryError."""
        return Dump(await self.session.fleet.plan_dump(self._asked))

    def heading(self) -> Line:
        """Whose memory."""
        guest = self.state.guest(self.key)
        name = guest.name if guest else self.key.uuid
        return dump_title(self._work.plan.name if self._work else name, self.key.host)

    def plan_of(self, work: Dump, width: int) -> list[Line]:
        """What is written where, and what was found."""
        return plan_lines(work.plan, self.session.settings.glyphs, width)

    def verdict_of(self, work: Dump, width: int) -> list[Line]:
        """How far it is."""
        return dump_verdict(work, self.session.settings.glyphs, width)

    # -- what the user does --------------------------------------------------------------------------

    def do_plan_dump_again(self) -> None:
        """From what is free now."""
        self._asked = self._wish
        self.plan_anew()

    def do_change_dump(self) -> None:
        """Another wish, and its plan."""
        self.run_worker(self._change(), group="change", exclusive=True)

    async def _change(self) -> None:
        guest = self.state.guest(self.key)
        if guest and (wish := await self.app.push_screen_wait(DumpDialog(guest, self._wish))):
            self._asked = wish
            self.plan_anew()

    def do_start_dump(self) -> None:
        """Take it, after a confirmation where the guest does not run on after it."""
        if self._work:
            self.app.run_worker(self._start(self._work.plan))

    async def _start(self, plan: DumpPlan) -> None:
        app, session = self.app, self.session

        def at_end(dump: Dump) -> None:
            tell_end(app, dump, dump_end_words(dump), well=dump.succeeded or dump.stopped)

        if plan.wish.then not in ENDS or await app.push_screen_wait(start_dump_dialog(plan)):
            session.dumps.start(app, session.fleet, plan, at_end)

    def do_stop_dump(self) -> None:
        """Break it off, after a confirmation."""
        if self._work:
            self.app.run_worker(self._stop(self._work.plan))

    async def _stop(self, plan: DumpPlan) -> None:
        session = self.session
        if await self.app.push_screen_wait(stop_dump_dialog(plan)):
            session.dumps.stop(plan.wish.guest)

    def do_copy_dump_command(self) -> None:
        """The virsh command."""
        self.copy_text()
