"""The frame of all dialogs."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen, ScreenResultType
from textual.widget import Widget

from tui.widgets.lines import LineView

_FRAME = 2
"""Lines of the border."""

_SHORT = 18
"""Lines of a screen below which a dialog does without air."""


class BodyView(LineView):
    """The text of a dialog: never taller than leaves room for what is below it."""

    DEFAULT_CSS = "BodyView { height: auto; overflow: hidden auto; scrollbar-size-vertical: 1; }"


class Dialog(ModalScreen[ScreenResultType]):
    """A box with a title in the middle of the screen, what is behind it dimmed."""

    CSS_PATH: ClassVar[str | Path] = Path(__file__).with_name("dialog.tcss")

    def __init__(self, title: str, *, dangerous: bool = False) -> None:
        super().__init__(classes="-dangerous" if dangerous else "")
        self._heading = title

    def content(self) -> list[Widget]:
        """What is in the box."""
        raise NotImplementedError

    def room_below_body(self) -> int:
        """Lines that what is below the body needs; a dialog without a body has none."""
        return 0

    def on_resize(self, event: events.Resize) -> None:
        """On a small screen the text scrolls, and not the answers go."""
        is_short = event.size.height < _SHORT
        self.set_class(is_short, "-short")
        air = 0 if is_short else 2
        for body in self.query(BodyView):
            body.styles.max_height = max(1, event.size.height - _FRAME - air - self.room_below_body())

    def compose(self) -> ComposeResult:
        """The box."""
        box = Vertical(*self.content())
        box.border_title = Content(f" {self._heading} ")
        yield box
