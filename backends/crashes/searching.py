"""Searching a log: by grep(1) on its host, so that only what is found travels, or else by reading all of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from importlib import resources

from backends.crashes.scanner import Scanner, needles
from backends.crashes.streaming import stream
from backends.errors import CommandError
from backends.model.log import MAX_LINE_BYTES, LogMatches
from backends.remote.shell import HostFile, Shell

MAX_MATCHES = 10_000
TELL_EVERY_S = 0.1
_OUTPUT_BYTES = 64 * 1024
_TOLD = re.compile(
    rb"(?:(?P<at>at) |line )(?P<begin>\d{1,19})(?: (?P<length>\d{1,19}))?|end (?P<status>\d{1,3})"
)
_NOISE_LINES = 1000
"""What an account's shell says before it does anything; more is no answer."""
_DONE = (0, 1)
"""grep(1): lines were selected, or none were."""


@dataclass(frozen=True, slots=True)
class OnHost:
    """A log where it is: there grep(1) may be run, unless its text had to be decompressed here."""

    shell: Shell
    host: str
    path: str


@dataclass(slots=True)
class _Found:
    """What a search has come to."""

    total: int
    begins: list[int] = field(default_factory=list)
    searched: int = 0
    """About; by what grep has read."""
    done: int = 0
    """Everything before it has been searched for sure; a line begins there."""
    finished: bool = False
    cut: bool = False

    def add(self, begins: list[int]) -> None:
        """More of them, in order."""
        room = MAX_MATCHES - len(self.begins)
        self.begins += begins[:room]
        self.cut = self.cut or len(begins) > room

    def told(self) -> LogMatches:
        """As it is now."""
        return LogMatches(
            tuple(self.begins), min(self.searched, self.total), self.total, self.finished, self.cut
        )


async def search_there(where: OnHost, total: int, text: str) -> AsyncGenerator[LogMatches, None]:
    """See `search`; it does not mind when the log is opened anew meanwhile."""
    async with (
        where.shell.open_file(where.path) as file,
        aclosing(search(file, total, text, where)) as steps,
    ):
        async for found in steps:
            yield found


async def search(
    file: HostFile, total: int, text: str, where: OnHost | None = None
) -> AsyncGenerator[LogMatches, None]:
    """All lines of the first `total` bytes with this text. The last answer is `finished`. Raises FerryError."""
    found = _Found(total)
    clock = asyncio.get_running_loop().time
    told_s = clock()
    async with aclosing(_steps(file, found, needles(text), where)) as steps:
        async for _ in steps:
            if clock() - told_s >= TELL_EVERY_S:
                yield found.told()
                told_s = clock()
    found.finished, found.searched = True, total
    yield found.told()


async def _steps(
    file: HostFile, found: _Found, wanted: tuple[bytes, ...], where: OnHost | None
) -> AsyncGenerator[None, None]:
    if not wanted:
        return
    if where is not None and b"\0" not in b"".join(wanted) and _is_text(where.path):
        async with aclosing(_by_grep(file, found, wanted, where)) as steps:
            async for _ in steps:
                yield
    if not (found.finished or found.cut):
        async with aclosing(_by_reading(file, found, wanted, found.total)) as steps:
            async for _ in steps:
                yield


# On the host -----------------------------------------------------------------------------------


async def _by_grep(
    file: HostFile, found: _Found, wanted: tuple[bytes, ...], where: OnHost
) -> AsyncGenerator[None, None]:
    """Whatever keeps grep from its work, be it missing or short of memory: `found` is not finished then."""
    script = resources.files(__package__).joinpath("search.sh").read_text()
    texts = [one.decode(errors="replace") for one in wanted]
    argv = ("sh", "-c", script, "sh", where.path, str(MAX_MATCHES + 1), *texts)
    rest, noise = b"", 0
    try:
        async with where.shell.open_process(argv) as answers:
            while not found.finished and (said := await answers.read(_OUTPUT_BYTES)):
                *lines, rest = (rest + said).split(b"\n")
                for line in lines:
                    if told := _TOLD.fullmatch(line):
                        await _take(told, file, found, wanted)
                    noise += told is None
                    if found.cut:
                        return
                if noise > _NOISE_LINES or len(rest) > _OUTPUT_BYTES:
                    return  # that is not our script
                yield
    except CommandError:
        return  # no session, or no shell, for it


def _is_text(path: str) -> bool:
    """Can it be a word of a command?"""
    return path.encode(errors="replace").decode() == path


async def _take(told: re.Match[bytes], file: HostFile, found: _Found, wanted: tuple[bytes, ...]) -> None:
    if told["status"]:
        found.finished = int(told["status"]) in _DONE
        return
    begin = int(told["begin"])
    if told["at"] or begin >= found.total:
        found.searched = max(found.searched, begin)
        return
    if begin < found.done:
        return
    end = begin + int(told["length"] or 0) + 1
    if end - begin <= MAX_LINE_BYTES:
        found.add([begin])
        found.done = end
    else:  # it is shown in pieces: which of them?
        found.done = begin
        async with aclosing(_by_reading(file, found, wanted, min(end, found.total))) as steps:
            async for _ in steps:
                pass
    found.searched = max(found.searched, end)


# Here ------------------------------------------------------------------------------------------


async def _by_reading(
    file: HostFile, found: _Found, wanted: tuple[bytes, ...], end: int
) -> AsyncGenerator[None, None]:
    scanner = Scanner(wanted, found.done)
    at = found.done
    async with aclosing(stream(file, found.done, end)) as pieces:
        async for piece in pieces:
            at += len(piece)
            found.add(scanner.feed(piece))
            found.searched = at
            if found.cut:
                return
            yield
    found.add(scanner.feed(b"", at_end=True))
    found.done = found.searched = end
