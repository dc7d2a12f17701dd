"""Keeps the list of unfinished business current."""

from __future__ import annotations

import asyncio

from backends.errors import JournalError
from backends.fleet.mailbox import Board
from backends.journal.journal import Journal
from backends.migration.unfinished import unfinished
from backends.model.fleet import Changes, Topic, UnfinishedChanged
from backends.model.move import Move

SETTLE_S = 0.3
"""What changes together is looked at once: a move takes a guest from one list and puts it on another."""
_TOPICS = (Topic.GUEST, Topic.LINK, Topic.MOVE, Topic.JOBS)


async def watch_unfinished(board: Board, journal: Journal | None) -> None:
    """Until cancelled."""
    traced: tuple[Move, ...] = ()
    async for changes in board.watch():
        if not _matters(changes):
            continue
        if journal is not None:
            try:
                traced = await journal.with_traces()
            except JournalError:
                traced = ()
        board.publish(UnfinishedChanged(unfinished(board.state, traced)))
        await asyncio.sleep(SETTLE_S)


def _matters(changes: Changes) -> bool:
    return any(topic in _TOPICS for topic, _ in changes.dirty) or not changes.dirty
