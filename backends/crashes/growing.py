"""A log that is written to while it is read: how far it has come, and whether it is still the same."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

from backends.crashes.blocks import Blocks
from backends.remote.shell import HostFile, Shell

MARK_BYTES = 64
"""At the beginning and at the end of a log: when these are the same as before, it is the same log, and has grown."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """What a log looked like."""

    size: int
    first: bytes
    last: bytes


class GrowingFile:
    """The log that a path names now. Raises FerryError, as all files do."""

    file: HostFile
    blocks: Blocks

    def __init__(self, shell: Shell, path: str, place: str) -> None:
        """`open` makes it usable."""
        self._shell = shell
        self._path = path
        self._place = place
        self._opened = AsyncExitStack()
        self._asking = asyncio.Lock()
        self._mark = _Mark(0, b"", b"")
        self.size = 0
        """As far as it is told: see `refresh`."""

    async def open(self) -> bytes:
        """Once; its first bytes."""
        self.file = await self._opened.enter_async_context(self._shell.open_file(self._path))
        head, size = await asyncio.gather(self.file.read(0, MARK_BYTES), self.file.size())
        self.blocks = Blocks(self.file, self._place)
        await self._note(size, head)
        return head

    async def close(self) -> None:
        """Once."""
        await self._opened.aclose()

    async def refresh(self) -> bool:
        """Look at its size anew. False: it is another log now, and `size` is less than it was.

        Where the other one is already longer than the first was, so much less is told of it until the next time.
        """
        async with self._asking:
            size, moved = await asyncio.gather(self.file.size(), self.file.moved())
            if moved:
                await self._reopen()
                size = await self.file.size()
            elif size == self._mark.size:
                self.size = size
                return True
            head = await self.file.read(0, MARK_BYTES)
            if await self._has_grown(size, head):
                await self._note(size, head)
                return True
            least = max(self.size - 1, 0)
            self.blocks = Blocks(self.file, self._place)
            await self._note(size, head)
            self.size = min(size, least)
            return False

    async def _reopen(self) -> None:
        async with AsyncExitStack() as opened:
            self.file = await opened.enter_async_context(self._shell.open_file(self._path))
            self.blocks.file = self.file
            old, self._opened = self._opened, opened.pop_all()
        await old.aclose()

    async def _has_grown(self, size: int, head: bytes) -> bool:
        mark = self._mark
        if size < mark.size or not head.startswith(mark.first):
            return False
        return await self.file.read(mark.size - len(mark.last), len(mark.last)) == mark.last

    async def _note(self, size: int, head: bytes) -> None:
        last = await self.blocks.read(max(0, size - MARK_BYTES), size)
        self._mark = _Mark(size, head[:size], last)
        self.size = size
