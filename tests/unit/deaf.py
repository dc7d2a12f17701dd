"""A host that lets us in and then says nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from backends.errors import DeadlineError, LinkError
from backends.model.counters import HostCounters
from backends.remote.shell import Answer, HostFile, Stream


class DeafShell:
    """A host that lets us in and answers no command."""

    lost_reason = ""

    def __init__(self) -> None:
        self.lost = asyncio.Event()
        self.asked = 0

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = 8.0) -> Answer:
        self.asked += 1
        raise DeadlineError("no answer within 8 s", operation="sh", hint="is the host busy?")

    def open_process(
        self, argv: Sequence[str], *, stall_s: float = 30.0
    ) -> AbstractAsyncContextManager[Stream]:
        raise DeadlineError("no answer")

    def open_follower(
        self, argv: Sequence[str], *, stall_s: float = 30.0
    ) -> AbstractAsyncContextManager[Stream]:
        raise DeadlineError("no answer")

    def open_file(self, path: str) -> AbstractAsyncContextManager[HostFile]:
        raise DeadlineError("no answer")

    async def forward_socket(self, remote_path: str, folder: Path) -> str:
        raise LinkError("no answer")

    async def host_counters(self) -> HostCounters:
        raise LinkError("no answer")

    async def close(self) -> None:
        """Nothing to let go of."""
