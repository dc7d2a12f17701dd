"""Leaving with moves in flight."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from backends.model.move import Move
from tui.dialogs.choice import Choice, ChoiceDialog
from tui.format import percent
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, dim, line, wrap


class Leave(Enum):
    """What to do about them."""

    STAY = "stay"
    DETACH = "detach"
    ABORT = "abort"


def leave_dialog(moves: Sequence[Move]) -> ChoiceDialog[Leave]:
    """Names them; moves are peer-to-peer and survive the program."""

    def body(width: int) -> list[Line]:
        lines = [
            line(
                Cell(move.request.name, Tone.TITLE),
                dim(f"  {move.source} to {move.request.destination}  "),
                Cell(percent(move.progress.fraction) if move.progress else move.phase.value, Tone.BUSY),
            )
            for move in moves
        ]
        words = "The hosts move the guests by themselves: they go on when this program ends."
        return [*lines, EMPTY, *wrap(words, width)]

    return ChoiceDialog(
        "moves are in flight",
        body,
        [
            Choice("k", "keep watching", Leave.STAY),
            Choice("d", "detach: leave, and let them go on", Leave.DETACH),
            Choice("a", "abort them, and stay to see what comes of it", Leave.ABORT),
        ],
    )
