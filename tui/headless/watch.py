"""Following one move to its end, with ctrl-c as the user's way to stop it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator

from backends.api import FerryError, Fleet
from backends.model.guest import GuestState
from backends.model.move import Move, MoveId, MoveRequest, Outcome, Result
from tui.headless.exits import EXIT_OF_RESULT, Exit
from tui.headless.lines import CancellingLine, log_line, outcome_line, phase_line, progress_line
from tui.headless.output import Ink, Output
from tui.words.move import progress_words
from tui.words.outcome import outcome_words

OUTCOME_INK = {
    Result.SUCCEEDED: Ink.GOOD,
    Result.FAILED: Ink.ALARM,
    Result.CANCELLED: Ink.DOUBT,
    Result.REFUSED: Ink.ALARM,
    Result.INDETERMINATE: Ink.ALARM,
}

DETACHED = "detached: the move goes on without this program; virt-ferry jobs shows it"


class MoveWatch:
    """Tells each step of a move. The first interrupt asks the job to stop, the second ends the watching."""

    def __init__(self, fleet: Fleet, move: MoveId, request: MoveRequest, out: Output, *, json: bool) -> None:
        self._fleet = fleet
        self._move = move
        self._request = request
        self._out = out
        self._json = json
        self._told: Move | None = None

    async def until_the_end(self) -> Exit:
        """The exit status is the outcome; INDETERMINATE when the user left before there was one."""
        async with asyncio.TaskGroup() as group:
            following = group.create_task(self._follow())
            aborts: list[asyncio.Task[None]] = []

            def on_interrupt() -> None:
                if aborts:
                    following.cancel()
                else:
                    aborts.append(group.create_task(self._ask_to_stop()))

            with _on_signals(on_interrupt, following.cancel):
                await asyncio.wait({following})
            for abort in aborts:
                abort.cancel()
        outcome = self._detached() if following.cancelled() else following.result()
        self._tell_outcome(outcome)
        return EXIT_OF_RESULT[outcome.result]

    async def _follow(self) -> Outcome:
        async for changes in self._fleet.watch():
            move = changes.state.moves[self._move]
            self._tell(move)
            if move.outcome:
                return move.outcome
        raise AssertionError("the fleet was closed under a running watch")

    async def _ask_to_stop(self) -> None:
        if self._json:
            self._out.json(CancellingLine(self._request.name))
        else:
            self._out.line("asking the hosts to stop the move (ctrl-c again: leave it running and end)")
        try:
            await self._fleet.abort_move(self._move)
        except FerryError as error:
            if not self._json:
                self._out.line(self._out.ink(f"could not stop it: {error}", Ink.ALARM))

    def _tell(self, move: Move) -> None:
        """What is new since the picture before."""
        told, self._told = self._told, move
        for line in move.log[len(told.log) if told else 0 :]:
            if self._json:
                self._out.json(log_line(line))
            else:
                self._out.line(f"{line.at.astimezone():%H:%M:%S}  {line.text}")
        if self._json and (told is None or told.phase is not move.phase):
            self._out.json(phase_line(move))
        if move.progress and (told is None or told.progress != move.progress):
            if self._json:
                self._out.json(progress_line(move, move.progress))
            else:
                self._out.passing(progress_words(move, move.progress))

    def _detached(self) -> Outcome:
        return Outcome(
            Result.INDETERMINATE,
            where=None,
            state=GuestState.UNKNOWN,
            reason=DETACHED,
            total_s=self._told.progress.elapsed_s if self._told and self._told.progress else 0.0,
        )

    def _tell_outcome(self, outcome: Outcome) -> None:
        if self._json:
            self._out.json(outcome_line(self._request.name, outcome))
            return
        first, *rest = outcome_words(self._request, outcome)
        self._out.line(self._out.ink(first, OUTCOME_INK[outcome.result]))
        for line in rest:
            self._out.line(f"  {line}")


@contextlib.contextmanager
def _on_signals(on_interrupt: Callable[[], None], on_end: Callable[[], object]) -> Iterator[None]:
    """ctrl-c calls `on_interrupt`; SIGTERM and a lost terminal call `on_end`."""
    loop = asyncio.get_running_loop()
    handlers: dict[signal.Signals, Callable[[], object]] = {
        signal.SIGINT: on_interrupt,
        signal.SIGTERM: on_end,
        signal.SIGHUP: on_end,
    }
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
