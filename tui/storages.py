"""`Storages`: what storage the hosts see, asked when somebody looks and never while idle, and what was proved of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from textual.dom import DOMNode

from backends.api import FerryError, Fleet
from backends.model.fleet import HostView
from backends.model.host import HostName
from backends.model.storage import SharingProof, Storage, StorageId, StorageMap
from tui.words.host import can_be_asked


class Storages:
    """The newest answer stays until there is another. Belongs to the thread of the app."""

    def __init__(self, fleet: Callable[[], Fleet]) -> None:
        self._fleet = fleet
        self._asked: frozenset[HostName] = frozenset()
        """Those that could answer when it was asked last."""
        self._listeners: list[Callable[[], None]] = []
        self.map: StorageMap | None = None
        self.error: FerryError | None = None
        """Why there is no answer, or no newer one."""
        self.asking = False
        self.proving: set[StorageId] = set()
        self.proofs: dict[StorageId, SharingProof] = {}
        self.unproved: dict[StorageId, FerryError] = {}
        """Why the newest attempt to prove came to nothing."""

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Hear of each question and each answer; the result ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def find(self, storage: StorageId) -> Storage | None:
        """As the newest answer has it."""
        found = self.map.storages if self.map else ()
        return next((each for each in found if each.id == storage), None)

    def ask_where_due(self, owner: DOMNode, views: Collection[HostView]) -> None:
        """Ask all when a host answers that could not when they were asked last; never while a question is open."""
        answering = frozenset(view.spec.name for view in views if can_be_asked(view))
        if not self.asking and not answering <= self._asked:
            self.ask(owner, views)

    def ask(self, owner: DOMNode, views: Collection[HostView]) -> None:
        """Ask all hosts anew, in a worker of `owner`; returns without waiting."""
        if self.asking:
            return
        self._asked |= {view.spec.name for view in views if can_be_asked(view)}
        self.asking = True
        owner.run_worker(self._ask(), group="storages")
        self._tell()

    async def _ask(self) -> None:
        try:
            self.map = await self._fleet().storage()
            self.error = None
        except FerryError as error:
            self.error = error
        finally:
            self.asking = False
        self._tell()

    def prove(self, owner: DOMNode, storage: StorageId, subject: str, hosts: Sequence[HostName]) -> None:
        """Have these hosts try it by its key or by a path, the first one writing; returns without waiting."""
        if storage in self.proving:
            return
        self.proving.add(storage)
        owner.run_worker(self._prove(storage, subject, hosts), group="proofs")
        self._tell()

    async def _prove(self, storage: StorageId, subject: str, hosts: Sequence[HostName]) -> None:
        try:
            self.proofs[storage] = await self._fleet().prove(subject, hosts)
            self.unproved.pop(storage, None)
        except FerryError as error:
            self.unproved[storage] = error
        finally:
            self.proving.discard(storage)
        self._tell()

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()
