"""From the fleet's one stream of changes to the widgets that show them.

The bridge reads `fleet.watch()` once for the whole program. Transitions reach the widgets almost at once,
samples at most ten times a second, and both in the same update, so that a burst costs one repaint.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass

from backends.api import Fleet
from backends.model.fleet import Changes, Dirty, FleetState, Topic
from backends.model.guest import GuestKey
from backends.model.host import HostName

SAMPLE_GAP_S = 0.1
"""Least time between two updates that bring only new figures."""

TRANSITION_GAP_S = 0.02
"""Least time between two updates of any kind: a paint of a full screen takes about as long."""


@dataclass(frozen=True, slots=True)
class Update:
    """What one subscriber gets: the newest state, and which of its topics' subjects differ."""

    state: FleetState
    dirty: frozenset[Dirty]

    def guests(self) -> set[GuestKey]:
        """The guests that differ in any way."""
        return {subject for _, subject in self.dirty if isinstance(subject, GuestKey)}

    def hosts_with_new_link(self) -> set[HostName]:
        """The hosts whose link went into another state."""
        return {HostName(str(subject)) for topic, subject in self.dirty if topic is Topic.LINK}

    def touches(self, topic: Topic) -> bool:
        """Is anything of this topic different?"""
        return any(of is topic for of, _ in self.dirty)


Listener = Callable[[Update], None]


class Bridge:
    """Keeps the newest state and tells subscribers what changed. Belongs to the event loop's thread."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._listeners: dict[Listener, frozenset[Topic]] = {}
        self._pending: set[Dirty] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due = asyncio.Event()
        self._last_s = 0.0
        self.state = fleet.state

    def subscribe(self, topics: Collection[Topic], listener: Listener) -> Callable[[], None]:
        """Call `listener` for each update that touches `topics`; the result unsubscribes."""
        self._listeners[listener] = frozenset(topics)

        def unsubscribe() -> None:
            self._listeners.pop(listener, None)

        return unsubscribe

    async def run(self) -> None:
        """Read the fleet until it is closed. Owned by the app; a listener's error ends it, and so the app.

        (An error in a callback of the event loop would only be logged, and the screen would stand still.)
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                publishing = tasks.create_task(self._publish_when_due())
                await self._read()
                publishing.cancel()
        finally:
            if self._timer:
                self._timer.cancel()

    async def _read(self) -> None:
        is_first = True
        async for changes in self._fleet.watch():
            if is_first:
                # What happened before the watch began is in no `dirty`.
                self._pending |= _everything(changes.state)
                is_first = False
            self._take(changes)

    def _take(self, changes: Changes) -> None:
        self.state = changes.state
        self._pending |= changes.dirty
        if not self._pending:
            return
        loop = asyncio.get_running_loop()
        due_s = self._last_s + (TRANSITION_GAP_S if changes.transitions else SAMPLE_GAP_S)
        if self._timer is not None:
            if self._timer.when() <= due_s:
                return
            self._timer.cancel()
        self._timer = loop.call_at(max(due_s, loop.time()), self._due.set)

    async def _publish_when_due(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            self._publish()

    def _publish(self) -> None:
        self._timer = None
        self._last_s = asyncio.get_running_loop().time()
        pending, self._pending = frozenset(self._pending), set()
        for listener, topics in list(self._listeners.items()):
            mine = frozenset(dirty for dirty in pending if dirty[0] in topics)
            if mine:
                listener(Update(self.state, mine))


def _everything(state: FleetState) -> set[Dirty]:
    """All subjects of a state."""
    of_hosts = (Topic.LINK, Topic.LOAD, Topic.CAPABILITIES, Topic.CRASHES)
    dirty: set[Dirty] = {(topic, host) for host in state.hosts for topic in of_hosts}
    dirty |= {(Topic.GUEST, guest.key) for guest in state.guests()}
    dirty |= {(Topic.JOBS, None), (Topic.UNFINISHED, None)}
    return dirty | {(Topic.MOVE, move) for move in state.moves}
