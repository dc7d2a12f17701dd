"""The one way to run commands and touch files on a host, near or far."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backends.model.counters import HostCounters

COMMAND_DEADLINE_S = 8.0
MAX_OUTPUT_BYTES = 4 * 1024 * 1024
"""More than this from one command is cut: a host cannot fill our memory."""
STALL_DEADLINE_S = 30.0
"""A stream that does not move for so long is given up, however long the whole of it takes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said. Text is decoded with replacement and NOT yet safe to show."""

    status: int
    """Exit status; -1 for a signal."""
    out: str
    err: str


def tool_of(argv: Sequence[str]) -> str:
    """The command's own name, for messages: what env(1) sets before it is left out."""
    words = (word for word in argv if word != "env" and "=" not in word)
    return next(words, argv[0])


class Stream(Protocol):
    """A running command: its output is read and its input written as it comes, so that memory stays bounded.

    No call waits for longer than the stall deadline; all raise FerryError: LinkError when the way to the host is gone,
    CommandError when the command has ended without taking its input, and `wait` then tells why it has.
    """

    async def read(self, limit: int) -> bytes:
        """Up to `limit` bytes of its output, as soon as there are any; empty at the end."""
        ...

    async def write(self, data: bytes) -> None:
        """Some of its input; returns when it keeps up."""
        ...

    def write_eof(self) -> None:
        """Its input ends here."""
        ...

    async def wait(self, *, deadline_s: float | None = None) -> Answer:
        """Its status and error output (bounded), when it has ended. What is left of its output is dropped.

        `deadline_s`: where the end may take longer than a stall, as when a file is flushed.
        """
        ...


class HostFile(Protocol):
    """A regular file of a host, open for reading. Every call has a deadline; all raise FerryError.

    It stays the same file when its path comes to name another one, or none.
    """

    async def size(self) -> int:
        """In bytes, now."""
        ...

    async def read(self, offset: int, limit: int) -> bytes:
        """`limit` bytes from there; fewer only where the file ends."""
        ...

    async def moved(self) -> bool:
        """May its path name another file by now? False only where it does not. Raises ActionError for none."""
        ...


class Shell(Protocol):
    """Commands and files of one host. Every call that asks the host has a deadline; all raise FerryError."""

    async def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = COMMAND_DEADLINE_S
    ) -> Answer:
        """Run a command given as separate words; nothing is interpreted on the way."""
        ...

    def open_process(
        self, argv: Sequence[str], *, stall_s: float = STALL_DEADLINE_S
    ) -> AbstractAsyncContextManager[Stream]:
        """Run a command as a stream while the block lasts; it is ended with the block at the latest."""
        ...

    def open_follower(
        self, argv: Sequence[str], *, stall_s: float = STALL_DEADLINE_S
    ) -> AbstractAsyncContextManager[Stream]:
        """As open_process, for a command that lasts as long as the program: it takes no other stream's turn."""
        ...

    def open_file(self, path: str) -> AbstractAsyncContextManager[HostFile]:
        """Open for reading while the block lasts. Raises ActionError for what is no regular file."""
        ...

    async def forward_socket(self, remote_path: str, folder: Path) -> str:
        """A local unix socket that leads to the host's; inside `folder`, which only we can enter."""
        ...

    async def host_counters(self) -> HostCounters:
        """How busy the host is, without libvirt."""
        ...

    @property
    def lost(self) -> asyncio.Event:
        """Set when the way to the host is gone; `lost_reason` then says why."""
        ...

    @property
    def lost_reason(self) -> str:
        """In words, for the user."""
        ...

    async def close(self) -> None:
        """Let go of the host."""
        ...
