"""What the program runs on hosts over SSH, counted where it leaves the program: a channel each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import wraps

from backends.model.host import HostName
from backends.remote.shell import COMMAND_DEADLINE_S, STALL_DEADLINE_S, Answer, Stream
from backends.remote.ssh import SshShell

Hears = Callable[[HostName, Sequence[str]], None]


@contextmanager
def commands_heard(hears: Hears) -> Iterator[None]:
    """While the block lasts, `hears` is called for each command of each host before it runs."""
    run, open_process = SshShell.run, SshShell.open_process

    @wraps(run)
    async def heard_run(
        self: SshShell, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = COMMAND_DEADLINE_S
    ) -> Answer:
        hears(self._name, argv)
        return await run(self, argv, stdin=stdin, deadline_s=deadline_s)

    @wraps(open_process)
    @asynccontextmanager
    async def heard_process(
        self: SshShell, argv: Sequence[str], *, stall_s: float = STALL_DEADLINE_S
    ) -> AsyncIterator[Stream]:
        hears(self._name, argv)
        async with open_process(self, argv, stall_s=stall_s) as stream:
            yield stream

    SshShell.run = heard_run  # type: ignore[method-assign]
    SshShell.open_process = heard_process  # type: ignore[method-assign]
    try:
        yield
    finally:
        SshShell.run, SshShell.open_process = run, open_process  # type: ignore[method-assign]
