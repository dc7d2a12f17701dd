"""`jobs`, `attach`, `abort`, `unfinished`: what scripts do with moves that are under way (a scripted fleet)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from backends.model.fleet import FleetState
from backends.model.guest import GuestState
from backends.model.move import Move, MoveId, Origin, Phase, Result, RunningJob
from backends.model.unfinished import UnfinishedKind
from tests.tui.scripted import MIB, ScriptedFleet, found_move, guest, left_over
from tui.headless import attach as attach_module
from tui.headless import jobs as jobs_module
from tui.headless import journal as journal_module
from tui.headless.attach import abort, attach
from tui.headless.exits import Exit, UsageError
from tui.headless.jobs import find_job, id_of, jobs
from tui.headless.journal import unfinished
from tui.headless.session import HostOptions

ANY = HostOptions()
EARLIER = found_move("mail", Origin.EARLIER)
FOREIGN = found_move("db", Origin.ELSEWHERE, "eve@h9, process 7")
SAVE = RunningJob(guest("h1", "batch-7").key, "batch-7", "save", 12.0, 512 * MIB, 64 * MIB)


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> ScriptedFleet:
    """Two hosts that have answered; commands without a screen open this fleet."""
    scripted = ScriptedFleet("h1", "h2")
    scripted.up("h1", guest("h1", "mail"), guest("h1", "db"), guest("h1", "batch-7"))
    scripted.up("h2")

    @asynccontextmanager
    async def opened(_: HostOptions) -> AsyncIterator[tuple[ScriptedFleet, FleetState]]:
        yield scripted, scripted.state

    for module in (attach_module, jobs_module, journal_module):
        monkeypatch.setattr(module, "settled_fleet", opened)
    monkeypatch.setattr(jobs_module, "LOOK_S", 0.02)
    monkeypatch.setattr(jobs_module, "SEEN_S", 0.3)
    monkeypatch.setattr(journal_module, "COMPARED_S", 0.02)
    monkeypatch.setattr(journal_module, "FOUND_S", 0.3)
    return scripted


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """The objects on standard output."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


async def until(condition: Callable[[], bool]) -> None:
    """Wait, with a deadline."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  (what the command asked of the fleet: nothing signals it)
            await asyncio.sleep(0.005)


def named(move: Move) -> list[str]:
    """All that may stand for a move on a command line."""
    key = move.request.guest
    return [move.id, move.id[:6], move.request.name, f"h1/{move.request.name}", key.uuid, f"h1/{key.uuid}"]


# -- jobs -----------------------------------------------------------------------------------------------


async def test_jobs_lists_moves_of_everybody_and_other_jobs_with_an_id(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.has(EARLIER, FOREIGN)
    fleet.has_jobs(SAVE)
    assert await jobs(ANY, json=True) == 0
    told = {str(line["id"]): line for line in lines(capsys)}
    assert set(told) == {EARLIER.id, FOREIGN.id, "h1/batch-7"}
    foreign = told[FOREIGN.id]
    assert (foreign["event"], foreign["origin"], foreign["who"]) == ("job", "elsewhere", "eve@h9, process 7")
    assert (foreign["host"], foreign["destination"], foreign["mode"], foreign["phase"]) == (
        "h1",
        "h2",
        "live",
        "copying",
    )
    assert told["h1/batch-7"]["operation"] == "save"
    assert told["h1/batch-7"]["destination"] is None


async def test_people_read_who_started_what(fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]) -> None:
    fleet.has(FOREIGN)
    fleet.has_jobs(SAVE)
    await jobs(ANY, json=False)
    out = capsys.readouterr().out
    assert "eve@h9, process 7" in out
    assert "move live" in out
    assert "h1/batch-7" in out


async def test_jobs_waits_a_moment_for_what_the_hosts_report(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reported() -> tuple[RunningJob, ...]:
        key = EARLIER.request.guest
        return (RunningJob(key, "mail", "migration out", 1.0, MIB, MIB),)

    monkeypatch.setattr(fleet, "running_jobs", reported)
    listing = asyncio.create_task(jobs(ANY, json=True))
    await asyncio.sleep(0)
    fleet.has(EARLIER)
    assert await listing == 0
    assert [line["id"] for line in lines(capsys)] == [EARLIER.id]


@pytest.mark.parametrize("text", named(EARLIER))
async def test_a_move_goes_by_its_id_or_its_guest(fleet: ScriptedFleet, text: str) -> None:
    fleet.has(EARLIER, FOREIGN)
    found = await find_job(fleet, text)
    assert id_of(found) == EARLIER.id


async def test_a_move_that_is_found_late_is_waited_for(fleet: ScriptedFleet) -> None:
    finding = asyncio.create_task(find_job(fleet, "mail"))
    await asyncio.sleep(0)
    fleet.has(EARLIER)
    assert id_of(await finding) == EARLIER.id


async def test_a_word_that_means_two_lists_both(fleet: ScriptedFleet) -> None:
    other = found_move("mail", Origin.ELSEWHERE)
    fleet.has(EARLIER, other)
    with pytest.raises(UsageError) as error:
        await find_job(fleet, "mail")
    assert EARLIER.id in error.value.hint
    assert other.id in error.value.hint


# -- attach ---------------------------------------------------------------------------------------------


async def test_attach_watches_to_the_end_and_its_status_is_the_outcome(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.has(EARLIER)
    watching = asyncio.create_task(attach(ANY, "mail", json=True))
    await asyncio.sleep(0.02)
    fleet.end(EARLIER.id, Result.SUCCEEDED, "h2")
    assert await watching == Exit.SUCCEEDED
    assert lines(capsys)[-1]["verdict"] == "succeeded"


async def test_ctrl_c_ends_the_watching_and_not_the_move(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.has(EARLIER)
    watching = asyncio.create_task(attach(ANY, EARLIER.id, json=True))
    told: list[dict[str, object]] = []

    def has_begun() -> bool:
        told.extend(lines(capsys))
        return any(line["event"] == "progress" for line in told)

    await until(has_begun)
    os.kill(os.getpid(), signal.SIGINT)
    assert await watching == Exit.INDETERMINATE
    assert not [words for words in fleet.asked if words[0] == "abort"]
    assert "goes on without this program" in str(lines(capsys)[-1]["reason"])


async def test_a_move_of_somebody_else_that_is_gone_tells_what_the_hosts_show(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.has(FOREIGN)
    watching = asyncio.create_task(attach(ANY, "db", json=True))
    await asyncio.sleep(0.02)
    fleet.up("h1", guest("h1", "db", GuestState.OFF))
    fleet.up("h2", guest("h2", "db"))
    fleet.forget(FOREIGN.id)
    assert await watching == Exit.INDETERMINATE
    last = lines(capsys)[-1]
    assert (last["verdict"], last["where"], last["state"]) == ("indeterminate", "h2", "running")
    assert "somebody else's move" in str(last["reason"])


@pytest.mark.parametrize("command", [attach, lambda *words, json: abort(*words, yes=True, json=json)])
async def test_a_job_that_is_no_move_is_named_with_the_command_that_stops_it(
    fleet: ScriptedFleet, command: Callable[..., object]
) -> None:
    fleet.has_jobs(SAVE)
    with pytest.raises(UsageError) as error:
        await command(ANY, "h1/batch-7", json=False)  # type: ignore[misc]
    assert "it is a save" in str(error.value)
    assert "domjobabort batch-7" in error.value.hint


# -- abort ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "where", "status"),
    [
        (Result.CANCELLED, "h1", Exit.SUCCEEDED),
        (Result.FAILED, "h1", Exit.SUCCEEDED),
        (Result.SUCCEEDED, "h2", Exit.FAILED),
        (Result.INDETERMINATE, "h1", Exit.INDETERMINATE),
    ],
)
async def test_abort_waits_for_the_truth(
    fleet: ScriptedFleet, result: Result, where: str, status: Exit
) -> None:
    fleet.has(EARLIER)
    stopping = asyncio.create_task(abort(ANY, "mail", yes=False, json=True))
    await until(lambda: ("abort", EARLIER.id) in fleet.asked)
    assert not stopping.done()
    fleet.step(EARLIER.id, Phase.CANCELLING, "asked to stop")
    fleet.end(EARLIER.id, result, where)
    assert await stopping == status


async def test_somebody_elses_move_is_stopped_only_with_yes(fleet: ScriptedFleet) -> None:
    fleet.has(FOREIGN)
    with pytest.raises(UsageError) as error:
        await abort(ANY, "db", yes=False, json=False)
    assert "eve@h9, process 7 started it" in str(error.value)
    assert not [words for words in fleet.asked if words[0] == "abort"]
    stopping = asyncio.create_task(abort(ANY, "db", yes=True, json=False))
    await until(lambda: ("abort", FOREIGN.id) in fleet.asked)
    fleet.end(FOREIGN.id, Result.CANCELLED, "h1")
    assert await stopping == Exit.SUCCEEDED


async def test_a_move_that_is_over_cannot_be_stopped(fleet: ScriptedFleet) -> None:
    fleet.has(EARLIER)
    fleet.end(EARLIER.id, Result.SUCCEEDED, "h2")
    with pytest.raises(UsageError, match="is over: succeeded"):
        await abort(ANY, EARLIER.id, yes=False, json=False)


# -- left to do -----------------------------------------------------------------------------------------


async def test_what_is_left_to_do_is_listed_with_its_id_its_mend_and_its_command(
    fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    left, split = left_over("web"), left_over("split", UnfinishedKind.RUNS_TWICE, None)
    fleet.has_unfinished(split, left)
    await unfinished(ANY, mend=None, json=True)
    one, other = lines(capsys)
    assert (one["kind"], one["mend"]) == ("runs twice", None)
    assert (other["event"], other["id"], other["command"]) == ("unfinished", left.id, left.command)
    await unfinished(ANY, mend=None, json=False)
    out = capsys.readouterr().out
    assert f"virt-ferry unfinished --mend {left.id}" in out
    assert "only a person can decide" in out


async def test_mend_does_what_mends_it(fleet: ScriptedFleet, capsys: pytest.CaptureFixture[str]) -> None:
    left = left_over("web")
    fleet.has_unfinished(left)
    assert await unfinished(ANY, mend=left.id, json=False) == 0
    assert ("mend", left.id) in fleet.asked
    assert "web: remove the definition on h1: done" in capsys.readouterr().out


async def test_what_only_a_person_can_decide_is_not_mended(fleet: ScriptedFleet) -> None:
    split = left_over("split", UnfinishedKind.RUNS_TWICE, None)
    fleet.has_unfinished(split)
    with pytest.raises(UsageError, match="only a person can decide"):
        await unfinished(ANY, mend=split.id, json=False)
    assert not [words for words in fleet.asked if words[0] == "mend"]


def test_ids_of_scripted_moves_differ_where_they_should() -> None:
    assert EARLIER.id[:6] != MoveId(FOREIGN.id)[:6]
