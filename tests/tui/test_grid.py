"""Users find, read and open rows of a table, and a slow line carries no more than it must."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
from textual.app import ComposeResult
from textual.pilot import Pilot

from tests.tui.terminal_bytes import SETTLE_S, Wire, on_a_wire
from tui.glyphs import ASCII, UNICODE, Glyphs
from tui.lean_display import LeanDisplay
from tui.widgets.grid import Align, Cell, Column, Grid, Tone

SIZE = (100, 24)
ROWS_ON_SCREEN = 23


@dataclass(frozen=True, slots=True)
class Guest:
    """A row."""

    key: int
    name: str
    cpu: float = 0.0
    state: str = "running"


def columns() -> list[Column[Guest]]:
    """A name that stretches, a state in tones, a number that sorts."""
    return [
        Column(id="name", title="NAME", cell=name_cell, width=12, flex=1, sort=lambda g: g.name, priority=2),
        Column(id="state", title="STATE", cell=lambda g: Cell(g.state, Tone.GOOD), width=10, priority=1),
        Column(
            id="cpu",
            title="CPU",
            cell=lambda g: Cell(f"{g.cpu:.0f}%"),
            width=6,
            align=Align.RIGHT,
            sort=lambda g: g.cpu,
            descending_first=True,
        ),
    ]


def name_cell(guest: Guest) -> Cell:
    """The name, in the tone of titles."""
    return Cell(guest.name, Tone.TITLE)


def guests(count: int) -> list[Guest]:
    """Guests whose names and loads rise."""
    return [Guest(number, f"guest-{number:05}", number / 200) for number in range(count)]


class Now:
    """A clock that stands until it is set."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Table(LeanDisplay[None]):
    """An app of one table."""

    def __init__(self, glyphs: Glyphs = UNICODE) -> None:
        super().__init__()
        self.clock = Now()
        self.messages: list[Grid.Highlighted | Grid.Selected] = []
        self.grid: Grid[Guest] = Grid(
            columns(),
            key=lambda guest: guest.key,
            sort="name",
            glyphs=glyphs,
            placeholder="No guests yet.\nStart one.",
            clock=self.clock,
        )

    def compose(self) -> ComposeResult:
        yield self.grid

    def on_grid_highlighted(self, message: Grid.Highlighted) -> None:
        self.messages.append(message)

    def on_grid_selected(self, message: Grid.Selected) -> None:
        self.messages.append(message)


@pytest.fixture
def app() -> Table:
    """The app, not running yet."""
    return Table()


@pytest.fixture
async def screen(app: Table) -> AsyncIterator[tuple[Pilot[None], Wire]]:
    """The app with an empty table on a terminal."""
    async with on_a_wire(app, SIZE) as pilot_and_wire:
        yield pilot_and_wire


Screen = tuple[Pilot[None], Wire]


def cursor(app: Table) -> object:
    """The key of the row the cursor is on."""
    return app.grid.highlighted_key


def names(wire: Wire) -> list[str]:
    """What the terminal shows in the first column, markers included."""
    return [line[:14].strip() for line in wire.picture(SIZE)[1:] if line.strip()]


# -- reading ----------------------------------------------------------------------------------------


async def test_an_empty_table_says_what_to_do(app: Table, screen: Screen) -> None:
    _, wire = screen
    picture = "\n".join(wire.picture(SIZE))
    assert "NAME ▴" in picture
    assert "No guests yet." in picture
    assert "Start one." in picture


async def test_a_filter_that_hides_all_says_so(app: Table, screen: Screen) -> None:
    pilot, wire = screen
    app.grid.show(guests(5))
    app.grid.set_filter(lambda _: False)
    await pilot.pause(SETTLE_S)
    assert "Nothing matches the filter." in "\n".join(wire.picture(SIZE))
    assert (app.grid.matched, app.grid.total, app.grid.highlighted) == (0, 5, None)


async def test_the_row_under_the_cursor_is_marked_without_colour(app: Table, screen: Screen) -> None:
    pilot, wire = screen
    app.grid.show(guests(3))
    await pilot.press("down")
    await pilot.pause(SETTLE_S)
    assert names(wire) == ["guest-00000", "▸ guest-00001", "guest-00002"]


async def test_markup_and_control_bytes_are_only_text(app: Table, screen: Screen) -> None:
    pilot, wire = screen
    wire.take()
    app.grid.show([Guest(1, "[red]x[/]"), Guest(2, "a\x1b[2Jb\x9b"), Guest(3, "仮想機")])
    await pilot.pause(SETTLE_S)
    assert b"\x1b[2J" not in wire.take()
    picture = "\n".join(wire.picture(SIZE))
    assert "[red]x[/]" in picture
    assert "a?[2Jb?" in picture


async def test_wide_characters_keep_the_columns_in_line(app: Table, screen: Screen) -> None:
    pilot, wire = screen
    app.grid.show([Guest(1, "plain", 50), Guest(2, "仮想機" * 3, 50), Guest(3, "仮" * 90, 50)])
    await pilot.pause(SETTLE_S)
    assert [line.rstrip()[-3:] for line in wire.picture(SIZE)[1:4]] == ["50%"] * 3


async def test_ascii_terminals_get_ascii_only() -> None:
    app = Table(ASCII)
    async with on_a_wire(app, SIZE) as (pilot, wire):
        app.grid.show([*guests(100), Guest(999, "a-very-long-name" * 20)])
        await pilot.pause(SETTLE_S)
        assert "".join(wire.picture(SIZE)).isascii()


async def test_in_a_very_narrow_pane_the_name_is_still_there(app: Table) -> None:
    async with on_a_wire(app, (24, 10)) as (pilot, wire):
        app.grid.show(guests(3))
        await pilot.pause(SETTLE_S)
        header, first, *_ = wire.picture((24, 10))
        assert header.split() == ["NAME", "▴"]
        assert "guest-00000" in first


# -- moving -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        (["down", "down", "up"], 1),
        (["j", "j", "k"], 1),
        (["pagedown"], ROWS_ON_SCREEN),
        (["end"], 99),
        (["end", "home"], 0),
        (["end", "pageup"], 99 - ROWS_ON_SCREEN),
        (["up"], 0),
    ],
)
async def test_keys_move_the_cursor(app: Table, screen: Screen, keys: list[str], key: int) -> None:
    pilot, _ = screen
    app.grid.show(guests(100))
    await pilot.press(*keys)
    await pilot.pause()
    assert app.grid.highlighted == guests(100)[key]
    assert app.messages[-1].key == key


async def test_enter_opens_the_row(app: Table, screen: Screen) -> None:
    pilot, _ = screen
    await pilot.press("enter")
    assert not app.messages
    app.grid.show(guests(3))
    await pilot.press("down", "enter")
    await pilot.pause()
    assert isinstance(app.messages[-1], Grid.Selected)
    assert (app.messages[-1].key, app.messages[-1].control) == (1, app.grid)


async def test_a_click_highlights_and_a_second_one_opens(app: Table, screen: Screen) -> None:
    pilot, _ = screen
    app.grid.show(guests(3))
    await pilot.click(app.grid, offset=(5, 3))
    assert cursor(app) == 2
    await pilot.click(app.grid, offset=(5, 3))
    await pilot.pause()
    assert isinstance(app.messages[-1], Grid.Selected)
    await pilot.click(app.grid, offset=(5, 9))
    assert cursor(app) == 2


async def test_a_click_on_a_title_sorts(app: Table, screen: Screen) -> None:
    pilot, wire = screen
    app.grid.show(guests(3))
    await pilot.click(app.grid, offset=(SIZE[0] - 3, 0))
    assert app.grid.sorted_by == ("cpu", True)
    await pilot.pause(SETTLE_S)
    assert names(wire)[0] == "guest-00002"


async def test_the_cursor_follows_its_row_when_others_come_and_go(app: Table, screen: Screen) -> None:
    pilot, wire = screen
    app.grid.show(guests(100)[10:])
    app.grid.highlight(60)
    await pilot.pause(SETTLE_S)
    before = wire.picture(SIZE)
    app.grid.update(guests(5), [20, 21])
    await pilot.pause(SETTLE_S)
    assert cursor(app) == 60
    assert wire.picture(SIZE)[1:] == before[1:]


async def test_when_the_row_goes_its_successor_takes_the_cursor(app: Table, screen: Screen) -> None:
    app.grid.show(guests(5))
    app.grid.highlight(4)
    app.grid.update((), [4])
    assert cursor(app) == 3
    app.grid.highlight(1)
    app.grid.update((), [1])
    assert cursor(app) == 2
    assert not app.grid.highlight(99)


# -- order ------------------------------------------------------------------------------------------


async def test_sort_keys_go_through_the_columns_and_turn_round(app: Table, screen: Screen) -> None:
    app.grid.action_sort_next()
    assert app.grid.sorted_by == ("cpu", True)
    app.grid.action_sort_reverse()
    assert app.grid.sorted_by == ("cpu", False)
    app.grid.action_sort_next()
    assert app.grid.sorted_by == ("name", False)
    app.grid.sort_by("state")
    assert app.grid.sorted_by == ("name", False)


async def test_a_table_sorted_by_load_moves_only_when_the_user_rests(app: Table, screen: Screen) -> None:
    app.grid.sort_by("cpu")
    app.grid.show(guests(3))
    app.grid.update([Guest(0, "guest-00000", 99)])
    assert cursor(app) == 2
    app.grid.action_home()
    app.clock.now_s = 0.9
    app.grid.update([Guest(0, "guest-00000", 98)])
    app.grid.action_home()
    assert cursor(app) == 2
    app.clock.now_s = 2.0
    app.grid.update([Guest(0, "guest-00000", 97)])
    app.grid.action_home()
    assert cursor(app) == 0


async def test_changed_rows_move_by_themselves_when_nothing_else_happens() -> None:
    app = Table()
    app.grid = Grid(columns(), key=lambda guest: guest.key, sort="cpu", resort_interval_s=0.05)
    async with on_a_wire(app, SIZE) as (pilot, wire):
        app.grid.show(guests(3))
        app.grid.update([Guest(0, "guest-00000", 99)])
        await pilot.pause(2 * SETTLE_S)
        assert names(wire)[0] == "guest-00000"


async def test_a_narrow_column_still_shows_that_rows_are_sorted_by_it() -> None:
    app = Table()
    vcpu = Column[Guest](
        id="vcpu", title="VCPU", cell=name_cell, width=4, sort=lambda guest: guest.cpu, descending_first=True
    )
    app.grid = Grid([vcpu], key=lambda guest: guest.key, sort="vcpu")
    async with on_a_wire(app, SIZE) as (_, wire):
        assert wire.picture(SIZE)[0].strip() == "VCP▾"


# -- what it costs ----------------------------------------------------------------------------------


async def test_one_changed_cell_among_ten_thousand_rows_is_under_a_hundred_bytes(
    app: Table, screen: Screen
) -> None:
    pilot, wire = screen
    rows = guests(10_000)
    app.grid.show(rows)
    await pilot.pause(SETTLE_S)
    wire.take()
    app.grid.update([replace(rows[7], cpu=77.0)])
    await pilot.pause(SETTLE_S)
    sent = wire.take()
    assert b"77" in sent
    assert len(sent) < 100


async def test_what_is_not_on_the_screen_costs_nothing(app: Table, screen: Screen) -> None:
    pilot, wire = screen
    rows = guests(10_000)
    app.grid.show(rows)
    await pilot.pause(SETTLE_S)
    wire.take()
    app.grid.update([replace(row, cpu=1.0) for row in rows[100:]], [9_999])
    app.grid.update(rows[:10])
    app.grid.show(rows)
    app.grid.reread()
    await pilot.pause(SETTLE_S)
    assert wire.take() == b""


async def test_an_idle_table_sends_nothing(app: Table, screen: Screen) -> None:
    pilot, wire = screen
    app.grid.show(guests(10_000))
    await pilot.pause(SETTLE_S)
    wire.take()
    await pilot.pause(1.0)
    assert wire.take() == b""


async def test_cells_that_depend_on_the_clock_are_asked_again(app: Table, screen: Screen) -> None:
    pilot, wire = screen
    suffix = "a"
    grid: Grid[Guest] = Grid(
        [Column(id="x", title="X", cell=lambda g: Cell(g.name + suffix), width=20)], key=lambda g: g.key
    )
    await app.mount(grid)
    grid.show(guests(2))
    await pilot.pause(SETTLE_S)
    suffix = "b"
    grid.reread()
    await pilot.pause(SETTLE_S)
    assert "guest-00001b" in "\n".join(wire.picture(SIZE))
