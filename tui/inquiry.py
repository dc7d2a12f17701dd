"""`Inquiry`: one question put to many hosts at once: who is being asked, who has answered, and who could not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

from textual.dom import DOMNode

from backends.api import FerryError
from backends.model.host import HostName

T = TypeVar("T")


class Inquiry(Generic[T]):
    """Answers, and the errors of those that gave none, as of the last time each host was asked.

    Belongs to the thread of the app. A host that is being asked is not asked a second time meanwhile.
    """

    def __init__(self, question: Callable[[HostName], Awaitable[T]], name: str) -> None:
        self._question = question
        self._name = name
        self._listeners: list[Callable[[HostName], None]] = []
        self.asking: set[HostName] = set()
        self.answers: dict[HostName, T] = {}
        self.troubles: dict[HostName, FerryError] = {}

    def listen(self, listener: Callable[[HostName], None]) -> Callable[[], None]:
        """Hear of each host that begins to be asked or has answered; the result ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def ask(self, owner: DOMNode, hosts: Iterable[HostName]) -> None:
        """Ask all of them at once, in workers of `owner`; returns without waiting."""
        for host in hosts:
            if host not in self.asking:
                self.asking.add(host)
                owner.run_worker(self._ask(host), group=self._name)
                self._tell(host)

    def trouble(self, host: HostName) -> str:
        """Why a host has not answered, in one line; empty where it has, or was not asked."""
        error = self.troubles.get(host)
        return error.cause if error else ""

    async def _ask(self, host: HostName) -> None:
        try:
            answer = await self._question(host)
        except FerryError as error:
            self.troubles[host] = error
        else:
            self.troubles.pop(host, None)
            self.answers[host] = answer
        finally:
            self.asking.discard(host)
        self._tell(host)

    def _tell(self, host: HostName) -> None:
        for listener in tuple(self._listeners):
            listener(host)
