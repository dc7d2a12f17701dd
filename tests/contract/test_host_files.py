"""Calls beside the event loop, and what is said of files that cannot be opened."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from backends.errors import ActionError, DeadlineError
from backends.remote.aside import aside
from backends.remote.file_errors import denied, missing, path_bytes, refused
from backends.remote.local import LocalShell
from backends.remote.plain_files import open_by_commands


async def test_calls_are_made_in_order_beside_the_event_loop() -> None:
    done: list[int] = []
    async with aside("test") as thread:
        thread.post(lambda: done.append(1))
        assert await thread.call(threading.get_ident, deadline_s=10) != threading.get_ident()
        assert await thread.call(lambda: [*done, 2], deadline_s=10) == [1, 2]
        with pytest.raises(ZeroDivisionError):
            await thread.call(lambda: 1 // 0, deadline_s=10)
        assert await thread.call(lambda: 3, deadline_s=10) == 3


async def test_a_disk_that_hangs_misses_its_deadline_and_what_was_asked_is_still_done() -> None:
    free, done = threading.Event(), threading.Event()

    def hang() -> None:
        free.wait(30)
        done.set()

    async with aside("test") as thread:
        with pytest.raises(DeadlineError):
            await thread.call(hang, deadline_s=0.05)
        free.set()
        await thread.call(lambda: None, deadline_s=10)
    assert done.is_set()


def test_a_disk_that_hangs_does_not_hold_the_programs_exit() -> None:
    program = """
import asyncio, time
from backends.errors import DeadlineError
from backends.remote.aside import aside
async def main():
    async with aside("test") as thread:
        try:
            await thread.call(lambda: time.sleep(600), deadline_s=0.05)
        except DeadlineError:
            print("gave up")
asyncio.run(main())
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout == "gave up\n"


async def test_a_file_that_is_given_up_while_it_is_opened_is_closed(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"log")

    async def read() -> None:
        async with LocalShell().open_file(str(tmp_path / "log")) as file:
            await file.read(0, 3)

    for _ in range(20):
        task = asyncio.ensure_future(read())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))
    await read()
    async with asyncio.timeout(20):
        while open_here(tmp_path / "log"):  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.01)


def open_here(path: Path) -> bool:
    return any(link.resolve() == path for link in Path("/proc/self/fd").iterdir())


async def test_by_commands_any_part_of_a_file_can_be_read(tmp_path: Path) -> None:
    content = bytes(range(256)) * 100
    (tmp_path / "-x 'y").write_bytes(content)
    async with open_by_commands(LocalShell(), "h1", str(tmp_path / "-x 'y")) as file:
        assert await file.size() == len(content)
        for offset, limit in ((0, 1), (4095, 2), (4096, 4096), (5000, 20_000), (25_599, 10), (99_999, 10)):
            assert await file.read(offset, limit) == content[offset : offset + limit]


def test_who_may_not_read_a_file_is_told_how_to_get_leave() -> None:
    error = denied("/var/log/libvirt/qemu/a\x1b[2J.log", "h1")
    assert str(error) == "h1: read a file: permission denied: /var/log/libvirt/qemu/a␛[2J.log"
    assert "setfacl" in error.hint and "\x1b" not in error.hint


def test_the_words_of_commands_become_the_same_errors() -> None:
    assert str(refused("dd: failed to open '/x': Permission denied", "/x", "h1")) == str(denied("/x", "h1"))
    assert str(refused("stat: cannot statx '/x': No such file or directory", "/x", "h1")) == str(
        missing("/x", "h1")
    )
    assert "Input/output error" in str(refused("dd: error reading '/x': Input/output error", "/x", "h1"))


@pytest.mark.parametrize("name", ["", "a\0b", "\ud800"])
def test_what_no_file_can_be_called_is_refused(name: str) -> None:
    with pytest.raises(ActionError):
        path_bytes(name, "h1")
