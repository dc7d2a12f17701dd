"""A user chooses how a guest is moved, and is told why what cannot be chosen cannot (a scripted fleet)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from backends.model.fleet import GuestsChanged, Snapshot
from backends.model.guest import GuestState
from backends.model.host import Driver, HostFacts, HostName
from backends.model.move import DiskCopy, LastResort, MoveId, MoveMode, MoveRequest, Preflight, Route
from tests.tui.programs import Program, program_on
from tests.tui.scripted import GIB, NOW, ScriptedFleet, guest
from tui.settings import Settings

MOVE = MoveId("move-1")
SMALL, LARGE = (80, 24), (200, 50)
WEB = guest("h1", "web-01")


@asynccontextmanager
async def planning(
    state: GuestState = GuestState.RUNNING,
    *,
    fleet: ScriptedFleet | None = None,
    size: tuple[int, int] = SMALL,
    settings: Settings | None = None,
) -> AsyncIterator[tuple[Program, ScriptedFleet]]:
    """The plan of web-01's move, with the checks answered."""
    fleet = fleet or ScriptedFleet("h1", "h2")
    fleet.up("h1", replace(WEB, state=state))
    fleet.up("h2")
    async with program_on(fleet, size=size, settings=settings) as program:
        await program.sees("web-01")
        await program.press("m")
        await program.until(lambda: bool(asked(fleet)) and verdict(program) != "", "a verdict")
        yield program, fleet


def asked(fleet: ScriptedFleet) -> list[MoveRequest]:
    """What the checks were asked about."""
    return [
        words[1] for words in fleet.asked if words[0] == "preflight" and isinstance(words[1], MoveRequest)
    ]


def verdict(program: Program) -> str:
    """What the checks came to; empty before they are answered."""
    return program.view("#verdict").text.strip()


@pytest.mark.parametrize(
    ("state", "mode"),
    [
        (GuestState.RUNNING, MoveMode.LIVE),
        (GuestState.PAUSED, MoveMode.PAUSED),
        (GuestState.OFF, MoveMode.OFFLINE),
        (GuestState.CRASHED, MoveMode.OFFLINE),
    ],
)
async def test_a_plan_begins_with_the_mode_that_fits_the_guests_state(
    state: GuestState, mode: MoveMode
) -> None:
    async with planning(state) as (program, fleet):
        assert asked(fleet)[-1].mode is mode
        assert f"[{mode.value}]" in program.text()


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "200x50"])
async def test_the_mode_key_goes_through_the_modes_that_make_sense_and_says_what_each_does(
    size: tuple[int, int],
) -> None:
    async with planning(size=size) as (program, fleet):
        for mode, words in (
            ("paused", "it stands still until all of its memory is there"),
            ("saved", "it is saved to a file, carried over, and restored there"),
            ("live", "it runs while its memory is copied; it stops for the switch"),
        ):
            await program.press("m")
            await program.sees(f"[{mode}]")
            await program.sees(words)
            await program.until(lambda mode=mode: asked(fleet)[-1].mode.value == mode)  # type: ignore[misc]
        assert "not offline: it is running" in program.text()


async def test_a_guest_that_is_off_has_one_mode_and_the_key_says_so() -> None:
    async with planning(GuestState.OFF) as (program, _):
        assert "not live, paused, saved: it is off" in program.text()
        await program.press("m")
        await program.sees("only offline fits: it is off")


async def test_a_driver_that_cannot_migrate_leaves_the_saved_mode() -> None:
    fleet = ScriptedFleet("h1", "h2")
    async with planning(fleet=fleet) as (program, _):
        facts = HostFacts("h1", "", "x86_64", "", 2, GIB, (Driver("qemu", "QEMU", "1", "1", migrates=False),))
        fleet.tell(Snapshot(HostName("h1"), 1, facts, (WEB,), NOW))
        await program.sees("[saved]")
        await program.sees("not live, paused: the qemu driver cannot migrate")


async def test_the_options_go_into_the_plan() -> None:
    async with planning() as (program, fleet):
        await program.press("p", "c", "l", "l")
        await program.sees("ready for it")
        await program.press("d", *["backspace"] * 3, *"80", "enter", "b", *"64", "enter")
        await program.sees("64 MiB/s")
        await program.press("e", *"10.0.0.9", "enter")
        await program.until(lambda: asked(fleet)[-1].echo_address == "10.0.0.9")
        await program.until(lambda: verdict(program) != "")
        await program.press("s")
        await program.until(lambda: bool(fleet.state.moves))
        request = fleet.state.moves[MOVE].request
        assert (request.postcopy, request.copy_disks, request.last_resort) == (
            True,
            True,
            LastResort.POSTCOPY,
        )
        assert (request.max_downtime_ms, request.bandwidth_mib_s) == (80, 64)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ("p", "only a live move can switch over before all memory is there"),
        ("l", "only a live move may fail to converge"),
        ("d", "only a live move has a limit of downtime"),
        ("c", "a move in saved mode needs disks that are shared"),
    ],
)
async def test_an_option_that_the_mode_rules_out_says_why(keys: str, reason: str) -> None:
    async with planning(size=LARGE) as (program, fleet):
        await program.press("p", "c", "m", "m")
        await program.sees("[saved]")
        assert "live only" in program.text()
        before = len(asked(fleet))
        await program.press(keys)
        await program.sees(reason)
        assert len(asked(fleet)) == before
        request = asked(fleet)[-1]
        assert not (request.postcopy or request.copy_disks), "what does not fit is not asked for"


async def test_a_wish_that_did_not_fit_comes_back_with_its_mode() -> None:
    async with planning() as (program, fleet):
        await program.press("p", "m", "m", "m")
        await program.until(lambda: asked(fleet)[-1].mode is MoveMode.LIVE and asked(fleet)[-1].postcopy)


async def test_the_last_resort_says_what_it_does() -> None:
    async with planning() as (program, _):
        assert "it goes on until you decide" in program.text()
        for words in (
            "QEMU slows the guest down",
            "no way back once",
            "it is paused until",
            "the move is stopped",
        ):
            await program.press("l")
            await program.sees(words)


async def test_the_way_says_what_it_costs_and_copied_disks_are_named() -> None:
    fleet = ScriptedFleet("h1", "h2")
    fleet.copies = (DiskCopy("vda", "/d/a.img", "/d/a.img", "raw", 20 * GIB, exists=True),)
    async with planning(fleet=fleet) as (program, _):
        assert "peer-to-peer: it goes on if this session ends" in program.text()
        fleet.route = Route.DIRECT
        await program.press("c")
        await program.sees("client-managed: if this session ends, it is rolled back")
        await program.sees("vda  20.0 GiB  raw  /d/a.img, written over")


async def test_a_guest_that_is_paused_meanwhile_is_planned_anew() -> None:
    async with planning() as (program, fleet):
        fleet.tell(GuestsChanged(HostName("h1"), 1, (replace(WEB, state=GuestState.PAUSED),), NOW))
        await program.sees("[paused]")
        await program.until(lambda: asked(fleet)[-1].mode is MoveMode.PAUSED)


async def test_a_read_only_session_checks_but_does_not_start() -> None:
    async with planning(fleet=(fleet := ScriptedFleet("h1", "h2")), settings=Settings()) as (program, _):
        await program.press("escape")
    async with program_on(fleet, size=SMALL, settings=Settings(read_only=True)) as program:
        await program.sees("web-01")
        await program.sees("READ-ONLY")
        await program.press("m")
        await program.sees("read-only")
        assert not fleet.state.moves


async def test_a_command_that_is_too_long_for_a_small_screen_says_how_to_get_all_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fleet = ScriptedFleet("h1", "h2")
    usual = fleet.preflight

    async def long_command(request: MoveRequest, on_check: object = None) -> Preflight:
        preflight = await usual(request)
        return replace(preflight, command=" ".join(["virsh", "-c", "qemu+ssh://root@h1/system"] * 20))

    monkeypatch.setattr(fleet, "preflight", long_command)
    async with planning(fleet=fleet) as (program, _):
        assert "… y copies all of it" in program.text()
        assert len(program.view("#verdict").lines) == 4
        await program.resize(*LARGE)
        await program.until(lambda: program.text().count("qemu+ssh://root@h1/system") == 20, "all of it")
        await program.no_longer_sees("y copies all of it")
