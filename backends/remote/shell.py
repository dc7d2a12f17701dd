"""The one way to run commands and touch files on a host, near or far."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backends.model.counters import HostCounters

COMMAND_DEADLINE_S = 8.0
MAX_OUTPUT_BYTES = 4 * 1024 * 1024
"""More than this from one command is cut: a host cannot fill our memory."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said. Text is decoded with replacement and NOT yet safe to show."""

    status: int
    """Exit status; -1 for a signal."""
    out: str
    err: str


class Shell(Protocol):
    """Commands and files of one host. Every call that asks the host has a deadline; all raise FerryError."""

    async def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = COMMAND_DEADLINE_S
    ) -> Answer:
        """Run a command given as separate words; nothing is interpreted on the way."""
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
