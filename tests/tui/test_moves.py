"""A user plans a move, starts it, watches it, turns its knobs and reads its outcome (a scripted fleet)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from backends.model.move import MoveId, Phase, Result
from tests.tui.programs import Program, embedded_program, program_on
from tests.tui.scripted import DOUBT, FINE, NO, ScriptedFleet, guest, transfer

MOVE = MoveId("move-1")


def two_hosts() -> ScriptedFleet:
    """web-01 on h1; h2 and h3 to go to."""
    fleet = ScriptedFleet("h1", "h2", "h3")
    fleet.up("h1", guest("h1", "web-01"))
    fleet.up("h2")
    fleet.up("h3")
    return fleet


@asynccontextmanager
async def planning(fleet: ScriptedFleet, size: tuple[int, int] = (120, 36)) -> AsyncIterator[Program]:
    """The plan of web-01's move, with the checks answered."""
    async with program_on(fleet, size=size) as program:
        await program.sees("web-01")
        await program.press("m")
        await program.sees("CHECKS")
        await program.until(lambda: bool(program.view("#verdict").text.strip()), "a verdict")
        yield program


@asynccontextmanager
async def moving(size: tuple[int, int] = (120, 36)) -> AsyncIterator[tuple[Program, ScriptedFleet]]:
    """web-01 on its way from h1 to h2."""
    fleet = two_hosts()
    async with planning(fleet, size) as program:
        await program.press("enter")
        await program.sees("h1 → h2")
        fleet.step(MOVE, Phase.COPYING, "started, peer-to-peer", progress=transfer(1))
        await program.sees("copying")
        yield program, fleet


async def test_the_plan_checks_each_destination_and_enter_starts() -> None:
    fleet = two_hosts()
    async with planning(fleet) as program:
        assert "a marker written on h1 was read on h2" in program.text()
        await program.press("down")
        await program.sees("virsh migrate --live web-01 h3")
        await program.press("enter")
        await program.sees("h1 → h3")
        request, accepted = fleet.asked[-1][1:]
        assert getattr(request, "destination", None) == "h3"
        assert accepted is False


async def test_a_refusal_blocks_the_start_and_says_why() -> None:
    fleet = two_hosts()
    fleet.checks = (*FINE, NO)
    async with planning(fleet) as program:
        assert "web-01 cannot move to h2" in program.text()
        assert "free some on h2" in program.text()
        assert "virsh" not in program.text(), "a command that is sure to fail takes the room of the checks"
        await program.press("enter")
        await program.sees("the guest needs 4 GiB, h2 has 1 GiB")
        assert not fleet.state.moves


async def test_the_worst_check_comes_first() -> None:
    fleet = two_hosts()
    fleet.checks = (*FINE, DOUBT, NO)
    async with planning(fleet) as program:
        lines = program.view("#checks").text
        assert lines.index("memory") < lines.index("processor") < lines.index("guest state")


async def test_doubts_must_be_accepted_and_no_is_the_default() -> None:
    fleet = two_hosts()
    fleet.checks = (*FINE, DOUBT)
    async with planning(fleet) as program:
        await program.press("enter")
        await program.sees("all the same?")
        await program.press("enter")
        await program.no_longer_sees("all the same?")
        assert not fleet.state.moves
        await program.press("enter")
        await program.sees("all the same?")
        await program.press("y")
        await program.sees("h1 → h2")
        assert fleet.asked[-1][2] is True


async def test_bandwidth_and_downtime_go_into_the_plan() -> None:
    fleet = two_hosts()
    async with planning(fleet) as program:
        await program.press("b", *"64", "enter")
        await program.sees("64 MiB/s")
        await program.press("d", *"120", "enter")
        await program.sees("120 ms")
        await program.press("s")
        await program.until(lambda: bool(fleet.state.moves))
        request = fleet.state.moves[MOVE].request
        assert (request.bandwidth_mib_s, request.max_downtime_ms) == (64, 120)


async def test_the_run_shows_phases_numbers_and_words() -> None:
    async with moving() as (program, fleet):
        for second in range(2, 12):
            fleet.step(MOVE, Phase.COPYING, progress=transfer(second))
        for words in (
            "of 00:15–00:18",
            "112 MiB/s",
            "31 MiB/s",
            "00:04–00:07",
            "will converge",
            "expected stop 24–41 ms",
            "started, peer-to-peer",
            "written by the guest",
        ):
            await program.sees(words)


async def test_a_guest_that_outruns_the_link_is_called_so() -> None:
    async with moving() as (program, fleet):
        fleet.step(MOVE, Phase.COPYING, progress=transfer(9, dirty_mib_s=300))
        await program.sees("will not converge")


async def test_the_knobs_reach_the_move() -> None:
    async with moving() as (program, fleet):
        await program.press("b", *"16", "enter")
        await program.until(lambda: ("bandwidth", MOVE, 16) in fleet.asked)
        await program.press("d", "backspace", "backspace", *"500", "enter")
        await program.until(lambda: ("downtime", MOVE, 500) in fleet.asked)


async def test_abort_asks_first_and_then_only_asks_the_move() -> None:
    async with moving() as (program, fleet):
        await program.press("X")
        await program.sees("stop the move of web-01?")
        await program.press("escape")
        await program.no_longer_sees("stop the move of web-01?")
        assert ("abort", MOVE) not in fleet.asked
        await program.press("X", "y")
        await program.until(lambda: ("abort", MOVE) in fleet.asked)
        fleet.step(MOVE, Phase.CANCELLING, "asked to stop")
        await program.sees("cancelling")
        fleet.end(MOVE, Result.CANCELLED, "h1", "cancelled by you")
        await program.sees("cancelled: web-01 is running on h1.")


async def test_the_outcome_card_says_where_the_guest_is() -> None:
    async with moving() as (program, fleet):
        fleet.end(MOVE, Result.SUCCEEDED, "h2")
        await program.sees("✓ web-01 is running on h2.")
        text = program.text()
        assert "total 11.8 s" in text
        assert "stopped 26 ms by libvirt" in text
        assert "2.60 GiB sent" in text
        assert "nothing left to do." in text
        await program.press("X")
        await program.sees("the move is over")


async def test_back_keeps_moving_and_the_table_shows_it() -> None:
    async with moving() as (program, fleet):
        fleet.step(MOVE, Phase.COPYING, progress=transfer(11))
        await program.press("escape")
        await program.sees("h1→h2")
        await program.sees("⇄ 60%")
        fleet.up("h2", guest("h2", "web-01"))
        fleet.step(MOVE, Phase.COPYING, progress=transfer(12))
        await program.sees("⇄ 66%")
        assert "GUESTS  1" in program.text(), "the twin at the destination is not shown before it has arrived"
        assert "guests 1 running" in program.text(), "nor is it counted"


async def test_mode_five_lists_the_moves_and_opens_one() -> None:
    async with moving() as (program, fleet):
        fleet.step(MOVE, Phase.COPYING, progress=transfer(11))
        await program.press("5")
        await program.sees("1 in flight, 0 done")
        await program.sees("60%")
        await program.press("enter")
        await program.sees("written by the guest")
        await program.press("escape")
        fleet.end(MOVE, Result.SUCCEEDED, "h2")
        await program.sees("0 in flight, 1 done")


async def test_leaving_with_a_move_in_flight_asks_and_keeps_watching_by_default() -> None:
    async with moving() as (program, fleet):
        await program.press("q")
        await program.sees("moves are in flight")
        await program.press("enter")
        await program.no_longer_sees("moves are in flight")
        assert program.app.is_running
        await program.press("q")
        await program.sees("detach")
        await program.press("d")
        await program.until(lambda: not program.app.is_running or program.app._exit)
        assert ("abort", MOVE) not in fleet.asked


async def test_leaving_can_abort_and_stays_to_see_the_end() -> None:
    async with moving() as (program, fleet):
        await program.press("q", "a")
        await program.until(lambda: ("abort", MOVE) in fleet.asked)
        await program.sees("MIGRATIONS")


async def test_a_move_fits_into_80_columns_and_24_lines() -> None:
    async with moving((80, 24)) as (program, fleet):
        for second in range(2, 9):
            fleet.step(MOVE, Phase.COPYING, progress=transfer(second))
        await program.sees("expected stop 24–41 ms")
        assert "started, peer-to-peer" in program.text()
        assert "X abort" in program.text()


async def test_a_lone_host_says_why_nothing_can_move() -> None:
    fleet = ScriptedFleet("h1")
    fleet.up("h1", guest("h1", "web-01"))
    async with program_on(fleet) as program:
        await program.sees("web-01")
        await program.press("m")
        await program.sees("there is no other host")


async def test_the_test_driver_answers_the_checks_too() -> None:
    async with embedded_program() as program:
        await program.press("m")
        await program.sees("guest state")
        await program.sees("[saved]")
        await program.sees("not live, paused: the test driver cannot migrate")
        await program.sees("enter moves")
