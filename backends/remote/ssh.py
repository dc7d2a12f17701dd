"""A host over SSH: one connection carries its commands and libvirt's RPC."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shlex
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path

import asyncssh

from backends.errors import CommandError, DeadlineError, FerryError, LinkError
from backends.model.counters import HostCounters
from backends.model.host import HostName, HostSpec
from backends.model.question import Asker
from backends.remote import proc_load
from backends.remote.files import SftpFiles
from backends.remote.login import Client, login
from backends.remote.shell import (
    COMMAND_DEADLINE_S,
    MAX_OUTPUT_BYTES,
    STALL_DEADLINE_S,
    Answer,
    HostFile,
    Stream,
    tool_of,
)
from backends.remote.stream import PipedStream, hearing
from backends.untrusted import clean

asyncssh.set_log_level(logging.WARNING)  # its own log tells every channel and every command

MAX_SESSIONS = 6
"""sshd allows 10 sessions a connection unless told otherwise (sshd_config(5), MaxSessions)."""
MAX_STREAMS = 4
"""Of these sessions; the others stay free for commands, which are over soon."""
MAX_FOLLOWERS = 2
"""Beside them: they last as long as the program, and would take their turn for ever. Two, as one that was let go may
still be ending on the host when the next begins."""
CLOSE_DEADLINE_S = 1.0


class SshShell:
    """See backends.remote.shell.Shell."""

    def __init__(self, name: HostName, connection: asyncssh.SSHClientConnection, client: Client) -> None:
        self._name = name
        self._connection = connection
        self._client = client
        self._sessions = asyncio.Semaphore(MAX_SESSIONS)
        self._streams = asyncio.Semaphore(MAX_STREAMS)
        self._followers = asyncio.Semaphore(MAX_FOLLOWERS)
        self._files = SftpFiles(self, name, connection.start_sftp_client, self._sessions)
        self._creating: set[asyncio.Future[asyncssh.SSHClientProcess[bytes]]] = set()
        self._forwarded: dict[str, str] = {}
        """Remote path -> local path."""

    @classmethod
    async def open(cls, spec: HostSpec, ask: Asker | None) -> SshShell:
        """Log in. Raises FerryError."""
        connection, client = await login(spec, ask)
        return cls(spec.name, connection, client)

    @property
    def lost(self) -> asyncio.Event:
        """Set when the connection is gone."""
        return self._client.lost

    @property
    def lost_reason(self) -> str:
        """Why it is gone."""
        return self._client.lost_reason

    async def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = COMMAND_DEADLINE_S
    ) -> Answer:
        """Run a command: its words are quoted for the remote shell, so that nothing in them is interpreted."""
        try:
            async with asyncio.timeout(deadline_s), self._sessions:
                return await self._run(shlex.join(argv), stdin)
        except TimeoutError:
            raise self._error(DeadlineError, f"no answer within {deadline_s:g} s", tool_of(argv)) from None
        except asyncssh.ChannelOpenError as error:
            raise self._error(CommandError, clean(str(error)), tool_of(argv)) from error
        except (OSError, asyncssh.Error) as error:
            raise self._error(LinkError, clean(str(error)), tool_of(argv)) from error

    async def _run(self, command: str, stdin: bytes) -> Answer:
        process = await self._create(command, asyncssh.PIPE if stdin else asyncssh.DEVNULL)
        try:
            if stdin:
                with contextlib.suppress(OSError):  # a command that ends without reading is no error of ours
                    process.stdin.write(stdin)
                    process.stdin.write_eof()
            out, err = await asyncio.gather(_read(process.stdout), _read(process.stderr))
            if len(out) < MAX_OUTPUT_BYTES and len(err) < MAX_OUTPUT_BYTES:
                await process.wait_closed()
            status = -1 if process.exit_status is None else process.exit_status
        finally:
            process.close()  # without waiting: sshd holds a channel until its command has ended
        return Answer(status, out.decode(errors="replace"), err.decode(errors="replace"))

    @asynccontextmanager
    async def open_process(
        self, argv: Sequence[str], *, stall_s: float = STALL_DEADLINE_S
    ) -> AsyncIterator[Stream]:
        """Run a command there. It waits for its turn without a deadline: those before it have theirs."""
        async with self._streams, self._sessions, self._process(argv, stall_s) as stream:
            yield stream

    @asynccontextmanager
    async def open_follower(
        self, argv: Sequence[str], *, stall_s: float = STALL_DEADLINE_S
    ) -> AsyncIterator[Stream]:
        """Run a command there, in a session of its own."""
        async with self._followers, self._process(argv, stall_s) as stream:
            yield stream

    @asynccontextmanager
    async def _process(self, argv: Sequence[str], stall_s: float) -> AsyncIterator[Stream]:
        process = await self._start(argv)
        pipes = (process.stdin, process.stdout, process.stderr)
        stream = PipedStream(
            pipes, lambda: self._status(process), lambda: self._translated(tool_of(argv)), stall_s
        )
        try:
            async with hearing(stream):
                yield stream
        finally:
            process.close()  # without waiting, as in _run: its input ends, and its output finds no reader

    async def _start(self, argv: Sequence[str]) -> asyncssh.SSHClientProcess[bytes]:
        with self._translated(tool_of(argv)):
            try:
                async with asyncio.timeout(COMMAND_DEADLINE_S):
                    return await self._create(shlex.join(argv), asyncssh.PIPE)
            except TimeoutError:
                raise DeadlineError(f"no answer within {COMMAND_DEADLINE_S:g} s") from None

    async def _create(self, command: str, stdin: int) -> asyncssh.SSHClientProcess[bytes]:
        """Whoever is cancelled while the host begins would leave a command that nobody knows, and that waits for input
        as long as the connection lasts: it is ended when it has begun."""
        creating = asyncio.ensure_future(self._connection.create_process(command, encoding=None, stdin=stdin))
        self._creating.add(creating)
        creating.add_done_callback(self._creating.discard)
        try:
            return await asyncio.shield(creating)
        except asyncio.CancelledError:
            creating.add_done_callback(_end)
            raise

    async def _status(self, process: asyncssh.SSHClientProcess[bytes]) -> int:
        await process.wait_closed()
        if process.exit_status is None and self.lost.is_set():
            raise LinkError(self.lost_reason)
        return -1 if process.exit_status is None else process.exit_status

    @contextmanager
    def _translated(self, operation: str) -> Iterator[None]:
        """What asyncssh raises becomes a FerryError, with the names of host and operation."""
        try:
            yield
        except asyncssh.ChannelOpenError as error:
            raise self._error(CommandError, clean(str(error)), operation) from error
        except OSError as error:  # of a channel: the command has ended, or all of the connection
            if self.lost.is_set():
                raise self._error(LinkError, self.lost_reason, operation) from error
            raise self._error(CommandError, clean(str(error)), operation) from error
        except asyncssh.Error as error:
            raise self._error(LinkError, clean(str(error)), operation) from error
        except FerryError as error:
            error.host, error.operation = error.host or self._name, error.operation or operation
            raise

    def open_file(self, path: str) -> AbstractAsyncContextManager[HostFile]:
        """Over SFTP, or by commands where the host has none."""
        return self._files.open(path)

    async def forward_socket(self, remote_path: str, folder: Path) -> str:
        """A unix socket in `folder` that leads to the host's `remote_path`; it lives as long as the connection."""
        if remote_path in self._forwarded:
            return self._forwarded[remote_path]
        local = str(folder / f"{len(self._forwarded)}.sock")
        try:
            await self._connection.forward_local_path(local, remote_path)
        except (OSError, asyncssh.Error) as error:
            raise self._error(LinkError, clean(str(error)), "forward a socket") from error
        self._forwarded[remote_path] = local
        return local

    async def host_counters(self) -> HostCounters:
        """From /proc, in one command."""
        answer = await self.run(("cat", *proc_load.FILES))
        return proc_load.parse(answer.out)

    async def close(self) -> None:
        """End the connection; a host that does not answer the good-bye is left alone."""
        self._connection.close()
        with contextlib.suppress(TimeoutError, asyncssh.Error, OSError):
            async with asyncio.timeout(CLOSE_DEADLINE_S):
                await self._connection.wait_closed()
                return
        self._connection.abort()

    def _error(self, kind: type[FerryError], cause: str, operation: str) -> FerryError:
        return kind(cause, host=self._name, operation=operation)


def _end(created: asyncio.Future[asyncssh.SSHClientProcess[bytes]]) -> None:
    if not created.cancelled() and created.exception() is None:
        created.result().close()


async def _read(stream: asyncssh.SSHReader[bytes]) -> bytes:
    """To the end, but never more than MAX_OUTPUT_BYTES."""
    parts: list[bytes] = []
    size = 0
    while size < MAX_OUTPUT_BYTES and (part := await stream.read(MAX_OUTPUT_BYTES - size)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)
