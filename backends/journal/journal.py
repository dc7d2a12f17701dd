"""The journal: every step of every move, on the disk before its effect; and who did what.

It is one SQLite file, which several programs of this machine may use at once. A move belongs to the program that
wrote it last; when that one is dead, the next that asks for orphans has it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from backends.journal import picture
from backends.journal.programs import Programs, this_program
from backends.journal.store import Store
from backends.journal.writer import Write, Writer
from backends.model.history import AuditLine
from backends.model.host import HostName
from backends.model.move import Move, MoveId, MoveProgress, Origin

T = TypeVar("T")


class Journal:
    """An open journal. Used on the event loop's thread, which it never blocks. What is asked raises JournalError.

    A move that comes out has origin HERE only if this program wrote it; EARLIER if its program is dead or the move
    has ended; ELSEWHERE if another program that lives has it in hand.
    """

    def __init__(self, folder: Path) -> None:
        self.who = this_program()
        """For Move.who and AuditLine.who."""
        self._programs = Programs(folder / "programs")
        self._writer = Writer(folder, self._programs)

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator[Journal]:
        """Open `folder`/journal.sqlite, make both where they are not there; all that was put is written at the end.

        Raises JournalError when it cannot be opened, is damaged, or was written by a newer version.
        """
        journal = cls(folder)
        try:
            await journal._writer.open()
            yield journal
        finally:
            await journal._writer.close()

    def put(self, move: Move) -> None:
        """Queue the newest picture of a move, without its samples. From now on it is ours."""
        act = partial(_put_move, owner=self._programs.ours, picture_=picture.of_move(move), move=_bare(move))
        self._writer.put(Write(act, subject=move.id))

    def sample(self, move: MoveId, progress: MoveProgress) -> None:
        """Queue one sample; it is written within about a second, and may be lost when the program is killed."""
        sample = picture.of_sample(progress)
        self._writer.put(Write(lambda store: store.put_sample(move, sample), patient=True))

    async def durable(self) -> None:
        """Returns when all that was put before is on the disk; raises JournalError when it is not."""
        await self._writer.ask("write the journal", lambda _store: None, needs_writes=True)

    async def claim_orphans(self, hosts: Collection[HostName]) -> tuple[Move, ...]:
        """Moves between these hosts that have not ended and whose program is dead, with their samples.

        They are ours from now on. Of several programs that ask at once, one gets each move.
        """
        return await self._writer.ask("find unfinished moves", lambda store: self._claim(store, hosts))

    async def others(self) -> tuple[Move, ...]:
        """Moves that have not ended and that another program of this machine, which lives, has in hand."""

        def ask(store: Store) -> tuple[Move, ...]:
            rows = list(store.moves("NOT ended AND owner != ?", self._programs.ours))
            return tuple(
                replace(move, origin=Origin.ELSEWHERE)
                for owner, row in rows
                if self._programs.alive(owner) and (move := picture.to_move(row)) is not None
            )

        return await self._writer.ask("find the moves of other programs", ask)

    async def with_traces(self) -> tuple[Move, ...]:
        """Ended moves that have left something on a host, newest first."""
        return await self._writer.ask(
            "find what moves have left", lambda store: tuple(self._read(store.moves("traces > 0 AND ended")))
        )

    async def history(self, text: str = "", *, limit: int = 200) -> tuple[Move, ...]:
        """Newest first, without samples. Each word of `text` occurs in the guest's name or UUID, in a host, the mode,
        the result, its reason or the log."""
        where, words = _all_of(text)
        return await self._writer.ask(
            "read the history", lambda store: tuple(islice(self._read(store.moves(where, *words)), limit))
        )

    async def past_move(self, move: MoveId) -> Move | None:
        """One move with its samples, as many as a plot has room for; None where the journal does not know it."""

        def ask(store: Store) -> Move | None:
            found = next(self._read(store.moves("id = ?", move)), None)
            return None if found is None else _with_samples(store, found)

        return await self._writer.ask("read a move", ask)

    def note(self, line: AuditLine) -> None:
        """Queue what somebody did."""
        at, words, row = line.at.timestamp(), picture.line_words(line), picture.of_line(line)
        self._writer.put(Write(lambda store: store.put_act(at, words, row)))

    async def audit(self, text: str = "", *, limit: int = 200) -> tuple[AuditLine, ...]:
        """Who did what, newest first; each word of `text` occurs in it."""
        where, words = _all_of(text)
        return await self._writer.ask(
            "read who did what",
            lambda store: tuple(islice(_readable(picture.to_line, store.acts(where, *words)), limit)),
        )

    # -- on the journal's thread ------------------------------------------------------------------------

    def _claim(self, store: Store, hosts: Collection[HostName]) -> tuple[Move, ...]:
        """One transaction: whoever comes second finds them owned by a program that lives."""
        ours = self._programs.ours
        with store.transaction():
            rows = list(store.moves("NOT ended AND owner != ?", ours))
            orphans = [
                replace(move, origin=Origin.EARLIER)
                for owner, row in rows
                if not self._programs.alive(owner)
                and (move := picture.to_move(row)) is not None
                and {move.source, move.request.destination} <= set(hosts)
            ]
            for move in orphans:
                _put_move(store, move=move, owner=ours, picture_=picture.of_move(move))
        return tuple(_with_samples(store, move) for move in orphans)

    def _read(self, rows: Iterable[tuple[str, bytes]]) -> Iterator[Move]:
        """Rows that cannot be read are left out."""
        for owner, row in rows:
            move = picture.to_move(row)
            if move is not None:
                yield (
                    move if owner == self._programs.ours else replace(move, origin=self._origin(owner, move))
                )

    def _origin(self, owner: str, move: Move) -> Origin:
        in_other_hands = not move.phase.final and self._programs.alive(owner)
        return Origin.ELSEWHERE if in_other_hands else Origin.EARLIER


def _bare(move: Move) -> Move:
    """What waits in the queue need not hold the samples."""
    return replace(move, history=())


def _put_move(store: Store, *, move: Move, owner: str, picture_: bytes) -> None:
    store.put_move(
        move.id,
        owner,
        started=move.started.timestamp(),
        ended=move.phase.final,
        traces=len(move.traces),
        words=picture.move_words(move),
        picture=picture_,
    )


def _with_samples(store: Store, move: Move) -> Move:
    return replace(move, history=tuple(_readable(picture.to_sample, store.samples(move.id))))


def _readable(read: Callable[[bytes], T | None], rows: Iterable[bytes]) -> Iterator[T]:
    for row in rows:
        value = read(row)
        if value is not None:
            yield value


def _all_of(text: str) -> tuple[str, tuple[str, ...]]:
    words = picture.searched(text)
    return " AND ".join(["TRUE", *("instr(words, ?) > 0" for _ in words)]), words
