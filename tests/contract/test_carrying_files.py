"""A file is carried from host to host, whole or not at all. Two shells of this machine stand for two hosts."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from backends.errors import ActionError, CommandError, DeadlineError
from backends.remote.carry import PIECE_BYTES, FileAt, Pace, carry_file
from backends.remote.local import LocalShell
from backends.remote.shell import COMMAND_DEADLINE_S, STALL_DEADLINE_S, Answer, Stream

MIB = 2**20
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


class Tampering(LocalShell):
    """A host on which a bit of the file changes before the host reads it again."""

    @asynccontextmanager
    async def open_process(
        self, argv: Sequence[str], *, stall_s: float = STALL_DEADLINE_S
    ) -> AsyncIterator[Stream]:
        if "sha256sum" in argv:
            flip_a_bit(Path(argv[-1]))
        async with super().open_process(argv, stall_s=stall_s) as stream:
            yield stream


class Boasting(LocalShell):
    """A host that says it has plenty of room."""

    async def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = COMMAND_DEADLINE_S
    ) -> Answer:
        if "df" in argv:
            return Answer(
                0, "Filesystem 1024-blocks Used Available Capacity Mounted on\nd 9 1 99999999 1% /\n", ""
            )
        return await super().run(argv, stdin=stdin, deadline_s=deadline_s)


class Deaf(LocalShell):
    """A host that takes no byte of what it is to write."""

    @asynccontextmanager
    async def open_process(
        self, argv: Sequence[str], *, stall_s: float = STALL_DEADLINE_S
    ) -> AsyncIterator[Stream]:
        async with super().open_process(("sleep", "600"), stall_s=stall_s) as stream:
            yield stream


def ends(tmp_path: Path, content: bytes, *, there: LocalShell | None = None) -> tuple[FileAt, FileAt]:
    source, destination = tmp_path / "source", tmp_path / "destination"
    source.write_bytes(content)
    return FileAt("h1", LocalShell(), str(source)), FileAt("h2", there or LocalShell(), str(destination))


def content_of(file: FileAt) -> bytes:
    return Path(file.path).read_bytes()


def exists(file: FileAt) -> bool:
    return Path(file.path).exists()


def nothing(_carried: int) -> None:
    """For those who do not watch."""


def commands_left() -> list[str]:
    return [child.name() for child in psutil.Process().children() if child.name() in ("cat", "dd", "sleep")]


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 5 * MIB])
async def test_a_file_arrives_as_it_was_for_its_owner_alone(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    source, destination = ends(tmp_path, content)
    seen: list[int] = []
    digest = await carry_file(source, destination, on_progress=seen.append)
    assert content_of(destination) == content
    assert digest == hashlib.sha256(content).hexdigest()
    assert (tmp_path / "destination").stat().st_mode & 0o777 == 0o600
    assert seen == sorted(seen)
    assert seen[-1:] == ([size] if size else [])
    assert commands_left() == []


@pytest.mark.parametrize("name", ["-rf", "two words", "quo'te\"s", "line\nbreak", "back\\slash", "$(id)"])
async def test_names_that_shells_would_misread_are_paths_as_any_other(tmp_path: Path, name: str) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / name).write_bytes(b"memory")
    source = FileAt("h1", LocalShell(), str(tmp_path / name))
    destination = FileAt("h2", LocalShell(), str(tmp_path / "there" / name))
    await carry_file(source, destination, on_progress=nothing)
    assert (tmp_path / "there" / name).read_bytes() == b"memory"


async def test_a_longer_file_that_was_there_leaves_nothing_behind(tmp_path: Path) -> None:
    source, destination = ends(tmp_path, b"short")
    (tmp_path / "destination").write_bytes(b"a much longer one")
    await carry_file(source, destination, on_progress=nothing)
    assert content_of(destination) == b"short"


async def test_a_file_that_changed_on_the_destination_is_noticed(tmp_path: Path) -> None:
    source, destination = ends(tmp_path, os.urandom(MIB), there=Tampering())
    with pytest.raises(ActionError, match="not what was carried") as caught:
        await carry_file(source, destination, on_progress=nothing)
    assert caught.value.host == "h2"


async def test_a_file_that_changed_on_the_source_is_noticed(tmp_path: Path) -> None:
    source, destination = ends(tmp_path, os.urandom(MIB))
    with pytest.raises(ActionError, match="not what was carried") as caught:
        await carry_file(FileAt("h1", Tampering(), source.path), destination, on_progress=nothing)
    assert caught.value.host == "h1"


async def test_a_source_that_says_nothing_more_is_given_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "silent")
    source = FileAt("h1", LocalShell(), str(tmp_path / "silent"))
    destination = FileAt("h2", LocalShell(), str(tmp_path / "copy"))
    with pytest.raises(DeadlineError, match=r"said nothing for 0\.5 s"):
        await carry_file(source, destination, on_progress=nothing, stall_s=0.5)
    assert commands_left() == []


async def test_a_destination_that_takes_nothing_is_given_up_and_little_is_held_for_it(tmp_path: Path) -> None:
    source, destination = ends(tmp_path, bytes(64 * MIB), there=Deaf())
    seen = [0]
    with pytest.raises(DeadlineError, match=r"took nothing for 0\.5 s"):
        await carry_file(source, destination, on_progress=seen.append, stall_s=0.5)
    assert seen[-1] < MIB
    assert commands_left() == []


async def test_a_file_that_is_not_there_is_said_in_the_hosts_words(tmp_path: Path) -> None:
    source, destination = ends(tmp_path, b"")
    (tmp_path / "source").unlink()
    with pytest.raises(CommandError, match="No such file"):
        await carry_file(source, destination, on_progress=nothing)
    assert not exists(destination)


async def test_a_command_that_never_stops_talking_ends_at_its_deadline() -> None:
    with pytest.raises(DeadlineError):
        await LocalShell().run(("yes",), deadline_s=0.3)
    assert not [child for child in psutil.Process().children() if child.name() == "yes"]


async def test_a_copy_that_is_cancelled_leaves_no_command_behind(tmp_path: Path) -> None:
    source, destination = ends(tmp_path, bytes(8 * MIB))
    flowing = asyncio.Event()
    copy = asyncio.ensure_future(
        carry_file(source, destination, on_progress=lambda _carried: flowing.set(), pace=Pace(256 * 1024))
    )
    async with asyncio.timeout(30):
        await flowing.wait()
    assert sorted(commands_left()) == ["cat", "dd"]
    copy.cancel()
    with pytest.raises(asyncio.CancelledError):
        await copy
    assert commands_left() == []


async def test_a_limit_holds_and_can_be_lifted_on_the_way(tmp_path: Path) -> None:
    source, destination = ends(tmp_path, bytes(64 * MIB))
    pace = Pace(MIB)
    clock = asyncio.get_running_loop().time
    began_s = clock()
    lifted_s = 0.0

    def lift(carried: int) -> None:
        nonlocal lifted_s
        if carried >= MIB and not lifted_s:
            lifted_s = clock()
            pace.limit_bytes_s = None

    async with asyncio.timeout(40):  # with the limit it would take 64 s
        await carry_file(source, destination, on_progress=lift, pace=pace)
    assert lifted_s - began_s >= 0.9


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
async def test_a_full_disk_is_known_before_the_first_byte(tmp_path: Path, small_disk: Path) -> None:
    source, _ = ends(tmp_path, bytes(3 * MIB))
    with pytest.raises(ActionError, match="no space") as caught:
        await carry_file(source, FileAt("h2", LocalShell(), str(small_disk / "copy")), on_progress=nothing)
    assert caught.value.host == "h2"
    assert not (small_disk / "copy").exists()


@as_root
async def test_a_disk_that_fills_up_on_the_way_is_said_in_its_own_words(
    tmp_path: Path, small_disk: Path
) -> None:
    source, _ = ends(tmp_path, bytes(3 * MIB))
    with pytest.raises(CommandError, match="No space left on device"):
        await carry_file(source, FileAt("h2", Boasting(), str(small_disk / "copy")), on_progress=nothing)
    assert commands_left() == []
