"""What the journal acknowledged is there afterwards, whoever else writes and however a program ends."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from backends.journal.journal import Journal
from backends.model.host import HostName
from backends.model.move import MoveId, Origin, Phase
from tests.journal_child import a_move, a_sample
from tests.unit.journal_programs import HOSTS, another_program, heard


@pytest.mark.parametrize("run", range(3))
async def test_all_that_was_acknowledged_survives_kill_9(tmp_path: Path, run: int) -> None:
    with another_program(tmp_path, "write_for_ever") as child:
        for _ in range(20 + 7 * run):
            heard(child)
        child.kill()
        assert child.stdout is not None
        words = child.stdout.read().split()
    acknowledged = int(words[-1]) + 1 if words else 20 + 7 * run
    async with Journal.open(tmp_path) as journal:
        phases = {move.id: move.phase for move in await journal.claim_orphans(HOSTS)}
    assert {phases.get(MoveId(f"m{number}")) for number in range(acknowledged)} == {Phase.COPYING}


async def test_two_programs_write_at_once_and_both_are_kept(tmp_path: Path) -> None:
    async def write(name: str) -> None:
        async with Journal.open(tmp_path) as journal:
            for number in range(30):
                journal.put(a_move(f"{name}{number}", Phase.SUCCEEDED))
                await journal.durable()

    with another_program(tmp_path, "write_for_ever") as child:
        await asyncio.gather(*(write(name) for name in "abc"))
        newest = int(heard(child))
        async with Journal.open(tmp_path) as journal:
            ids = {move.id for move in await journal.history(limit=100_000)}
    assert {f"{name}{number}" for name in "abc" for number in range(30)} | {f"m{newest}"} <= ids


async def test_moves_of_a_program_that_lives_are_shown_as_its_own_and_never_taken(tmp_path: Path) -> None:
    with another_program(tmp_path, "hold") as child:
        assert heard(child) == "held"
        async with Journal.open(tmp_path) as journal:
            assert await journal.claim_orphans(HOSTS) == ()
            assert {(m.id, m.origin) for m in await journal.others()} == {
                (f"m{number}", Origin.ELSEWHERE) for number in range(3)
            }
            origins = {move.id: move.origin for move in await journal.history()}
            assert (origins[MoveId("m0")], origins[MoveId("ended")]) == (Origin.ELSEWHERE, Origin.EARLIER)
            child.send_signal(signal.SIGKILL)
            child.wait()
            assert await journal.others() == ()
            assert len(await journal.claim_orphans(HOSTS)) == 3


async def test_an_orphan_is_claimed_by_exactly_one_of_two_that_start_at_once(tmp_path: Path) -> None:
    with another_program(tmp_path, "hold") as child:
        assert heard(child) == "held"
    async with Journal.open(tmp_path) as one, Journal.open(tmp_path) as other:
        claims = await asyncio.gather(one.claim_orphans(HOSTS), other.claim_orphans(HOSTS))
        assert sorted(move.id for claim in claims for move in claim) == ["m0", "m1", "m2"]
        assert {move.origin for claim in claims for move in claim} == {Origin.EARLIER}
        assert await one.claim_orphans(HOSTS) == await other.claim_orphans(HOSTS) == ()
        loser = other if claims[0] else one
        assert len(await loser.others()) == 3


async def test_a_claimed_move_comes_with_its_samples_and_passes_on_once_more(tmp_path: Path) -> None:
    async with Journal.open(tmp_path) as journal:
        journal.put(a_move())
        journal.sample(MoveId("m1"), a_sample(1))
    for _ in range(2):
        async with Journal.open(tmp_path) as journal:
            (move,) = await journal.claim_orphans(HOSTS)
            assert move == replace(a_move(), history=(a_sample(1),), origin=Origin.EARLIER)
    assert list((tmp_path / "programs").iterdir()) == []


async def test_an_orphan_between_hosts_that_are_not_in_the_fleet_waits_for_one_that_has_them(
    tmp_path: Path,
) -> None:
    async with Journal.open(tmp_path) as journal:
        journal.put(a_move())
    async with Journal.open(tmp_path) as journal:
        assert await journal.claim_orphans([HostName("h1"), HostName("h3")]) == ()
        assert len(await journal.claim_orphans(HOSTS)) == 1


async def test_lock_files_of_killed_programs_do_not_pile_up(tmp_path: Path) -> None:
    with another_program(tmp_path, "hold") as child:
        assert heard(child) == "held"
    async with Journal.open(tmp_path):
        assert len(list((tmp_path / "programs").iterdir())) == 1
