"""A running command as two streams of bytes: what it says is read while it runs, what it is told is written.

The same for a process of this machine and for one behind SSH: asyncio and asyncssh give their pipes the same methods.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Protocol, TypeVar

from backends.errors import DeadlineError, FerryError
from backends.remote.shell import Answer

MAX_ERROR_BYTES = 64 * 1024
"""Of its error output so much is kept; the rest is read and dropped, so that the command never waits for us."""
_PIECE = 16 * 1024

T = TypeVar("T")


class Reader(Protocol):
    """asyncio.StreamReader, asyncssh.SSHReader."""

    async def read(self, n: int = -1, /) -> bytes:
        """As soon as there is something; empty at the end."""
        ...


class Writer(Protocol):
    """asyncio.StreamWriter, asyncssh.SSHWriter."""

    def write(self, data: bytes, /) -> None:
        """Into a buffer."""
        ...

    async def drain(self) -> None:
        """Wait until the buffer has room."""
        ...

    def write_eof(self) -> None:
        """Nothing follows."""
        ...


class PipedStream:
    """See backends.remote.shell.Stream."""

    def __init__(
        self,
        pipes: tuple[Writer, Reader, Reader],
        ended: Callable[[], Awaitable[int]],
        translated: Callable[[], AbstractContextManager[None]],
        stall_s: float,
    ) -> None:
        """`pipes`: its input, output and error output. `ended` waits for the exit status. Within `translated`, what
        they raise becomes a FerryError."""
        self._stdin, self._stdout, self._stderr = pipes
        self._ended = ended
        self._translated = translated
        self._stall_s = stall_s
        self._complaints = bytearray()
        self._silent = asyncio.Event()
        """Set at the end of the error output."""

    async def read(self, limit: int) -> bytes:
        """See Stream."""
        return await self._in_time(self._stdout.read(limit), self._stall_s, "said nothing")

    async def write(self, data: bytes) -> None:
        """See Stream."""
        with self._translated():
            self._stdin.write(data)
        await self._in_time(self._stdin.drain(), self._stall_s, "took nothing")

    def write_eof(self) -> None:
        """See Stream."""
        with (
            self._translated(),
            contextlib.suppress(OSError),
        ):  # a command that has ended needs no end of its input
            self._stdin.write_eof()

    async def wait(self, *, deadline_s: float | None = None) -> Answer:
        """See Stream."""
        status = await self._in_time(self._end(), deadline_s or self._stall_s, "did not end")
        return Answer(status, "", bytes(self._complaints).decode(errors="replace"))

    async def _end(self) -> int:
        while await self._stdout.read(_PIECE):
            pass  # a command that nobody listens to any more would never end
        await self._silent.wait()
        return await self._ended()

    async def hear(self) -> None:
        """Read the error output to its end."""
        with contextlib.suppress(OSError, FerryError), self._translated():
            while piece := await self._stderr.read(_PIECE):
                self._complaints += piece[: MAX_ERROR_BYTES - len(self._complaints)]
        self._silent.set()

    async def _in_time(self, work: Awaitable[T], deadline_s: float, trouble: str) -> T:
        with self._translated():
            try:
                async with asyncio.timeout(deadline_s):
                    return await work
            except TimeoutError:
                raise DeadlineError(f"{trouble} for {deadline_s:g} s") from None


@asynccontextmanager
async def hearing(stream: PipedStream) -> AsyncIterator[PipedStream]:
    """Read its error output while the block lasts."""
    task = asyncio.ensure_future(stream.hear())
    try:
        yield stream
    finally:
        task.cancel()
        await asyncio.wait((task,))
