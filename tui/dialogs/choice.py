"""`ChoiceDialog`: pick one of a few answers, by its key or with the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.binding import Binding, BindingType
from textual.widget import Widget

from tui.dialogs.dialog import BodyView, Dialog
from tui.session import session_of
from tui.toasts import copy
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, LineView, Picture, dim, line

T = TypeVar("T")


_COPY_KEY = "c"


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
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
    ]

    def __init__(
        self,
        title: str,
        body: Picture,
        choices: Sequence[Choice[T]],
        *,
        dangerous: bool = False,
        command: str = "",
    ) -> None:
        super().__init__(title, dangerous=dangerous)
        self._command = command
        self._body = body
        self._choices = tuple(choices)
        self._cursor = 0

    def content(self) -> list[Widget]:
        """The question, which scrolls where it is long, and its answers, which always show."""
        return [BodyView(self._body, id="body"), LineView(self._choice_lines, id="choices")]

    def room_below_body(self) -> int:
        """Air and the answers."""
        return 1 + len(self._choice_lines(0))

    def _choice_lines(self, _: int) -> list[Line]:
        marker = session_of(self).settings.glyphs.marker
        lines = []
        for number, choice in enumerate(self._choices):
            chosen = number == self._cursor
            tone = Tone.TITLE if chosen else Tone.NORMAL
            mark = f"{marker if chosen else ' '} "
            lines.append(line(Cell(mark, tone), Cell(choice.key, Tone.BUSY), Cell(f"  {choice.label}", tone)))
        if self._command:
            lines.append(line("  ", Cell(_COPY_KEY, Tone.BUSY), dim("  copies the command")))
        return lines

    def action_move(self, by: int) -> None:
        """Put the cursor on another answer."""
        self._cursor = (self._cursor + by) % len(self._choices)
        self.query_one("#choices", LineView).draw()

    def action_page(self, by: int) -> None:
        """Scroll a question that is too long for the screen."""
        body = self.query_one("#body", LineView)
        body.scroll_relative(y=by * max(1, body.size.height - 1), animate=False)

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
        if self._command and event.character == _COPY_KEY:
            event.stop()
            copy(self.app, self._command)


def confirm(title: str, body: Picture, *, no: str, yes: str, command: str = "") -> ChoiceDialog[bool]:
    """A dangerous thing, and the default is not to do it. `command` does the same, and can be copied."""
    choices = [Choice("n", no, False), Choice("y", yes, True)]
    return ChoiceDialog(title, body, choices, dangerous=True, command=command)
