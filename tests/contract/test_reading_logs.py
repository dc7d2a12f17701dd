"""Logs of this machine as a host: read from the end, followed, searched and saved; also large and hostile ones."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import lzma
import os
import re
import resource
import subprocess
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from backends.crashes.fetching import fetch_file
from backends.crashes.packing import Packing
from backends.crashes.reading import HostLog, log_of
from backends.crashes.unpacking import unpacked
from backends.errors import ActionError
from backends.model.log import MAX_LINE_BYTES, LogLine, LogMatches, Saving
from backends.remote.local import LocalShell
from backends.remote.plain_files import open_by_commands
from backends.remote.shell import STALL_DEADLINE_S, HostFile, Shell, Stream

MIB = 2**20
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")

LIBVIRT_LINE = "2026-01-31 12:00:00.{:03}+0000: 1234: error : qemuMonitorIO:577 : internal error: line {}\n"
"""The form of libvirt's own logs (libvirt, src/util/virlog.c, virLogFormatString)."""


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


class WithoutGrep(LocalShell):
    """Its grep is busybox's, which tells no offsets."""

    @asynccontextmanager
    async def open_process(
        self, argv: Sequence[str], *, stall_s: float = STALL_DEADLINE_S
    ) -> AsyncIterator[Stream]:
        busybox = ("busybox", "sh", argv[1], argv[2].replace("exec grep", "exec busybox grep"), *argv[3:])
        async with super().open_process(busybox, stall_s=stall_s) as stream:
            yield stream


def lines_of(count: int) -> bytes:
    return "".join(LIBVIRT_LINE.format(number % 1000, number) for number in range(count)).encode()


@asynccontextmanager
async def opened(path: Path, shell: Shell | None = None) -> AsyncIterator[HostLog]:
    async with log_of(shell or LocalShell(), "h1", str(path)) as log:
        yield log


def texts(lines: Sequence[LogLine]) -> list[str]:
    return [line.text for line in lines]


async def searched(log: HostLog, text: str) -> LogMatches:
    last = None
    async for found in log.search(text):
        last = found
    assert last is not None and last.finished
    return last


async def done(steps: AsyncGenerator[Saving, None]) -> list[Saving]:
    return [saving async for saving in steps]


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


def sparse(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    return path


# Reading ---------------------------------------------------------------------------------------


HOSTILE = {
    "plain": lines_of(3000),
    "no newline at all": b"x" * 200_000,
    "nothing but NULs": bytes(150_000),
    "without its last newline": lines_of(10)[:-1],
    "of Windows": b"one\r\ntwo\r\n\r\nthree",
    "wide letters across blocks": ("äöü€𝄞" * 11 + "\n").encode() * 3000,
    "one long line among short ones": b"short\n" * 50 + b"l" * 70_000 + b"\n" + b"short\n" * 50,
    "empty lines": b"\n" * 5000,
}


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


# Searching -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("shell", [LocalShell, WithoutGrep])
async def test_matches_are_lines_that_can_be_read_there(
    tmp_path: Path, kind: str, shell: Callable[[], Shell]
) -> None:
    log_file = tmp_path / "log"
    log_file.write_bytes(HOSTILE[kind] + b"\nThe Needle\n" + HOSTILE[kind] + b"needle")
    async with opened(log_file, shell()) as log:
        found = await searched(log, "NEEDLE")
        assert len(found.begins) == 2
        for begin in found.begins:
            (line,) = await log.after(begin, 1)
            assert line.begin == begin and "needle" in line.text.lower()
        assert (found.searched_bytes, found.cut) == (found.total_bytes, False)


async def test_a_text_that_looks_like_options_or_patterns_is_a_text(tmp_path: Path) -> None:
    (tmp_path / "-e log").write_bytes(b"-v here\n.* there\n$(id) 'quoted'\n")
    async with opened(tmp_path / "-e log") as log:
        for text, begin in (("-v", 0), (".*", 8), ("$(id) '", 17)):
            assert (await searched(log, text)).begins == (begin,)
        assert (await searched(log, "nul\0")).begins == ()


async def test_of_too_many_matches_the_first_ten_thousand_are_told(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"same\n" * 10_500)
    for shell in (LocalShell(), WithoutGrep()):
        async with opened(tmp_path / "log", shell) as log:
            found = await searched(log, "same")
            assert (len(found.begins), found.cut, found.begins[-1]) == (10_000, True, 5 * 9999)


async def test_a_long_line_is_found_in_the_piece_that_has_the_text(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"a\n" + b"x" * 100_000 + b"needle" + b"x" * 100_000 + b"\n")
    async with opened(tmp_path / "log") as log:
        (begin,) = (await searched(log, "needle")).begins
        assert "needle" in (await log.after(begin, 1))[0].text


async def test_a_text_in_a_line_that_no_host_should_hold_in_memory_is_found(tmp_path: Path) -> None:
    log_file = sparse(tmp_path / "log", 300 * MIB)
    with log_file.open("ab") as file:
        file.write(b"needle")
    async with opened(log_file) as log:
        assert len((await searched(log, "needle")).begins) == 1


class NeverFinding(LocalShell):
    """Its grep finds nothing, and takes for ever over it."""

    @asynccontextmanager
    async def open_process(
        self, argv: Sequence[str], *, stall_s: float = STALL_DEADLINE_S
    ) -> AsyncIterator[Stream]:
        script = re.sub(r"exec grep .*<", "exec sleep 600 <", argv[2])
        assert script != argv[2]
        async with super().open_process(("sh", "-c", script, *argv[3:]), stall_s=stall_s) as stream:
            yield stream


def readers_of(log_file: Path) -> list[str]:
    """Processes, other than this one, whose input it is."""
    found = []
    for link in Path("/proc").glob("[0-9]*/fd/0"):
        with contextlib.suppress(OSError):
            if link.readlink() == log_file:
                found.append(link.parts[2])
    return found


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - no event tells of a process
            await asyncio.sleep(0.05)


async def test_a_search_that_is_given_up_ends_on_the_host(tmp_path: Path) -> None:
    log_file = tmp_path / "log"
    log_file.write_bytes(lines_of(10))
    async with opened(log_file, NeverFinding()) as log:
        search = asyncio.ensure_future(searched(log, "nothing"))
        await until(lambda: bool(readers_of(log_file)))
        assert not search.done()
        search.cancel()
        await asyncio.wait((search,))
        await until(lambda: not readers_of(log_file))


class Lying(LocalShell):
    """A host that answers a search with whatever it likes."""

    def __init__(self, script: str) -> None:
        super().__init__()
        self.script = script

    @asynccontextmanager
    async def open_process(
        self, argv: Sequence[str], *, stall_s: float = STALL_DEADLINE_S
    ) -> AsyncIterator[Stream]:
        async with super().open_process(("sh", "-c", self.script), stall_s=stall_s) as stream:
            yield stream


@pytest.mark.parametrize(
    "script",
    [
        "yes | head -n 5000",
        "head -c 200000 /dev/zero | tr '\\0' y",
        "exit 127",
        "echo Welcome!; echo line 99999999999999999999999 5; echo line -1 5; echo line 4 18446744073709551615",
        "echo at 99999999999999; echo end 2",
        "printf 'end 0'",
    ],
)
async def test_a_host_whose_grep_makes_no_sense_is_read_instead(tmp_path: Path, script: str) -> None:
    (tmp_path / "log").write_bytes(b"one\nneedle\nthree\nneedle")
    async with opened(tmp_path / "log", Lying(script)) as log:
        assert (await searched(log, "needle")).begins == (4, 17)


# Compressed ------------------------------------------------------------------------------------


async def test_a_compressed_log_is_read_as_its_text(tmp_path: Path) -> None:
    text = lines_of(100_000)
    (tmp_path / "log.xz").write_bytes(lzma.compress(text, preset=0))
    async with opened(tmp_path / "log.xz") as log:
        assert (log.size_bytes, await log.refresh()) == (len(text), len(text))
        lines = await log.before(log.size_bytes, 3)
        assert texts(lines) == text.decode().splitlines()[-3:]
        assert len((await searched(log, "LINE 99999")).begins) == 1
        await done(log.save(tmp_path / "copy"))
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "log.xz").read_bytes()


async def test_a_compressed_log_that_was_cut_off_shows_what_there_is_and_says_so(tmp_path: Path) -> None:
    text = b"".join(b"%d\n" % (number**7 % 1_000_003) for number in range(200_000))
    packed = gzip.compress(text)
    (tmp_path / "log").write_bytes(packed[: len(packed) // 2])
    async with opened(tmp_path / "log") as log:
        assert len(text) // 3 < log.size_bytes < len(text)
        assert "truncated" in log.place
        assert await log.before(log.size_bytes, 5)


async def test_a_compressed_log_that_is_too_large_is_refused_and_can_be_saved(tmp_path: Path) -> None:
    (tmp_path / "log.gz").write_bytes(gzip.compress(bytes(64 * MIB)))
    async with LocalShell().open_file(str(tmp_path / "log.gz")) as file:
        with pytest.raises(ActionError, match="larger than 16 MiB") as caught:
            async with unpacked(file, await file.size(), Packing.GZIP, "h1:log", limit=16 * MIB):
                pass
    assert "save" in caught.value.hint


# Saving ----------------------------------------------------------------------------------------


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_a_saved_log_is_whole_and_its_owners_alone(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(content := os.urandom(5 * MIB + 7))
    async with opened(tmp_path / "log") as log:
        steps = await done(log.save(tmp_path / "copy"))
    assert (tmp_path / "copy").read_bytes() == content
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    assert steps[-1] == Saving(len(content), len(content), finished=True)
    assert names_in(tmp_path) == {"log", "copy"}


async def test_a_dump_with_holes_takes_no_more_room_here(tmp_path: Path) -> None:
    dump = sparse(tmp_path / "dump", 100 * MIB)
    with dump.open("r+b") as file:
        file.write(b"\x7fELF")
    await done(fetch_file(LocalShell(), "h1", str(dump), tmp_path / "copy"))
    saved = (tmp_path / "copy").stat()
    assert (saved.st_size, saved.st_blocks * 512 < MIB) == (100 * MIB, True)
    assert (tmp_path / "copy").read_bytes()[:5] == b"\x7fELF\0"


async def test_what_is_there_is_never_overwritten_unless_allowed(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"new")
    (tmp_path / "copy").write_bytes(b"old")
    async with opened(tmp_path / "log") as log:
        with pytest.raises(ActionError, match="is there already"):
            await done(log.save(tmp_path / "copy"))
        assert (tmp_path / "copy").read_bytes() == b"old"
        await done(log.save(tmp_path / "copy", overwrite=True))
        assert (tmp_path / "copy").read_bytes() == b"new"
        with pytest.raises(ActionError, match="Is a directory"):
            await done(log.save(tmp_path, overwrite=True))
        with pytest.raises(ActionError, match="No such file"):
            await done(log.save(tmp_path / "none" / "copy"))


async def test_a_name_that_is_taken_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(os.urandom(4 * MIB))
    async with opened(tmp_path / "log") as log:
        steps = log.save(tmp_path / "copy")
        await anext(steps)
        (tmp_path / "copy").write_bytes(b"somebody's")
        with pytest.raises(ActionError, match="is there already"):
            await done(steps)
    assert (tmp_path / "copy").read_bytes() == b"somebody's"
    assert names_in(tmp_path) == {"log", "copy"}


async def test_a_copy_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(os.urandom(32 * MIB))
    async with opened(tmp_path / "log") as log, aclosing(log.save(tmp_path / "copy")) as steps:
        assert (await anext(steps)).done_bytes == 0
        assert len(names_in(tmp_path)) == 2
    assert names_in(tmp_path) == {"log"}


async def test_what_is_written_while_it_is_saved_is_saved_too(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(lines_of(10_000))
    async with opened(tmp_path / "log") as log:
        steps = log.save(tmp_path / "copy")
        await anext(steps)
        with (tmp_path / "log").open("ab") as file:
            file.write(b"and this\n")
        await done(steps)
    assert (tmp_path / "copy").read_bytes().endswith(b"and this\n")


async def test_a_file_that_shrinks_while_it_is_saved_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(os.urandom(16 * MIB))
    async with opened(tmp_path / "log") as log:
        steps = log.save(tmp_path / "copy")
        await anext(steps)
        os.truncate(tmp_path / "log", MIB)
        with pytest.raises(ActionError, match="has become shorter"):
            await done(steps)
    assert names_in(tmp_path) == {"log"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@as_root
async def test_a_disk_that_is_full_here_is_told_and_nothing_is_left(tmp_path: Path, small_disk: Path) -> None:
    (tmp_path / "log").write_bytes(os.urandom(4 * MIB))
    async with opened(tmp_path / "log") as log:
        with pytest.raises(ActionError, match="No space left on device") as caught:
            await done(log.save(small_disk / "copy"))
    assert "make room" in caught.value.hint
    assert names_in(small_disk) == set()


@as_root
async def test_a_text_that_has_no_room_here_is_told(
    tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "log.gz").write_bytes(gzip.compress(os.urandom(4 * MIB)))
    monkeypatch.setenv("TMPDIR", str(small_disk))
    monkeypatch.setattr("tempfile.tempdir", None)
    with pytest.raises(ActionError, match="No space left on device") as caught:
        async with opened(tmp_path / "log.gz"):
            pass
    assert "TMPDIR" in caught.value.hint
    assert names_in(small_disk) == set()
