"""The window of a `Grid` on its rows: pure arithmetic of the cursor and the first row shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Viewport:
    """`height` lines that show the rows from `top` on; the `cursor` is always among them."""

    height: int = 1
    count: int = 0
    top: int = 0
    cursor: int = 0

    def move_to(self, index: int) -> None:
        """Put the cursor on the row `index`, or on the nearest there is, scrolling as little as needed."""
        self.cursor = max(0, min(index, self.count - 1))
        self._reveal()

    def page(self, pages: int) -> None:
        """Turn pages; the cursor stays on its line, except at the ends of the table."""
        self.top += pages * self.height
        self.move_to(self.cursor + pages * self.height)

    def resize(self, height: int) -> None:
        """The pane has another height."""
        self.height = max(1, height)
        self._reveal()

    def follow(self, index: int, count: int) -> None:
        """Rows came, went or moved, and the cursor's row is at `index` now.

        The cursor keeps its line on the screen, so that rows which come and go above the window do not
        push it; but a table that shows its top goes on showing its top.
        """
        if self.top > 0:
            self.top += index - self.cursor
        self.count = count
        self.move_to(index)

    def thumb(self) -> range:
        """The lines beside which the thumb stands; empty when all rows are on the screen."""
        if self.count <= self.height:
            return range(0)
        length = max(1, self.height * self.height // self.count)
        hidden = self.count - self.height
        start = (self.top * (self.height - length) + hidden // 2) // hidden
        return range(start, start + length)

    def _reveal(self) -> None:
        lowest = max(0, self.count - self.height)
        self.top = max(0, min(self.top, lowest, self.cursor))
        self.top = max(self.top, self.cursor - self.height + 1)
