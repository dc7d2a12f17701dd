"""The text of a compressed log: its bytes are streamed here, and decompressed into a file without a name."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, aclosing, asynccontextmanager
from functools import partial
from typing import BinaryIO

from backends.crashes.keeping import write_all
from backends.crashes.packing import STEP_BYTES, DamagedError, Packing, Unpacking
from backends.crashes.streaming import stream
from backends.errors import ActionError
from backends.remote.aside import Aside, aside
from backends.remote.plain_files import FILE_DEADLINE_S
from backends.remote.shell import HostFile

MAX_TEXT_BYTES = 1024 * 1024 * 1024
"""Of the text: a few hundred bytes can unfold to as many GiB as there is disk."""
_LARGE_FOLDER = "/var/tmp"  # noqa: S108 - files in it are made by tempfile, without a name
"""Large files do not belong into /tmp, which may be memory (file-hierarchy(7))."""


class Unpacked:
    """See backends.remote.shell.HostFile: the text of a compressed log, in a file of this machine without a name."""

    def __init__(self, thread: Aside, file: BinaryIO, place: str, limit: int) -> None:
        self._thread = thread
        self._file = file
        self._place = place
        self._limit = limit
        self.size_bytes = 0
        self.trouble = ""
        """Why there is less than there was, as in ` (its end is missing)`."""

    async def size(self) -> int:
        """It does not change."""
        return self.size_bytes

    async def moved(self) -> bool:
        """Nor does it move."""
        return False

    async def read(self, offset: int, limit: int) -> bytes:
        """From the disk."""
        number = self._file.fileno()
        return await self._thread.call(lambda: os.pread(number, limit, offset), deadline_s=FILE_DEADLINE_S)

    async def fill(self, file: HostFile, size: int, unpacking: Unpacking) -> None:
        """With all of its text. Raises FerryError."""
        came = 0
        try:
            async with aclosing(stream(file, 0, size)) as packed:
                async for piece in packed:
                    came += len(piece)
                    step = partial(self._step, unpacking.feed(piece))
                    while await self._thread.call(step, deadline_s=FILE_DEADLINE_S):
                        pass
        except DamagedError as error:
            if not self.size_bytes:
                raise self._error(
                    f"its compressed text is damaged: {error}", "save it, and look at it there"
                ) from None
            self.trouble = " (damaged: its end cannot be read)"
            return
        except OSError as error:
            raise self._error(
                f"its text does not fit here: {os.strerror(error.errno or 0)}",
                f"make room in {_folder()}, set TMPDIR to a larger place, or save it as it is",
            ) from error
        if not unpacking.is_whole or came < size:
            self.trouble = " (truncated: its end is missing)"

    def _step(self, pieces: Iterator[bytes]) -> bool:
        """On the thread: a MiB more, or a little above. False at the end."""
        done = 0
        for piece in pieces:
            if self.size_bytes + len(piece) > self._limit:
                raise self._error(
                    f"its text is larger than {self._limit // 2**20} MiB",
                    "save it as it is, and look at it there",
                )
            write_all(self._file.fileno(), piece)
            self.size_bytes += len(piece)
            done += len(piece)
            if done >= STEP_BYTES:
                return True
        return False

    def _error(self, cause: str, hint: str) -> ActionError:
        return ActionError(f"{self._place}: {cause}", operation="open a log", hint=hint)


@asynccontextmanager
async def unpacked(
    file: HostFile, size: int, packing: Packing, place: str, *, limit: int = MAX_TEXT_BYTES
) -> AsyncIterator[Unpacked]:
    """While the block lasts. Raises FerryError: where the text is too large, damaged from the start, or has no room."""
    opened = ExitStack()
    async with aside("unpack") as thread:
        try:
            spool = await thread.call(lambda: opened.enter_context(_spool()), deadline_s=FILE_DEADLINE_S)
            text = Unpacked(thread, spool, place, limit)
            await text.fill(file, size, Unpacking(packing))
            yield text
        finally:
            thread.post(opened.close)


def _spool() -> BinaryIO:
    return tempfile.TemporaryFile(buffering=0, dir=_folder())


def _folder() -> str:
    if "TMPDIR" not in os.environ and os.access(_LARGE_FOLDER, os.W_OK):
        return _LARGE_FOLDER
    return tempfile.gettempdir()
