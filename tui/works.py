"""`Works`: what is planned and carried out, owned by the app: it goes on when the screen that started it is left."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar


class Work(Protocol):
    """One plan, and how far it has come."""

    @property
    def key(self) -> Hashable:
        """What it is done to."""
        ...

    @property
    def started(self) -> bool:
        """Was it begun?"""
        ...

    @property
    def over(self) -> bool:
        """Has it ended?"""
        ...


W = TypeVar("W", bound=Work)


class Works(Generic[W]):
    """Those of this session, the newest of each key. Belongs to the thread of the app."""

    def __init__(self) -> None:
        self._newest: dict[Hashable, W] = {}
        self._listeners: list[Callable[[W], None]] = []

    def listen(self, listener: Callable[[W], None]) -> Callable[[], None]:
        """Hear of each step; the result ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def of(self, key: Hashable) -> W | None:
        """The newest of it."""
        return self._newest.get(key)

    def under_way(self) -> list[W]:
        """Those that are not over."""
        return [work for work in self._newest.values() if not work.over]

    def tell(self, work: W) -> None:
        """A step of it, to all who listen."""
        self._newest[work.key] = work
        for listener in tuple(self._listeners):
            listener(work)
