"""The journal's file: its tables, and every statement that is made to it. Blocks: only for the journal's thread."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from backends.errors import JournalError

VERSION = 1
BUSY_MS = 5000
"""How long to wait for another program that writes."""
FILE = "journal.sqlite"

MAX_SAMPLES = 240
"""Of one move: as many as its plot has room for. When there are more, every second one is dropped."""
SAMPLES_DAYS = 90
SAMPLES_MOVES = 1000
"""Samples are kept for so long, and of so many moves."""
KEPT_MOVES = 10_000
KEPT_ACTS = 20_000
_DAY_S = 86400

_TABLES = """
CREATE TABLE moves (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,        -- the program that has it in hand
    started REAL NOT NULL,
    ended INTEGER NOT NULL,
    traces INTEGER NOT NULL,    -- how many are left
    words TEXT NOT NULL,
    picture BLOB NOT NULL
);
CREATE INDEX moves_by_start ON moves (started);
CREATE INDEX moves_in_flight ON moves (owner) WHERE NOT ended;
CREATE INDEX moves_with_traces ON moves (started) WHERE traces > 0;
CREATE TABLE samples (
    move TEXT NOT NULL,
    number INTEGER NOT NULL,    -- counts all that were taken, also those that were dropped
    picture BLOB NOT NULL,
    PRIMARY KEY (move, number)
) WITHOUT ROWID;
CREATE TABLE acts (
    number INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    words TEXT NOT NULL,
    picture BLOB NOT NULL
);
"""


class Store:
    """An open file. Its methods raise sqlite3.Error; see `as_journal_error`."""

    def __init__(self, folder: Path) -> None:
        """Open the file in `folder`, make it where there is none. Raises sqlite3.Error, OSError or JournalError."""
        self.path = folder / FILE
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # not for others to read
        self._strides: dict[str, _Stride] = {}
        self.sql = sqlite3.connect(self.path, timeout=BUSY_MS / 1000, isolation_level=None)
        try:
            with _alone(folder):
                self._prepare()
        except BaseException:  # whatever it is, the file must not stay open
            self.sql.close()
            raise

    def _prepare(self) -> None:
        self.sql.execute("PRAGMA journal_mode = WAL")
        self.sql.execute("PRAGMA synchronous = FULL")  # a commit is on the disk, not only on its way
        (version,) = self.sql.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise JournalError(
                f"{self.path} was written by a newer version of this program",
                operation="open the journal",
                hint="use that version here, too",
            )
        if version == 0:
            self.sql.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
        with self.transaction():
            self._forget_what_is_old()

    def _forget_what_is_old(self) -> None:
        """Moves in flight, and those that have left something on a host, are never old."""
        nothing_open = "ended AND traces = 0"
        self.sql.execute(
            f"DELETE FROM moves WHERE {nothing_open} AND id NOT IN"  # noqa: S608 - no words from outside
            " (SELECT id FROM moves ORDER BY started DESC LIMIT ?)",
            (KEPT_MOVES,),
        )
        self.sql.execute(
            "DELETE FROM samples WHERE move NOT IN (SELECT id FROM moves WHERE NOT ended) AND move NOT IN"
            " (SELECT id FROM moves WHERE started > ? ORDER BY started DESC LIMIT ?)",
            (time.time() - SAMPLES_DAYS * _DAY_S, SAMPLES_MOVES),
        )
        self.sql.execute(
            "DELETE FROM acts WHERE number <= (SELECT max(number) FROM acts) - ?",
            (KEPT_ACTS,),
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and no other program writes meanwhile."""
        self.sql.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.sql.execute("COMMIT")
        except BaseException:  # an end of the program, too, must not leave half of it
            self._strides.clear()  # they may count samples that are not there now
            with suppress(sqlite3.Error):  # a full disk has rolled it back already
                self.sql.execute("ROLLBACK")
            raise

    def put_move(
        self, id_: str, owner: str, *, started: float, ended: bool, traces: int, words: str, picture: bytes
    ) -> None:
        """Write it, in the place of what was there of it."""
        self.sql.execute(
            "INSERT INTO moves (id, owner, started, ended, traces, words, picture) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, started = excluded.started,"
            " ended = excluded.ended, traces = excluded.traces, words = excluded.words,"
            " picture = excluded.picture",
            (id_, owner, started, ended, traces, words, picture),
        )

    def put_sample(self, move: str, picture: bytes) -> None:
        """Write one sample more, where it is its turn."""
        stride = self._strides.get(move) or self._read_stride(move)
        number, stride.taken = stride.taken, stride.taken + 1
        self._strides[move] = stride
        if number % stride.every:
            return
        self.sql.execute(
            "INSERT INTO samples (move, number, picture) VALUES (?, ?, ?)", (move, number, picture)
        )
        stride.kept += 1
        if stride.kept > MAX_SAMPLES:
            stride.every *= 2
            gone = self.sql.execute(
                "DELETE FROM samples WHERE move = ? AND number % ? != 0", (move, stride.every)
            )
            stride.kept -= gone.rowcount

    def _read_stride(self, move: str) -> _Stride:
        """Go on counting where an earlier program has ended: the second sample kept tells how many are dropped."""
        kept, newest = self.sql.execute(
            "SELECT count(*), max(number) FROM samples WHERE move = ?", (move,)
        ).fetchone()
        (second,) = self.sql.execute(
            "SELECT min(number) FROM samples WHERE move = ? AND number > 0", (move,)
        ).fetchone()
        every = second or 1
        return _Stride(every, 0 if newest is None else newest + every, kept)

    def put_act(self, at: float, words: str, picture: bytes) -> None:
        """One line more."""
        self.sql.execute("INSERT INTO acts (at, words, picture) VALUES (?, ?, ?)", (at, words, picture))

    def moves(self, where: str = "TRUE", *parameters: object) -> Iterator[tuple[str, bytes]]:
        """Owner and picture of each move, newest first; `where` is ours, `parameters` may be anybody's words."""
        return self.sql.execute(
            f"SELECT owner, picture FROM moves WHERE {where} ORDER BY started DESC, rowid DESC",  # noqa: S608
            parameters,
        )

    def samples(self, move: str) -> Iterator[bytes]:
        """Oldest first."""
        rows = self.sql.execute("SELECT picture FROM samples WHERE move = ? ORDER BY number", (move,))
        return (picture for (picture,) in rows)

    def acts(self, where: str = "TRUE", *parameters: object) -> Iterator[bytes]:
        """Newest first."""
        rows = self.sql.execute(
            f"SELECT picture FROM acts WHERE {where} ORDER BY number DESC",  # noqa: S608
            parameters,
        )
        return (picture for (picture,) in rows)

    def close(self) -> None:
        """Let go of the file."""
        self.sql.close()


class _Stride:
    """Which samples of a move are kept."""

    def __init__(self, every: int, taken: int, kept: int) -> None:
        self.every = every
        self.taken = taken
        self.kept = kept


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Programs prepare the file one after another: switching to WAL does not wait for others as statements do."""
    lock = os.open(folder / "opening.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def as_journal_error(error: sqlite3.Error | OSError, path: Path, operation: str) -> JournalError:
    """What went wrong, and what a user can do about it (sqlite.org/rescode.html)."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return JournalError(f"{path}: {error}", operation=operation, hint=_hint(code, path))


def _hint(code: int, path: Path) -> str:
    aside = path.parent / "damaged"
    match code:
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return (
                f"set it aside and a new one is made: mkdir {aside} && mv {path}* {aside}/ "
                "(what it knew of moves in flight is then found on the hosts alone)"
            )
        case sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR:
            return f"is there room on the disk? df {path.parent}"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"another program holds it; see which: fuser {path}"
        case _:
            return f"this user must be able to write there: ls -ld {path.parent}"
