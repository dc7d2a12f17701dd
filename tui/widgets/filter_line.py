"""The line in which a filter is typed."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line

FILTER_KEYS: Line = (
    Cell(" enter", Tone.TITLE),
    Cell(" keep the filter "),
    Cell(" esc", Tone.TITLE),
    Cell(" all rows "),
)
"""What keys do while a filter is typed."""


class FilterLine(Input):
    """Opens with `/`; enter keeps the filter and closes the line, escape clears it and closes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,down", "keep", show=False),
        Binding("escape", "clear", show=False),
    ]

    class Closed(Message):
        """The keys belong to the table again."""

    def __init__(
        self,
        placeholder: str = "words of a name, host:h1, state:off, !not, ~regex",
        *,
        id: str,  # noqa: A002  (the name Textual gives it)
    ) -> None:
        super().__init__(placeholder=placeholder, id=id)
        self.cursor_blink = False
        self.can_focus = False

    @property
    def is_open(self) -> bool:
        """Do keys go here?"""
        return self.has_class("-open")

    def open(self) -> None:
        """Show the line and type into it."""
        self.can_focus = True
        self.add_class("-open")
        self.focus()

    def action_keep(self) -> None:
        """The filter stays."""
        self._close()

    def action_clear(self) -> None:
        """All rows again."""
        self.value = ""
        self._close()

    def _close(self) -> None:
        self.remove_class("-open")
        self.can_focus = False
        self.post_message(self.Closed())
