"""`GuestPlace`: a screen with one guest at hand, and what can be done to its life."""

from __future__ import annotations

from backends.api import FerryError
from backends.model.guest import Guest, GuestAction
from tui.dialogs.choice import confirm
from tui.dialogs.crash_setting import CrashSettingDialog, change_setting_dialog
from tui.dialogs.dump import DumpDialog
from tui.screens.chain import ChainScreen
from tui.screens.crash_record import open_record
from tui.screens.disk_acts import DiskPlace
from tui.screens.dump import DumpScreen
from tui.screens.plan import PlanScreen
from tui.screens.run import RunScreen
from tui.toasts import complain
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, dim, line, wrap
from tui.words.virsh import action_command

_CONSEQUENCES = {
    GuestAction.SHUT_DOWN: "Its operating system is asked to shut down, as by its power button.",
    GuestAction.FORCE_OFF: "Its power is cut: what it has not written to its disks is lost.",
    GuestAction.REBOOT: "Its operating system is asked to restart; what it serves stops meanwhile.",
}

_ASKED = (GuestAction.SHUT_DOWN, GuestAction.REBOOT)
"""What only the guest's operating system can do: nothing may be seen of it for long."""


class GuestPlace(DiskPlace):
    """Screens say by `guest_key` which guest is at hand."""

    def do_disks(self) -> None:
        """What lies under its disks."""
        if key := self.guest_key():
            self.app.push_screen(ChainScreen(key))

    def do_crash_record(self) -> None:
        """The newest crash of it."""
        open_record(self)

    def do_dump(self) -> None:
        """Ask in which form and where to; or watch the dump that is under way."""
        guest = self.now().guest
        if guest is None:
            return
        dump = self.session.dumps.of(guest.key)
        if dump and not dump.over:
            self.app.push_screen(DumpScreen(dump.plan.wish))
        else:
            self.app.run_worker(self._dump(guest))

    async def _dump(self, guest: Guest) -> None:
        if wish := await self.app.push_screen_wait(DumpDialog(guest)):
            self.app.push_screen(DumpScreen(wish))

    def do_crash_setting(self) -> None:
        """What happens when it crashes."""
        if guest := self.now().guest:
            self.app.run_worker(self._set_crash(guest))

    async def _set_crash(self, guest: Guest) -> None:
        app, session = self.app, self.session
        dialog = CrashSettingDialog(guest, session.fleet, read_only=session.settings.read_only)
        if (change := await app.push_screen_wait(dialog)) is None:
            return
        setting, wish = change
        if not await app.push_screen_wait(
            change_setting_dialog(guest, setting, wish, session.settings.glyphs)
        ):
            return
        try:
            done = await session.fleet.change_crash_setting(guest.key, wish)
        except FerryError as error:
            complain(app, error)
        else:
            app.notify(f"{guest.name}: {done}", timeout=8, markup=False)

    def do_start(self) -> None:
        """Start it."""
        self._act(GuestAction.START)

    def do_shut_down(self) -> None:
        """Ask it to shut down."""
        self._act(GuestAction.SHUT_DOWN)

    def do_force_off(self) -> None:
        """Cut its power."""
        self._act(GuestAction.FORCE_OFF)

    def do_reboot(self) -> None:
        """Ask it to restart."""
        self._act(GuestAction.REBOOT)

    def do_pause(self) -> None:
        """Stop its processors."""
        self._act(GuestAction.PAUSE)

    def do_resume(self) -> None:
        """Let it go on."""
        self._act(GuestAction.RESUME)

    def do_migrate(self) -> None:
        """Plan a move, or watch the one that is under way."""
        guest = self.now().guest
        if guest is None:
            return
        if move := self.state.move_of(guest.key):
            self.app.push_screen(RunScreen(move.id))
        else:
            self.app.push_screen(PlanScreen(guest.key))

    def _act(self, action: GuestAction) -> None:
        guest = self.now().guest
        if guest:
            # Owned by the app: an action goes on when this screen is left.
            self.app.run_worker(self._carry_out(guest, action), exit_on_error=True)

    async def _carry_out(self, guest: Guest, action: GuestAction) -> None:
        if action in _CONSEQUENCES and not await self._confirmed(guest, action):
            return
        try:
            await self.session.fleet.act(guest.key, action)
        except FerryError as error:
            complain(self.app, error)
        else:
            if action in _ASKED:
                words = f"{guest.name} was asked to {action.value}: it takes its time, or ignores it"
                self.app.notify(words, timeout=5, markup=False)

    async def _confirmed(self, guest: Guest, action: GuestAction) -> bool:
        command = action_command(self.state.hosts[guest.key.host].spec, guest, action)

        def body(width: int) -> list[Line]:
            who = line(Cell(guest.name, Tone.TITLE), dim(" on "), Cell(guest.key.host, Tone.TITLE))
            return [who, EMPTY, *wrap(_CONSEQUENCES[action], width), EMPTY, *wrap(command, width, Tone.DIM)]

        question = confirm(
            f"{action.value} {guest.name}?",
            body,
            no="no, leave it as it is",
            yes=f"yes, {action.value} {guest.name} on {guest.key.host}",
            command=command,
        )
        return await self.app.push_screen_wait(question)
