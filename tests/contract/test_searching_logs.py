"""Logs of this machine as a host, searched: by its grep where that tells offsets, else by reading."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from backends.remote.local import LocalShell
from backends.remote.shell import STALL_DEADLINE_S, Shell, Stream
from tests.contract.readable_logs import HOSTILE, MIB, lines_of, opened, searched, sparse


class WithoutGrep(LocalShell):
    """Its grep is busybox's, which tells no offsets."""

    @asynccontextmanager
    async def open_process(
        self, argv: Sequence[str], *, stall_s: float = STALL_DEADLINE_S
    ) -> AsyncIterator[Stream]:
        busybox = ("busybox", "sh", argv[1], argv[2].replace("exec grep", "exec busybox grep"), *argv[3:])
        async with super().open_process(busybox, stall_s=stall_s) as stream:
            yield stream


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
