"""A user reads one host's page: verdict, facts, and where each was read (a scripted fleet)."""

from __future__ import annotations

import pytest

from backends.model.host import Link
from tests.tui.capable import capabilities
from tests.tui.looking import able, see_hosts
from tests.tui.programs import program_on


async def test_enter_opens_the_page_with_the_verdict_first() -> None:
    async with program_on(able(), size=(100, 60)) as program:
        await see_hosts(program)
        await program.sees("✘ locked")
        await program.press("down", "enter")
        await program.sees("HARDWARE VIRTUALIZATION")
        text = program.text()
        assert text.index("switched it off") < text.index("→ switch on Intel") < text.index(" PROCESSOR")
        assert "? not known: permission denied" in text
        assert "→ log in as root, or give this account leave" in text
        await program.press("escape")
        await program.sees("HOSTS  3")


@pytest.mark.parametrize("key", ["s", "tab"])
async def test_sources_are_shown_and_hidden_by_a_key(key: str) -> None:
    async with program_on(able(), size=(100, 60)) as program:
        await see_hosts(program)
        await program.press("enter")
        await program.sees("CPU model")
        assert "/proc/cpuinfo: model name" not in program.text()
        await program.press(key)
        await program.sees("from /proc/cpuinfo: model name")
        await program.press(key)
        await program.no_longer_sees("from /proc/cpuinfo")


async def test_the_page_scrolls_and_is_narrowed_by_words() -> None:
    async with program_on(able(), size=(80, 24)) as program:
        await see_hosts(program)
        await program.press("enter")
        await program.sees("VT-x is usable")
        await program.press("end")
        await program.sees(" LIBVIRT")
        await program.press("slash", *"kernel", "enter")
        await program.sees("6.1.0-18-amd64")
        assert "CPU model" not in program.text()
        await program.press("escape")
        await program.sees("PROCESSOR")
        await program.press("escape")
        await program.sees("HOSTS  3")


async def test_the_page_of_a_host_that_refuses_says_why_and_asks_again() -> None:
    fleet = able()
    async with program_on(fleet) as program:
        await see_hosts(program)
        await program.sees("not asked: permission denied")
        await program.press("end", "enter")
        await program.sees("log in as a user that may read /proc")
        fleet.surveys["h3"] = capabilities("h3")
        await program.press("f")
        await program.sees("VT-x is usable")
        await program.no_longer_sees("permission denied\n   hint")


async def test_the_page_of_a_silent_host_keeps_what_was_known() -> None:
    fleet = able()
    async with program_on(fleet) as program:
        await see_hosts(program)
        await program.press("enter")
        await program.sees("VT-x is usable")
        fleet.link("h1", Link.STALE, "keepalive lost")
        await program.sees("keepalive lost")
        assert "VT-x is usable" in program.text()
        await program.press("f")
        await program.sees("h1 does not answer (keepalive lost)")


async def test_a_host_that_never_answered_has_a_page_that_says_so() -> None:
    fleet = able()
    fleet.link("h2", Link.DOWN, "no route to host", "is it switched on?")
    async with program_on(fleet) as program:
        await see_hosts(program)
        await program.press("down", "enter")
        await program.sees("not yet: what it can do is asked as soon as it answers")
        assert "no route to host" in program.text()
        fleet.link("h2", Link.UP)
        await program.sees("the firmware has switched it off")
