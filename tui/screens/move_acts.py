"""`MovePlace`: a screen with a move at hand, and what can be done about it in flight and afterwards."""

from __future__ import annotations

from collections.abc import Awaitable

from backends.api import FerryError
from backends.model.move import Move
from backends.model.unfinished import Unfinished
from tui.dialogs.abort import abort_dialog
from tui.dialogs.mend import mend_dialog
from tui.screens.place import PlaceScreen
from tui.toasts import complain, copy
from tui.words.outcome import command_to_copy, left_by


class MovePlace(PlaceScreen):
    """What is at hand comes from `now`. Acts are owned by the app: they go on when the screen is left."""

    def do_abort(self) -> None:
        """Stop it, after a confirmation."""
        if move := self.now().move:
            self.app.run_worker(self._abort(move))

    async def _abort(self, move: Move) -> None:
        if await self.app.push_screen_wait(abort_dialog(move)):
            await self.ask_host(self.session.fleet.abort_move(move.id))

    def do_mend(self) -> None:
        """Do what is left to do, after a confirmation."""
        if left := self.now().unfinished:
            self.app.run_worker(self._mend(left))

    async def _mend(self, left: Unfinished) -> None:
        if left.mend is None or not await self.app.push_screen_wait(mend_dialog(left, left.mend)):
            return
        if await self.ask_host(self.session.fleet.mend(left)):
            self.app.notify(f"{left.name}: {left.mend.value}: done", timeout=5, markup=False)

    def do_copy_command(self) -> None:
        """The virsh command of the move; after its end the one that is left to do."""
        now = self.now()
        if now.move:
            command = command_to_copy(now.move, left_by(now.move, now.fleet.unfinished))
        else:
            command = now.unfinished.command if now.unfinished else ""
        if command:
            copy(self.app, command)

    async def ask_host(self, call: Awaitable[None]) -> bool:
        """True when it was done; what went wrong is told."""
        try:
            await call
        except FerryError as error:
            complain(self.app, error)
            return False
        return True
