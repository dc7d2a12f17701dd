"""Stopping a move asks first."""

from __future__ import annotations

from backends.model.move import Move
from tui.dialogs.choice import ChoiceDialog, confirm
from tui.widgets.lines import wrap


def abort_dialog(move: Move) -> ChoiceDialog[bool]:
    """Names the guest, both hosts and the consequence."""
    request = move.request
    words = (
        f"{request.name} is on its way from {move.source} to {request.destination}. Stopping leaves it running"
        f" on {move.source}; what was sent so far is thrown away. If it has switched hosts in this very"
        " moment, it stays where it is: the outcome tells."
    )
    return confirm(
        f"stop the move of {request.name}?",
        lambda width: wrap(words, width),
        no="no, let it go on",
        yes=f"yes, stop it: {request.name} stays on {move.source}",
    )
