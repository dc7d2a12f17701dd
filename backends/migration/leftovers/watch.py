"""Keeps the list of unfinished business current."""

from __future__ import annotations

import asyncio
import time

from backends.errors import JournalError
from backends.fleet.mailbox import Board
from backends.journal.journal import Journal
from backends.migration.leftovers.unfinished import unfinished
from backends.model.fleet import UnfinishedChanged
from backends.model.move import Move

SETTLE_S = 0.3
"""What changes together is looked at once: a move takes a guest from one list and puts it on another."""
BUDGET = 0.01
"""Share of one processor that looking may take: a large fleet is looked at less often."""


async def watch_unfinished(board: Board, journal: Journal | None) -> None:
    """Until cancelled. Samples count as news, too: what is only doubtful becomes certain by lasting."""
    async for _ in board.watch():
        traced = await _with_traces(journal)
        began_s = time.thread_time()
        board.publish(UnfinishedChanged(unfinished(board.state, traced)))
        await asyncio.sleep(max(SETTLE_S, (time.thread_time() - began_s) / BUDGET))


async def _with_traces(journal: Journal | None) -> tuple[Move, ...]:
    try:
        return await journal.with_traces() if journal is not None else ()
    except JournalError:
        return ()  # told where a move is started; hosts are looked at all the same
