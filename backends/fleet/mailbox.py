"""What a reader has not seen yet: every transition, and of samples only that something changed.

A slow terminal therefore never makes a queue of samples grow: it reads the newest state once for many changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from backends.fleet.store import reduce
from backends.model.fleet import (
    Changes,
    Dirty,
    FleetEvent,
    FleetState,
    JobsChanged,
    MoveChanged,
    Sampled,
)


def is_transition(event: FleetEvent) -> bool:
    """Must a reader see this event, and not only the state that came of it?"""
    if isinstance(event, MoveChanged):
        return event.step
    return not isinstance(event, (Sampled, JobsChanged))


class Mailbox:
    """One reader's. Filled and emptied on the event loop's thread."""

    def __init__(self, state: FleetState) -> None:
        self._state = state
        self._dirty: set[Dirty] = set()
        self._transitions: list[FleetEvent] = []
        self._news = asyncio.Event()
        self._news.set()  # the state at the start is news

    def put(self, event: FleetEvent, state: FleetState, dirty: frozenset[Dirty]) -> None:
        """Note what an event changed."""
        self._state = state
        self._dirty |= dirty
        if is_transition(event):
            self._transitions.append(event)
        self._news.set()

    async def take(self) -> Changes:
        """All that came since the last time; waits until there is something."""
        await self._news.wait()
        self._news.clear()
        changes = Changes(self._state, frozenset(self._dirty), tuple(self._transitions))
        self._dirty.clear()
        self._transitions.clear()
        return changes


class Board:
    """The one state, and the mailboxes of all who read it."""

    def __init__(self, state: FleetState) -> None:
        self.state = state
        self._mailboxes: set[Mailbox] = set()

    def publish(self, event: FleetEvent) -> None:
        """Apply an event and tell the readers. On the event loop's thread."""
        self.state, dirty = reduce(self.state, event)
        if dirty:
            for mailbox in self._mailboxes:
                mailbox.put(event, self.state, dirty)

    async def watch(self) -> AsyncIterator[Changes]:
        """The state now, then each change."""
        mailbox = Mailbox(self.state)
        self._mailboxes.add(mailbox)
        try:
            while True:
                yield await mailbox.take()
        finally:
            self._mailboxes.discard(mailbox)
