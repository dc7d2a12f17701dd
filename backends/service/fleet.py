"""The Fleet of backends.api: supervisors, the board, and the moves, under one roof."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from platformdirs import user_state_path

from backends.config import require_unique
from backends.errors import ActionError, JournalError
from backends.hypervisor import lifecycle
from backends.hypervisor.inventory import read_xml
from backends.journal.journal import Journal
from backends.model.fleet import Changes, FleetState
from backends.model.guest import GuestAction, GuestKey
from backends.model.host import HostName, HostSpec, Link
from backends.model.question import Asker
from backends.service.capabilities import CapabilityService
from backends.service.crashes import CrashService
from backends.service.moves import MoveService
from backends.service.storage import StorageService

_log = logging.getLogger(__name__)

START_INTERVAL_S = 0.01
"""Hosts are opened one after another: a hundred lanes that all log in at once would starve the first paint."""
MAX_RUNTIME_PATH = 60
"""Bytes. A socket's path may have 107 (unix(7)), and ours adds folders and names below it."""
_SETTLED = (Link.UP, Link.DEGRADED, Link.DOWN, Link.STALE)


class FleetService(CapabilityService, StorageService, CrashService, MoveService):
    """See backends.api.Fleet."""

    @classmethod
    @asynccontextmanager
    async def open(cls, specs: Sequence[HostSpec], ask: Asker | None) -> AsyncIterator[FleetService]:
        """Run the supervisors while the block lasts."""
        require_unique(specs)
        _allow_many_files()
        async with _open_journal() as journal, cls._open(specs, ask, journal) as service:
            yield service

    @classmethod
    @asynccontextmanager
    async def _open(
        cls, specs: Sequence[HostSpec], ask: Asker | None, journal: Journal | JournalError
    ) -> AsyncIterator[FleetService]:
        folder = _runtime_folder()
        try:
            service = cls(specs, ask, folder, journal)
            from_block: Exception | None = None
            async with asyncio.TaskGroup() as group:
                supervisors = enumerate(service._supervisors.values())
                tasks = [group.create_task(s.run(n * START_INTERVAL_S)) for n, s in supervisors]
                tasks.append(group.create_task(service._engine.run()))
                tasks.append(group.create_task(service._crash_watch.run()))
                try:
                    yield service
                except Exception as error:  # noqa: BLE001 - the caller's own: it must not come back inside a group
                    from_block = error
                finally:
                    for task in tasks:
                        task.cancel()
            if from_block is not None:
                raise from_block
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def watch(self) -> AsyncIterator[Changes]:
        """The state now, then each change."""
        return self._board.watch()

    async def settled(self, timeout_s: float, *, described: bool = False) -> FleetState:
        """Wait until no host is connecting any more."""
        try:
            async with asyncio.timeout(timeout_s):
                async for changes in self.watch():
                    if all(view.link.link in _SETTLED for view in changes.state.hosts.values()):
                        break
                if described:
                    await asyncio.gather(*(each.described() for each in self._supervisors.values()))
        except TimeoutError:
            pass
        return self.state

    async def act(self, guest: GuestKey, action: GuestAction) -> None:
        """Do something to the life of a guest. Not while it moves: libvirt would hold the call until the move ends."""
        if any(
            move.request.guest.uuid == guest.uuid
            for move in self.state.moves.values()
            if not move.phase.final
        ):
            raise ActionError(
                "the guest is being moved",
                host=guest.host,
                operation=action.value,
                hint="wait, or abort the move",
            )
        supervisor = self._supervisor(guest.host)
        known = self.state.guest(guest)
        _log.info("%s: %s guest %s", guest.host, action.value, guest.uuid)
        with self._audited(f"{action.value} {known.name if known else guest.uuid} on {guest.host}"):
            try:
                await lifecycle.act(supervisor.current().connection(guest.driver), guest.uuid, action)
            except ActionError:
                self._crash_watch.stir(
                    guest.host
                )  # a guest that does not start leaves its reason in logs only
                raise
            finally:
                supervisor.mark(guest)

    def reconnect(self, host: HostName) -> None:
        """Try again now."""
        self._supervisor(host).retry_now()

    async def definition(self, guest: GuestKey) -> str:
        """The guest's XML."""
        return await read_xml(self._supervisor(guest.host).current().connection(guest.driver), guest.uuid)


@asynccontextmanager
async def _open_journal() -> AsyncIterator[Journal | JournalError]:
    """Without a journal hosts can still be watched: the error is told to whoever needs it."""
    async with AsyncExitStack() as stack:
        try:
            folder = user_state_path("virt-ferry", appauthor=False)
            journal: Journal | JournalError = await stack.enter_async_context(Journal.open(folder))
        except JournalError as error:
            _log.warning("%s", error)
            journal = error
        yield journal


def _runtime_folder() -> Path:
    """A new folder that only we can enter, for the near ends of forwarded sockets; short, as socket paths must be."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    usable = 0 < len(runtime) <= MAX_RUNTIME_PATH and os.access(runtime, os.W_OK)
    return Path(tempfile.mkdtemp(prefix="virt-ferry-", dir=runtime if usable else "/tmp"))  # noqa: S108 - mode 0700


def _allow_many_files() -> None:
    """Each host takes about ten descriptors, and libvirt's event loop ends the process when there are none left."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
