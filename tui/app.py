"""The program on the screen: modes, colours, and what works everywhere."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual.binding import BindingType
from textual.screen import Screen

from backends.api import FerryError
from tui.actions.action import Place
from tui.actions.registry import bindings_for
from tui.dialogs.dump import leave_dump_dialog
from tui.dialogs.grow import leave_growth_dialog
from tui.dialogs.help import HelpDialog
from tui.dialogs.leave import Leave, detached_words, leave_dialog, ours
from tui.dialogs.palette import PaletteDialog
from tui.dialogs.questions import QuestionDesk
from tui.logfile import bug_words
from tui.screens.audit import AuditScreen
from tui.screens.crashes import CrashesScreen
from tui.screens.guests import GuestsScreen
from tui.screens.history import HistoryScreen
from tui.screens.hosts import HostsScreen
from tui.screens.moves import MovesScreen
from tui.screens.place import PlaceScreen
from tui.screens.run import RunScreen
from tui.screens.storage import StorageScreen
from tui.session import Session, SessionApp
from tui.themes import NAMES, THEMES
from tui.toasts import complain

log = logging.getLogger(__name__)


class FerryApp(SessionApp):
    """Small on purpose: screens do the work."""

    TITLE = "virt-ferry"
    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = Path(__file__).with_name("app.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.ANYWHERE)
    DEFAULT_MODE = "guests"
    MODES: ClassVar[dict[str, str | Callable[[], Screen[None]]]] = {
        "guests": GuestsScreen,
        "hosts": HostsScreen,
        "storage": StorageScreen,
        "crashes": CrashesScreen,
        "moves": MovesScreen,
    }

    def __init__(self, session: Session, desk: QuestionDesk) -> None:
        super().__init__(session)
        self._desk = desk
        self.animation_level = "none"
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = session.settings.theme
        self.set_class(session.settings.glyphs.is_ascii, "-ascii")

    def on_mount(self) -> None:
        """Listen to the fleet and to the questions of hosts."""
        self.set_keymap(dict(self.session.settings.keys))
        self.run_worker(self.session.bridge.run(), group="bridge")
        self.run_worker(self._desk.serve(self), group="questions")

    def action_perform(self, action_id: str) -> None:
        """What works everywhere is done by the screen in front, which knows when it cannot be."""
        if isinstance(self.screen, PlaceScreen):
            self.screen.action_perform(action_id)

    def do_mode_guests(self) -> None:
        """Mode 1."""
        self.switch_mode("guests")

    def do_mode_hosts(self) -> None:
        """Mode 2."""
        self.switch_mode("hosts")

    def do_mode_storage(self) -> None:
        """Mode 3."""
        self.switch_mode("storage")

    def do_mode_crashes(self) -> None:
        """Mode 4."""
        self.switch_mode("crashes")

    def do_mode_moves(self) -> None:
        """Mode 5."""
        self.switch_mode("moves")

    def do_history(self) -> None:
        """The moves that have ended."""
        if not isinstance(self.screen, HistoryScreen):
            self.push_screen(HistoryScreen())

    def do_audit(self) -> None:
        """Who did what."""
        if not isinstance(self.screen, AuditScreen):
            self.push_screen(AuditScreen())

    def do_theme(self) -> None:
        """The next set of colours."""
        self.theme = NAMES[(NAMES.index(self.theme) + 1) % len(NAMES)]
        self.notify(self.theme, title="theme", timeout=2, markup=False)

    def do_palette(self) -> None:
        """Find a command by its name."""
        if isinstance(self.screen, PlaceScreen):
            self.push_screen(PaletteDialog(self.screen.actions, self.screen.now()), self._perform_chosen)

    def _perform_chosen(self, action_id: str | None) -> None:
        if action_id:
            self.action_perform(action_id)

    def do_help(self) -> None:
        """What works here."""
        if isinstance(self.screen, PlaceScreen):
            self.push_screen(HelpDialog(self.screen.PLACE, self.screen.actions, self.screen.now()))

    def do_connect_now(self) -> None:
        """Do not wait for the host's next attempt; it may ask again what was refused."""
        if isinstance(self.screen, PlaceScreen) and (view := self.screen.now().host):
            self._desk.may_ask_again(view.spec.name)
            self.session.fleet.reconnect(view.spec.name)

    def do_move_of_crash(self) -> None:
        """The move that has met the crash in front of the user: its page links the crash, as the crash links it."""
        if isinstance(self.screen, PlaceScreen) and (move := self.screen.now().move):
            self.push_screen(RunScreen(move.id))

    def do_quit(self) -> None:
        """At once, or after a question when a disk grows, a guest is dumped or moves are in flight."""
        session = self.session
        busy = session.growths.under_way() or session.dumps.under_way()
        if busy or ours(session.fleet.state.moves.values()):
            self.run_worker(self._leave(), group="leave", exclusive=True)
        else:
            self.exit()

    async def action_quit(self) -> None:
        """Textual's own key for leaving (ctrl+q) asks as ours does."""
        self.do_quit()

    def action_help_quit(self) -> None:
        """ctrl+c ends programs that wait for something; this one is left on purpose."""
        self.notify("q leaves virt-ferry", timeout=3, markup=False)

    async def _leave(self) -> None:
        growing = self.session.growths.under_way()
        if growing and not await self.push_screen_wait(leave_growth_dialog(growing)):
            return
        dumping = self.session.dumps.under_way()
        if dumping and not await self.push_screen_wait(leave_dump_dialog(dumping)):
            return
        if ours(self.session.fleet.state.moves.values()):
            await self._leave_moves()
        else:
            await self._end()

    async def _end(self, message: str | None = None) -> None:
        """Dumps are broken off first, and what they have written is removed."""
        await self.session.dumps.stop_all()
        self.exit(message=message)

    async def _leave_moves(self) -> None:
        moves = ours(self.session.fleet.state.moves.values())
        answer = await self.push_screen_wait(leave_dialog(moves))
        if answer is Leave.DETACH:
            await self._end(detached_words(moves))
        elif answer is Leave.ABORT:
            for move in moves:
                try:
                    await self.session.fleet.abort_move(move.id)
                except FerryError as error:
                    complain(self, error)
            self.switch_mode("moves")

    def _fatal_error(self) -> None:
        """A bug. Textual would print all frames with their local variables, which may hold a password."""
        log.critical("ended by a bug", exc_info=self._exception)
        self.panic(bug_words(self.session.settings.log_file))
