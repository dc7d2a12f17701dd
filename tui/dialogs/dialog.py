"""The frame of all dialogs."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen, ScreenResultType
from textual.widget import Widget


class Dialog(ModalScreen[ScreenResultType]):
    """A box with a title in the middle of the screen, what is behind it dimmed."""

    CSS_PATH: ClassVar[str | Path] = Path(__file__).with_name("dialog.tcss")

    def __init__(self, title: str, *, dangerous: bool = False) -> None:
        super().__init__(classes="-dangerous" if dangerous else "")
        self._heading = title

    def content(self) -> list[Widget]:
        """What is in the box."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """The box."""
        box = Vertical(*self.content())
        box.border_title = Content(f" {self._heading} ")
        yield box
