"""A journal that cannot be opened or written says why and what to do, and holds nobody up meanwhile."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from backends.errors import JournalError
from backends.journal.journal import Journal
from tests.journal_child import a_move
from tests.unit.journal_programs import FILE, another_program, heard


async def test_a_full_disk_is_told_and_nothing_is_lost_once_there_is_room(tmp_path: Path) -> None:
    with another_program(tmp_path, "fill_the_disk") as child:
        words = heard(child).split()
        assert words[:2] == ["full", "at"]
        assert "df" in words
        assert heard(child) == f"written in the end: {int(words[2]) + 1}"


def set_aside(folder: Path) -> None:
    """What the hint says."""
    (folder / "damaged").mkdir()
    for file in folder.glob(f"{FILE}*"):
        file.rename(folder / "damaged" / file.name)


@pytest.mark.parametrize("damage", ["garbage", "torn"])
async def test_a_damaged_file_says_how_to_set_it_aside(tmp_path: Path, damage: str) -> None:
    async with Journal.open(tmp_path) as journal:
        for number in range(50):
            journal.put(a_move(f"m{number}"))
    path = tmp_path / FILE
    whole = path.read_bytes()
    path.write_bytes(
        b"no database at all" * 99 if damage == "garbage" else whole[:4096] + bytes(len(whole) - 4096)
    )
    with pytest.raises(JournalError) as caught:
        async with Journal.open(tmp_path):
            pytest.fail("opened")
    assert str(path) in caught.value.cause
    assert f"mv {path}*" in caught.value.hint
    set_aside(tmp_path)
    async with Journal.open(tmp_path) as journal:
        assert await journal.history() == ()


async def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as sql:
        sql.execute("PRAGMA user_version = 99")
    sql.close()
    with pytest.raises(JournalError, match="newer version") as caught:
        async with Journal.open(tmp_path):
            pytest.fail("opened")
    assert "use that version" in caught.value.hint


async def test_a_folder_that_cannot_be_made_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalError) as caught:
        async with Journal.open(tmp_path / "file"):
            pytest.fail("opened")
    assert "ls -ld" in caught.value.hint


async def test_a_file_that_another_program_holds_is_told_and_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backends.journal.store.BUSY_MS", 50)
    async with Journal.open(tmp_path) as journal:
        holder = sqlite3.connect(tmp_path / FILE, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        journal.put(a_move())
        with pytest.raises(JournalError) as caught:
            await journal.durable()
        assert "fuser" in caught.value.hint
        assert await journal.history() == ()  # reading goes on
        holder.execute("COMMIT")
        holder.close()
        await journal.durable()
        assert len(await journal.history()) == 1


async def test_the_event_loop_is_never_held_up(tmp_path: Path) -> None:
    """While another program holds the file, and we wait for it, other tasks run."""
    async with Journal.open(tmp_path) as journal:
        holder = sqlite3.connect(tmp_path / FILE, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        journal.put(a_move())
        waiting = asyncio.ensure_future(journal.durable())
        for _ in range(100):
            await asyncio.sleep(0)
        assert not waiting.done()
        holder.execute("COMMIT")
        holder.close()
        await waiting
