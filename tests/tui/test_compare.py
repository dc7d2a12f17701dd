"""A user asks who can take whose guests, and which processor hosts have in common (a scripted fleet)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from textual.app import ComposeResult

from backends.errors import ActionError
from backends.model.comparison import Comparison
from backends.model.host import HostName, Link
from tests.tui.capable import CPU_XML, all_fit, baseline, capabilities, comparison, half_fit
from tests.tui.programs import Program, program_on
from tests.tui.scripted import ScriptedFleet, guest
from tests.tui.terminal_bytes import on_a_wire
from tui.format import clock_time
from tui.glyphs import ASCII, UNICODE
from tui.lean_display import LeanDisplay
from tui.settings import Settings
from tui.widgets.grid_columns import Cell
from tui.widgets.matrix import Matrix

MANY = [f"kvm{number:02}" for number in range(50)]


def comparable(*hosts: str) -> ScriptedFleet:
    """h1's db lacks what h2 does not give; all others fit."""
    hosts = hosts or ("h1", "h2", "h3")
    fleet = ScriptedFleet(*hosts)
    for host in hosts:
        fleet.up(host, guest(host, f"web-{host}"))
        fleet.surveys[host] = capabilities(host)
    first, second = hosts[:2]
    fleet.comparison = comparison(*hosts, special={(first, second): half_fit(first, second)})
    fleet.common = baseline(*hosts)
    return fleet


@asynccontextmanager
async def comparing(fleet: ScriptedFleet, **how: Any) -> AsyncIterator[Program]:
    """The matrix of all hosts."""
    async with program_on(fleet, **how) as program:
        await program.press("2")
        await program.sees("HOSTS ")
        await program.press("c")
        await program.sees("WHO TAKES WHOSE GUESTS")
        yield program


async def test_the_matrix_counts_the_guests_that_can_go() -> None:
    async with comparing(comparable()) as program:
        await program.sees("FROM \\ TO")
        lines = [line.split() for line in program.text().splitlines()]
        assert ["FROM", "\\", "TO", "h1", "h2", "h3"] in lines
        assert ["▸", "h1", "–", "~", "1/2", "✓", "2/2"] in lines
        assert ["h2", "✓", "2/2", "–", "✓", "2/2"] in lines


async def test_the_pane_names_the_obstacles_of_the_pair_under_the_cursor() -> None:
    async with comparing(comparable()) as program:
        await program.sees("the destination does not give avx2, bmi2")
        assert "h1 → h2  ~ 1 of 2 guests can go there" in program.text()
        assert "✘ db-h1" in program.text()
        await program.press("right")
        await program.sees("h1 → h3  ✓ all 2 guests can go there")
        await program.press("j", "h", "h")
        await program.sees("h2 → h1")
        await program.press("end", "k", "home")
        await program.sees("where its guests can go:")


async def test_hosts_that_could_not_be_asked_are_named_with_the_reason() -> None:
    fleet = comparable()
    fleet.comparison = comparison("h1", "h2", left_out=[("h3", "no route to host")])
    async with comparing(fleet) as program:
        await program.sees("h3 is left out: no route to host")


async def test_what_goes_wrong_is_told_and_can_be_asked_again() -> None:
    fleet = comparable()
    good, fleet.comparison = fleet.comparison, ActionError("no host answers", hint="connect one first")
    async with comparing(fleet) as program:
        await program.sees("The hosts cannot be compared.")
        assert "no host answers" in program.text()
        assert "connect one first" in program.text()
        fleet.comparison = good
        await program.press("f")
        await program.sees("FROM \\ TO")
        fleet.comparison = ActionError("h1 hangs")
        await program.press("f")
        await program.sees("not compared anew: h1 hangs")
        assert "FROM \\ TO" in program.text(), "the last answer stays"


async def test_a_host_that_falls_silent_is_told_beside_the_age() -> None:
    fleet = comparable()
    async with comparing(fleet) as program:
        assert isinstance(fleet.comparison, Comparison)
        asked = f"asked {clock_time(fleet.comparison.at, datetime.now(UTC))}"
        await program.sees(asked)
        fleet.link("h2", Link.STALE, "keepalive lost")
        await program.sees(f"h2 silent now; {asked}")


async def test_only_the_marked_hosts_are_compared() -> None:
    fleet = comparable()
    async with program_on(fleet) as program:
        await program.press("2")
        await program.sees("✓ usable")
        await program.press("space", "down", "space")
        await program.sees("marked 2")
        await program.press("c")
        await program.until(lambda: ("compare", ("h1", "h3")) in fleet.asked)


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_fifty_hosts_scroll_and_their_names_stay(size: tuple[int, int]) -> None:
    fleet = comparable(*MANY)
    async with comparing(fleet, size=size) as program:
        await program.sees("FROM \\ TO")
        for _ in range(30):
            await program.press("right")
        await program.sees("kvm00 → kvm31")
        header = next(line for line in program.text().splitlines() if "FROM \\ TO" in line)
        assert "kvm31" in header
        await program.press("pagedown", "pagedown", "pagedown", "pagedown", "end")
        await program.sees("kvm49")
        assert "FROM \\ TO" in program.text()
        for _ in range(50):
            await program.press("down")
        await program.press("home")
        await program.sees("kvm49 → kvm00")
        assert any(line.startswith("▸") and "kvm49" in line for line in program.text().splitlines())


async def test_the_cursor_stays_on_its_pair_when_hosts_are_asked_anew() -> None:
    fleet = comparable()
    async with comparing(fleet) as program:
        await program.sees("h1 → h2")
        await program.press("down", "right")
        await program.sees("h2 → h3")
        fleet.comparison = comparison("h2", "h3")
        await program.press("f")
        await program.no_longer_sees("h1  ")
        await program.sees("h2 → h3")


async def test_a_plain_terminal_gets_plain_letters_only() -> None:
    settings = Settings(theme="ansi", glyphs=ASCII)
    async with comparing(comparable(), size=(80, 24), settings=settings) as program:
        await program.sees("~ 1/2")
        await program.sees("+ can go")
        assert program.text().isascii(), program.text()


async def test_help_lists_the_keys_of_the_matrix() -> None:
    async with comparing(comparable(), size=(120, 50)) as program:
        await program.press("question_mark")
        await program.sees("help: who takes whose guests")
        assert "as XML to paste" in program.text()


# -- a common processor -------------------------------------------------------------------------------


async def test_a_common_processor_is_shown_and_copied() -> None:
    fleet = comparable()
    async with comparing(fleet) as program:
        await program.sees("FROM \\ TO")
        await program.press("b")
        await program.sees("SandyBridge")
        assert ("baseline", ("h1", "h2", "h3")) in fleet.asked
        text = program.text()
        assert "h1   avx2, bmi2" in text
        assert "! must be restarted to get it" in text
        await program.press("y")
        await program.sees("copied, if the terminal allows it")
        assert program.app.clipboard == CPU_XML
        await program.press("escape")
        await program.sees("FROM \\ TO")


async def test_a_common_processor_of_the_marked_hosts_only() -> None:
    fleet = comparable()
    async with comparing(fleet) as program:
        await program.sees("FROM \\ TO")
        await program.press("space", "space", "b")
        await program.until(lambda: ("baseline", ("h1", "h2")) in fleet.asked)


async def test_hosts_without_a_common_processor_say_so_and_nothing_can_be_copied() -> None:
    fleet = comparable()
    fleet.common = ActionError(
        "x86_64 and aarch64 have nothing in common", hint="mark hosts of one architecture"
    )
    async with comparing(fleet) as program:
        await program.press("b")
        await program.sees("x86_64 and aarch64 have nothing in common")
        assert "mark hosts of one architecture" in program.text()
        await program.press("y")
        await program.sees("there is nothing to copy yet")
        fleet.common = baseline("h1", "h2")
        await program.press("f")
        await program.sees("SandyBridge")


async def test_a_long_page_scrolls_on_a_small_screen() -> None:
    fleet = comparable()
    fleet.common = replace(baseline("h1", "h2"), xml="\n".join(f"<feature name='f{n}'/>" for n in range(40)))
    async with comparing(fleet, size=(80, 24)) as program:
        await program.press("b")
        await program.sees("'f0'")
        await program.press("end")
        await program.sees("web on h1")


# -- the widget ---------------------------------------------------------------------------------------


class MatrixApp(LeanDisplay[None]):
    """A matrix alone."""

    def compose(self) -> ComposeResult:
        """It."""
        yield Matrix(glyphs=UNICODE, corner="FROM")

    def on_mount(self) -> None:
        """With fifty names."""
        matrix = self.query_one(Matrix)
        matrix.show(MANY, lambda row, column: Cell(f"{row[-2:]}{column[-2:]}"))
        matrix.focus()


async def test_a_step_of_the_cursor_sends_two_cells_and_their_names_only() -> None:
    async with on_a_wire(MatrixApp(), (120, 40)) as (pilot, wire):
        await pilot.press("down")
        await pilot.pause(0.2)
        wire.take()
        await pilot.press("down")
        await pilot.pause(0.2)
        assert 0 < len(wire.take()) < 600
        await pilot.pause(0.5)
        assert wire.take() == b""


async def test_a_click_puts_the_cursor_there() -> None:
    app = MatrixApp()
    async with app.run_test(size=(120, 40)) as pilot:
        matrix = app.query_one(Matrix)
        await pilot.click(Matrix, offset=(matrix._left + 2 * (matrix._width + 1), 4))
        assert (matrix.row, matrix.column) == ("kvm03", "kvm02")


def test_a_pair_is_one_cell_of_the_comparison() -> None:
    whole = comparison("h1", "h2")
    assert whole.fit(HostName("h1"), HostName("h2")) == all_fit("h1", "h2")
    assert whole.fit(HostName("h1"), HostName("h1")) is None
