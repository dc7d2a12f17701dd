"""Logs of this machine as a host, also large and hostile ones, for tests that read, search and copy them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from backends.crashes.reading import HostLog, log_of
from backends.model.log import LogLine, LogMatches, Saving
from backends.remote.local import LocalShell
from backends.remote.shell import Shell

MIB = 2**20
LIBVIRT_LINE = "2026-01-31 12:00:00.{:03}+0000: 1234: error : qemuMonitorIO:577 : internal error: line {}\n"
"""The form of libvirt's own logs (libvirt, src/util/virlog.c, virLogFormatString)."""


def lines_of(count: int) -> bytes:
    """A log of libvirt."""
    return "".join(LIBVIRT_LINE.format(number % 1000, number) for number in range(count)).encode()


@asynccontextmanager
async def opened(path: Path, shell: Shell | None = None) -> AsyncIterator[HostLog]:
    """A log of this machine."""
    async with log_of(shell or LocalShell(), "h1", str(path)) as log:
        yield log


def texts(lines: Sequence[LogLine]) -> list[str]:
    """What is shown of them."""
    return [line.text for line in lines]


def sparse(path: Path, size: int) -> Path:
    """A file of NULs that takes no room."""
    with path.open("wb") as file:
        file.truncate(size)
    return path


async def searched(log: HostLog, text: str) -> LogMatches:
    """All that a search finds."""
    last = None
    async for found in log.search(text):
        last = found
    assert last is not None and last.finished
    return last


async def done(steps: AsyncGenerator[Saving, None]) -> list[Saving]:
    """Each step of it."""
    return [saving async for saving in steps]


HOSTILE = {
    "plain": lines_of(3000),
    "no newline at all": b"x" * 200_000,
    "nothing but NULs": bytes(150_000),
    "without its last newline": lines_of(10)[:-1],
    "of Windows": b"one\r\ntwo\r\n\r\nthree",
    "wide letters across blocks": ("äöü€𝄞" * 11 + "\n").encode() * 3000,
    "one long line among short ones": b"short\n" * 50 + b"l" * 70_000 + b"\n" + b"short\n" * 50,
    "empty lines": b"\n" * 5000,
}
