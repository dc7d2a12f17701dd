"""A guest that two hosts know is one guest: a user cannot run it twice (a scripted fleet)."""

from __future__ import annotations

from backends.model.guest import GuestAction, GuestState
from backends.model.host import Link
from tests.tui.programs import Program, program_on
from tests.tui.scripted import ScriptedFleet, guest


def after_a_detached_move() -> ScriptedFleet:
    """web-01 has arrived on h2; its definition stayed on h1."""
    fleet = ScriptedFleet("h1", "h2")
    fleet.up("h1", guest("h1", "web-01", GuestState.OFF), guest("h1", "old", GuestState.OFF))
    fleet.up("h2", guest("h2", "web-01"))
    return fleet


def asked_to(fleet: ScriptedFleet, action: GuestAction) -> bool:
    """Has the fleet been asked to do this?"""
    return any(call[0] == "act" and call[2] is action for call in fleet.asked)


async def on_the_guest_of_h1(program: Program) -> None:
    """Only the guest's half on h1 is in the table, and the cursor on it."""
    await program.press("slash", *"web host:h1", "enter")
    await program.sees("GUESTS  1 of")


async def test_a_definition_that_was_left_behind_cannot_be_started_while_the_guest_runs_elsewhere() -> None:
    fleet = after_a_detached_move()
    async with program_on(fleet) as program:
        await on_the_guest_of_h1(program)
        await program.sees("it is running on h2")
        await program.press("s")
        await program.sees("web-01 is running on h2: two of it would ruin its disks")
        assert not asked_to(fleet, GuestAction.START)


async def test_a_guest_of_its_own_starts_as_ever() -> None:
    fleet = after_a_detached_move()
    async with program_on(fleet) as program:
        await program.press("slash", *"old", "enter", "s")
        await program.until(lambda: asked_to(fleet, GuestAction.START))


async def test_what_a_silent_host_said_last_counts() -> None:
    fleet = after_a_detached_move()
    async with program_on(fleet, size=(160, 36)) as program:
        await on_the_guest_of_h1(program)
        fleet.link("h2", Link.STALE, "no answer within 4 s")
        await program.sees("1 stale")
        await program.press("s")
        await program.sees("so said h2, which is silent now")
        assert not asked_to(fleet, GuestAction.START)


async def test_once_it_is_off_everywhere_it_can_be_started() -> None:
    fleet = after_a_detached_move()
    async with program_on(fleet) as program:
        await on_the_guest_of_h1(program)
        fleet.up("h2", guest("h2", "web-01", GuestState.OFF))
        await program.no_longer_sees("it is running on h2")
        await program.press("s")
        await program.until(lambda: asked_to(fleet, GuestAction.START))


async def test_the_half_built_copy_of_a_foreign_move_is_no_paused_guest() -> None:
    fleet = ScriptedFleet("h1", "h2")
    fleet.up("h1", guest("h1", "web-01", GuestState.PAUSED, reason="migration"))
    fleet.up("h2", guest("h2", "web-01"))
    async with program_on(fleet) as program:
        await on_the_guest_of_h1(program)
        await program.sees("⇄ arriving")
        await program.press("u")
        await program.sees("two of it would ruin its disks")
        assert not asked_to(fleet, GuestAction.RESUME)
