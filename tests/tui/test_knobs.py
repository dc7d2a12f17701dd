"""A user turns the knobs of a move in flight: each says its consequence, or why it cannot be turned."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from backends.model.fleet import GuestsChanged
from backends.model.guest import GuestState
from backends.model.host import HostName
from backends.model.move import (
    LastResort,
    LogKind,
    Move,
    MoveId,
    MoveMode,
    MoveRequest,
    Origin,
    Phase,
    Preflight,
    Result,
    Route,
)
from tests.tui.programs import Program, program_on
from tests.tui.scripted import FINE, GIB, NOW, ScriptedFleet, found_move, guest, transfer
from tui.screens.run import RunScreen
from tui.settings import Settings

MOVE = MoveId("move-1")
SMALL, LARGE = (80, 24), (200, 50)
WEB = guest("h1", "web-01")


def a_move(
    mode: MoveMode = MoveMode.LIVE, *, postcopy: bool = True, route: Route = Route.PEER_TO_PEER
) -> Move:
    """web-01 on its way from h1 to h2, half of it sent."""
    request = MoveRequest(WEB.key, WEB.name, HostName("h2"), mode, postcopy=postcopy)
    preflight = Preflight(request, FINE, "virsh migrate web-01", route=route)
    return Move(MOVE, request, Phase.COPYING, NOW, preflight, progress=transfer(9))


@asynccontextmanager
async def watching(
    move: Move, *, size: tuple[int, int] = SMALL, settings: Settings | None = None
) -> AsyncIterator[tuple[Program, ScriptedFleet]]:
    """The page of a move."""
    fleet = ScriptedFleet("h1", "h2")
    fleet.up("h1", WEB)
    fleet.up("h2")
    fleet.has(move)
    async with program_on(fleet, size=size, settings=settings) as program:
        await program.sees("web-01")
        program.app.push_screen(RunScreen(move.id))
        await program.sees("h1 → h2")
        yield program, fleet


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "200x50"])
@pytest.mark.parametrize(
    ("key", "question", "consequence", "act"),
    [
        ("p", "switch web-01 to post-copy now?", "there is no way back", ("post-copy", MOVE)),
        ("z", "pause web-01 until it has arrived?", "stands still from now on", ("pause", MOVE)),
        ("X", "stop the move of web-01?", "what was sent so far is thrown away", ("abort", MOVE)),
    ],
)
async def test_a_knob_says_its_consequence_and_the_default_answer_is_no(
    key: str, question: str, consequence: str, act: tuple[object, ...], size: tuple[int, int]
) -> None:
    async with watching(a_move(), size=size) as (program, fleet):
        await program.press(key)
        await program.sees(question)
        assert consequence in " ".join(program.text().replace("│", " ").split())
        await program.press("enter")
        await program.no_longer_sees(question)
        assert act not in fleet.asked
        await program.press(key, "y")
        await program.until(lambda: act in fleet.asked)


async def test_post_copy_names_what_is_still_to_be_fetched_and_what_a_broken_line_costs() -> None:
    progress = replace(transfer(9), total_bytes=12 * GIB, disk_total_bytes=10 * GIB, disk_remaining_bytes=0)
    async with watching(replace(a_move(), progress=progress), size=LARGE) as (program, _):
        await program.press("p")
        await program.sees("fetches 1.02 GiB of its memory from")
        await program.sees("web-01 loses its")


@pytest.mark.parametrize(
    ("move", "key", "reason"),
    [
        (a_move(MoveMode.OFFLINE), "b", "a move in offline mode sends nothing that could be limited"),
        (a_move(MoveMode.PAUSED), "d", "only a live move has a limit of downtime"),
        (a_move(MoveMode.PAUSED), "p", "only a live move can switch over before all memory is there"),
        (a_move(MoveMode.PAUSED), "z", "it stands still already: the move is paused"),
        (a_move(postcopy=False), "p", "it was not started ready for post-copy: p in the plan does that"),
        (replace(a_move(), phase=Phase.PREPARING), "p", "too early: preparing"),
        (replace(a_move(), phase=Phase.POSTCOPY), "p", "in post-copy already: it runs on h2"),
        (replace(a_move(), phase=Phase.POSTCOPY), "X", "there is no way back"),
        (replace(a_move(), phase=Phase.POSTCOPY), "z", "in post-copy already"),
        (replace(a_move(), phase=Phase.SWITCHING), "b", "too late: switching over"),
        (replace(a_move(), phase=Phase.CANCELLING), "X", "it is being stopped already"),
        (replace(a_move(), origin=Origin.ELSEWHERE, who="eve@h9"), "b", "eve@h9 has it in hand"),
        (replace(a_move(), origin=Origin.ELSEWHERE), "p", "somebody else has it in hand"),
        (
            replace(a_move(MoveMode.SAVED), origin=Origin.ELSEWHERE, who="eve@h9"),
            "X",
            "only its own program can stop it: eve@h9",
        ),
    ],
)
async def test_a_knob_that_cannot_be_turned_says_why(move: Move, key: str, reason: str) -> None:
    async with watching(move, size=LARGE) as (program, fleet):
        await program.press(key)
        await program.sees(reason)
        assert not fleet.asked


async def test_a_driver_without_post_copy_says_so() -> None:
    move = a_move()
    xen = replace(move.request, guest=move.request.guest._replace(driver="xen"))
    async with watching(replace(move, request=xen), size=LARGE) as (program, _):
        await program.press("p")
        await program.sees("the xen driver has no post-copy")


async def test_a_guest_that_is_paused_already_cannot_be_paused() -> None:
    async with watching(a_move(), size=LARGE) as (program, fleet):
        fleet.tell(GuestsChanged(HostName("h1"), 1, (replace(WEB, state=GuestState.PAUSED),), NOW))
        await program.press("z")
        await program.sees("it is paused already")


@pytest.mark.parametrize("key", ["b", "d", "p", "z", "X"])
async def test_a_read_only_session_turns_nothing(key: str) -> None:
    async with watching(a_move(), settings=Settings(read_only=True)) as (program, fleet):
        assert "READ-ONLY" in program.text()
        await program.press(key)
        await program.sees("read-only")
        assert not fleet.asked


async def test_somebody_elses_move_is_stopped_only_after_naming_whose_it_is() -> None:
    move = found_move("web-01", Origin.ELSEWHERE, "root@h1, virsh")
    async with watching(move) as (program, fleet):
        assert "started elsewhere, by root@h1, virsh" in program.text()
        assert "this session only watches it" in program.text()
        await program.press("X")
        await program.sees("stop somebody else's move of web-01?")
        await program.sees("root@h1, virsh started it, and will see it fail")
        await program.press("y")
        await program.until(lambda: ("abort", move.id) in fleet.asked)


async def test_a_move_of_an_earlier_session_says_so_and_has_its_knobs() -> None:
    move = found_move("web-01", Origin.EARLIER)
    async with watching(move) as (program, fleet):
        assert "started by root@bastion, process 4711 before this session" in program.text()
        await program.press("b", *"16", "enter")
        await program.until(lambda: ("bandwidth", move.id, 16) in fleet.asked)


@pytest.mark.parametrize(
    ("move", "words"),
    [
        (a_move(), "peer-to-peer: it goes on if this session ends"),
        (a_move(route=Route.DIRECT), "client-managed: if this session ends, it is rolled back"),
        (a_move(MoveMode.SAVED), "carried by this session: if it ends, the guest stays saved"),
    ],
)
async def test_the_page_says_what_becomes_of_the_move_without_this_session(move: Move, words: str) -> None:
    async with watching(move) as (program, _):
        await program.sees(words)


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "200x50"])
async def test_the_page_shows_limits_outlook_disks_and_the_last_resort(size: tuple[int, int]) -> None:
    move = a_move()
    move = replace(
        move,
        request=replace(move.request, copy_disks=True, last_resort=LastResort.PAUSE),
        progress=replace(transfer(9), disk_total_bytes=GIB, disk_remaining_bytes=GIB // 2),
    )
    async with watching(move, size=size) as (program, _):
        text = program.text()
    for words in (
        "copying disks, ready for post-copy", "memory", "disks", "50%", "0.50 of 1.00 GiB", "30 ms", "500 ms",
        "expected stop 24–41 ms", "last resort pause", "00:04–00:07", "00:09 of 00:13–00:16", "will converge",
    ):  # fmt: skip
        assert words in text, words


async def test_a_throttled_guest_is_called_so() -> None:
    async with watching(replace(a_move(), progress=replace(transfer(9), throttle_percent=35))) as (
        program,
        _,
    ):
        await program.sees("guest slowed by 35%")


async def test_a_mode_with_stages_names_the_one_it_is_in_and_hides_what_it_does_not_have() -> None:
    progress = replace(transfer(3, dirty_mib_s=None), stage="carrying the state over", outlook=None)
    async with watching(replace(a_move(MoveMode.SAVED), progress=progress)) as (program, _):
        await program.sees("copying: carrying the state over")
        assert "guest writes" not in program.text()
        assert "state " in program.text()


async def test_what_the_policy_and_the_user_did_is_marked_by_a_word() -> None:
    async with watching(a_move()) as (program, fleet):
        fleet.step(MOVE, Phase.COPYING, "limit 60 ms: the last pass needs 48 ms", kind=LogKind.POLICY)
        fleet.step(MOVE, Phase.COPYING, "bandwidth 16 MiB/s", kind=LogKind.USER)
        await program.sees("policy  limit 60 ms: the last pass needs 48 ms")
        await program.sees("user    bandwidth 16 MiB/s")


async def test_a_move_that_is_no_longer_watched_says_so() -> None:
    move = found_move("web-01", Origin.ELSEWHERE)
    async with watching(move) as (program, fleet):
        fleet.forget(move.id)
        await program.sees("This move is over. It was somebody else's")
        await program.press("escape")
        await program.sees("● running")


async def test_the_knobs_of_a_move_that_is_over_are_gone_from_the_line_of_keys() -> None:
    async with watching(a_move()) as (program, fleet):
        assert "z pause guest" in program.text()
        fleet.end(MOVE, Result.SUCCEEDED, "h2")
        await program.sees("nothing left to do")
        assert "z pause guest" not in program.text()
        await program.press("z")
        await program.sees("the move is over")
