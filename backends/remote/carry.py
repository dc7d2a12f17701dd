"""Carrying a file from one host to another through this program, proved whole by its SHA-256 on both.

The hosts need not reach each other, nor trust each other: only we log in to both. No more of the file is in our memory
than what the pipes hold.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from backends.errors import ActionError, CommandError
from backends.remote.shell import STALL_DEADLINE_S, Answer, Shell, Stream
from backends.untrusted import clean

PIECE_BYTES = 256 * 1024
SLOWEST_DISK_BYTES_S = 20 * 1024 * 1024
"""A host that hashes or flushes a file slower than this is taken for stuck."""
RESERVE_BYTES = 64 * 1024 * 1024
"""Stays free on the destination's file system: a full one harms more than this move."""
_LINE_BYTES = 16 * 1024
_ENGLISH = ("env", "LC_ALL=C")
_FREE = re.compile(r"\s\d+\s+\d+\s+(\d+)\s+(?:\d+%|-)\s")
"""df(1) -P: blocks, used, available, capacity. The file system's name before them may hold spaces."""


class Pace:
    """A limit in bytes a second that can be changed meanwhile; None is no limit."""

    def __init__(self, limit_bytes_s: float | None = None) -> None:
        self.limit_bytes_s = limit_bytes_s
        self._free_at_s = 0.0

    async def spend(self, size: int) -> None:
        """Return when so many bytes may have passed."""
        if not self.limit_bytes_s:
            return
        now_s = asyncio.get_running_loop().time()
        self._free_at_s = max(self._free_at_s, now_s) + size / self.limit_bytes_s
        await asyncio.sleep(self._free_at_s - now_s)


@dataclass(frozen=True, slots=True)
class FileAt:
    """A file on a host: the path is to be used, never to be shown uncleaned."""

    host: str
    shell: Shell
    path: str

    async def size_bytes(self) -> int:
        """As it is now. Raises FerryError."""
        answer = await self._run("stat", "-L", "-c", "%s", "--", self.path)
        try:
            return int(answer.out)
        except ValueError:
            raise self.error(f"stat says no size: {clean(answer.out, limit=80)}") from None

    async def free_bytes(self) -> int:
        """What an account may still write beside the file (df(1)). Raises FerryError."""
        answer = await self._run("df", "-Pk", "--", str(PurePosixPath(self.path).parent))
        found = _FREE.search(answer.out)
        if found is None:
            raise self.error(f"df says no size: {clean(answer.out, limit=200)}")
        return int(found[1]) * 1024

    async def create(self) -> None:
        """An empty file in the place of any other, for nobody else to read (install(1)). Raises FerryError."""
        await self._run("install", "-m", "600", "--", "/dev/null", self.path)

    async def sha256(self, size_bytes: int) -> str:
        """Of what the host itself reads, in hexadecimal. Raises FerryError.

        As a stream: it may take minutes, and a host's few sessions are to stay free for commands.
        """
        argv = (*_ENGLISH, "sha256sum", "--", self.path)
        async with self.shell.open_process(argv, stall_s=_patience_s(size_bytes)) as stream:
            said = await stream.read(_LINE_BYTES)
            self.must_be_done(await stream.wait(), "sha256sum")
        return said.decode(errors="replace").lstrip("\\")[:64]  # the backslash stands before an escaped name

    async def remove(self) -> None:
        """Whether it is there or not. Raises FerryError."""
        await self._run("rm", "-f", "--", self.path)

    async def _run(self, *argv: str) -> Answer:
        answer = await self.shell.run((*_ENGLISH, *argv))
        self.must_be_done(answer, argv[0])
        return answer

    def must_be_done(self, answer: Answer, operation: str) -> None:
        """Raises CommandError, with the command's own words, for a status other than 0."""
        if answer.status != 0:
            words = clean(" ".join(answer.err.split()), limit=300) or f"ended with status {answer.status}"
            raise CommandError(words, host=self.host, operation=operation)

    def error(self, cause: str, hint: str = "") -> ActionError:
        """One that names this host."""
        return ActionError(cause, host=self.host, operation="carry a file", hint=hint)


async def carry_file(
    source: FileAt,
    destination: FileAt,
    *,
    on_progress: Callable[[int], None],
    pace: Pace | None = None,
    stall_s: float = STALL_DEADLINE_S,
) -> str:
    """Copy a file, and return its SHA-256 once both hosts have read that very sum from their own files.

    `on_progress` hears how many bytes have been handed over. The destination's file is made anew, for its owner alone;
    what is there of it after an error is the caller's to remove. There is no deadline for the whole, but one for every
    time that nothing moves. Raises FerryError.
    """
    size = await source.size_bytes()
    await _must_fit(destination, size)
    await destination.create()
    passed = await _copy(source, destination, _Passage(size, on_progress, pace or Pace(), stall_s))
    there, here = await asyncio.gather(destination.sha256(size), source.sha256(size))
    for end, seen in ((source, here), (destination, there)):
        if seen != passed:
            raise end.error(
                f"the file is not what was carried: its SHA-256 is {clean(seen)}, that of what passed {passed}",
                "do not trust the copy; look after the memory and the disks of that host",
            )
    return passed


async def _must_fit(destination: FileAt, size: int) -> None:
    free = await destination.free_bytes()
    if free < size + RESERVE_BYTES:
        folder = clean(str(PurePosixPath(destination.path).parent), limit=1024)
        raise destination.error(
            f"no space: {folder} has {free // 2**20} MiB free, the file needs {-(-size // 2**20)} MiB"
            f" and {RESERVE_BYTES // 2**20} MiB are to stay free",
            "make room there, then try again",
        )


@dataclass(frozen=True, slots=True)
class _Passage:
    """What passes, and how."""

    size: int
    on_progress: Callable[[int], None]
    pace: Pace
    stall_s: float


async def _copy(source: FileAt, destination: FileAt, passage: _Passage) -> str:
    """The SHA-256 of what passed. The file is on the disk afterwards (dd(1), conv=fsync)."""
    dd = ("dd", f"of={destination.path}", "bs=1M", "conv=notrunc,nocreat,fsync", "status=none")
    reading = source.shell.open_process((*_ENGLISH, "cat", "--", source.path), stall_s=passage.stall_s)
    writing = destination.shell.open_process((*_ENGLISH, *dd), stall_s=passage.stall_s)
    # Hosts let in a few streams at a time. All copies ask for them in one order, whatever their direction: else two
    # could each wait for what the other holds.
    if id(source.shell) <= id(destination.shell):
        async with reading as reader, writing as writer:
            return await _pump((source, reader), (destination, writer), passage)
    async with writing as writer, reading as reader:
        return await _pump((source, reader), (destination, writer), passage)


async def _pump(source: tuple[FileAt, Stream], destination: tuple[FileAt, Stream], passage: _Passage) -> str:
    (origin, reader), (target, writer) = source, destination
    seen = hashlib.sha256()
    carried = 0
    while piece := await reader.read(PIECE_BYTES):
        await passage.pace.spend(len(piece))
        try:
            await writer.write(piece)
        except CommandError:  # it has ended: its own words say more, such as "No space left on device"
            target.must_be_done(await writer.wait(), "dd")
            raise
        seen.update(piece)
        carried += len(piece)
        passage.on_progress(carried)
    origin.must_be_done(await reader.wait(), "cat")
    writer.write_eof()
    target.must_be_done(await writer.wait(deadline_s=_patience_s(passage.size)), "dd")
    if carried != passage.size:
        raise origin.error(f"the file had {passage.size} bytes and gave {carried}")
    return seen.hexdigest()


def _patience_s(size_bytes: int) -> float:
    """How long a host may take to read or to flush so much."""
    return 30.0 + size_bytes / SLOWEST_DISK_BYTES_S
