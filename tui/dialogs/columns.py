"""`ColumnsDialog`: which columns a table has."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from tui.dialogs.dialog import BodyView, Dialog
from tui.session import session_of
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, LineView, dim, line


class ColumnsDialog(Dialog[frozenset[str] | None]):
    """Ends with the ids of the columns that are left out, or None when the user went back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k,shift+tab", "move(-1)", show=False),
        Binding("down,j,tab", "move(1)", show=False),
        Binding("space", "turn", show=False),
        Binding("enter", "take", show=False),
        Binding("escape,q", "cancel", show=False),
    ]

    def __init__(self, columns: Sequence[tuple[str, str]], hidden: Collection[str]) -> None:
        super().__init__("columns")
        self._columns = tuple(columns)
        self._hidden = set(hidden)
        self._cursor = 0

    def content(self) -> list[Widget]:
        """The columns, and what keys do."""
        keys = line(dim("space shows or hides, enter takes it, esc goes back"))
        return [BodyView(self._picture, id="body"), LineView(lambda _: [keys], id="hint")]

    def room_below_body(self) -> int:
        """Air and the keys."""
        return 2

    def _picture(self, _: int) -> list[Line]:
        glyphs = session_of(self).settings.glyphs
        lines: list[Line] = []
        for number, (column_id, title) in enumerate(self._columns):
            chosen = number == self._cursor
            sign = " " if column_id in self._hidden else glyphs.ok
            marker = glyphs.marker if chosen else " "
            tone = Tone.TITLE if chosen else Tone.NORMAL
            lines.append(line(Cell(f"{marker} [{sign}] ", tone), Cell(f"{title:<15}", tone), dim(column_id)))
        return lines

    def action_move(self, by: int) -> None:
        """Put the cursor on another column."""
        self._cursor = (self._cursor + by) % len(self._columns)
        body = self.query_one("#body", LineView)
        body.draw()
        if not body.scroll_y <= self._cursor < body.scroll_y + body.size.height:
            body.scroll_to(y=max(0, self._cursor - body.size.height // 2), animate=False)

    def action_turn(self) -> None:
        """Show it, or not."""
        self._hidden ^= {self._columns[self._cursor][0]}
        self.query_one("#body", LineView).draw()

    def action_take(self) -> None:
        """So be it."""
        self.dismiss(frozenset(self._hidden))

    def action_cancel(self) -> None:
        """As it was."""
        self.dismiss(None)
