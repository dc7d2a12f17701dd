"""One move in flight: how it goes, its knobs, and how it ended."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from backends.model.fleet import Topic
from backends.model.move import Move, MoveId
from tui.actions.action import Action, Place
from tui.actions.registry import bindings_for
from tui.bridge import Update
from tui.dialogs.knobs import pause_dialog, postcopy_dialog
from tui.dialogs.limits import bandwidth_dialog, downtime_dialog, number_in
from tui.screens.move_page import MovePage

_KNOBS = frozenset({"bandwidth", "downtime", "post-copy", "pause-guest", "abort"})
"""Actions that mean nothing once the move is over: their keys then only say so."""


class RunScreen(MovePage):
    """Lives as long as the user looks at it; the move does not depend on it."""

    PLACE = Place.RUN
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Place.RUN)

    def __init__(self, move: MoveId) -> None:
        super().__init__()
        self._move = move

    def move(self) -> Move | None:
        """As the fleet has it now."""
        return self.session.fleet.state.moves.get(self._move)

    def nothing_known(self) -> str:
        """It is gone from the fleet."""
        return "This move is over. It was somebody else's: where the guest is now, mode 1 tells."

    @property
    def shown_actions(self) -> tuple[Action, ...]:
        """Without the knobs of a move that is over, and without what there is nothing to do about."""
        move = self.move()
        hidden = _KNOBS if move is None or move.phase.final else frozenset[str]()
        if not self.left():
            hidden |= {"mend"}
        if not self.crash():
            hidden |= {"crash-record"}
        return tuple(action for action in self.actions if action.id not in hidden)

    def follow(self, update: Update) -> None:
        """A step or a sample of this move, or what is left of it."""
        if (Topic.MOVE, self._move) in update.dirty or update.touches(Topic.UNFINISHED):
            self.draw_move()
        super().follow(update)

    # -- what the user does --------------------------------------------------------------------------

    def do_bandwidth(self) -> None:
        """Another limit, from now on."""
        self.app.run_worker(self._change_bandwidth())

    async def _change_bandwidth(self) -> None:
        move = self.move()
        limit = move.request.bandwidth_mib_s if move else None
        answer = await self.app.push_screen_wait(bandwidth_dialog(limit, in_flight=True))
        if (limit := number_in(answer)) is not None:
            await self.ask_host(self.session.fleet.set_bandwidth(self._move, limit))

    def do_downtime(self) -> None:
        """Another limit, from now on."""
        self.app.run_worker(self._change_downtime())

    async def _change_downtime(self) -> None:
        move = self.move()
        progress = move.progress if move else None
        limit = progress.downtime_limit_ms if progress else None
        answer = await self.app.push_screen_wait(downtime_dialog(limit, in_flight=True))
        if (limit := number_in(answer)) is not None:
            await self.ask_host(self.session.fleet.set_max_downtime(self._move, limit))

    def do_post_copy(self) -> None:
        """Switch over now, after a confirmation."""
        self.app.run_worker(self._switch())

    async def _switch(self) -> None:
        move = self.move()
        if move is None:
            return
        if await self.app.push_screen_wait(postcopy_dialog(move)):
            await self.ask_host(self.session.fleet.start_postcopy(self._move))

    def do_pause_guest(self) -> None:
        """Pause it until it has arrived, after a confirmation."""
        self.app.run_worker(self._pause())

    async def _pause(self) -> None:
        move = self.move()
        if move is None:
            return
        if await self.app.push_screen_wait(pause_dialog(move)):
            await self.ask_host(self.session.fleet.pause_guest(self._move))
