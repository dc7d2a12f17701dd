"""Several works at once, of which the first that ends ends the others."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from backends.errors import FerryError


async def first_to_end(*works: Coroutine[None, None, None]) -> None:
    """Do all at once until one of them ends, cancel the others, and raise what the first one raised.

    No TaskGroup: one whose task fails while it waits for the others leaves its parent counted as cancelled (CPython
    before 3.13), which the timeouts of Python 3.11.2 take for a cancellation from outside; and the errors of its tasks
    hide one that does come from there.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        ended = [task for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    errors = [error for task in ended if (error := task.exception()) is not None]
    for error in sorted(errors, key=lambda error: isinstance(error, FerryError)):  # a bug is told first
        raise error
