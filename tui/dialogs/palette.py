"""The palette: every command of this place by its name, fuzzy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from tui.actions.action import Action
from tui.actions.reasons import Now
from tui.dialogs.dialog import Dialog
from tui.filter import FilterError, parse
from tui.session import session_of
from tui.widgets.grid import Grid
from tui.widgets.grid_columns import Cell, Column, Tone


def _names(action: Action) -> str:
    return f"{action.label} {action.id}"


def _distance(typed: str, action: Action) -> int:
    """0: its name begins so; 1: a word of it does; 2: it is somewhere in it; 3: its letters are."""
    wanted, names = typed.strip().casefold(), _names(action).casefold()
    if names.startswith(wanted):
        return 0
    if any(word.startswith(wanted) for word in names.replace("-", " ").split()):
        return 1
    return 2 if wanted in names else 3


class PaletteDialog(Dialog[str | None]):
    """Ends with the id of the action, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", show=False),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("up", "move(-1)", show=False, priority=True),
    ]

    def __init__(self, actions: Sequence[Action], now: Now) -> None:
        super().__init__("commands")
        self._actions = actions
        self._now = now

    def content(self) -> list[Widget]:
        """What is typed, and what fits."""
        line = Input(placeholder="type to find a command")
        line.cursor_blink = False
        grid: Grid[Action] = Grid(
            [
                Column(
                    id="key", title="KEY", cell=lambda action: Cell(action.shown_key(), Tone.BUSY), width=6
                ),
                Column(id="label", title="COMMAND", cell=self._label, width=16, priority=9),
                Column(id="help", title="WHAT IT DOES", cell=self._help, width=10, flex=1),
            ],
            key=lambda action: action.id,
            glyphs=session_of(self).settings.glyphs,
            placeholder="No such command.",
        )
        grid.show(self._actions)
        return [line, grid]

    def _label(self, action: Action) -> Cell:
        return Cell(action.label, Tone.DIM if action.why_not(self._now) else Tone.NORMAL)

    def _help(self, action: Action) -> Cell:
        return Cell(action.why_not(self._now) or action.help, Tone.DIM)

    def on_mount(self) -> None:
        """Ready to type."""
        self.query_one(Input).focus()

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        try:
            matches = parse(event.value, _names, {})
        except FilterError:
            return
        found = [action for action in self._actions if matches is None or matches(action)]
        grid: Grid[Action] = self.query_one(Grid)
        grid.show(sorted(found, key=lambda action: _distance(event.value, action)))
        grid.action_home()

    @on(Input.Submitted)
    @on(Grid.Selected)
    def _take(self) -> None:
        chosen: Action | None = self.query_one(Grid).highlighted
        self.dismiss(chosen.id if chosen else None)

    def action_move(self, by: int) -> None:
        """The cursor of the list, while typing."""
        grid = self.query_one(Grid)
        if by > 0:
            grid.action_cursor_down()
        else:
            grid.action_cursor_up()

    def action_cancel(self) -> None:
        """Nothing."""
        self.dismiss(None)
