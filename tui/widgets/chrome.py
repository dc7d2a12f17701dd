"""The first and the last line of every screen: the fleet at the top, the keys that work here at the bottom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from textual.timer import Timer

from backends.model.fleet import FleetState
from tui.actions.action import Action
from tui.actions.reasons import Now
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, LineView, Picture, dim, length, spread
from tui.words.fleet import fleet_line

_TOLD_S = 4.0
"""How long a reason stays in the line of keys: long enough to be read twice."""


class Header(LineView):
    """The fleet in one line."""

    DEFAULT_CSS = "Header { dock: top; height: 1; background: $panel; }"

    def show(self, state: FleetState, *, read_only: bool) -> None:
        """Draw it anew; only what differs is sent."""
        right: Line = (Cell("READ-ONLY ", Tone.DOUBT),) if read_only else ()
        self.draw(lambda width: [spread(fleet_line(state, width - length(right)), right, width)])


class KeyLine(LineView):
    """What can be done here: keys that work are bright, keys that do not work now are dim."""

    DEFAULT_CSS = "KeyLine { dock: bottom; height: 1; background: $panel; }"

    _telling: Timer | None = None

    def __init__(self) -> None:
        super().__init__()
        self._keys: Picture = lambda _: ()

    def show(self, actions: Sequence[Action], now: Now) -> None:
        """Draw it anew; only what differs is sent."""
        self._show(lambda width: [key_line(actions, now, width)])

    def show_line(self, keys: Line) -> None:
        """Other keys than those of actions, while something is typed."""
        self._show(lambda _: [keys])

    def tell(self, words: str) -> bool:
        """Say this in the place of the keys for a moment; False when there is no room for it."""
        told: Line = (Cell(f" {words}", Tone.DOUBT),)
        if length(told) > self.size.width:
            return False
        if self._telling:
            self._telling.stop()
        self._telling = self.set_timer(_TOLD_S, self._untell)
        self.draw(lambda _: [told])
        return True

    def _untell(self) -> None:
        self._telling = None
        self.draw(self._keys)

    def _show(self, keys: Picture) -> None:
        self._keys = keys
        if self._telling is None:
            self.draw(keys)


def key_line(actions: Sequence[Action], now: Now, width: int) -> Line:
    """As many actions as there is room for, in the order of the registry, the most important kept longest."""
    shown = [action for action in actions if action.rank is not None]
    while shown and _length(shown) > width:
        least = max(reversed(shown), key=lambda action: action.rank or 0)
        shown.remove(least)
    return tuple(cell for action in shown for cell in _key(action, now))


def _length(actions: Iterable[Action]) -> int:
    return sum(cell_len(action.shown_key()) + cell_len(action.label) + 3 for action in actions)


def _key(action: Action, now: Now) -> Line:
    works = not action.why_not(now)
    return (
        dim(" "),
        Cell(action.shown_key(), Tone.TITLE if works else Tone.DIM),
        dim(" "),
        Cell(action.label, Tone.NORMAL if works else Tone.DIM),
        dim(" "),
    )
