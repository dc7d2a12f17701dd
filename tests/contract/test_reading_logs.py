"""Logs of this machine as a host: read from the end and followed; also large and hostile ones."""

from __future__ import annotations

import os
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from backends.crashes.reading import HostLog, log_of
from backends.errors import ActionError
from backends.model.log import MAX_LINE_BYTES, LogLine
from backends.remote.local import LocalShell
from backends.remote.plain_files import open_by_commands
from backends.remote.shell import HostFile, Shell
from tests.contract.readable_logs import HOSTILE, lines_of, opened, searched, sparse, texts


class ByCommands(LocalShell):
    """A host that offers no SFTP."""

    @asynccontextmanager
    async def open_file(self, path: str) -> AsyncIterator[HostFile]:
        async with open_by_commands(self, "h1", path) as file:
            yield file


class Counting(LocalShell):
    """Counts the bytes that are read of its files."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes_read = 0

    @asynccontextmanager
    async def open_file(self, path: str) -> AsyncIterator[HostFile]:
        async with super().open_file(path) as file:
            read = file.read

            async def counted(offset: int, limit: int) -> bytes:
                data = await read(offset, limit)
                self.bytes_read += len(data)
                return data

            file.read = counted  # type: ignore[method-assign]
            yield file


async def all_backwards(log: HostLog, count: int) -> list[LogLine]:
    lines: list[LogLine] = []
    at = log.size_bytes
    while page := await log.before(at, count):
        lines[:0] = page
        at = page[0].begin
    return lines


async def all_forwards(log: HostLog, count: int) -> list[LogLine]:
    lines: list[LogLine] = []
    while page := await log.after(lines[-1].end if lines else 0, count):
        lines += page
    return lines


# Reading ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("shell", [LocalShell, ByCommands])
async def test_a_log_is_the_same_read_from_its_end_and_from_its_beginning(
    tmp_path: Path, kind: str, shell: Callable[[], Shell]
) -> None:
    log_file = tmp_path / "log"
    log_file.write_bytes(HOSTILE[kind])
    async with opened(log_file, shell()) as log:
        count = 700 if shell is LocalShell else 2500
        backwards, forwards = await all_backwards(log, count), await all_forwards(log, count)
    assert backwards == forwards
    assert backwards[0].begin == 0 and backwards[-1].end == len(HOSTILE[kind])
    assert all(one.end == two.begin for one, two in pairwise(backwards))
    assert all(line.end - line.begin <= MAX_LINE_BYTES + 3 for line in backwards)
    if kind == "wide letters across blocks":
        assert set(texts(backwards)) == {"äöü€𝄞" * 11}
    if kind == "of Windows":
        assert texts(backwards) == ["one", "two", "", "three"]


async def test_an_empty_log_has_no_lines(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    async with opened(tmp_path / "log") as log:
        assert (log.size_bytes, await log.before(0, 9), await log.after(0, 9)) == (0, (), ())
        assert (await searched(log, "x")).begins == ()


async def test_only_the_end_of_a_large_log_is_read_to_show_it(tmp_path: Path) -> None:
    log_file = sparse(tmp_path / "log", 10 * 2**30)
    with log_file.open("ab") as file:
        file.write(b"\n" + lines_of(2000))
    shell = Counting()
    async with opened(log_file, shell) as log:
        lines = await log.before(log.size_bytes, 60)
        assert texts(lines)[-1].endswith("line 1999") and len(lines) == 60
        assert shell.bytes_read < 256 * 1024
        assert lines[-1].end == log.size_bytes > 10 * 2**30


async def test_scrolling_through_a_large_log_takes_no_more_memory(tmp_path: Path) -> None:
    log_file = tmp_path / "log"
    log_file.write_bytes(lines_of(150_000))
    async with opened(log_file) as log:
        at = log.size_bytes
        for _ in range(40):
            at = (await log.before(at, 100))[0].begin
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        while page := await log.before(at, 1000):
            at = page[0].begin
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 8 * 1024  # KiB (getrusage(2))


async def test_the_pieces_of_two_gib_of_nuls_are_shown_from_anywhere(tmp_path: Path) -> None:
    async with opened(sparse(tmp_path / "log", 2 * 2**30)) as log:
        for offset in (log.size_bytes, 2**30 + 5, 3 * MAX_LINE_BYTES):
            page = await log.before(offset, 3)
            assert {line.text for line in page} == {"␀" * MAX_LINE_BYTES}
            assert await log.after(page[0].begin, 1) == page[:1]


async def test_nothing_that_a_terminal_would_obey_comes_out(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(
        b"\x1b[2J\x1b]52;c;ZWNobw==\x07\x9b31m\xc2\x9d\t\xe2\x80\xaeend\x00\x08\r\n" * 20
    )
    async with opened(tmp_path / "log") as log:
        (line,) = await log.before(log.size_bytes, 1)
    assert line.text.isprintable()
    assert line.text.startswith("␛[2J␛]52;c;ZWNobw==␇\\x9b31m")


# Following -------------------------------------------------------------------------------------


async def test_following_costs_only_what_is_new(tmp_path: Path) -> None:
    log_file = tmp_path / "log"
    log_file.write_bytes(lines_of(50_000))
    shell = Counting()
    async with opened(log_file, shell) as log:
        end = (await log.before(log.size_bytes, 60))[-1].end
        shell.bytes_read = 0
        with log_file.open("ab") as file:
            file.write(b"something new\n" * 1000)
        assert await log.refresh() == end + 14_000
        fresh = await log.after(end, 5000)
        assert texts(fresh) == ["something new"] * 1000
        assert shell.bytes_read < 14_000 + 1000
        shell.bytes_read = 0
        assert await log.refresh() == log.size_bytes
        assert shell.bytes_read == 0


async def test_a_line_that_comes_in_two_parts_is_not_lost(tmp_path: Path) -> None:
    log_file = tmp_path / "log"
    log_file.write_bytes(b"first\nhalf a li")
    async with opened(log_file) as log:
        lines = await log.before(log.size_bytes, 9)
        assert texts(lines) == ["first", "half a li"]
        with log_file.open("ab") as file:
            file.write(b"ne\nnext\n")
        await log.refresh()
        assert texts(await log.after(lines[-1].end, 9)) == ["ne", "next"]
        assert texts(await log.after(lines[-1].begin, 9)) == ["half a line", "next"]
        assert texts(await log.before(log.size_bytes, 9)) == ["first", "half a line", "next"]


def emptied(log_file: Path) -> None:
    log_file.write_bytes(b"new\n")


def emptied_and_filled_again(log_file: Path) -> None:
    log_file.write_bytes(lines_of(10) + b"another\n" * 9000)


def renamed(log_file: Path) -> None:
    log_file.rename(log_file.with_suffix(".1"))
    log_file.write_bytes(b"new\n")


def renamed_for_a_longer_one(log_file: Path) -> None:
    log_file.rename(log_file.with_suffix(".1"))
    log_file.write_bytes(lines_of(10) + b"another\n" * 9000)


@pytest.mark.parametrize("rotate", [emptied, emptied_and_filled_again, renamed, renamed_for_a_longer_one])
@pytest.mark.parametrize("shell", [LocalShell, ByCommands])
async def test_a_log_that_begins_anew_says_so_by_its_size(
    tmp_path: Path, rotate: Callable[[Path], None], shell: Callable[[], Shell]
) -> None:
    log_file = tmp_path / "log"
    log_file.write_bytes(lines_of(500))
    async with opened(log_file, shell()) as log:
        before = log.size_bytes
        await log.before(before, 60)
        rotate(log_file)
        assert await log.refresh() < before
        assert await log.refresh() == log_file.stat().st_size
        lines = await all_forwards(log, 1000)
        assert texts(lines) == log_file.read_text().splitlines()


async def test_a_log_that_is_gone_is_told_and_what_was_open_can_still_be_read(tmp_path: Path) -> None:
    log_file = tmp_path / "log"
    log_file.write_bytes(lines_of(5000))
    async with opened(log_file) as log:
        log_file.unlink()
        with pytest.raises(ActionError, match="no such file"):
            await log.refresh()
        assert len(await log.before(log.size_bytes, 3000)) == 3000


async def test_a_log_that_shrinks_while_it_is_read_is_told(tmp_path: Path) -> None:
    log_file = tmp_path / "log"
    log_file.write_bytes(lines_of(50_000))
    async with opened(log_file) as log:
        os.truncate(log_file, 10)
        with pytest.raises(ActionError, match="has become shorter"):
            await log.before(log.size_bytes // 2, 10)
        assert await log.refresh() == 10


# Refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", [LocalShell, ByCommands])
async def test_what_is_no_log_is_refused_with_its_reason(tmp_path: Path, shell: Callable[[], Shell]) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name, words in (
        ("", "a folder"),
        ("fifo", "no regular file"),
        ("none", "no such file"),
        ("x\0y", "called so"),
    ):
        with pytest.raises(ActionError, match=words):
            async with log_of(shell(), "h1", f"{tmp_path}/{name}"):
                pass
