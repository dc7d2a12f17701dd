"""Leaving with moves in flight."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

from backends.model.move import Move, Origin
from tui.dialogs.choice import Choice, ChoiceDialog
from tui.format import percent
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, dim, line, wrap
from tui.words.move import is_outrun
from tui.words.way import fate_words


class Leave(Enum):
    """What to do about them."""

    STAY = "stay"
    DETACH = "detach"
    ABORT = "abort"


_DETACHED = (
    "The hosts move the guests by themselves: they go on when this program ends. What is then left to do (to"
    " remove the definition that stays on the source, shut off) the next start does, or asks you about."
)

_BOUND = "So this session cannot be left to them: keep watching, or abort."


def ours(moves: Iterable[Move]) -> list[Move]:
    """Moves in flight that are not somebody else's: those do not care whether we watch."""
    return [move for move in moves if not move.phase.final and move.origin is not Origin.ELSEWHERE]


def detached_words(moves: Sequence[Move]) -> str:
    """What stays on the terminal after leaving: what still moves, and what to do once it has arrived."""
    lines = ["still moving, without this program (virt-ferry jobs shows it):"]
    for move in moves:
        request = move.request
        lines.append(f"  {request.name}, {move.source} to {request.destination}")
        _, _, tidy = (move.preflight.command if move.preflight else "").partition(" && ")
        if tidy:
            lines.append(f"    once it runs on {request.destination}: {tidy}")
    return "\n".join(lines)


def _way(move: Move) -> Line:
    progress = move.progress
    cells = line(
        Cell(move.request.name, Tone.TITLE),
        dim(f"  {move.source} to {move.request.destination}  "),
        Cell(percent(progress.fraction) if progress else move.phase.value, Tone.BUSY),
    )
    if progress and is_outrun(progress):
        return (*cells, Cell("  will not converge as it is", Tone.DOUBT))
    return cells


def leave_dialog(moves: Sequence[Move]) -> ChoiceDialog[Leave]:
    """Names them. Leaving them alone is offered only when all of them go on without this program."""
    bound = [move for move in moves if not move.outlives_us]

    def body(width: int) -> list[Line]:
        lines: list[Line] = []
        for move in moves:
            lines.append(_way(move))
            if not move.outlives_us:
                lines += wrap(fate_words(move), width, Tone.DOUBT, indent="  ", first=line("  "))
        return [*lines, EMPTY, *wrap(_BOUND if bound else _DETACHED, width)]

    detach = Choice("d", "detach: leave, and let them go on", Leave.DETACH)
    return ChoiceDialog(
        "moves are in flight",
        body,
        [
            Choice("k", "keep watching", Leave.STAY),
            *([] if bound else [detach]),
            Choice("a", "abort them, and stay to see what comes of it", Leave.ABORT),
        ],
    )
