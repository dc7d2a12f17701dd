"""A command that is given up while the host still begins it does not stay there for as long as the connection lasts."""

from __future__ import annotations

import asyncio
from typing import cast

import asyncssh
import pytest

from backends.errors import DeadlineError
from backends.model.host import HostName
from backends.remote.login import Client
from backends.remote.ssh import SshShell


class Process:
    """One that waits for its input."""

    stdin = stdout = stderr = None

    def __init__(self) -> None:
        self.ended = False

    def close(self) -> None:
        self.ended = True


class Connection:
    """It takes its time to begin a command."""

    def __init__(self) -> None:
        self.begins = asyncio.Event()
        self.process = Process()

    async def start_sftp_client(self) -> None:
        raise NotImplementedError

    async def create_process(self, *_words: str, **_options: object) -> Process:
        """When the test lets it, also if nobody waits for it any more: as on the host."""
        await self.begins.wait()
        return self.process


def shell_on(connection: Connection) -> SshShell:
    ssh = cast(asyncssh.SSHClientConnection, connection)
    return SshShell(HostName("h1"), ssh, cast(Client, None))


async def ended(connection: Connection) -> bool:
    """After it has begun."""
    assert not connection.process.ended
    connection.begins.set()
    for _ in range(5):
        await asyncio.sleep(0)
    return connection.process.ended


async def test_a_follower_that_is_not_wanted_any_more_is_ended_when_it_has_begun() -> None:
    connection = Connection()
    shell = shell_on(connection)

    async def follow() -> None:
        async with shell.open_follower(("watch",)):
            raise AssertionError("it has not begun")

    following = asyncio.ensure_future(follow())
    await asyncio.sleep(0.01)
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following

    assert await ended(connection)


async def test_a_command_that_did_not_begin_in_time_is_ended_when_it_does() -> None:
    connection = Connection()

    with pytest.raises(DeadlineError):
        await shell_on(connection).run(("true",), deadline_s=0.05)

    assert await ended(connection)
