"""What works in this place, with its keys: made from the registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from tui.actions.action import Action, Place, shown_key
from tui.actions.reasons import Now
from tui.dialogs.dialog import Dialog
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, ReadView, dim, line, wrap

_MOVING_ABOUT = "up down or k j, page up, page down, home, end move the cursor; tab goes to the next pane."


class HelpDialog(Dialog[None]):
    """Scrolls; any of the usual keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark,enter", "close", show=False)]

    def __init__(self, place: Place, actions: Sequence[Action], now: Now) -> None:
        super().__init__(f"help: {place.value.lower()}")
        self._place = place
        self._actions = actions
        self._now = now

    def content(self) -> list[Widget]:
        """All actions, the place's own first."""
        return [ReadView(self._picture, id="help")]

    def _picture(self, width: int) -> list[Line]:
        here = [action for action in self._actions if self._place in action.places]
        anywhere = [action for action in self._actions if self._place not in action.places]
        lines: list[Line] = []
        if here:
            lines += [line(Cell(self._place.value, Tone.TITLE)), *self._list(here, width), EMPTY]
        lines += [line(Cell(Place.ANYWHERE.value, Tone.TITLE)), *self._list(anywhere, width), EMPTY]
        lines += wrap(_MOVING_ABOUT, width, Tone.DIM)
        lines += wrap(
            "Keys can be changed: [keys] in the configuration, by the names on the right.", width, Tone.DIM
        )
        return lines

    def _list(self, actions: Sequence[Action], width: int) -> list[Line]:
        return [piece for action in actions for piece in self._action(action, width)]

    def _action(self, action: Action, width: int) -> list[Line]:
        keys = " ".join(shown_key(key) for key in action.keys.split(","))
        reason = action.why_not(self._now)
        head = line(Cell(f" {keys:<8} ", Tone.BUSY if not reason else Tone.DIM))
        text = f"{action.help}  {'Asks first. ' if action.dangerous else ''}"
        lines = wrap(text, width - 18, indent=" " * 10, first=head)
        gap = width - sum(len(cell.text) for cell in lines[0]) - len(action.id)
        lines[0] = (*lines[0], dim(" " * max(1, gap) + action.id))
        if reason:
            lines += wrap(f"not now: {reason}", width, Tone.DIM, indent=" " * 10, first=line(" " * 10))
        return lines

    def on_mount(self) -> None:
        """Ready to scroll."""
        self.query_one(ReadView).focus()

    def action_close(self) -> None:
        """Back to the place."""
        self.dismiss(None)
