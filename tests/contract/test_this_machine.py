"""This machine as a host: psutil in the place of SSH."""

from __future__ import annotations

import pytest

from backends.api import open_fleet, parse_host
from backends.errors import CommandError, DeadlineError
from backends.model.host import HostName, Link
from backends.remote.local import LocalShell
from tests.watching import until


async def test_this_machine_shows_its_load_with_or_without_libvirt() -> None:
    async with open_fleet([parse_host("local")]) as fleet:
        state = await until(
            fleet,
            lambda state: (
                state.hosts[HostName("local")].link.link in (Link.UP, Link.DEGRADED)
                and (load := state.hosts[HostName("local")].load) is not None
                and load.cpu is not None
            ),
        )
        load = state.hosts[HostName("local")].load
        assert load is not None
        assert load.cpu is not None and 0 <= load.cpu <= 1
        assert load.memory_used_bytes is not None and load.memory_used_bytes > 2**20


async def test_commands_run_as_words_and_are_never_interpreted() -> None:
    answer = await LocalShell().run(("printf", "%s", "$(id); `id`\n"))
    assert answer.out == "$(id); `id`\n"


async def test_a_command_that_hangs_is_ended_at_its_deadline() -> None:
    with pytest.raises(DeadlineError):
        await LocalShell().run(("sleep", "60"), deadline_s=0.1)


async def test_a_command_that_is_not_there_is_an_error_with_its_name() -> None:
    with pytest.raises(CommandError, match="no-such-command"):
        await LocalShell().run(("no-such-command",))
