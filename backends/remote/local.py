"""This machine as a host: commands run here, libvirt's sockets are used where they are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import psutil

from backends.errors import CommandError, DeadlineError
from backends.model.counters import HostCounters
from backends.remote.shell import COMMAND_DEADLINE_S, MAX_OUTPUT_BYTES, Answer

_NS = 1_000_000_000


class LocalShell:
    """See backends.remote.shell.Shell. The way to this machine is never lost."""

    lost_reason = ""

    def __init__(self) -> None:
        self.lost = asyncio.Event()

    async def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = COMMAND_DEADLINE_S
    ) -> Answer:
        """Run a command here. One that misses its deadline is killed."""
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, stderr=pipe)
        except OSError as error:
            raise CommandError(error.strerror or str(error), host="local", operation=argv[0]) from error
        try:
            async with asyncio.timeout(deadline_s):
                out, err = await process.communicate(stdin)
        except (TimeoutError, asyncio.CancelledError) as error:
            process.kill()
            await process.wait()
            if isinstance(error, TimeoutError):
                raise DeadlineError(
                    f"no answer within {deadline_s:g} s", host="local", operation=argv[0]
                ) from None
            raise
        return Answer(
            max(process.returncode or 0, -1),
            out[:MAX_OUTPUT_BYTES].decode(errors="replace"),
            err[:MAX_OUTPUT_BYTES].decode(errors="replace"),
        )

    async def forward_socket(self, remote_path: str, folder: Path) -> str:  # noqa: ARG002 - the protocol's form
        """Nothing to forward: the socket is here."""
        return remote_path

    async def host_counters(self) -> HostCounters:
        """From psutil, which knows every system this program runs on."""
        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        memory = psutil.virtual_memory()
        return HostCounters(
            int((total - idle) * _NS), int(total * _NS), memory.total - memory.available, memory.total
        )

    async def close(self) -> None:
        """Nothing to let go of."""
