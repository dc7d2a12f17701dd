"""Stopping a move asks first."""

from __future__ import annotations

from backends.model.move import Move, MoveMode, Origin
from tui.dialogs.choice import ChoiceDialog, confirm
from tui.widgets.grid_columns import Tone
from tui.widgets.lines import EMPTY, Line, wrap
from tui.words.way import SOMEBODY, starter


def _stays(move: Move) -> str:
    """What becomes of the guest, as the end of a sentence."""
    was_paused = move.preflight is not None and move.preflight.was_paused
    match move.request.mode:
        case MoveMode.LIVE:
            return f"leaves it running on {move.source}"
        case MoveMode.OFFLINE:
            return f"leaves it defined on {move.source}"
        case MoveMode.SAVED:
            return f"restores it on {move.source}"
        case MoveMode.PAUSED if was_paused:
            return f"leaves it paused on {move.source}, as it was"
        case MoveMode.PAUSED:
            return f"lets it run on, on {move.source}"


def abort_dialog(move: Move) -> ChoiceDialog[bool]:
    """Names the guest, both hosts, the consequence, and whose move it is where it is not ours."""
    request = move.request
    is_foreign = move.origin is Origin.ELSEWHERE
    words = (
        f"{request.name} is on its way from {move.source} to {request.destination}. Stopping {_stays(move)}; what"
        " was sent so far is thrown away. If it has switched hosts in this very moment, it stays where it is:"
        " the outcome tells."
    )

    def body(width: int) -> list[Line]:
        if not is_foreign:
            return wrap(words, width)
        whose = f"It is not yours: {starter(move)} started it, and will see it fail."
        return [*wrap(whose, width, Tone.DOUBT), EMPTY, *wrap(words, width)]

    return confirm(
        f"stop {SOMEBODY}'s move of {request.name}?" if is_foreign else f"stop the move of {request.name}?",
        body,
        no="no, let it go on",
        yes=f"yes, stop it: {request.name} stays on {move.source}",
    )
