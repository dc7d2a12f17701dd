"""A file of a host in blocks that are fetched when they are looked at; a few of them are kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from backends.errors import ActionError
from backends.remote.shell import HostFile

BLOCK_BYTES = 64 * 1024
KEPT_BLOCKS = 32
"""2 MiB."""


class Blocks:
    """Of one file. What has been read once is taken not to change, but the file may grow."""

    def __init__(self, file: HostFile, place: str) -> None:
        self.file = file
        self._place = place
        self._kept: OrderedDict[int, bytes] = OrderedDict()

    async def read(self, begin: int, end: int) -> bytes:
        """The bytes from `begin` to `end`, which must lie in the file.

        Raises FerryError; ActionError when the file has become shorter.
        """
        if begin >= end:
            return b""
        numbers = range(begin // BLOCK_BYTES, -(-end // BLOCK_BYTES))
        blocks = await asyncio.gather(*(self._block(number, end) for number in numbers))
        first = numbers[0] * BLOCK_BYTES
        return b"".join(blocks)[begin - first : end - first]

    async def _block(self, number: int, end: int) -> bytes:
        """At least up to the offset `end`."""
        begin = number * BLOCK_BYTES
        kept = self._kept.get(number, b"")
        wanted = min(BLOCK_BYTES, end - begin)
        if len(kept) < wanted:
            kept += await self.file.read(begin + len(kept), wanted - len(kept))
            if len(kept) < wanted:
                raise ActionError(
                    f"{self._place} has become shorter while it was read",
                    operation="read a log",
                    hint="it was emptied or rotated: it is read anew from its end",
                )
            self._kept[number] = kept
        self._kept.move_to_end(number)
        while len(self._kept) > KEPT_BLOCKS:
            self._kept.popitem(last=False)
        return kept
