"""A table shows the right rows, in the right order, and leaves the user's hands alone."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.widgets.grid_columns import Align, Cell, Column, fit, place
from tui.widgets.grid_model import GridModel
from tui.widgets.grid_viewport import Viewport


class Row(NamedTuple):
    """A guest, as far as a table cares."""

    key: int
    cpu: float | None = 0.0
    name: str = ""


def column(
    id_: str, width: int = 6, flex: int = 0, max_width: int | None = None, priority: int = 0
) -> Column[Row]:
    """A column of which only the place matters."""
    return Column(
        id=id_,
        title=id_.upper(),
        cell=lambda row: Cell(row.name),
        width=width,
        flex=flex,
        max_width=max_width,
        priority=priority,
    )


CPU: Column[Row] = Column(
    id="cpu", title="CPU", cell=lambda row: Cell(str(row.cpu)), width=5, sort=lambda row: row.cpu
)


def by_load(*rows: Row) -> GridModel[Row]:
    """A table sorted by load, the greatest first, at time 0."""
    model: GridModel[Row] = GridModel(lambda row: row.key, interval_s=1.0)
    model.show(rows, 0.0)
    model.set_sort(CPU, descending=True, now_s=0.0)
    return model


def order(model: GridModel[Row]) -> list[object]:
    """The keys of the rows shown."""
    return [model.key_at(index) for index in range(len(model))]


# -- columns ----------------------------------------------------------------------------------------


def test_in_a_narrow_pane_the_least_important_columns_go_first() -> None:
    columns = [column("name", priority=9), column("host", priority=5), column("disk"), column("net")]
    shown = {width: [placed.column.id for placed in place(columns, width)] for width in (40, 20, 13, 6, 2)}
    assert shown == {
        40: ["name", "host", "disk", "net"],
        20: ["name", "host", "disk"],
        13: ["name", "host"],
        6: ["name"],
        2: ["name"],
    }
    assert place(columns, 2)[0].width == 2


def test_spare_width_goes_to_the_columns_that_stretch() -> None:
    columns = [column("name", flex=3, max_width=20), column("host", flex=1), column("cpu")]
    placements = place(columns, 80)
    assert [placed.width for placed in placements] == [20, 50, 6]
    assert [placed.x for placed in placements] == [0, 22, 74]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(0, 200))
def test_columns_never_leave_the_pane_or_overlap(widths: list[int], width: int) -> None:
    columns = [
        column(str(index), wide, flex=index % 3, priority=index % 4) for index, wide in enumerate(widths)
    ]
    end = 0
    for placed in place(columns, width):
        assert placed.x >= end
        end = placed.x + placed.width
    assert end <= width


@given(st.text(), st.integers(0, 30), st.sampled_from(Align))
def test_any_text_fills_its_cell_exactly_and_can_be_printed(text: str, width: int, align: Align) -> None:
    fitted = fit(text, width, align, "~")
    assert cell_len(fitted) == width
    assert fitted.isprintable()


def test_numbers_lean_right_and_long_names_are_cut() -> None:
    assert fit("41%", 5, Align.RIGHT, "…") == "  41%"
    assert fit("web-production", 8, Align.LEFT, "…") == "web-pro…"
    assert fit("仮想機", 4, Align.LEFT, "…") == "仮 …"


# -- order ------------------------------------------------------------------------------------------


def test_rows_are_sorted_and_unknown_values_come_last_both_ways() -> None:
    model = by_load(Row(1, 5.0), Row(2, None), Row(3, 9.0))
    assert order(model) == [3, 1, 2]
    model.set_sort(CPU, descending=False, now_s=0.0)
    assert order(model) == [1, 3, 2]


def test_equal_rows_keep_their_places() -> None:
    model = by_load(Row(1, 5.0), Row(2, 5.0), Row(3, 5.0))
    model.set_sort(CPU, descending=False, now_s=0.0)
    model.set_sort(CPU, descending=True, now_s=0.0)
    assert order(model) == [1, 2, 3]


def test_a_changed_load_moves_its_row_a_second_later_and_not_before() -> None:
    model = by_load(Row(1, 5.0), Row(2, 3.0))
    model.update([Row(2, 8.0)], (), 0.4)
    assert order(model) == [1, 2]
    assert model.resort_due_in(0.4) == pytest.approx(0.6)
    model.resort(1.0)
    assert order(model) == [2, 1]
    assert model.resort_due_in(1.0) is None


def test_nothing_moves_while_the_user_works_in_the_table() -> None:
    model = by_load(Row(1, 5.0), Row(2, 3.0))
    model.update([Row(2, 8.0)], (), 0.4)
    model.hold(0.9)
    assert model.resort_due_in(1.5) == pytest.approx(0.4)


def test_new_rows_take_their_place_at_once_and_gone_rows_leave() -> None:
    model = by_load(Row(1, 5.0), Row(2, 3.0), Row(3, None))
    model.update([Row(4, 4.0), Row(5, None), Row(6, 5.0)], [2, 99], 0.1)
    assert order(model) == [1, 6, 4, 3, 5]
    assert model.resort_due_in(0.1) is None


def test_a_value_that_did_not_change_asks_for_no_sort() -> None:
    model = by_load(Row(1, 5.0), Row(2, 3.0))
    model.update([Row(2, 3.0, "renamed")], (), 0.1)
    assert model.resort_due_in(0.1) is None


def test_a_filter_hides_rows_and_lets_changed_ones_in_and_out() -> None:
    model = by_load(Row(1, 5.0), Row(2, 3.0))
    model.set_filter(lambda row: row.cpu != 3.0, 0.0)
    assert (order(model), len(model), model.total) == ([1], 1, 2)
    model.update([Row(2, 6.0), Row(1, 3.0)], (), 0.0)
    assert order(model) == [2]
    model.set_filter(None, 0.0)
    assert order(model) == [2, 1]


loads = st.none() | st.integers(0, 5).map(float)
deltas = st.lists(
    st.tuples(st.dictionaries(st.integers(0, 40), loads), st.sets(st.integers(0, 40))), max_size=8
)


@given(deltas, st.booleans(), st.booleans())
def test_after_any_deltas_the_table_is_what_a_fresh_one_would_be(
    history: list[tuple[dict[int, float | None], set[int]]], descending: bool, filtered: bool
) -> None:
    model: GridModel[Row] = GridModel(lambda row: row.key)
    model.set_sort(CPU, descending=descending, now_s=0.0)
    model.set_filter((lambda row: row.key % 2 == 0) if filtered else None, 0.0)
    expected: dict[int, float | None] = {}
    for changed, removed in history:
        model.update([Row(key, cpu) for key, cpu in changed.items()], removed, 0.0)
        expected = {key: cpu for key, cpu in expected.items() if key not in removed} | changed
    model.resort(0.0)
    visible = {key: cpu for key, cpu in expected.items() if not filtered or key % 2 == 0}
    values = [visible[key] for key in order(model)]  # type: ignore[index]
    known = sorted((cpu for cpu in visible.values() if cpu is not None), reverse=descending)
    assert sorted(map(str, order(model))) == sorted(map(str, visible))
    assert values == [*known, *[None] * (len(values) - len(known))]


# -- window -----------------------------------------------------------------------------------------


def test_rows_that_come_above_the_window_do_not_push_it() -> None:
    viewport = Viewport(height=10, count=100, top=50, cursor=55)
    viewport.follow(58, 103)
    assert (viewport.top, viewport.cursor) == (53, 58)


def test_a_window_on_the_top_stays_on_the_top() -> None:
    viewport = Viewport(height=10, count=100, top=0, cursor=2)
    viewport.follow(5, 103)
    assert (viewport.top, viewport.cursor) == (0, 5)


def test_turning_a_page_keeps_the_cursor_on_its_line() -> None:
    viewport = Viewport(height=10, count=100, top=0, cursor=3)
    viewport.page(1)
    assert (viewport.top, viewport.cursor) == (10, 13)
    viewport.page(20)
    assert (viewport.top, viewport.cursor) == (90, 99)


@given(
    st.integers(1, 50),
    st.integers(0, 200),
    st.lists(
        st.tuples(
            st.sampled_from(["move", "page", "resize", "follow"]), st.integers(-60, 260), st.integers(0, 200)
        )
    ),
)
def test_the_cursor_is_always_on_the_screen(
    height: int, count: int, steps: list[tuple[str, int, int]]
) -> None:
    viewport = Viewport(height=height, count=count)
    for step, number, other in steps:
        if step == "move":
            viewport.move_to(number)
        elif step == "page":
            viewport.page(number % 5 - 2)
        elif step == "resize":
            viewport.resize(number)
        else:
            viewport.follow(number, other)
        assert viewport.top <= viewport.cursor < viewport.top + viewport.height
        assert 0 <= viewport.top <= max(0, viewport.count - viewport.height)
        assert set(viewport.thumb()) <= set(range(viewport.height))
