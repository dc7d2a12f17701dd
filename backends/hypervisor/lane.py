"""A lane: one daemon thread that makes blocking libvirt calls in order, awaited from the event loop.

A pool's worker thread would hold the program's exit until its call returns; a daemon does not. A call that misses its
deadline cannot be interrupted: the lane is then abandoned, and its thread ends when the call does.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from backends.errors import DeadlineError

T = TypeVar("T")
_Job = tuple[Callable[[], Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]
_numbers = itertools.count(1)


class Lane:
    """Calls queue up behind each other; each is a coroutine with a deadline. Used on the event loop's thread."""

    def __init__(self, name: str, farewell: Callable[[], object] = lambda: None) -> None:
        """`farewell` is run on the lane's thread as its last act, also after a call that never seemed to end."""
        self.name = name
        self.abandoned = False
        self._farewell = farewell
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        threading.Thread(target=self._run, name=f"lane-{name}-{next(_numbers)}", daemon=True).start()

    async def call(self, work: Callable[[], T], *, deadline_s: float | None) -> T:
        """Run `work` on the lane's thread. Raises DeadlineError, and abandons the lane, when it takes too long.

        A deadline of None is for a call that is watched by other means: a migration, by its job.
        """
        if self.abandoned:
            raise DeadlineError("an earlier call never returned", operation=self.name)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._jobs.put((work, answer, loop))
        try:
            async with asyncio.timeout(deadline_s):
                return await asyncio.shield(answer)
        except TimeoutError:
            self.abandon()
            answer.add_done_callback(_forget)
            raise DeadlineError(f"no answer within {deadline_s:g} s", operation=self.name) from None
        except asyncio.CancelledError:
            answer.add_done_callback(_forget)
            raise

    def abandon(self) -> None:
        """Take no more calls. What is queued already is still run, then the thread ends."""
        if not self.abandoned:
            self.abandoned = True
            self._jobs.put(None)

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self._farewell()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, answer, loop = job
            del job
            result, error = None, None
            try:
                result = work()
            except BaseException as caught:  # noqa: BLE001 - whatever it is, it belongs to the one who awaits
                error = caught
            try:
                loop.call_soon_threadsafe(_settle, answer, result, error)
            except RuntimeError:
                return  # the event loop has closed: nobody waits any more
            del work, answer, result, error  # a libvirt object must not outlive its call here


def _settle(answer: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    if answer.done():
        return
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(result)


def _forget(answer: asyncio.Future[Any]) -> None:
    """Take note of an error that nobody waits for, so that asyncio does not report it as lost."""
    if not answer.cancelled():
        answer.exception()
