"""A log on a host, read piece by piece and from its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import islice
from pathlib import Path

from backends.crashes.blocks import Blocks
from backends.crashes.fetching import fetch_file
from backends.crashes.growing import GrowingFile
from backends.crashes.packing import Packing
from backends.crashes.searching import OnHost, search, search_there
from backends.crashes.unpacking import Unpacked, unpacked
from backends.crashes.windows import CONTEXT_BYTES, Window, line_of, pieces
from backends.errors import UnsupportedError
from backends.fleet.session import Session
from backends.model.log import MAX_LINE_BYTES, LogLine, LogMatches, Saving
from backends.remote.file_errors import shown
from backends.remote.shell import Shell

LINE_GUESS_BYTES = 160
WINDOW_BYTES = 1024 * 1024
"""The most that is read for one page; where its lines are longer it has fewer of them."""
BREATH_BYTES = MAX_LINE_BYTES
"""So much is made safe to show before other work has its turn."""

Piece = tuple[int, int]


class HostLog:
    """See backends.api.Log. No more than a few MiB of it are in memory, however much is looked at."""

    def __init__(self, source: GrowingFile, text: Unpacked | None, where: OnHost, place: str) -> None:
        """`text`: what was in it, if it is compressed. That stays as it was when it was opened."""
        self.place = place
        self._source = source
        self._where = where
        self._text = text
        self._text_blocks = Blocks(text, place) if text is not None else None
        self._open_end: int | None = None
        """The end of a last line that was given out before its newline had come: there more of it may follow."""

    @property
    def size_bytes(self) -> int:
        """Of the text."""
        return self._source.size if self._text is None else self._text.size_bytes

    async def refresh(self) -> int:
        """The size now."""
        if self._text is None and not await self._source.refresh():
            self._open_end = None
        return self.size_bytes

    async def before(self, offset: int, count: int) -> tuple[LogLine, ...]:
        """Lines that end here or before."""
        size = self.size_bytes
        offset = min(offset, size)
        back = CONTEXT_BYTES
        end = size if offset == size else min(size, offset + CONTEXT_BYTES)
        while offset > 0 and count > 0:
            back = max(back, min(WINDOW_BYTES, count * LINE_GUESS_BYTES))
            window = await self._window(max(0, offset - back), end)
            found = [piece for piece in pieces(window) if piece[1] <= offset]
            if len(found) >= count or window.begin == 0 or back >= WINDOW_BYTES:
                return await self._lines(window, found[-count:])
            back *= 2
        return ()

    async def after(self, offset: int, count: int) -> tuple[LogLine, ...]:
        """Lines that begin here or at the next beginning of one."""
        size = self.size_bytes
        offset = max(offset, 0)
        ahead = CONTEXT_BYTES
        while offset < size and count > 0:
            ahead = max(ahead, min(WINDOW_BYTES, count * LINE_GUESS_BYTES))
            window = await self._window(max(0, offset - CONTEXT_BYTES), min(size, offset + ahead))
            found = list(islice(self._from(window, offset), count))
            if len(found) == count or window.at_end or ahead >= WINDOW_BYTES:
                return await self._lines(window, found)
            ahead *= 2
        return ()

    def search(self, text: str) -> AsyncGenerator[LogMatches, None]:
        """Lines with this text."""
        if self._text is not None:
            return search(self._text, self.size_bytes, text)
        return search_there(self._where, self.size_bytes, text)

    def save(self, path: Path, *, overwrite: bool = False) -> AsyncGenerator[Saving, None]:
        """As it is on the host: also a compressed one."""
        return fetch_file(self._where.shell, self._where.host, self._where.path, path, overwrite=overwrite)

    async def _window(self, begin: int, end: int) -> Window:
        blocks, at_end = self._text_blocks or self._source.blocks, end == self.size_bytes
        return Window(begin, await blocks.read(begin, end), at_end)

    def _from(self, window: Window, offset: int) -> Iterator[Piece]:
        """What begins at this byte or after; what follows of a line whose beginning was given out before."""
        for begin, end in pieces(window):
            if begin >= offset:
                yield begin, end
            elif end > offset == self._open_end:
                yield offset, end

    async def _lines(self, window: Window, found: Sequence[Piece]) -> tuple[LogLine, ...]:
        lines = []
        unbroken = 0
        for begin, end in found:
            raw = window.data[begin - window.begin : end - window.begin]
            lines.append(line_of(raw, begin))
            unbroken += len(raw)
            if unbroken >= BREATH_BYTES:
                unbroken = 0
                await asyncio.sleep(0)
        if lines and window.at_end and lines[-1].end == window.end and not window.data.endswith(b"\n"):
            self._open_end = window.end
        return tuple(lines)


@asynccontextmanager
async def open_log(session: Session, path: str) -> AsyncIterator[HostLog]:
    """Open while the block lasts. Of a compressed log all of its text is read first, into a file of this machine.

    Raises FerryError.
    """
    if session.shell is None:
        raise UnsupportedError(
            "its files cannot be read: it is reached by libvirt alone",
            host=session.host,
            operation="open a log",
            hint="give its address as ssh://",
        )
    async with log_of(session.shell, session.host, path) as log:
        yield log


@asynccontextmanager
async def log_of(shell: Shell, host: str, path: str) -> AsyncIterator[HostLog]:
    """The same of a host's shell."""
    place = f"{host}:{shown(path)}"
    async with AsyncExitStack() as opened:
        source = GrowingFile(shell, path, place)
        opened.push_async_callback(source.close)
        packing = Packing.of(await source.open())
        text = None
        if packing is not Packing.NONE:
            text = await opened.enter_async_context(unpacked(source.file, source.size, packing, place))
            place += text.trouble
        yield HostLog(source, text, OnHost(shell, host, path), place)
