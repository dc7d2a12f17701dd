"""Which rows a `Grid` shows and in which order: filter, sort and deltas, without drawing.

The order is kept sorted, but not at any price: when the value rows are sorted by changes, they keep
their places until `RESORT_INTERVAL_S` has passed since the last re-sort or the last move of the
cursor, so that a table sorted by load does not jump under the user's hands. Rows that appear take
their place at once and rows that go leave at once. Rows that compare equal keep their relative order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from typing import Generic

from tui.widgets.grid_columns import Column, R, Sortable

RESORT_INTERVAL_S = 1.0

_BULK_INSERT = 64
"""From this many new rows at once, one full sort is cheaper than an insertion for each."""


class GridModel(Generic[R]):
    """The rows by key, and the keys of those that pass the filter, in order.

    `key` must be constant for a row's identity. Times are readings of one monotonic clock in seconds,
    handed in by the caller.
    """

    def __init__(self, key: Callable[[R], Hashable], *, interval_s: float = RESORT_INTERVAL_S) -> None:
        self._key = key
        self._interval_s = interval_s
        self._rows: dict[Hashable, R] = {}
        self._order: list[Hashable] = []
        self._predicate: Callable[[R], bool] | None = None
        self._value: Callable[[R], Sortable | None] | None = None
        self._unsorted = False
        self._calm_at_s = 0.0
        self.sort_column: Column[R] | None = None
        self.descending = False

    def __len__(self) -> int:
        """The number of rows that pass the filter."""
        return len(self._order)

    @property
    def total(self) -> int:
        """The number of rows, filtered or not."""
        return len(self._rows)

    def row(self, key: Hashable) -> R | None:
        """The row of this key, also when the filter hides it."""
        return self._rows.get(key)

    def key_at(self, index: int) -> Hashable | None:
        """The key of the visible row at `index`, or None outside the table."""
        return self._order[index] if 0 <= index < len(self._order) else None

    def index_of(self, key: Hashable) -> int | None:
        """The index of the visible row with this key."""
        try:
            return self._order.index(key)
        except ValueError:
            return None

    def show(self, rows: Iterable[R], now_s: float) -> None:
        """Replace all rows."""
        self._rows = {self._key(row): row for row in rows}
        self._rebuild(now_s)

    def update(self, changed: Iterable[R], removed: Collection[Hashable], now_s: float) -> None:
        """Apply a delta: rows that are new or differ, and keys of rows that are gone."""
        leaving = {key for key in removed if self._rows.pop(key, None) is not None}
        arriving: list[Hashable] = []
        for row in changed:
            key = self._key(row)
            old = self._rows.get(key)
            self._rows[key] = row
            was_visible = old is not None and self._passes(old)
            if self._passes(row):
                if not was_visible:
                    arriving.append(key)
                elif self._value and old is not None and self._value(old) != self._value(row):
                    self._unsorted = True
            elif was_visible:
                leaving.add(key)
        if leaving:
            self._order = [key for key in self._order if key not in leaving]
        if arriving:
            self._insert(arriving, now_s)

    def set_filter(self, predicate: Callable[[R], bool] | None, now_s: float) -> None:
        """Show only rows for which `predicate` holds; None shows all."""
        self._predicate = predicate
        self._rebuild(now_s)

    def set_sort(self, column: Column[R] | None, *, descending: bool, now_s: float) -> None:
        """Sort by `column` from now on; None goes back to the order in which rows were given."""
        self.sort_column, self.descending = column, descending
        self._value = column.sort if column else None
        self._rebuild(now_s)

    def hold(self, now_s: float) -> None:
        """The user is at work in the table: leave changed rows in place for another interval."""
        self._calm_at_s = now_s + self._interval_s

    def resort_due_in(self, now_s: float) -> float | None:
        """Seconds until changed rows should move to their places; None when all are in place."""
        return max(0.0, self._calm_at_s - now_s) if self._unsorted else None

    def resort(self, now_s: float) -> None:
        """Move every row to its place now."""
        self._unsorted = False
        self._calm_at_s = now_s + self._interval_s
        value, rows = self._value, self._rows
        if value is None:
            return
        valued: list[tuple[Sortable, Hashable]] = []
        last: list[Hashable] = []
        for key in self._order:
            sort_value = value(rows[key])
            if sort_value is None:
                last.append(key)
            else:
                valued.append((sort_value, key))
        valued.sort(key=_first, reverse=self.descending)
        self._order = [key for _, key in valued] + last

    def _passes(self, row: R) -> bool:
        return self._predicate is None or self._predicate(row)

    def _rebuild(self, now_s: float) -> None:
        """Filter and sort all rows, starting from the order on the screen so that equals stay put."""
        rows, predicate = self._rows, self._predicate
        keys: Iterable[Hashable] = rows
        if self._value is not None:
            keys = dict.fromkeys(key for key in self._order if key in rows) | dict.fromkeys(rows)
        self._order = list(keys) if predicate is None else [key for key in keys if predicate(rows[key])]
        self.resort(now_s)

    def _insert(self, keys: list[Hashable], now_s: float) -> None:
        value = self._value
        if value is None:
            self._order += keys
        elif len(keys) > _BULK_INSERT:
            self._order += keys
            self.resort(now_s)
        else:
            for key in keys:
                self._order.insert(self._place_of(value(self._rows[key]), value), key)

    def _place_of(self, new: Sortable | None, value: Callable[[R], Sortable | None]) -> int:
        """Where a value belongs in the sorted order: after its equals, before rows without a value."""
        if new is None:
            return len(self._order)
        low, high = 0, len(self._order)
        while low < high:
            middle = (low + high) // 2
            other = value(self._rows[self._order[middle]])
            comes_first = other is None or (other < new if self.descending else new < other)
            low, high = (low, middle) if comes_first else (middle + 1, high)
        return low


def _first(pair: tuple[Sortable, Hashable]) -> Sortable:
    return pair[0]
