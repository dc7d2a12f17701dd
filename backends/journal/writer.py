"""The journal's own thread: all that waits in its queue is committed at once, in one transaction (group commit)."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from backends.errors import JournalError
from backends.journal.programs import Programs
from backends.journal.store import FILE, Store, as_journal_error

_log = logging.getLogger(__name__)

T = TypeVar("T")

DEADLINE_S = 15.0
"""More than what SQLite itself waits for another program, and than a disk needs."""
PATIENCE_S = 1.0
"""Samples alone wait so long for company: each commit costs a disk's flush."""
RETRY_S = 5.0
"""What could not be written is tried again so often; sooner when there is something new."""
MAX_OWED = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """Something to be written. A later one of the same subject stands for the earlier."""

    act: Callable[[Store], None]
    subject: str = ""
    """Empty: it stands for itself."""
    patient: bool = False
    """It may wait, and be lost with the program or a full disk."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """Something to be read, or done in a transaction of its own, after all writes that were queued before it."""

    ask: Callable[[Store], Any]
    answer: asyncio.Future[Any]
    needs_writes: bool = False
    """It fails when those writes did."""


class Writer:
    """Used on the event loop's thread; the file is touched on a daemon thread only, which never holds the exit."""

    def __init__(self, folder: Path, programs: Programs) -> None:
        self._folder = folder
        self._programs = programs
        self._path = folder / FILE
        self._queue: SimpleQueue[Write | Question | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._owed: list[Write] = []
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    async def open(self) -> None:
        """Open the file. Raises JournalError."""
        self._thread.start()
        await self._await(self._opened, "open the journal")

    def put(self, write: Write) -> None:
        """Queue it. Never blocks."""
        self._queue.put(write)

    async def ask(self, operation: str, ask: Callable[[Store], T], *, needs_writes: bool = False) -> T:
        """Once all that was put before is written, or has failed to be. Raises JournalError."""
        question = Question(ask, self._loop.create_future(), needs_writes)
        self._queue.put(question)
        answer: T = await self._await(question.answer, operation)
        return answer

    async def close(self) -> None:
        """Write what is queued and let go of the file; a disk that does not answer is left to itself."""
        self._queue.put(None)
        try:
            async with asyncio.timeout(DEADLINE_S):
                await self._ended.wait()
        except TimeoutError:
            _log.warning("%s: not closed within %g s", self._path, DEADLINE_S)

    async def _await(self, future: asyncio.Future[T], operation: str) -> T:
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await future
        except TimeoutError:
            raise JournalError(
                f"{self._path}: no answer within {DEADLINE_S:g} s",
                operation=operation,
                hint=f"does the disk below {self._folder} answer?",
            ) from None
        except JournalError as error:
            raise JournalError(error.cause, operation=operation, hint=error.hint) from error

    # -- on the journal's thread ------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            store = self._open_store()
            if store is not None:
                try:
                    self._serve(store)
                finally:
                    store.close()
            self._programs.leave()  # not after a bug: others must not take our moves for those of a dead program
        finally:
            self._tell(self._ended.set)

    def _open_store(self) -> Store | None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._programs.enter()
            store = Store(self._folder)
        except (sqlite3.Error, OSError) as error:
            self._settle(self._opened, None, as_journal_error(error, self._path, "open the journal"))
            return None
        except JournalError as error:
            self._settle(self._opened, None, error)
            return None
        self._settle(self._opened, None)
        return store

    def _serve(self, store: Store) -> None:
        while True:
            items, is_last = self._gather()
            writes: list[Write] = []
            for item in items:
                if isinstance(item, Write):
                    writes.append(item)
                else:
                    error = self._commit(store, writes)
                    writes = []
                    self._answer(store, item, error)
            self._commit(store, writes)
            if is_last:
                return

    def _gather(self) -> tuple[list[Write | Question], bool]:
        """All that waits, once there is something that does not want to wait for more; and whether that was all."""
        items: list[Write | Question] = []
        until_s = time.monotonic() + RETRY_S if self._owed else None
        while True:
            try:
                item = self._queue.get(
                    timeout=None if until_s is None else max(0.0, until_s - time.monotonic())
                )
            except Empty:
                return items, False
            if item is None:
                return items, True
            items.append(item)
            if isinstance(item, Question) or not item.patient:
                until_s = 0.0  # take what is there already, and go
            elif until_s is None:
                until_s = time.monotonic() + PATIENCE_S

    def _commit(self, store: Store, writes: list[Write]) -> JournalError | None:
        """All in one transaction. What fails is owed: it is tried again with the next."""
        writes = _newest([*self._owed, *writes])
        if not writes:
            return None
        try:
            with store.transaction():
                for write in writes:
                    write.act(store)
        except ValueError as error:  # text that is no Unicode, in one of them: it would fail for ever
            _log.exception("%s: not written", self._path)
            self._owed = []
            return JournalError(f"{self._path}: {error}", operation="write the journal")
        except sqlite3.Error as error:
            if not self._owed:
                _log.error("%s: cannot be written: %s", self._path, error)
            self._owed = [write for write in writes if not write.patient][-MAX_OWED:]
            return as_journal_error(error, self._path, "write the journal")
        self._owed = []
        return None

    def _answer(self, store: Store, question: Question, unwritten: JournalError | None) -> None:
        if question.answer.cancelled():
            return
        if unwritten is not None and question.needs_writes:
            self._settle(question.answer, None, unwritten)
            return
        try:
            answer = question.ask(store)
        except (sqlite3.Error, OSError) as error:
            self._settle(question.answer, None, as_journal_error(error, self._path, "read the journal"))
        except BaseException as error:  # noqa: BLE001 - a bug: it belongs to the one who asked
            self._settle(question.answer, None, error)
        else:
            self._settle(question.answer, answer)

    def _settle(
        self, future: asyncio.Future[Any], answer: object, error: BaseException | None = None
    ) -> None:
        def settle() -> None:
            if future.done():
                return  # nobody waits any more
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(answer)

        self._tell(settle)

    def _tell(self, what: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(what)
        except RuntimeError:
            return  # the event loop has closed


def _newest(writes: Iterable[Write]) -> list[Write]:
    """Of each subject only the last, in its place."""
    kept: dict[object, Write] = {}
    for write in writes:
        kept[write.subject or write] = write
    return list(kept.values())
