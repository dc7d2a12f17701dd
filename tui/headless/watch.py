"""Following one move to its end, with ctrl-c as the user's way to stop it."""

from __future__ import annotations

import asyncio

from backends.api import FerryError, Fleet
from backends.model.fleet import FleetState
from backends.model.guest import GuestState
from backends.model.move import LogKind, Move, MoveId, MoveLogLine, MoveRequest, Origin, Outcome, Result
from tui.headless.exits import EXIT_OF_RESULT, Exit
from tui.headless.move_lines import CancellingLine, log_line, outcome_line, phase_line, progress_line
from tui.headless.output import Ink, Output
from tui.headless.signals import heed_no_more, on_signals
from tui.words.move import progress_words
from tui.words.outcome import outcome_words
from tui.words.way import fate_words

OUTCOME_INK = {
    Result.SUCCEEDED: Ink.GOOD,
    Result.FAILED: Ink.ALARM,
    Result.CANCELLED: Ink.DOUBT,
    Result.REFUSED: Ink.ALARM,
    Result.INDETERMINATE: Ink.ALARM,
}

DETACHED = "detached: the move goes on without this program; virt-ferry jobs shows it"
BOUND = "left alone, although this program carries it:"
GONE = "it was somebody else's move, and is over; this is what the hosts show now"


class MoveWatch:
    """Tells each step of a move.

    With `may_abort` the first interrupt asks the job to stop, and the second ends the watching. Without it, the first
    one ends the watching: who only looks on stops nothing by leaving.
    """

    def __init__(
        self,
        fleet: Fleet,
        move: MoveId,
        request: MoveRequest,
        out: Output,
        *,
        json: bool,
        may_abort: bool = True,
    ) -> None:
        self._fleet = fleet
        self._move = move
        self._request = request
        self._out = out
        self._json = json
        self._may_abort = may_abort
        self._told: Move | None = None

    async def until_the_end(self) -> Exit:
        """The exit status is the outcome; INDETERMINATE when the user left before there was one."""
        return EXIT_OF_RESULT[(await self.outcome()).result]

    async def outcome(self) -> Outcome:
        """Follow it to its end, and tell that."""
        async with asyncio.TaskGroup() as group:
            following = group.create_task(self._follow())
            aborts: list[asyncio.Task[None]] = []

            def on_interrupt() -> None:
                if aborts or not self._may_abort:
                    following.cancel()
                else:
                    aborts.append(group.create_task(self._ask_to_stop()))

            with on_signals(on_interrupt, following.cancel):
                await asyncio.wait({following})
            for abort in aborts:
                abort.cancel()
        outcome = self._detached() if following.cancelled() else following.result()
        heed_no_more()
        self.tell_outcome(outcome)
        return outcome

    async def _follow(self) -> Outcome:
        async for changes in self._fleet.watch():
            move = changes.state.moves.get(self._move)
            if move is None:
                return self._gone(changes.state)
            self._tell(move)
            if move.outcome:
                return move.outcome
        raise AssertionError("the fleet was closed under a running watch")

    def _gone(self, state: FleetState) -> Outcome:
        """It was somebody else's, and nobody here has asked both hosts: only what they show is told."""
        key = self._request.guest
        found = [guest for guest in state.guests() if (guest.key.driver, guest.key.uuid) == key[1:]]
        running = [guest for guest in found if guest.state.executing]
        where = running[0].key.host if len(running) == 1 else None
        state_there = running[0].state if where else GuestState.UNKNOWN
        return Outcome(Result.INDETERMINATE, where, state_there, GONE, total_s=self._elapsed_s())

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
                self._out.line(f"{line.at.astimezone():%H:%M:%S}  {_marked(line)}")
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
            reason=self._left_words(),
            total_s=self._elapsed_s(),
        )

    def _left_words(self) -> str:
        """What becomes of a move that is no longer watched."""
        move = self._told
        if move is None or move.outlives_us or move.origin is Origin.ELSEWHERE:
            return DETACHED
        return f"{BOUND} {fate_words(move)}"

    def _elapsed_s(self) -> float:
        return self._told.progress.elapsed_s if self._told and self._told.progress else 0.0

    def tell_outcome(self, outcome: Outcome) -> None:
        if self._json:
            self._out.json(outcome_line(self._request.name, outcome))
            return
        first, *rest = outcome_words(self._request, outcome)
        self._out.line(self._out.ink(first, OUTCOME_INK[outcome.result]))
        for line in rest:
            self._out.line(f"  {line}")


def _marked(line: MoveLogLine) -> str:
    """What the policy and the user did is marked by a word."""
    return line.text if line.kind is LogKind.STEP else f"{line.kind.value}: {line.text}"
