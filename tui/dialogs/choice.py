"""`ChoiceDialog`: pick one of a few answers, by its key or with the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.binding import Binding, BindingType
from textual.widget import Widget

from tui.dialogs.dialog import Dialog
from tui.session import session_of
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, LineView, Picture, line

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """One answer."""

    key: str
    label: str
    value: T


class ChoiceDialog(Dialog[T]):
    """Ends with the value of the answer; the first answer is the default and what escape means."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k,shift+tab", "move(-1)", show=False),
        Binding("down,j,tab", "move(1)", show=False),
        Binding("enter", "pick", show=False),
        Binding("escape", "cancel", show=False),
    ]

    def __init__(
        self, title: str, body: Picture, choices: Sequence[Choice[T]], *, dangerous: bool = False
    ) -> None:
        super().__init__(title, dangerous=dangerous)
        self._body = body
        self._choices = tuple(choices)
        self._cursor = 0

    def content(self) -> list[Widget]:
        """The question and its answers."""
        return [LineView(self._body, id="body"), LineView(self._choice_lines, id="choices")]

    def _choice_lines(self, _: int) -> list[Line]:
        marker = session_of(self).settings.glyphs.marker
        lines = []
        for number, choice in enumerate(self._choices):
            chosen = number == self._cursor
            tone = Tone.TITLE if chosen else Tone.NORMAL
            mark = f"{marker if chosen else ' '} "
            lines.append(line(Cell(mark, tone), Cell(choice.key, Tone.BUSY), Cell(f"  {choice.label}", tone)))
        return lines

    def action_move(self, by: int) -> None:
        """Put the cursor on another answer."""
        self._cursor = (self._cursor + by) % len(self._choices)
        self.query_one("#choices", LineView).draw()

    def action_pick(self) -> None:
        """Answer with the one under the cursor."""
        self.dismiss(self._choices[self._cursor].value)

    def action_cancel(self) -> None:
        """The harmless answer."""
        self.dismiss(self._choices[0].value)

    def on_key(self, event: events.Key) -> None:
        """The key of an answer picks it."""
        for choice in self._choices:
            if event.character == choice.key:
                event.stop()
                self.dismiss(choice.value)
                return


def confirm(title: str, body: Picture, *, no: str, yes: str) -> ChoiceDialog[bool]:
    """A dangerous thing, and the default is not to do it."""
    return ChoiceDialog(title, body, [Choice("n", no, False), Choice("y", yes, True)], dangerous=True)
