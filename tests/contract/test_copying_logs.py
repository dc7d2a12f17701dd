"""Logs of this machine as a host: compressed ones are unpacked here, and any can be saved here."""

from __future__ import annotations

import gzip
import lzma
import os
import subprocess
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from backends.crashes.fetching import fetch_file
from backends.crashes.packing import Packing
from backends.crashes.unpacking import unpacked
from backends.errors import ActionError
from backends.model.log import Saving
from backends.remote.local import LocalShell
from tests.contract.readable_logs import MIB, done, lines_of, opened, searched, sparse, texts

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")

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
