"""One connected time of one host: from the login to the moment the link is lost. Raises to end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from backends.errors import FerryError, LinkError
from backends.hypervisor.connection import Connection, EventListener
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

    host: HostName
    shell: Shell | None
    connections: Mapping[str, Connection]
    """By driver."""
    uris: Mapping[str, str]
    """By driver: what to open for one more connection."""
    trouble: str = ""
    """Why libvirt, or one of its drivers, does not answer; empty when all do."""
    hint: str = ""

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
        """Of all drivers; the first one's word counts where they overlap."""
        facts = [await read_facts(connection, driver) for driver, connection in self.connections.items()]
        return replace(facts[0], drivers=tuple(driver for one in facts for driver in one.drivers))

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


@asynccontextmanager
async def open_session(
    spec: HostSpec, *, ask: Asker | None, listener: Callable[[str], EventListener], folder: Path
) -> AsyncIterator[Session]:
    """Log in and open every driver that answers. `listener(driver)` hears that driver's events. Raises FerryError."""
    async with contextlib.AsyncExitStack() as stack:
        shell = await _open_shell(spec, ask)
        if shell is not None:
            stack.push_async_callback(shell.close)
        uris = await _uris(spec, shell, folder)
        session = Session(spec.name, shell, {}, uris)
        await _open_drivers(session, required=set(spec.drivers), listener=listener)
        for connection in session.connections.values():
            stack.callback(connection.close)
        if shell is None and not session.connections:
            raise LinkError(session.trouble, host=spec.name, hint=session.hint)
        yield session


async def _open_shell(spec: HostSpec, ask: Asker | None) -> Shell | None:
    match spec.reach:
        case Reach.SSH:
            from backends.remote.ssh import SshShell  # 28 MiB and 0.2 s that fleets without SSH need not pay

            return await SshShell.open(spec, ask)
        case Reach.LOCAL:
            return LocalShell()
        case Reach.URI:
            return None


async def _uris(spec: HostSpec, shell: Shell | None, folder: Path) -> dict[str, str]:
    """Driver -> the URI that leads to it."""
    if shell is None:
        scheme = spec.target.partition("://")[0].partition("+")[0]
        return {scheme: spec.target}
    sockets = [s for s in await libvirt_sockets.find(shell) if not spec.drivers or s.driver in spec.drivers]
    ends = {path: await shell.forward_socket(path, folder) for path in {s.path for s in sockets}}
    return {s.driver: f"{s.driver}+unix:///system?socket={ends[s.path]}" for s in sockets}


async def _open_drivers(
    session: Session, *, required: set[str], listener: Callable[[str], EventListener]
) -> None:
    """Open all at once. A driver that nobody asked for by name may be missing, as long as one is there."""

    async def attempt(driver: str, uri: str) -> Connection | FerryError:
        try:
            return await Connection.open(uri, host=session.host, listener=listener(driver))
        except FerryError as error:
            return error

    results = await asyncio.gather(*(attempt(driver, uri) for driver, uri in session.uris.items()))
    opened = dict(zip(session.uris, results, strict=True))
    session.connections = {d: result for d, result in opened.items() if isinstance(result, Connection)}
    errors = {d: result for d, result in opened.items() if isinstance(result, FerryError)}
    missing = required - session.uris.keys()
    if missing or not session.uris:
        names = ", ".join(sorted(missing)) or "libvirt"
        session.trouble, session.hint = f"no socket of {names} on this host", _NO_LIBVIRT_HINT
    elif errors and (not session.connections or required & errors.keys()):
        driver, error = next(iter(errors.items()))
        session.trouble = error.cause
        session.hint = _open_hint(session, driver, error)


def _open_hint(session: Session, driver: str, error: FerryError) -> str:
    if "ermission denied" in error.cause:
        return _DENIED_HINT
    if session.shell is None:
        return f"try: virsh -c {session.uris[driver]} list"
    return _NO_LIBVIRT_HINT
