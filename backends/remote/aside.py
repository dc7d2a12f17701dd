"""Blocking calls on files of this machine, made beside the event loop: a busy disk holds nothing up."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from queue import SimpleQueue
from typing import Any, TypeVar

from backends.errors import DeadlineError

T = TypeVar("T")
_numbers = itertools.count(1)


class Aside:
    """One daemon thread that makes calls in order, awaited on the event loop.

    A pool's worker would hold the program's exit until its call returns; a daemon does not. A call that is given up
    goes on by itself, and those after it wait for it.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._calls: SimpleQueue[tuple[asyncio.Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        threading.Thread(target=self._run, name=f"aside-{name}-{next(_numbers)}", daemon=True).start()

    async def call(self, work: Callable[[], T], *, deadline_s: float) -> T:
        """What `work` returns or raises; DeadlineError when that takes too long. It is carried out in any case."""
        answer: asyncio.Future[T] = self._loop.create_future()
        self._calls.put((answer, work))
        try:
            async with asyncio.timeout(deadline_s):
                return await answer
        except TimeoutError:
            raise DeadlineError(f"no answer within {deadline_s:g} s", host="local") from None

    def post(self, work: Callable[[], object]) -> None:
        """Have it done after the calls before it; nobody waits, and nobody hears of an error."""
        answer: asyncio.Future[Any] = self._loop.create_future()
        answer.cancel()
        self._calls.put((answer, work))

    def end(self) -> None:
        """The thread ends once its calls are done."""
        self._calls.put(None)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            answer, work = call
            result, error = None, None
            try:
                result = work()
            except BaseException as caught:  # noqa: BLE001 - whatever it is, it belongs to the one who awaits
                error = caught
            try:
                self._loop.call_soon_threadsafe(_settle, answer, result, error)
            except RuntimeError:
                return  # the event loop has closed: nobody waits any more
            del call, answer, work, result, error


def _settle(answer: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    if answer.done():
        return
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(result)


@asynccontextmanager
async def aside(name: str) -> AsyncIterator[Aside]:
    """One for the block."""
    thread = Aside(name)
    try:
        yield thread
    finally:
        thread.end()
