"""A user looks how safe hosts and guests are set up (a scripted fleet)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from backends.errors import CommandError
from backends.model.host import HostName, Link
from backends.model.posture import Posture
from tests.tui.capable import FINDINGS, capabilities, posture
from tests.tui.programs import Program, program_on
from tests.tui.scripted import ScriptedFleet, guest
from tui.format import clock_time
from tui.glyphs import ASCII
from tui.settings import Settings

REFUSED = CommandError("permission denied", host="h3", hint="log in as a user that may read /proc")


class SlowFleet(ScriptedFleet):
    """h2 takes its time."""

    def __init__(self, *hosts: str) -> None:
        super().__init__(*hosts)
        self.may_answer = asyncio.Event()

    async def posture(self, host: HostName) -> Posture:
        """Once the test lets it."""
        if host == "h2":
            await self.may_answer.wait()
        return await super().posture(host)


def looked_at(fleet: ScriptedFleet | None = None) -> ScriptedFleet:
    """h1 has findings of each kind, h2 is good, h3 does not let itself be asked."""
    fleet = fleet or ScriptedFleet("h1", "h2", "h3")
    fleet.up("h1", guest("h1", "web-01"))
    fleet.up("h2")
    fleet.up("h3")
    for host in ("h1", "h2", "h3"):
        fleet.surveys[host] = capabilities(host)
    fleet.postures = {"h1": posture("h1"), "h2": posture("h2", FINDINGS[-1]), "h3": REFUSED}
    return fleet


@asynccontextmanager
async def looking(fleet: ScriptedFleet, **how: Any) -> AsyncIterator[Program]:
    """All hosts' findings."""
    async with program_on(fleet, **how) as program:
        await program.press("2")
        await program.sees("✓ usable" if "settings" not in how else "usable")
        await program.press("p")
        await program.sees("SECURITY")
        yield program


def lines(program: Program) -> list[str]:
    """The rows of the table, without what is below them."""
    text = program.text().splitlines()
    return [line for line in text[3:] if line[2:].startswith(("✘", "!", "i", "?", "✓"))]


def asked(fleet: ScriptedFleet) -> list[object]:
    """The hosts that were asked, in their order."""
    return [what[1] for what in fleet.asked if what[0] == "posture"]


async def test_the_worst_comes_first_with_evidence_and_mend_below() -> None:
    async with looking(looked_at()) as program:
        await program.sees("1 high  1 medium  1 low  2 unknown  2 good (not shown)")
        rows = lines(program)
        assert [row.split()[-1 if row.startswith("▸") else 1] for row in rows][1:3] == ["medium", "low"]
        assert rows[0].startswith("▸ ✘ high     h1")
        detail = program.view("#detail").text
        assert "listens on 10.84.0.1:16509 in clear text" in detail
        assert "listen_tcp = 0 in /etc/libvirt/virtproxyd.conf" in detail
        assert "/proc/net/tcp, /proc/net/tcp6; /etc/libvirt/virtproxyd.conf" in detail
        await program.press("down")
        await program.sees("web-01 on h1")


async def test_good_findings_are_shown_on_demand() -> None:
    async with looking(looked_at()) as program:
        await program.sees("2 good (not shown)")
        assert "mitigated" not in "\n".join(lines(program))
        await program.press("a")
        await program.until(lambda: sum("✓ good" in row for row in lines(program)) == 2)
        await program.press("a")
        await program.until(lambda: "✓ good" not in "\n".join(lines(program)))


async def test_when_all_is_good_the_screen_says_so_in_words() -> None:
    fleet = looked_at()
    fleet.postures = {host: posture(host, FINDINGS[-1]) for host in ("h1", "h2", "h3")}
    async with looking(fleet) as program:
        await program.sees("Nothing found that needs you.")
        await program.sees("3 things were looked at and are as they should be: a shows them.")


async def test_hosts_come_in_one_by_one() -> None:
    fleet = SlowFleet("h1", "h2", "h3")
    async with looking(looked_at(fleet)) as program:
        await program.sees("plain TCP")
        await program.sees("asking h2 ...")
        await program.press("f")
        await program.sees("it is being asked already")
        fleet.may_answer.set()
        await program.no_longer_sees("asking h2 ...")


async def test_a_host_that_cannot_be_asked_is_unknown_with_why_and_what_to_do() -> None:
    async with looking(looked_at()) as program:
        await program.sees("could not be asked")
        await program.press("end")
        await program.sees("log in as a user that may read /proc")
        assert "? unknown" in program.view("#detail").text


async def test_all_are_asked_anew_by_a_key() -> None:
    fleet = looked_at()
    async with looking(fleet) as program:
        await program.sees("could not be asked")
        fleet.postures["h3"] = posture("h3", FINDINGS[-1])
        await program.press("f")
        await program.no_longer_sees("could not be asked")
        assert sorted(map(str, asked(fleet))) == ["h1", "h1", "h2", "h2", "h3", "h3"]


async def test_a_silent_host_is_told_and_asked_when_it_comes_back() -> None:
    fleet = looked_at()
    fleet.postures["h3"] = posture("h3", FINDINGS[1])
    fleet.link("h3", Link.DOWN, "no route to host", "is it switched on?")
    async with looking(fleet) as program:
        await program.sees("could not be asked")
        assert "h3" not in asked(fleet)
        fleet.link("h3", Link.UP)
        await program.no_longer_sees("could not be asked")
        assert "h3" in asked(fleet)
        fleet.link("h1", Link.STALE, "keepalive lost")
        await program.sees("and not all hosts answer now")
        assert "plain TCP" in program.text(), "what was found stays"


async def test_findings_are_filtered_by_words_and_fields() -> None:
    async with looking(looked_at()) as program:
        await program.sees("could not be asked")
        await program.press("slash", *"guest:web", "enter")
        await program.until(lambda: len(lines(program)) == 1)
        assert "asks for no confinement" in program.text()
        await program.press("slash", *" nothing", "enter")
        await program.sees("Nothing that was found matches the filter: esc clears it.")
        await program.press("escape")
        await program.until(lambda: len(lines(program)) == 5)
        await program.press("escape")
        await program.sees("HOSTS  3")


async def test_findings_are_sorted_by_host() -> None:
    async with looking(looked_at()) as program:
        await program.sees("could not be asked")
        await program.press("o")
        await program.sees("HOST ▴")
        await program.press("O")
        await program.until(lambda: "h3" in lines(program)[0])


async def test_one_host_alone_is_looked_at_from_its_page() -> None:
    fleet = looked_at()
    async with program_on(fleet) as program:
        await program.press("2")
        await program.sees("✓ usable")
        await program.press("enter")
        await program.sees("VT-x is usable")
        await program.press("p")
        await program.sees("SECURITY of h1")
        await program.sees("plain TCP")
        assert asked(fleet) == ["h1"]


async def test_a_small_and_plain_terminal_shows_it_all_the_same() -> None:
    settings = Settings(theme="ansi", glyphs=ASCII)
    async with looking(looked_at(), size=(80, 24), settings=settings) as program:
        await program.sees("x high")
        await program.sees("-> ")
        assert program.text().isascii(), program.text()


async def test_a_wide_screen_and_read_only_work_too() -> None:
    fleet = looked_at()
    asked_at = min(posture.at for posture in fleet.postures.values() if isinstance(posture, Posture))
    async with looking(fleet, size=(200, 50), settings=Settings(read_only=True)) as program:
        await program.sees("libvirt on plain TCP  ")
        assert "SEEN" in program.text() and "listens on 10.84.0.1:16509 in clear text" in lines(program)[0]
        await program.press("f")
        await program.sees(f"asked {clock_time(asked_at, datetime.now(UTC))}")


async def test_without_a_host_that_answers_the_key_says_why() -> None:
    fleet = ScriptedFleet("h1")
    fleet.link("h1", Link.DOWN, "login refused")
    async with program_on(fleet) as program:
        await program.press("2")
        await program.sees("login refused")
        await program.press("p")
        await program.sees("no host answers now")


async def test_help_lists_the_keys_of_the_findings() -> None:
    async with looking(looked_at(), size=(120, 50)) as program:
        await program.press("question_mark")
        await program.sees("help: security")
        assert "Show also what is as it should be" in program.text()
