"""A user looks after all moves: those in flight, what they left to do, and how they ended (a scripted fleet)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from backends.api import ActionError
from backends.model.history import AuditLine
from backends.model.host import HostName, Link
from backends.model.move import (
    Gap,
    Move,
    MoveId,
    MoveMode,
    MoveRequest,
    Origin,
    Phase,
    Preflight,
    Result,
    Route,
    RunningJob,
)
from backends.model.unfinished import Mend, UnfinishedKind
from tests.tui.programs import Program, program_on
from tests.tui.scripted import (
    FINE,
    MIB,
    NOW,
    ScriptedFleet,
    found_move,
    guest,
    left_over,
    past_move,
    transfer,
)
from tui.glyphs import ASCII
from tui.screens.run import RunScreen
from tui.settings import Settings

MOVE = MoveId("move-1")
SIZES = pytest.mark.parametrize("size", [(80, 24), (200, 50)], ids=["80x24", "200x50"])
SMALL = (80, 24)


@asynccontextmanager
async def mode_five(
    fleet: ScriptedFleet | None = None, *, size: tuple[int, int] = SMALL, settings: Settings | None = None
) -> AsyncIterator[tuple[Program, ScriptedFleet]]:
    """The migrations of two hosts."""
    fleet = fleet or ScriptedFleet("h1", "h2")
    fleet.up("h1", guest("h1", "web-01"))
    fleet.up("h2")
    async with program_on(fleet, size=size, settings=settings) as program:
        await program.sees("web-01")
        await program.press("5")
        await program.sees("MIGRATIONS")
        yield program, fleet


def own_move(mode: MoveMode = MoveMode.LIVE, route: Route = Route.PEER_TO_PEER) -> Move:
    """web-01 on its way."""
    request = MoveRequest(guest("h1", "web-01").key, "web-01", HostName("h2"), mode)
    preflight = Preflight(request, FINE, "virsh migrate web-01 && virsh undefine web-01", route=route)
    return Move(MOVE, request, Phase.COPYING, NOW, preflight, progress=transfer(9))


# -- in flight ------------------------------------------------------------------------------------------


async def test_nothing_in_flight_says_what_to_do() -> None:
    async with mode_five() as (program, _):
        await program.sees("No move is in flight.")
        await program.sees("m on a guest (mode 1) plans one.")


@SIZES
async def test_moves_of_everybody_are_listed_with_a_bar_and_who_started_them(size: tuple[int, int]) -> None:
    async with mode_five(size=size) as (program, fleet):
        fleet.has(
            own_move(),
            found_move("mail", Origin.EARLIER),
            found_move("db", Origin.ELSEWHERE, "eve@h9, process 7"),
        )
        await program.sees("3 in flight, 0 done")
        text = program.text()
        assert text.count("█") > 3 * 4
        assert text.count("44%") == 2
        if size[0] > 80:
            for words in ("this session", "earlier session", "eve@h9"):
                assert words in text


async def test_a_move_of_somebody_else_leaves_the_list_when_it_is_no_longer_watched() -> None:
    move = found_move("db", Origin.ELSEWHERE)
    async with mode_five() as (program, fleet):
        fleet.has(move)
        await program.sees("1 in flight")
        fleet.forget(move.id)
        await program.sees("0 in flight, 0 done")
        assert "h1 → h2" not in program.text()


async def test_moves_in_flight_stand_above_those_that_are_done() -> None:
    async with mode_five() as (program, fleet):
        fleet.has(replace(found_move("old", Origin.EARLIER), started=NOW))
        fleet.has(replace(past_move("done"), started=NOW.replace(year=NOW.year + 1)))
        await program.sees("1 in flight, 1 done")
        await program.press("5")
        text = program.text()
        assert text.index(" old ") < text.index(" done ", text.index("PHASE"))


async def test_the_job_of_a_move_is_no_other_job_at_neither_end() -> None:
    move = own_move()
    async with mode_five() as (program, fleet):
        fleet.has(move)
        keys = (move.request.guest, move.request.guest._replace(host=HostName("h2")))
        fleet.has_jobs(*(RunningJob(key, "web-01", "migration in", 1.0, MIB, MIB) for key in keys))
        await program.sees("1 in flight")
        assert "OTHER JOBS" not in program.text()


# -- left to do -----------------------------------------------------------------------------------------


@SIZES
async def test_what_is_left_to_do_is_listed_with_its_mend_and_its_command(size: tuple[int, int]) -> None:
    async with mode_five(size=size) as (program, fleet):
        fleet.has_unfinished(left_over("old-web"))
        for words in (
            "1 left to do",
            "defined twice",
            "old-web runs on h2 and is still defined on h1",
            "remove the definition",
            "virsh -c qemu+ssh://root@h1/system undefine old-web",
        ):
            await program.sees(words)
        await program.sees("left to do 1")
        fleet.has_unfinished()
        await program.no_longer_sees("old-web")


async def test_mending_asks_first_and_no_is_the_default() -> None:
    left = left_over("old-web")
    async with mode_five() as (program, fleet):
        fleet.has_unfinished(left)
        await program.sees("defined twice")
        await program.press("m")
        await program.sees("yes, remove the definition on h1")
        await program.press("enter")
        await program.no_longer_sees("yes, remove the definition on h1")
        assert ("mend", left.id) not in fleet.asked
        await program.press("m", "y")
        await program.until(lambda: ("mend", left.id) in fleet.asked)
        await program.sees("old-web: remove the definition: done")


async def test_a_mend_that_fails_says_why() -> None:
    async with mode_five() as (program, fleet):
        fleet.has_unfinished(left_over("old-web"))
        fleet.refuses = ActionError("it runs on h1 now", host="h1", operation="undefine", hint="look again")
        await program.sees("defined twice")
        await program.press("m", "y")
        await program.sees("it runs on h1 now")


async def test_what_only_a_person_can_decide_is_an_alarm_without_a_key() -> None:
    async with mode_five() as (program, fleet):
        fleet.has_unfinished(left_over("split", UnfinishedKind.RUNS_TWICE, None))
        await program.sees("alarms 1")
        await program.sees("only a person can decide")
        await program.press("m")
        await program.sees("not now: mend: only a person can decide")
        assert not fleet.asked


async def test_the_most_urgent_comes_first() -> None:
    async with mode_five() as (program, fleet):
        fleet.has_unfinished(
            left_over("a", UnfinishedKind.STATE_FILE, Mend.RESTORE),
            left_over("b"),
            left_over("c", UnfinishedKind.POSTCOPY_BROKEN, Mend.RESUME_POSTCOPY),
        )
        await program.sees("3 left to do")
        text = program.text()
        assert (
            text.index("post-copy broke off") < text.index("saved state left") < text.index("defined twice")
        )


async def test_a_silent_host_cannot_be_mended() -> None:
    async with mode_five() as (program, fleet):
        fleet.has_unfinished(left_over("old-web"))
        fleet.link("h1", Link.STALE, "keepalive lost")
        await program.sees("defined twice")
        await program.press("m")
        await program.sees("h1 does not answer")


@pytest.mark.parametrize("key", ["m", "X"])
async def test_a_read_only_session_mends_and_stops_nothing(key: str) -> None:
    async with mode_five(settings=Settings(read_only=True)) as (program, fleet):
        fleet.has(own_move())
        fleet.has_unfinished(left_over("old-web"))
        await program.sees("defined twice")
        await program.press(key)
        await program.sees("read-only")
        assert not fleet.asked


# -- the end --------------------------------------------------------------------------------------------


@SIZES
async def test_the_card_says_which_stop_is_which_and_mends_what_is_left(size: tuple[int, int]) -> None:
    async with mode_five(size=size) as (program, fleet):
        fleet.has(own_move())
        await program.sees("1 in flight")
        program.app.push_screen(RunScreen(MOVE))
        await program.sees("copying")
        left = replace(left_over("web-01"), move=MOVE)
        fleet.has_unfinished(left)
        fleet.end(MOVE, Result.SUCCEEDED, "h2", gap=Gap(31, 20, "echo to 10.77.0.101"))
        await program.sees("web-01 is running on h2.")
        told = " ".join(program.text().split())
        assert (
            "stopped 26 ms by libvirt, 31 ms as seen from outside (echo to 10.77.0.101, every 20 ms)" in told
        )
        assert "m remove the definition on h1" in told
        assert "nothing left to do" not in told
        await program.press("m", "y")
        await program.until(lambda: ("mend", left.id) in fleet.asked)
        fleet.has_unfinished()
        await program.sees("nothing left to do.")


async def test_all_places_of_moves_can_be_drawn_with_ascii_alone() -> None:
    fleet = ScriptedFleet("h1", "h2")
    fleet.past = (past_move("mail"),)
    fleet.acts = (AuditLine(NOW, "root@bastion", "force off mail on h1", "done"),)
    async with mode_five(fleet, settings=Settings(theme="ansi", glyphs=ASCII)) as (program, _):
        fleet.has(own_move(), found_move("mail", Origin.ELSEWHERE))
        fleet.has_unfinished(replace(left_over("web-01"), move=MOVE))
        fleet.has_jobs(RunningJob(guest("h1", "batch-7").key, "batch-7", "save", 1.0, MIB, MIB))
        await program.sees("OTHER JOBS")
        for keys, words in (
            ((), "defined twice"),
            (("m",), "yes, remove the definition"),
            (("escape", "H"), "PAST MOVES  1"),
            (("enter",), "written by the guest"),
            (("escape", "escape", "A"), "WHO DID WHAT  1"),
            (("escape", "home", "enter"), "downtime"),
            (("X",), "stop "),
            (("escape", "escape", "1", "q"), "moves are in flight"),
        ):
            await program.press(*keys)
            await program.sees(words)
            assert program.text().isascii(), program.text()
