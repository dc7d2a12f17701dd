"""A lane: one daemon thread that makes blocking libvirt calls in order, awaited from the event loop.

A pool's worker thread would hold the program's exit until its call returns; a daemon does not. A call that misses its
deadline cannot be interrupted: the lane is then abandoned, and its thread ends when the call does.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

from backends.errors import DeadlineError

T = TypeVar("T")
_numbers = itertools.count(1)

QUEUE_LIMIT_S = 60.0
"""A call that has not begun by then is withdrawn. The calls before it have deadlines of their own."""


@dataclass(slots=True, eq=False)
class _Job:
    """One call: `begun` and `answer` are settled on the event loop's thread."""

    work: Callable[[], Any]
    begun: asyncio.Future[None]
    answer: asyncio.Future[Any]


class Lane:
    """Calls queue up behind each other; each is a coroutine with a deadline. Used on the event loop's thread."""

    def __init__(self, name: str, farewell: Callable[[], object] = lambda: None) -> None:
        """`farewell` is run on the lane's thread as its last act, also after a call that never seemed to end."""
        self.name = name
        self.abandoned = False
        self._farewell = farewell
        self._loop = asyncio.get_running_loop()
        self._waiting: set[_Job] = set()
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        threading.Thread(target=self._run, name=f"lane-{name}-{next(_numbers)}", daemon=True).start()

    async def call(self, work: Callable[[], T], *, deadline_s: float | None) -> T:
        """Run `work` on the lane's thread. Raises DeadlineError, and abandons the lane, when it takes too long.

        The deadline runs from the moment the call begins. A call that is cancelled, or withdrawn because it did not
        begin in time, is never carried out later. A deadline of None is for a call that is watched by other means:
        a migration, by its job.
        """
        if self.abandoned:
            raise DeadlineError("an earlier call never returned", operation=self.name)
        job = _Job(work, self._loop.create_future(), self._loop.create_future())
        job.answer.add_done_callback(_forget)
        self._waiting.add(job)
        self._jobs.put(job)
        try:
            await self._turn_of(job)
            async with asyncio.timeout(deadline_s):
                answer: T = await asyncio.shield(job.answer)
                return answer
        except TimeoutError:
            self.abandon()
            raise DeadlineError(f"no answer within {deadline_s:g} s", operation=self.name) from None
        finally:
            self._waiting.discard(job)
            job.answer.cancel()  # no effect on one that is settled; else it is not carried out, or not heard

    async def _turn_of(self, job: _Job) -> None:
        try:
            async with asyncio.timeout(QUEUE_LIMIT_S):
                await asyncio.shield(job.begun)
        except TimeoutError:
            raise DeadlineError("earlier calls are still under way", operation=self.name) from None

    def abandon(self) -> None:
        """Take no more calls, and withdraw those that have not begun. A running one goes on, then the thread ends."""
        if self.abandoned:
            return
        self.abandoned = True
        self._jobs.put(None)
        for job in self._waiting:
            if not job.begun.done():
                job.begun.set_exception(DeadlineError("an earlier call never returned", operation=self.name))
                job.begun.exception()
                job.answer.cancel()

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self._farewell()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if job.answer.cancelled():
                continue
            result, error = None, None
            try:
                self._loop.call_soon_threadsafe(_settle, job.begun, None, None)
                result = job.work()
            except BaseException as caught:  # noqa: BLE001 - whatever it is, it belongs to the one who awaits
                error = caught
                _let_go_of_frames(caught)
            try:
                self._loop.call_soon_threadsafe(_settle, job.answer, result, error)
            except RuntimeError:
                return  # the event loop has closed: nobody waits any more
            del job, result, error


def _let_go_of_frames(error: BaseException | None) -> None:
    """Drop the local variables of the frames an error comes from.

    They hold libvirt objects; freed later, on the event loop's thread, their good-bye would go over a socket that this
    very thread pumps, and wait for itself.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__


def _settle(future: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


def _forget(answer: asyncio.Future[Any]) -> None:
    """Take note of an error that nobody waits for, so that asyncio does not report it as lost."""
    if not answer.cancelled():
        answer.exception()
