"""All of a file of a host, in order, several pieces under way at a time: a far host costs bandwidth, not delay."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from itertools import islice

from backends.remote.shell import HostFile

PIECE_BYTES = 252 * 1024
"""OpenSSH's SFTP server gives up to 255 KiB for one request (sftp-common.h, SFTP_MAX_READ_LENGTH); fewer and larger
pieces cost less of our processor. A server that gives less is asked again."""
AHEAD = 8
"""Pieces under way: 2 MiB, which is what an SSH channel's window holds."""


async def stream(file: HostFile, begin: int, end: int) -> AsyncGenerator[bytes, None]:
    """The bytes from `begin` to `end`; it ends earlier where the file does. Raises FerryError."""
    offsets = iter(range(begin, end, PIECE_BYTES))
    under_way: deque[tuple[int, asyncio.Task[bytes]]] = deque()

    def ask(count: int) -> None:
        for offset in islice(offsets, count):
            wanted = min(PIECE_BYTES, end - offset)
            under_way.append((wanted, asyncio.ensure_future(file.read(offset, wanted))))

    try:
        ask(AHEAD)
        while under_way:
            wanted, task = under_way[0]
            piece = await task
            under_way.popleft()
            ask(1)
            if piece:
                yield piece
            if len(piece) < wanted:
                return
    finally:
        for _, task in under_way:
            task.cancel()
        await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)
