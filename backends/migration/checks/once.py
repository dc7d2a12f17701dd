"""What several checks want to know is asked once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Once:
    """Answers by key, for the time of one preflight. The first who wants one asks; the others wait with it."""

    def __init__(self) -> None:
        self._answers: dict[Hashable, asyncio.Future[Any]] = {}

    async def get(self, key: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer, or the FerryError that came in its place. One who gives up does not end it for the others."""
        if key not in self._answers:
            self._answers[key] = asyncio.ensure_future(ask())
        answer: T = await asyncio.shield(self._answers[key])
        return answer

    def close(self) -> None:
        """End what nobody waits for any more, and take note of errors that nobody heard."""
        for answer in self._answers.values():
            answer.cancel()
            if answer.done() and not answer.cancelled():
                answer.exception()
