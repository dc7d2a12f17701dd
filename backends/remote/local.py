"""This machine as a host: commands run here, libvirt's sockets are used where they are."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path

import psutil

from backends.errors import CommandError, DeadlineError
from backends.model.counters import HostCounters
from backends.remote.plain_files import open_local
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

KILL_DEADLINE_S = 2.0
_NS = 1_000_000_000


class LocalShell:
    """See backends.remote.shell.Shell. The way to this machine is never lost."""

    lost_reason = ""

    def __init__(self) -> None:
        self.lost = asyncio.Event()

    async def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = COMMAND_DEADLINE_S
    ) -> Answer:
        """Run a command here. One that misses its deadline is killed."""
        process = await _start(argv)
        try:
            async with asyncio.timeout(deadline_s):
                out, err = await process.communicate(stdin)
        except (TimeoutError, asyncio.CancelledError) as error:
            await _kill(process)
            if isinstance(error, TimeoutError):
                raise DeadlineError(
                    f"no answer within {deadline_s:g} s", host="local", operation=tool_of(argv)
                ) from None
            raise
        return Answer(
            await _status(process),
            out[:MAX_OUTPUT_BYTES].decode(errors="replace"),
            err[:MAX_OUTPUT_BYTES].decode(errors="replace"),
        )

    @asynccontextmanager
    async def open_process(
        self, argv: Sequence[str], *, stall_s: float = STALL_DEADLINE_S
    ) -> AsyncIterator[Stream]:
        """Run a command here; one that is still there at the end of the block is killed."""
        process = await _start(argv)
        assert process.stdin and process.stdout and process.stderr
        pipes = (process.stdin, process.stdout, process.stderr)
        stream = PipedStream(pipes, lambda: _status(process), lambda: _translated(tool_of(argv)), stall_s)
        try:
            async with hearing(stream):
                yield stream
        finally:
            await _kill(process)

    def open_follower(
        self, argv: Sequence[str], *, stall_s: float = STALL_DEADLINE_S
    ) -> AbstractAsyncContextManager[Stream]:
        """The same here, where no turns are taken."""
        return self.open_process(argv, stall_s=stall_s)

    def open_file(self, path: str) -> AbstractAsyncContextManager[HostFile]:
        """As it is here."""
        return open_local(path)

    async def forward_socket(self, remote_path: str, folder: Path) -> str:  # noqa: ARG002 - the protocol's form
        """Nothing to forward: the socket is here."""
        return remote_path

    async def host_counters(self) -> HostCounters:
        """From psutil, which knows every system this program runs on."""
        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        memory = psutil.virtual_memory()
        return HostCounters(
            int((total - idle) * _NS), int(total * _NS), memory.total - memory.available, memory.total
        )

    async def close(self) -> None:
        """Nothing to let go of."""


async def _start(argv: Sequence[str]) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    with _translated(tool_of(argv)):
        return await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, stderr=pipe)


async def _kill(process: asyncio.subprocess.Process) -> None:
    """End it if it has not ended, and wait for that.

    Its pipes are read to their end: asyncio counts a process as ended only when they are, and it does not look at one
    of which too much is unread.
    """
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    with contextlib.suppress(TimeoutError):  # a child of its own may hold them for as long as it likes
        async with asyncio.timeout(KILL_DEADLINE_S):
            await process.communicate()


async def _status(process: asyncio.subprocess.Process) -> int:
    return max(await process.wait(), -1)  # asyncio counts signals downwards from -1


@contextmanager
def _translated(operation: str) -> Iterator[None]:
    """The system's errors, and deadlines without a name, become ours."""
    try:
        yield
    except OSError as error:
        raise CommandError(error.strerror or str(error), host="local", operation=operation) from error
    except DeadlineError as error:
        error.host, error.operation = "local", operation
        raise
