"""Two things at once, without a TaskGroup, which would wrap the errors of either (see fleet.supervisor)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")


@asynccontextmanager
async def alongside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do `work` while the block lasts; what it raised by itself is raised when the block has ended well."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))
    if not task.cancelled():
        task.result()


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """Do `work`, and return what it returns; None when `stop` was set before: it was cancelled then."""
    task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
        ended = task.done()
    finally:
        stopped.cancel()
        task.cancel()
        await asyncio.wait((task, stopped))
    return task.result() if ended else None
