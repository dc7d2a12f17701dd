"""`AskDialog`: one line of text, a number or a secret."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from tui.dialogs.dialog import BodyView, Dialog
from tui.widgets.lines import LineView, Picture, dim, line


class AskDialog(Dialog[str | None]):
    """Ends with what was typed, or None when the user went back."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", show=False)]

    def __init__(
        self,
        title: str,
        body: Picture,
        *,
        secret: bool = False,
        number: bool = False,
        value: str = "",
        dangerous: bool = False,
    ) -> None:
        super().__init__(title, dangerous=dangerous)
        self._body = body
        self._input = Input(
            value, password=secret, type="integer" if number else "text", valid_empty=True, max_length=512
        )
        self._input.cursor_blink = False

    def content(self) -> list[Widget]:
        """The question and the line to answer on."""
        keys = line(dim("enter takes it, esc goes back"))
        return [BodyView(self._body, id="body"), self._input, LineView(lambda _: [keys], id="hint")]

    def room_below_body(self) -> int:
        """Air, the line, air, the keys."""
        return 4

    def on_mount(self) -> None:
        """Ready to type."""
        self._input.focus()

    @on(Input.Submitted)
    def take(self, event: Input.Submitted) -> None:
        """Enter."""
        self.dismiss(event.value)

    def action_cancel(self) -> None:
        """Escape."""
        self.dismiss(None)
