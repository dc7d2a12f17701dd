"""A file of a host kept on this machine: it has its name here only when it is whole and on the disk."""

from __future__ import annotations

import asyncio
import errno
import os
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from io import FileIO
from pathlib import Path
from typing import TypeVar

from backends.crashes.streaming import PIECE_BYTES, stream
from backends.errors import ActionError
from backends.model.log import Saving
from backends.remote.aside import Aside, aside
from backends.remote.shell import HostFile
from backends.untrusted import clean

T = TypeVar("T")

DISK_DEADLINE_S = 60.0
SLOWEST_DISK_BYTES_S = 10 * 1024 * 1024
TELL_EVERY_S = 0.1
_ZEROS = bytes(PIECE_BYTES)
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
"""link(2) on FAT and other file systems that have none."""


async def keep(
    file: HostFile, path: Path, place: str, *, overwrite: bool = False
) -> AsyncGenerator[Saving, None]:
    """Copy all of it to `path`, for its owner alone (0600). Holes and zeros take no room here.

    What is added meanwhile is brought, too. Whoever ends early, and whatever error there is, leaves nothing behind.
    Raises FerryError: ActionError where `path` is there already, where there is no room, and where the host's file has
    become shorter.
    """
    total = await file.size()
    async with aside("save") as thread:
        copy = _Copy(thread, path, overwrite=overwrite)
        try:
            await copy.begin()
            told_s = 0.0
            yield Saving(0, total)
            while copy.size < (goal := total):
                async with aclosing(stream(file, copy.size, goal)) as pieces:
                    async for piece in pieces:
                        await copy.write(piece)
                        if (now_s := asyncio.get_running_loop().time()) - told_s >= TELL_EVERY_S:
                            told_s = now_s
                            yield Saving(copy.size, goal)
                total = await file.size()
                if copy.size < goal or total < goal:
                    raise _shorter(place, path)
            await copy.finish()
            yield Saving(copy.size, copy.size, finished=True)
        finally:
            await copy.end()


def _shorter(place: str, path: Path) -> ActionError:
    return ActionError(
        f"{place} has become shorter while it was read",
        operation=f"save to {_shown(path)}",
        hint="it was emptied, or is being written anew: try again",
    )


class _Copy:
    """A file of this machine on the way to its name."""

    def __init__(self, thread: Aside, path: Path, *, overwrite: bool) -> None:
        self.size = 0
        self._thread = thread
        self._path = path
        self._overwrite = overwrite
        self._file: FileIO | None = None
        self._name = ""
        """Of the file as long as it is not whole; empty where there is none."""

    async def begin(self) -> None:
        """Raises ActionError where there can be no such file."""
        await self._call(self._begin)

    def _begin(self) -> None:
        if self._path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not self._overwrite and os.path.lexists(self._path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        descriptor, self._name = tempfile.mkstemp(
            prefix=".virt-ferry-", suffix=".part", dir=self._path.parent
        )
        self._file = FileIO(descriptor, "w")

    async def write(self, data: bytes) -> None:
        """After what was written before."""
        await self._call(lambda: self._write(data))
        self.size += len(data)

    def _write(self, data: bytes) -> None:
        assert self._file is not None
        if data == _ZEROS[: len(data)]:
            self._file.seek(len(data), os.SEEK_CUR)  # a hole
        else:
            write_all(self._file.fileno(), data)

    async def finish(self) -> None:
        """On the disk, and under its name."""
        await self._call(self._finish, DISK_DEADLINE_S + self.size / SLOWEST_DISK_BYTES_S)

    def _finish(self) -> None:
        assert self._file is not None
        self._file.truncate(self.size)
        os.fsync(self._file.fileno())
        if self._overwrite:
            Path(self._name).replace(self._path)
            self._name = ""
        else:
            self._link()
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _link(self) -> None:
        """Never in the place of another file."""
        try:
            os.link(self._name, self._path)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            Path(self._name).replace(self._path)
            self._name = ""

    async def end(self) -> None:
        """Remove what has not become whole."""
        await self._call(self._end)

    def _end(self) -> None:
        if self._file is not None:
            self._file.close()
        if self._name:
            Path(self._name).unlink(missing_ok=True)
            self._name = ""

    async def _call(self, work: Callable[[], T], deadline_s: float = DISK_DEADLINE_S) -> T:
        with _translated(self._path):
            return await self._thread.call(work, deadline_s=deadline_s)


def write_all(descriptor: int, data: bytes) -> None:
    """All of it, whatever the disk takes at a time. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise ActionError(
            f"{_shown(path)} is there already",
            operation="save",
            hint="choose another name, or allow to overwrite it",
        ) from None
    except OSError as error:
        words = os.strerror(error.errno or 0)
        hint = ""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            hint = f"make room on this machine, or save to another place; nothing was left in {_shown(path.parent)}"
        raise ActionError(f"{_shown(path)}: {words}", operation="save", hint=hint) from error


def _shown(path: Path) -> str:
    return clean(str(path), limit=512)
