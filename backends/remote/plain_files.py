"""Files read without SFTP: those of this machine, and those of a host that offers commands alone."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from backends.errors import CommandError, DeadlineError
from backends.remote.aside import Aside, aside
from backends.remote.file_errors import must_be_regular, path_bytes, refused

if TYPE_CHECKING:
    from backends.remote.shell import HostFile, Shell

T = TypeVar("T")

FILE_DEADLINE_S = 30.0
"""For one call; a disk that was asleep, or is busy with something else, takes some."""
_BLOCK_BYTES = 4096
"""dd(1) seeks in these."""
_ENGLISH = ("env", "LC_ALL=C")


# Of this machine -------------------------------------------------------------------------------


class LocalFile:
    """See backends.remote.shell.HostFile. Calls are made beside the event loop, in order."""

    def __init__(self, thread: Aside, descriptor: int, path: str) -> None:
        self._thread = thread
        self._descriptor = descriptor
        self._path = path

    async def size(self) -> int:
        """fstat(2)."""
        return (await self._call(lambda: os.fstat(self._descriptor))).st_size

    async def read(self, offset: int, limit: int) -> bytes:
        """pread(2)."""
        return await self._call(lambda: _read_all(self._descriptor, offset, limit))

    async def moved(self) -> bool:
        """By device and inode."""
        there = await self._call(lambda: os.stat(path_bytes(self._path, "local")))  # noqa: PTH116 - by bytes
        here = await self._call(lambda: os.fstat(self._descriptor))
        return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)

    async def _call(self, work: Callable[[], T]) -> T:
        with _translated(self._path):
            return await self._thread.call(work, deadline_s=FILE_DEADLINE_S)


def _read_all(descriptor: int, offset: int, limit: int) -> bytes:
    parts = []
    while limit > 0 and (part := os.pread(descriptor, limit, offset)):
        parts.append(part)
        offset, limit = offset + len(part), limit - len(part)
    return b"".join(parts)


@asynccontextmanager
async def open_local(path: str) -> AsyncIterator[HostFile]:
    """A file of this machine. Raises FerryError."""
    name = path_bytes(path, "local")
    opened = ExitStack()

    def open_there() -> tuple[int, int]:
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        opened.callback(os.close, descriptor)
        return descriptor, os.fstat(descriptor).st_mode

    async with aside("file") as thread:
        try:
            with _translated(path):
                descriptor, mode = await thread.call(open_there, deadline_s=FILE_DEADLINE_S)
            must_be_regular(mode, path, "local")
            yield LocalFile(thread, descriptor, path)
        finally:
            thread.post(opened.close)


@contextmanager
def _translated(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise refused(os.strerror(error.errno or 0), path, "local") from error
    except DeadlineError as error:
        error.operation = error.operation or "read a file"
        raise


# By commands -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Stat:
    """stat(1): what the path names now."""

    size_bytes: int
    mode: int
    identity: str
    """Device and inode."""


class CommandFile:
    """See backends.remote.shell.HostFile. Each call is a command, and reads what the path names by then."""

    def __init__(self, shell: Shell, host: str, path: str) -> None:
        self._shell = shell
        self._host = host
        self._path = path
        self._identity = ""

    async def open(self) -> None:
        """Look whether it can be read. Raises FerryError."""
        found = await self._stat()
        must_be_regular(found.mode, self._path, self._host)
        self._identity = found.identity
        await self.read(0, 1)

    async def size(self) -> int:
        """stat(1)."""
        return (await self._stat()).size_bytes

    async def read(self, offset: int, limit: int) -> bytes:
        """dd(1), in whole blocks."""
        skip, ahead = divmod(offset, _BLOCK_BYTES)
        count = -(-(ahead + limit) // _BLOCK_BYTES)
        argv = (*_ENGLISH, "dd", f"if={self._path}", f"bs={_BLOCK_BYTES}", f"skip={skip}", f"count={count}")
        parts = []
        async with self._shell.open_process(argv, stall_s=FILE_DEADLINE_S) as stream:
            while part := await stream.read(count * _BLOCK_BYTES):
                parts.append(part)
            answer = await stream.wait()
        if answer.status != 0:
            raise refused(answer.err, self._path, self._host)
        return b"".join(parts)[ahead : ahead + limit]

    async def moved(self) -> bool:
        """By device and inode. It is then read where it is."""
        return (await self._stat()).identity != self._identity

    async def _stat(self) -> _Stat:
        answer = await self._shell.run((*_ENGLISH, "stat", "-L", "-c", "%s %f %d:%i", "--", self._path))
        if answer.status != 0:
            raise refused(answer.err, self._path, self._host)
        try:
            size, mode, identity = answer.out.split()
            return _Stat(int(size), int(mode, 16), identity)
        except ValueError:
            raise CommandError(
                "stat tells no size",
                host=self._host,
                operation="read a file",
                hint="the host has no SFTP either: enable it in its sshd_config (Subsystem sftp internal-sftp)",
            ) from None


@asynccontextmanager
async def open_by_commands(shell: Shell, host: str, path: str) -> AsyncIterator[HostFile]:
    """A file of a host without SFTP. Raises FerryError."""
    path_bytes(path, host, errors="strict")
    file = CommandFile(shell, host, path)
    await file.open()
    yield file
