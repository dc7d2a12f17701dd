"""Sending less must never change what the user sees."""

from __future__ import annotations

import random
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.coordinate import Coordinate
from textual.widgets import DataTable, Input, Label, Static

from tests.tui.terminal_bytes import SETTLE_S, on_a_wire
from tui.lean_display import LeanDisplay

SIZE = (70, 20)
Picture = list[list[tuple[Any, ...]]]
WORDS = ["", "running", "仮想機", "a仮b", "e\u0301tat", "x" * 30, "one  two", "▁▂▃▄▅", "\U0001f600 ok", "12%"]


class Panes:
    """Stock widgets side by side and one above the other, so that changes meet edges."""

    CSS = "Static, Label { width: 1fr; height: auto; } #right { background: blue; } .hot { color: red; }"

    def compose(self) -> ComposeResult:
        """Two rows of panes, a table and a line to type in."""
        with Horizontal():
            yield Static("left", id="left", markup=False)
            yield Static("right", id="right", markup=False)
        yield DataTable(id="table")
        yield Label("status", id="status", markup=False)
        yield Input(id="input")


class Plain(Panes, App[None]):
    """The app as Textual draws it."""


class Lean(Panes, LeanDisplay[None]):
    """The same app, sending only what differs."""


async def pictures(app: App[None], seed: int) -> tuple[list[Picture], int]:
    """What the terminal shows after each of some random changes, and the bytes it took."""
    chance = random.Random(seed)  # noqa: S311
    shown: list[Picture] = []
    async with on_a_wire(app, SIZE) as (pilot, wire):
        table: DataTable[str] = app.query_one(DataTable)
        table.add_columns("a", "b", "c")
        for row in range(8):
            table.add_row(str(row), "running", "12%")
        for _ in range(8):
            pane = app.query_one(chance.choice(["#left", "#right", "#status"]), Static)
            pane.update(" ".join(chance.choices(WORDS, k=chance.randint(0, 6))))
            pane.set_class(chance.random() < 0.3, "hot")
            table.update_cell_at(
                Coordinate(chance.randrange(8), chance.randrange(3)), chance.choice(WORDS[1:])
            )
            await pilot.press(chance.choice(["tab", "down", "x", "left"]))
            await pilot.pause(SETTLE_S / 2)
            shown.append(wire.cells(SIZE))
        return shown, len(wire.take())


@pytest.mark.parametrize("seed", range(2))
async def test_the_picture_is_that_of_a_plain_app_and_costs_less(seed: int) -> None:
    plain, plain_bytes = await pictures(Plain(), seed)
    lean, lean_bytes = await pictures(Lean(), seed)
    assert lean == plain
    assert lean_bytes < plain_bytes


async def test_a_label_that_gets_the_text_it_has_sends_nothing() -> None:
    app = Lean()
    async with on_a_wire(app, SIZE) as (pilot, wire):
        label = app.query_one("#status", Label)
        for _ in range(2):
            label.update("14:02")
            await pilot.pause(SETTLE_S)
            sent = wire.take()
        assert sent == b""
        label.update("14:03")
        await pilot.pause(SETTLE_S)
        assert wire.take().count(b"3") > 0


async def test_after_coming_back_from_the_shell_nothing_is_taken_for_granted() -> None:
    app = Lean()
    async with on_a_wire(app, SIZE) as (pilot, wire):
        label = app.query_one("#status", Label)
        for text in ("14:02", "14:02"):
            label.update(text)
            await pilot.pause(SETTLE_S)
        wire.take()
        app.app_resume_signal.publish(app)
        await pilot.pause(SETTLE_S)
        label.update("14:02")
        await pilot.pause(SETTLE_S)
        assert b"14:02" in wire.take()
