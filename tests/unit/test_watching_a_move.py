"""`virt-ferry migrate` follows a move to its end, or leaves it alone when asked twice (a scripted fleet)."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
from collections.abc import Callable

import pytest

from backends.model.fleet import FleetState
from backends.model.guest import Guest
from backends.model.move import MoveId, MoveRequest, Phase, Result
from tests.tui.scripted import FINE, ScriptedFleet, guest, transfer
from tui.headless.exits import Exit, UsageError
from tui.headless.output import Output
from tui.headless.session import find_guest
from tui.headless.watch import MoveWatch

MOVE = MoveId("move-1")


class Watched:
    """A move of web-01 that is being watched."""

    def __init__(self) -> None:
        self.fleet = ScriptedFleet("h1", "h2")
        self.fleet.checks = FINE
        moved = guest("h1", "web-01")
        self.fleet.up("h1", moved)
        self.request = MoveRequest(moved.key, moved.name, self.fleet.state.hosts[moved.key.host].spec.name)
        self.stream = io.StringIO()

    async def start(self, *, as_json: bool = True) -> asyncio.Task[Exit]:
        """Begin, and watch in the background."""
        preflight = await self.fleet.preflight(self.request)
        move = self.fleet.start_move(preflight)
        watch = MoveWatch(self.fleet, move, self.request, Output(self.stream), json=as_json)
        task = asyncio.create_task(watch.until_the_end())
        await self.until(lambda: self.events().count("phase") == 1 if as_json else True)
        return task

    def lines(self) -> list[dict[str, object]]:
        """What was printed."""
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def events(self) -> list[object]:
        """Their kinds."""
        return [line["event"] for line in self.lines()]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait, with a deadline."""
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110  (the condition is what was printed: nothing signals it)
                await asyncio.sleep(0.005)


@pytest.fixture
def watched() -> Watched:
    """A move before its start."""
    return Watched()


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (Result.SUCCEEDED, 0),
        (Result.FAILED, 1),
        (Result.CANCELLED, 4),
        (Result.INDETERMINATE, 5),
    ],
)
async def test_the_last_line_and_the_exit_status_are_the_truth(
    watched: Watched, result: Result, status: int
) -> None:
    task = await watched.start()
    watched.fleet.step(MOVE, Phase.COPYING, "started", progress=transfer(1))
    watched.fleet.end(MOVE, result, "h2", "because")
    assert await task == status
    last = watched.lines()[-1]
    assert (last["event"], last["verdict"], last["where"], last["reason"]) == (
        "outcome",
        result.value,
        "h2",
        "because",
    )
    assert (last["state"], last["downtime_ms"], last["total_s"]) == ("running", 26, 11.8)


async def test_each_phase_word_and_sample_is_told_once(watched: Watched) -> None:
    task = await watched.start()
    watched.fleet.step(MOVE, Phase.COPYING, "started", progress=transfer(1))
    await watched.until(lambda: "progress" in watched.events())
    watched.fleet.step(MOVE, Phase.COPYING, progress=transfer(2))
    await watched.until(lambda: watched.events().count("progress") == 2)
    watched.fleet.end(MOVE, Result.SUCCEEDED, "h2")
    await task
    assert watched.events().count("log") == 1
    assert [line["phase"] for line in watched.lines() if line["event"] == "phase"] == [
        "preparing",
        "copying",
        "succeeded",
    ]


async def test_ctrl_c_asks_the_move_to_stop_and_waits_for_the_truth(watched: Watched) -> None:
    task = await watched.start()
    os.kill(os.getpid(), signal.SIGINT)
    await watched.until(lambda: ("abort", MOVE) in watched.fleet.asked)
    assert not task.done()
    assert "cancelling" in watched.events()
    watched.fleet.end(MOVE, Result.CANCELLED, "h1")
    assert await task == 4


async def test_a_second_ctrl_c_leaves_the_move_alone(watched: Watched) -> None:
    task = await watched.start()
    os.kill(os.getpid(), signal.SIGINT)
    await watched.until(lambda: ("abort", MOVE) in watched.fleet.asked)
    os.kill(os.getpid(), signal.SIGINT)
    assert await task == 5
    last = watched.lines()[-1]
    assert last["verdict"] == "indeterminate"
    assert "goes on without this program" in str(last["reason"])


async def test_people_read_sentences(watched: Watched) -> None:
    task = await watched.start(as_json=False)
    watched.fleet.step(MOVE, Phase.COPYING, "started, peer-to-peer")
    watched.fleet.end(MOVE, Result.SUCCEEDED, "h2")
    await task
    text = watched.stream.getvalue()
    assert "started, peer-to-peer" in text
    assert "web-01 is running on h2." in text
    assert "2.60 GiB sent" in text


def state_with(*guests: Guest) -> FleetState:
    """Hosts h1 and h2 with these guests."""
    fleet = ScriptedFleet("h1", "h2")
    for host in ("h1", "h2"):
        fleet.up(host, *(each for each in guests if each.key.host == host))
    return fleet.state


def test_a_guest_goes_by_name_uuid_or_host_and_either() -> None:
    one, other = guest("h1", "web"), guest("h2", "db")
    state = state_with(one, other)
    for text in ("web", one.key.uuid, "h1/web", f"h1/{one.key.uuid}"):
        assert find_guest(state, text) is one


def test_a_name_on_two_hosts_lists_the_candidates() -> None:
    state = state_with(guest("h1", "web"), guest("h2", "web"))
    with pytest.raises(UsageError) as error:
        find_guest(state, "web")
    assert "h1/web" in error.value.hint
    assert "h2/web" in error.value.hint
    assert find_guest(state, "h2/web").key.host == "h2"
