"""What a program has put into the journal is there at its next start, with every field."""

from __future__ import annotations

import dataclasses
import logging
import math
import os
import sqlite3
import typing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import pairwise
from pathlib import Path
from types import UnionType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.journal import picture
from backends.journal.journal import Journal
from backends.journal.programs import this_program
from backends.journal.store import MAX_SAMPLES
from backends.model.guest import GuestState
from backends.model.history import AuditLine
from backends.model.host import HostName
from backends.model.move import (
    Move,
    MoveId,
    MoveLogLine,
    MoveMode,
    MoveProgress,
    Origin,
    Outcome,
    Phase,
    Result,
    Trace,
    TraceKind,
)
from tests.journal_child import START, a_move, a_sample
from tests.unit.journal_programs import FILE, HOSTS

# -- pictures -------------------------------------------------------------------------------------------


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value that a field of this type may have in the model."""
    plain = {
        str: st.text(max_size=8),
        bool: st.booleans(),
        int: st.integers(0, 2**63 - 1),
        float: st.floats(allow_nan=False, allow_infinity=False),
        type(None): st.none(),
        datetime: st.datetimes(timezones=st.just(UTC)),
    }
    if kind in plain:
        return plain[kind]
    if isinstance(kind, typing.NewType):
        return values_of(kind.__supertype__)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, UnionType):
        return st.one_of(*map(values_of, arguments))
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(values_of(arguments[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values_of, arguments))
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    hints = typing.get_type_hints(kind)
    names = [f.name for f in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else kind._fields
    return st.builds(kind, **{name: values_of(hints[name]) for name in names})


@given(values_of(Move))
@settings(max_examples=200, deadline=None)
def test_a_move_comes_back_with_every_field(move: Move) -> None:
    assert picture.to_move(picture.of_move(move)) == replace(move, history=())


@given(values_of(MoveProgress), values_of(AuditLine))
@settings(deadline=None)
def test_samples_and_acts_come_back_with_every_field(sample: MoveProgress, line: AuditLine) -> None:
    assert picture.to_sample(picture.of_sample(sample)) == sample
    assert picture.to_line(picture.of_line(line)) == line


def test_a_time_that_never_ends_does_not_make_a_move_unreadable() -> None:
    endless = replace(a_sample(1), eta_s=(3.0, math.inf), rate_bytes_s=math.nan)
    move = picture.to_move(picture.of_move(replace(a_move(), progress=endless)))
    assert move is not None and move.progress is not None
    assert (move.progress.eta_s, move.progress.rate_bytes_s, move.progress.elapsed_s) == (None, None, 1.0)


# -- one program ----------------------------------------------------------------------------------------


async def test_a_move_is_kept_with_its_samples_from_one_start_to_the_next(tmp_path: Path) -> None:
    move = replace(a_move(phase=Phase.SUCCEEDED), log=(MoveLogLine(START, "started"),), who="root@bastion")
    async with Journal.open(tmp_path / "deep" / "down") as journal:
        journal.put(replace(move, phase=Phase.COPYING, log=()))
        for number in range(3):
            journal.sample(move.id, a_sample(number))
        journal.put(move)
    async with Journal.open(tmp_path / "deep" / "down") as journal:
        kept = await journal.past_move(move.id)
        assert kept == replace(move, history=tuple(map(a_sample, range(3))), origin=Origin.EARLIER)
        assert await journal.history() == (replace(move, origin=Origin.EARLIER),)
        assert await journal.past_move(MoveId("another")) is None
    assert (tmp_path / "deep" / "down").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "deep" / "down" / FILE).stat().st_mode & 0o777 == 0o600


async def test_what_was_put_last_counts_and_is_read_at_once(tmp_path: Path) -> None:
    async with Journal.open(tmp_path) as journal:
        for phase in (Phase.PREPARING, Phase.COPYING, Phase.SWITCHING, Phase.VERIFYING):
            journal.put(a_move(phase=phase))
        await journal.durable()
        (move,) = await journal.history()
        assert (move.phase, move.origin) == (Phase.VERIFYING, Origin.HERE)


async def test_a_long_move_keeps_as_many_samples_as_its_plot_has_room_for(tmp_path: Path) -> None:
    taken = 3 * MAX_SAMPLES + 7
    async with Journal.open(tmp_path) as journal:
        journal.put(a_move())
        for number in range(taken):
            journal.sample(MoveId("m1"), a_sample(number))
    async with Journal.open(tmp_path) as journal:  # and goes on counting after another start
        for number in range(taken, 2 * taken):
            journal.sample(MoveId("m1"), a_sample(number))
        move = await journal.past_move(MoveId("m1"))
    assert move is not None
    seconds = [sample.elapsed_s for sample in move.history]
    assert MAX_SAMPLES / 2 <= len(seconds) <= MAX_SAMPLES
    assert seconds[0] == 0 and seconds[-1] > 2 * taken * 0.98
    assert len({later - earlier for earlier, later in pairwise(seconds)}) <= 2  # evenly, but for one step


async def test_the_history_is_found_by_any_of_its_words(tmp_path: Path) -> None:
    web, db = a_move("m1", name="web-01"), a_move("m2", Phase.FAILED, name="DB-Ümlaut")
    lost = Outcome(Result.FAILED, HostName("h1"), GuestState.RUNNING, "no 100% of the link_", 3.0)
    db = replace(
        db,
        request=replace(db.request, mode=MoveMode.SAVED, destination=HostName("h3")),
        started=START + timedelta(hours=1),
        outcome=lost,
        log=(MoveLogLine(START, "saving to /var/tmp"),),
    )
    async with Journal.open(tmp_path) as journal:
        journal.put(db)
        journal.put(web)

        async def found(text: str, limit: int = 200) -> list[str]:
            return [move.id for move in await journal.history(text, limit=limit)]

        assert await found("") == ["m2", "m1"]
        assert await found("", limit=1) == ["m2"]
        for text in (
            "db-üMLAUT",
            "h3",
            "saved",
            "failed",
            "100%",
            "link_",
            "VAR/tmp",
            "h3 saving failed",
            "m2",
        ):
            assert await found(text) == ["m2"], text
        assert await found("web copying") == ["m1"]
        assert await found("web h3") == await found("10%") == await found("'; DROP TABLE moves") == []


async def test_who_did_what_is_kept_newest_first(tmp_path: Path) -> None:
    acts = [AuditLine(START, "root@b, process 1", f"force off web-0{n} on h1", "done") for n in range(3)]
    async with Journal.open(tmp_path) as journal:
        for act in acts:
            journal.note(act)
        assert await journal.audit() == tuple(reversed(acts))
        assert await journal.audit("force WEB-01") == (acts[1],)
        assert await journal.audit(limit=1) == (acts[2],)


async def test_what_ended_moves_have_left_on_hosts_is_remembered(tmp_path: Path) -> None:
    file = (Trace(TraceKind.STATE_FILE, HostName("h1"), "/var/tmp/web-01.save"),)
    async with Journal.open(tmp_path) as journal:
        journal.put(replace(a_move("m1", Phase.FAILED), traces=file))
        journal.put(replace(a_move("m2", Phase.COPYING), traces=file))
        journal.put(a_move("m3", Phase.SUCCEEDED))
        assert [move.id for move in await journal.with_traces()] == ["m1"]
        journal.put(a_move("m1", Phase.FAILED))
        assert await journal.with_traces() == ()


async def test_a_row_that_cannot_be_read_hides_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Journal.open(tmp_path) as journal:
        for number in range(4):
            journal.put(a_move(f"m{number}"))
            journal.sample(MoveId("m3"), a_sample(number))
            journal.note(AuditLine(START, "root", f"act {number}", "done"))
    with sqlite3.connect(tmp_path / FILE) as sql:
        sql.execute("UPDATE moves SET picture = x'FF00' WHERE id = 'm0'")
        sql.execute("UPDATE moves SET picture = replace(picture, 'copying', 'flying') WHERE id = 'm1'")
        sql.execute(
            "UPDATE moves SET picture = replace(picture, '{\"id\"', '{\"new\":[1],\"id\"') WHERE id = 'm2'"
        )
        sql.execute("UPDATE samples SET picture = '{}' WHERE number = 1")
        sql.execute("UPDATE acts SET picture = '[]' WHERE number = 2")
    sql.close()
    with caplog.at_level(logging.WARNING):
        async with Journal.open(tmp_path) as journal:
            assert {move.id for move in await journal.history()} == {"m2", "m3"}
            assert {move.id for move in await journal.claim_orphans(HOSTS)} == {"m2", "m3"}
            move = await journal.past_move(MoveId("m3"))
            assert move is not None and [sample.elapsed_s for sample in move.history] == [0, 2, 3]
            assert [act.what for act in await journal.audit()] == ["act 3", "act 2", "act 0"]
    assert "cannot be read" in caplog.text


async def test_old_samples_are_forgotten_but_not_what_is_open(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    async with Journal.open(tmp_path) as journal:
        for id_, phase, days in (
            ("old", Phase.FAILED, 91),
            ("new", Phase.FAILED, 89),
            ("open", Phase.COPYING, 91),
        ):
            journal.put(replace(a_move(id_, phase), started=now - timedelta(days=days)))
            journal.sample(MoveId(id_), a_sample(1))
    async with Journal.open(tmp_path) as journal:
        moves = [await journal.past_move(MoveId(id_)) for id_ in ("old", "new", "open")]
    assert [len(move.history) for move in moves if move] == [0, 1, 1]


def test_a_program_names_the_person_who_became_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    plain = this_program()
    assert plain.endswith(f", process {os.getpid()}")
    monkeypatch.setenv("SUDO_USER", "ali\x1bce")
    assert this_program() == f"ali␛ce as {plain}"
