"""A user saves a log of a host on this machine (a scripted fleet)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from textual.widgets import Input

from backends.errors import ActionError
from backends.model.host import Link
from backends.model.log import Saving
from tests.tui.crashed import crashed, log_text, looking
from tests.tui.log_page import reading, with_log
from tests.tui.programs import Program
from tests.tui.scripted_crashes import ScriptedLog
from tui.settings import Settings


async def save_to(program: Program, path: Path) -> None:
    """Another path in the place of the suggested one."""
    await program.press("S")
    await program.sees("save on this machine")
    program.widget(Input).value = str(path)
    await program.press("enter")


async def test_a_log_is_saved_on_this_machine_also_in_a_session_that_is_read_only(tmp_path: Path) -> None:
    async with reading(crashed(), settings=Settings(read_only=True)) as program:
        await program.sees("No space left")
        await save_to(program, tmp_path / "web.log")
        await program.sees("saved: ")
        assert (tmp_path / "web.log").read_text() == log_text()
        await program.press("escape")
        await program.no_longer_sees("save on this machine")


async def test_a_file_that_is_there_is_overwritten_only_after_a_second_enter(tmp_path: Path) -> None:
    path = tmp_path / "web.log"
    path.write_text("mine")
    async with reading(crashed()) as program:
        await program.sees("No space left")
        await save_to(program, path)
        await program.sees("This file is there already: enter overwrites it.")
        assert path.read_text() == "mine"
        await program.press("enter")
        await program.sees("saved: ")
        assert path.read_text() == log_text()


class SlowSave(ScriptedLog):
    """Saves half of it, and then waits."""

    closed = False

    async def save(self, path: Path, *, overwrite: bool = False) -> AsyncGenerator[Saving, None]:
        """For ever."""
        try:
            yield Saving(self.size_bytes // 2, self.size_bytes)
            await asyncio.Event().wait()
        finally:
            self.closed = True


async def test_saving_shows_how_far_it_is_and_is_broken_off_by_escape(tmp_path: Path) -> None:
    log = SlowSave("h1: log", log_text())
    async with reading(with_log(log)) as program:
        await program.sees("No space left")
        await save_to(program, tmp_path / "web.log")
        await program.sees("50%")
        await program.press("escape")
        await program.no_longer_sees("save on this machine")
        await program.until(lambda: log.closed)


@pytest.mark.parametrize("path", ["/no/such/folder/x", "~nobody-of-this-name/x"])
async def test_what_is_wrong_with_a_path_is_told_where_it_was_typed(path: str) -> None:
    class Refusing(ScriptedLog):
        async def save(self, path: Path, *, overwrite: bool = False) -> AsyncGenerator[Saving, None]:
            if not path.parent.exists():
                raise ActionError(f"{path.parent} is not there", hint="make the folder first")
            yield Saving(0, 0, finished=True)

    async with reading(with_log(Refusing("h1: log", log_text()))) as program:
        await program.sees("No space left")
        await save_to(program, Path(path))
        await program.until(lambda: "is not there" in program.text() or "home directory" in program.text())
        await program.press("escape")
        await program.sees("No space left")


async def test_the_command_that_shows_the_log_on_its_host_is_copied() -> None:
    async with reading(crashed()) as program:
        await program.sees("No space left")
        await program.press("y")
        await program.sees("copied")
        assert program.app.clipboard.startswith("ssh root@h1 -t 'less +")
        assert program.app.clipboard.endswith("P /var/log/libvirt/qemu/web-01.log'")


async def test_a_silent_host_refuses_to_open_logs_with_its_reason() -> None:
    fleet = crashed()
    async with looking(fleet) as program:
        await program.sees("stopped by I/O error")
        await program.press("enter")
        await program.sees("PIECES OF EVIDENCE")
        fleet.link("h1", Link.STALE, "keepalive lost")
        await program.sees("h1 is silent")
        await program.press("enter")
        await program.sees("h1 does not answer (keepalive lost)")
