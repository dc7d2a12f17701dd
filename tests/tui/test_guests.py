"""A user looks at all guests, finds one, and acts on it (libvirt's in-process test driver)."""

from __future__ import annotations

from backends.api import ActionError
from backends.model.guest import GuestAction, GuestState
from backends.model.host import Link
from tests.tui.programs import embedded_program, program_on
from tests.tui.scripted import ScriptedFleet, guest
from tui.glyphs import ASCII
from tui.settings import Settings


async def test_all_guests_of_all_hosts_are_in_one_table() -> None:
    async with embedded_program() as program:
        text = program.text()
        assert "hosts 3 up" in text
        assert "guests 24 running" in text
        assert all(name in text for name in ("web-100", "web-200", "web-300"))


async def test_a_filter_narrows_the_table_and_escape_clears_it() -> None:
    async with embedded_program() as program:
        await program.press("slash", *"host:test-2")
        await program.sees("GUESTS  8 of 24")
        await program.press("enter")
        await program.sees("filter host:test-2")
        await program.press("escape")
        await program.sees("GUESTS  24")


async def test_a_filter_that_nothing_matches_says_how_to_get_out() -> None:
    async with embedded_program() as program:
        await program.press("slash", *"nosuchguest")
        await program.sees("No guest matches the filter: esc clears it.")


async def test_a_broken_expression_is_explained_and_changes_nothing() -> None:
    async with embedded_program() as program:
        await program.press("slash", *"~web(")
        await program.sees("not a regular expression")


async def test_a_guest_is_paused_and_resumed_by_keys() -> None:
    async with embedded_program() as program:
        await program.press("slash", *"web-100", "enter", "p")
        await program.sees("‖ paused")
        await program.press("u")
        await program.no_longer_sees("‖ paused")


async def test_force_off_asks_naming_guest_host_and_command_and_no_is_the_default() -> None:
    async with embedded_program() as program:
        await program.press("slash", *"web-100", "enter", "X")
        await program.sees("force off web-100?")
        text = program.text()
        assert "web-100 on test-1" in text
        assert "destroy" in text
        await program.press("enter")
        await program.no_longer_sees("force off web-100?")
        assert "guests 24 running" in program.text()
        await program.press("X")
        await program.sees("force off web-100?")
        await program.press("y")
        await program.sees("■ off")
        await program.sees("23 running")


async def test_a_key_that_does_not_work_now_says_why() -> None:
    async with embedded_program() as program:
        await program.press("slash", *"web-100", "enter", "s")
        await program.sees("not now: start")
        assert "web-100 is running" in program.text()


async def test_read_only_is_visible_and_disables_every_change() -> None:
    async with embedded_program(settings=Settings(read_only=True)) as program:
        assert "READ-ONLY" in program.text()
        for key in ("s", "x", "X", "r", "p", "u", "m"):
            await program.press(key)
        await program.sees("this session is read-only")
        assert "guests 24 running" in program.text()


async def test_users_put_their_own_keys_in_the_place_of_the_usual_ones() -> None:
    async with embedded_program(settings=Settings(keys={"pause": "f5"})) as program:
        await program.press("slash", *"web-100", "enter", "p")
        assert "paused" not in program.text()
        await program.press("f5")
        await program.sees("‖ paused")
        assert "f5 pause" in program.text()


async def test_enter_opens_the_definition_and_escape_goes_back() -> None:
    async with embedded_program() as program:
        await program.press("slash", *"web-100", "enter", "enter")
        await program.sees('<domain type="test"')
        await program.press("escape")
        await program.sees("GUESTS")


async def test_everything_is_there_in_80_columns_and_24_lines() -> None:
    async with embedded_program(size=(80, 24)) as program:
        text = program.text()
        assert all(
            word in text for word in ("● test-1", "● test-2", "NAME", "STATE", "CPU", "m move", "q quit")
        )
        assert all(len(line) <= 80 for line in text.splitlines())
        await program.resize(250, 60)
        await program.sees("HOSTS")


async def test_ascii_draws_nothing_else() -> None:
    async with embedded_program(settings=Settings(glyphs=ASCII)) as program:
        await program.press("X")
        await program.sees("force off")
        assert program.text().isascii(), [char for char in program.text() if not char.isascii()]


async def test_while_hosts_connect_the_table_says_so() -> None:
    fleet = ScriptedFleet("h1", "h2")
    async with program_on(fleet) as program:
        await program.sees("No guests yet: connecting to h1, h2 ...")
        fleet.link("h1", Link.DOWN, "connection refused")
        fleet.link("h2", Link.DOWN, "no such host")
        await program.sees("No host answers.")
        assert "h1: connection refused" in program.text()
        fleet.up("h1")
        await program.sees("The hosts have no guests.")


async def test_guests_of_a_silent_host_are_stale_and_never_running() -> None:
    fleet = ScriptedFleet("h1", "h2")
    fleet.up("h1", guest("h1", "web-01"))
    fleet.up("h2", guest("h2", "db-01"))
    async with program_on(fleet) as program:
        await program.sees("guests 2 running")
        fleet.link("h2", Link.STALE, "keepalive lost")
        await program.sees("? stale")
        assert "keepalive lost" in program.text()
        assert "guests 1 running 1 stale" in program.text()
        await program.press("home", "p")
        await program.sees("h2 does not answer (keepalive lost)")
        fleet.link("h2", Link.UP)
        await program.no_longer_sees("? stale")


async def test_a_guest_that_stands_for_want_of_room_says_so_in_its_row_and_names_the_disk() -> None:
    fleet = ScriptedFleet("h1")
    full = {"reason": "no space left for vda", "full_disks": ("vda",)}
    fleet.up("h1", guest("h1", "web-01", GuestState.PAUSED, **full))
    async with program_on(fleet) as program:
        await program.sees("‖ no space")
        assert "no space left for vda" in program.text()
        fleet.up("h1", guest("h1", "web-01", GuestState.PAUSED, reason="user"))
        await program.sees("‖ paused")


async def test_a_failed_action_tells_host_cause_and_hint_and_no_markup_is_parsed() -> None:
    fleet = ScriptedFleet("h1", "h2")
    fleet.up("h1", guest("h1", "[bold]web[/]"))
    fleet.refuses = ActionError("no [red]memory[/] left", host="h1", operation="start", hint="free some")
    async with program_on(fleet) as program:
        await program.sees("[bold]web[/]")
        await program.press("p")
        await program.sees("h1: start")
        assert "no [red]memory[/] left" in program.text()
        assert "free some" in program.text()


async def test_an_action_on_a_guest_reaches_the_fleet_once() -> None:
    fleet = ScriptedFleet("h1", "h2")
    asleep = guest("h1", "web-01", GuestState.PAUSED)
    fleet.up("h1", asleep)
    async with program_on(fleet) as program:
        await program.sees("web-01")
        await program.press("u")
        await program.until(lambda: ("act", asleep.key, GuestAction.RESUME) in fleet.asked)
        assert len(fleet.asked) == 1
