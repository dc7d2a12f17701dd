"""A user reads what was done, and leaves while guests move (a scripted fleet)."""

from __future__ import annotations

import pytest

from backends.api import ActionError
from backends.model.history import AuditLine
from backends.model.move import Move, MoveMode, Origin, Result, Route
from tests.tui.scripted import NOW, ScriptedFleet, found_move, past_move, request_of
from tests.tui.test_places_of_moves import MOVE, SIZES, mode_five, own_move
from tui.dialogs.leave import detached_words

JOURNAL_GONE = ActionError("the disk is full", operation="journal", hint="make room in ~/.local/state")

# -- the journal ----------------------------------------------------------------------------------------


@SIZES
async def test_the_history_lists_ended_moves_filters_them_and_opens_one(size: tuple[int, int]) -> None:
    fleet = ScriptedFleet("h1", "h2")
    fleet.past = (past_move("web-01"), past_move("mail", Result.FAILED, hours_ago=30))
    async with mode_five(fleet, size=size) as (program, _):
        await program.press("H")
        await program.sees("PAST MOVES  2")
        for words in ("succeeded", "failed", "2 h ago", "41 ms", "stopped 41 ms by libvirt"):
            await program.sees(words)
        await program.press("slash", *"mail", "enter")
        await program.sees("PAST MOVES  1   with: mail")
        await program.press("escape")
        await program.sees("PAST MOVES  2")
        await program.press("home", "enter")
        for words in (
            "web-01 is running on h2.",
            "written by the guest",
            "policy",
            "root@bastion, process 4711",
        ):
            await program.sees(words)
        await program.press("escape", "escape")
        await program.sees("MIGRATIONS")


async def test_an_empty_history_says_what_comes_there() -> None:
    async with mode_five() as (program, _):
        await program.press("H")
        await program.sees("No move has ended yet.")
        await program.press("slash", *"x")
        await program.sees("Nothing in the journal has these words")


@pytest.mark.parametrize("key", ["H", "A"])
async def test_a_journal_that_cannot_be_read_says_why_and_can_be_read_again(key: str) -> None:
    fleet = ScriptedFleet("h1", "h2")
    fleet.refuses = JOURNAL_GONE
    async with mode_five(fleet) as (program, _):
        await program.press(key)
        await program.sees("The journal cannot be read.")
        await program.sees("the disk is full")
        await program.sees("make room in")
        fleet.refuses = None
        await program.press("r")
        await program.no_longer_sees("cannot be read")


async def test_a_move_that_ends_appears_in_the_history() -> None:
    async with mode_five() as (program, fleet):
        fleet.has(own_move())
        await program.press("H")
        await program.sees("No move has ended yet.")
        fleet.past = (past_move("web-01"),)
        fleet.end(MOVE, Result.SUCCEEDED, "h2")
        await program.sees("PAST MOVES  1")


@SIZES
async def test_the_audit_says_who_did_what_and_what_came_of_it(size: tuple[int, int]) -> None:
    fleet = ScriptedFleet("h1", "h2")
    fleet.acts = (
        AuditLine(NOW, "root@bastion, process 4711", "force off web-01 on h1", "done"),
        AuditLine(
            NOW, "root@bastion, process 4711", "abort the move of mail", "too late: the move is verifying"
        ),
    )
    async with mode_five(fleet, size=size) as (program, _):
        await program.press("A")
        await program.sees("WHO DID WHAT  2")
        await program.press("slash", *"mail", "enter")
        await program.sees("WHO DID WHAT  1")
        for words in (
            "abort the move of mail",
            "too late: the move is verifying",
            "root@bastion, process 4711",
        ):
            await program.sees(words)


async def test_the_palette_leads_to_the_history_from_anywhere() -> None:
    async with mode_five() as (program, _):
        await program.press("2", "colon", *"history", "enter")
        await program.sees("PAST MOVES")


# -- leaving --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("move", "fate"),
    [
        (own_move(route=Route.DIRECT), "it is client-managed: it would be rolled back"),
        (own_move(MoveMode.SAVED), "it would stop, and web-01 stay saved"),
        (own_move(MoveMode.OFFLINE), "it would stop, with web-01 still defined on h1"),
    ],
)
async def test_a_move_that_needs_this_session_cannot_be_left_and_its_fate_is_said(
    move: Move, fate: str
) -> None:
    async with mode_five() as (program, fleet):
        fleet.has(move, found_move("mail", Origin.EARLIER))
        await program.sees("2 in flight")
        await program.press("q")
        await program.sees("moves are in flight")
        assert fate in " ".join(program.text().replace("│", " ").split())
        assert "detach" not in program.text()
        await program.press("d")
        assert program.app.is_running
        await program.press("a")
        await program.until(lambda: ("abort", MOVE) in fleet.asked)


async def test_somebody_elses_moves_keep_nobody_here() -> None:
    async with mode_five() as (program, fleet):
        fleet.has(found_move("mail", Origin.ELSEWHERE))
        await program.sees("1 in flight")
        await program.press("q")
        await program.until(lambda: not program.app.is_running or program.app._exit)


def test_who_detaches_reads_what_still_moves() -> None:
    words = detached_words([own_move(), request_of(found_move("mail", Origin.EARLIER), MoveMode.PAUSED)])
    assert "web-01, h1 to h2" in words
    assert "virsh undefine web-01" in words
    assert "mail, h1 to h2" in words
