"""Files of a host over SFTP: one channel of its connection, while any file is open."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, TypeVar, cast

import asyncssh

from backends.errors import CommandError, DeadlineError, LinkError
from backends.remote.file_errors import denied, missing, must_be_regular, path_bytes, shown
from backends.remote.plain_files import FILE_DEADLINE_S, open_by_commands
from backends.remote.shell import COMMAND_DEADLINE_S, HostFile
from backends.untrusted import clean

if TYPE_CHECKING:
    from backends.remote.shell import Shell

T = TypeVar("T")

CLOSE_DEADLINE_S = 1.0
_KNOWN = asyncssh.FILEXFER_ATTR_DEFINED_V4


class _NoSftpError(Exception):
    """The host does not offer it."""


class _Channel:
    """One SFTP session and those who use it."""

    def __init__(self, client: asyncssh.SFTPClient) -> None:
        self.client = client
        self.users = 0
        self.broken = False
        """It has missed a deadline, or has ended: who comes next opens another one."""


class SftpFiles:
    """Opens files of one host. The channel takes one of the host's sessions as long as a file is open."""

    def __init__(
        self,
        shell: Shell,
        host: str,
        start: Callable[[], Awaitable[asyncssh.SFTPClient]],
        sessions: asyncio.Semaphore,
    ) -> None:
        self._shell = shell
        self._host = host
        self._start = start
        self._sessions = sessions
        self._opening = asyncio.Lock()
        self._channel: _Channel | None = None

    @asynccontextmanager
    async def open(self, path: str) -> AsyncIterator[HostFile]:
        """For reading, while the block lasts; by commands where the host offers no SFTP. Raises FerryError."""
        name = path_bytes(path, self._host)
        try:
            channel = await self._join()
        except _NoSftpError:
            async with open_by_commands(self._shell, self._host, path) as plain:
                yield plain
            return
        try:
            async with self._opened(channel, name, path) as file:
                yield file
        finally:
            self._leave(channel)

    async def _join(self) -> _Channel:
        async with self._opening:
            channel = self._channel
            if channel is None or channel.broken:
                channel = self._channel = await self._begin()
            channel.users += 1
            return channel

    async def _begin(self) -> _Channel:
        async with AsyncExitStack() as undo:
            await self._session()
            undo.callback(self._sessions.release)
            try:
                async with asyncio.timeout(COMMAND_DEADLINE_S):
                    channel = _Channel(await self._start())
            except TimeoutError:
                raise self._silent(COMMAND_DEADLINE_S) from None
            except (OSError, asyncssh.Error) as error:
                if self._shell.lost.is_set():
                    raise self._lost() from error
                if isinstance(error, (asyncssh.ChannelOpenError, asyncssh.SFTPError)):
                    raise _NoSftpError from error  # no such subsystem, or its server has ended at once
                raise LinkError(clean(str(error)), host=self._host, operation="sftp") from error
            undo.pop_all()
            return channel

    async def _session(self) -> None:
        try:
            async with asyncio.timeout(COMMAND_DEADLINE_S):
                await self._sessions.acquire()
        except TimeoutError:
            raise self._silent(COMMAND_DEADLINE_S) from None

    def _leave(self, channel: _Channel) -> None:
        channel.users -= 1
        if channel.users:
            return
        if self._channel is channel:
            self._channel = None
        with contextlib.suppress(OSError, asyncssh.Error):
            channel.client.exit()  # without waiting: its server ends when it reads the end of its input
        self._sessions.release()

    @asynccontextmanager
    async def _opened(self, channel: _Channel, name: bytes, path: str) -> AsyncIterator[HostFile]:
        file = _SftpFile(self, channel, name, path)
        attributes = await file.ask(channel.client.stat(name), COMMAND_DEADLINE_S)
        must_be_regular(attributes.permissions, path, self._host)  # the server would wait for a pipe's writer
        file.handle = await file.ask(channel.client.open(name, "rb", block_size=0), FILE_DEADLINE_S)
        try:
            yield file
        finally:
            with contextlib.suppress(TimeoutError, OSError, asyncssh.Error):
                async with asyncio.timeout(CLOSE_DEADLINE_S):
                    await file.handle.close()

    @contextmanager
    def translated(self, channel: _Channel, path: str, deadline_s: float) -> Iterator[None]:
        """What asyncssh raises becomes a FerryError."""
        try:
            yield
        except TimeoutError:
            channel.broken = True
            raise self._silent(deadline_s) from None
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
            raise missing(path, self._host) from error
        except asyncssh.SFTPPermissionDenied as error:
            raise denied(path, self._host) from error
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.SFTPBadMessage) as error:
            channel.broken = True
            if self._shell.lost.is_set():
                raise self._lost() from error
            raise self._error("the SFTP server of the host has ended") from error
        except asyncssh.SFTPError as error:
            raise self._error(f"{shown(path)}: {clean(error.reason)}") from error
        except (OSError, asyncssh.Error) as error:
            channel.broken = True
            if self._shell.lost.is_set():
                raise self._lost() from error
            raise LinkError(clean(str(error)), host=self._host, operation="sftp") from error

    def _error(self, cause: str) -> CommandError:
        return CommandError(cause, host=self._host, operation="sftp")

    def _lost(self) -> LinkError:
        return LinkError(self._shell.lost_reason, host=self._host, operation="sftp")

    def _silent(self, deadline_s: float) -> DeadlineError:
        return DeadlineError(f"no answer within {deadline_s:g} s", host=self._host, operation="sftp")


class _SftpFile:
    """See backends.remote.shell.HostFile."""

    handle: asyncssh.SFTPClientFile

    def __init__(self, files: SftpFiles, channel: _Channel, name: bytes, path: str) -> None:
        self._files = files
        self._channel = channel
        self._name = name
        self._path = path

    async def ask(self, work: Awaitable[T], deadline_s: float) -> T:
        """One request's answer. Raises FerryError."""
        with self._files.translated(self._channel, self._path, deadline_s):
            async with asyncio.timeout(deadline_s):
                return await work

    async def size(self) -> int:
        """SSH_FXP_FSTAT."""
        return (await self.ask(self.handle.stat(_KNOWN), COMMAND_DEADLINE_S)).size or 0

    async def read(self, offset: int, limit: int) -> bytes:
        """SSH_FXP_READ, again where the server gives less than was asked for."""
        parts: list[bytes] = []
        while limit > 0:
            part = cast("bytes", await self.ask(self.handle.read(limit, offset), FILE_DEADLINE_S))
            if not part:
                break
            part = part[:limit]
            parts.append(part)
            offset, limit = offset + len(part), limit - len(part)
        return b"".join(parts)

    async def moved(self) -> bool:
        """SFTP tells no inode: whatever else it tells is compared, twice where the file may have grown in between."""
        return await self._differs() and await self._differs()

    async def _differs(self) -> bool:
        here, there = await asyncio.gather(
            self.ask(self.handle.stat(_KNOWN), COMMAND_DEADLINE_S),
            self.ask(self._channel.client.stat(self._name, _KNOWN), COMMAND_DEADLINE_S),
        )
        return _looks(here) != _looks(there)


def _looks(attributes: asyncssh.SFTPAttrs) -> tuple[int | None, ...]:
    return (attributes.size, attributes.mtime, attributes.uid, attributes.gid, attributes.permissions)
