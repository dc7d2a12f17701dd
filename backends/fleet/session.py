"""One connected time of one host: from the login to the moment the link is lost."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

from backends.errors import FerryError, LinkError
from backends.hypervisor.connection import Connection
from backends.hypervisor.events import DomainEvent, DomainEventKind, EventListener
from backends.hypervisor.host_facts import read_facts
from backends.model.host import HostFacts, HostName, HostSpec, Reach
from backends.model.question import Asker
from backends.probes import libvirt_sockets
from backends.remote.local import LocalShell
from backends.remote.shell import Shell

_NO_LIBVIRT_HINT = "is libvirt running there? systemctl start libvirtd (or virtqemud.socket)"
_DENIED_HINT = "the account needs access to libvirt's socket: add it to the group libvirt, or log in as root"


@dataclass(slots=True)
class Session:
    """What is open to a host now. A plain libvirt URI has no shell; a host without libvirt has no connections."""

    spec: HostSpec
    shell: Shell | None
    folder: Path
    """For the near ends of forwarded sockets."""
    listener: Callable[[str], EventListener]
    """Given a driver, what hears its events."""
    connections: dict[str, Connection] = field(default_factory=dict)
    """By driver."""
    uris: dict[str, str] = field(default_factory=dict)
    """By driver: what to open for one more connection."""
    trouble: str = ""
    """Why libvirt, or one of its drivers, does not answer; empty when all do."""
    hint: str = ""
    jobs_stir: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when an event tells of a job's beginning or end, and when the session ends: fleet.jobs waits for it."""
    _locked: str = ""
    """A socket of libvirt's that this account may not use."""

    @property
    def host(self) -> HostName:
        """The host's name."""
        return self.spec.name

    def connection(self, driver: str) -> Connection:
        """The connection of one driver. Raises LinkError when there is none."""
        connection = self.connections.get(driver)
        if connection is None:
            raise LinkError(self.trouble or f"no libvirt driver {driver}", host=self.host, hint=self.hint)
        return connection

    @asynccontextmanager
    async def another(self, driver: str, listener: EventListener | None = None) -> AsyncIterator[Connection]:
        """A connection of one's own, over the same link. Raises FerryError."""
        self.connection(driver)
        connection = await Connection.open(self.uris[driver], host=self.host, listener=listener)
        try:
            yield connection
        finally:
            connection.close()

    async def facts(self) -> HostFacts:
        """Of all drivers; the first one's word counts where they overlap. Raises FerryError."""
        facts = [await read_facts(connection, driver) for driver, connection in self.connections.items()]
        return replace(facts[0], drivers=tuple(driver for one in facts for driver in one.drivers))

    async def find_libvirt(self) -> None:
        """Open every driver that answers; `trouble` says what does not. Raises FerryError where nothing ever can."""
        self.trouble = self.hint = ""
        self.uris = await self._find_uris()
        errors = await self._open_all()
        missing = set(self.spec.drivers) - self.uris.keys()
        if self._locked and not self.connections:
            self.trouble, self.hint = f"permission denied: {self._locked}", _DENIED_HINT
        elif missing or not self.uris:
            names = ", ".join(sorted(missing)) or "libvirt"
            self.trouble, self.hint = f"no socket of {names} on this host", _NO_LIBVIRT_HINT
        elif errors and (not self.connections or set(self.spec.drivers) & errors.keys()):
            driver, error = next(iter(errors.items()))
            if self.shell is None:
                error.hint = error.hint or f"try: virsh -c {self.uris[driver]} list"
                raise error
            self.trouble = error.cause
            self.hint = _NO_LIBVIRT_HINT

    async def _find_uris(self) -> dict[str, str]:
        """Driver -> the URI that leads to it."""
        if self.shell is None:
            scheme = self.spec.target.partition("://")[0].partition("+")[0]
            return {scheme: self.spec.target}
        wanted = self.spec.drivers
        found = [s for s in await libvirt_sockets.find(self.shell) if not wanted or s.driver in wanted]
        self._locked = next((s.path for s in found if not s.usable), "")
        sockets = [s for s in found if s.usable]
        paths = {socket.path for socket in sockets}
        ends = {path: quote(await self.shell.forward_socket(path, self.folder)) for path in paths}
        return {s.driver: f"{s.driver}+unix:///system?socket={ends[s.path]}" for s in sockets}

    async def _open_all(self) -> dict[str, FerryError]:
        """All at once. A driver that nobody asked for by name may be missing, as long as one is there."""
        errors: dict[str, FerryError] = {}

        async def attempt(driver: str, uri: str) -> None:
            try:
                heard = self._hearing_jobs(self.listener(driver))
                connection = await Connection.open(uri, host=self.host, listener=heard)
            except FerryError as error:
                errors[driver] = error
            else:
                self.connections[driver] = connection

        await asyncio.gather(*(attempt(driver, uri) for driver, uri in self.uris.items()))
        self.connections = {d: self.connections[d] for d in self.uris if d in self.connections}
        return errors

    def _hearing_jobs(self, listener: EventListener) -> EventListener:
        def heard(event: DomainEvent) -> None:
            if event.kind in (DomainEventKind.JOB_BEGAN, DomainEventKind.JOB_COMPLETED):
                self.jobs_stir.set()
            listener(event)

        return heard

    async def lost(self) -> FerryError:
        """Wait until the link or a connection is gone, and say why."""
        events = {connection.closed: connection for connection in self.connections.values()}
        waits = [asyncio.ensure_future(event.wait()) for event in events]
        if self.shell is not None:
            waits.append(asyncio.ensure_future(self.shell.lost.wait()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self.shell is not None and self.shell.lost.is_set():
            return LinkError(self.shell.lost_reason, host=self.host, operation="ssh")
        reasons = [connection.close_reason for event, connection in events.items() if event.is_set()]
        return LinkError(f"libvirt: {reasons[0]}", host=self.host)

    async def close(self) -> None:
        """Let go of everything."""
        self.jobs_stir.set()
        for connection in self.connections.values():
            connection.close()
        if self.shell is not None:
            await self.shell.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@asynccontextmanager
async def open_session(
    spec: HostSpec, *, ask: Asker | None, listener: Callable[[str], EventListener], folder: Path
) -> AsyncIterator[Session]:
    """Log in and open every driver that answers; closed with the block. Raises FerryError."""
    _make_folder(spec, folder)
    session = Session(spec, await _open_shell(spec, ask), folder, listener)
    try:
        await session.find_libvirt()
        yield session
    finally:
        with contextlib.suppress(OSError):
            await session.close()


def _make_folder(spec: HostSpec, folder: Path) -> None:
    """Also when the one above is gone: a runtime folder ends with the login that it belongs to."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LinkError(f"no folder for sockets: {error}", host=spec.name) from error


async def _open_shell(spec: HostSpec, ask: Asker | None) -> Shell | None:
    match spec.reach:
        case Reach.SSH:
            from backends.remote.ssh import SshShell  # 28 MiB and 0.2 s that fleets without SSH need not pay

            return await SshShell.open(spec, ask)
        case Reach.LOCAL:
            return LocalShell()
        case Reach.URI:
            return None
