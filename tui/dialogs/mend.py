"""Mending what a move has left behind asks first."""

from __future__ import annotations

from backends.model.unfinished import Mend, Unfinished
from tui.dialogs.choice import ChoiceDialog, confirm
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, dim, line, wrap

_CONSEQUENCES = {
    Mend.UNDEFINE: "The definition goes from this host only; the guest itself, where it runs, is not touched.",
    Mend.RESUME: "Its processors go on from where they stood still.",
    Mend.RESUME_POSTCOPY: "The rest of its memory is fetched from the other host; both must stay up until then.",
    Mend.RESTORE: "It goes on from the moment in which it was saved; the saved state is used up.",
    Mend.REMOVE_FILE: "The file is deleted for good.",
}


def mend_dialog(left: Unfinished, mend: Mend) -> ChoiceDialog[bool]:
    """Names the guest and the host, what is wrong, and what is done about it."""

    def body(width: int) -> list[Line]:
        who = line(Cell(left.name, Tone.TITLE), dim(" on "), Cell(left.guest.host, Tone.TITLE))
        lines = [who, *wrap(left.text, width), EMPTY, *wrap(_CONSEQUENCES[mend], width)]
        if left.command:
            lines += [EMPTY, *wrap(left.command, width, Tone.DIM)]
        return lines

    return confirm(
        f"{mend.value}?",
        body,
        no="no, leave it as it is",
        yes=f"yes, {mend.value} on {left.guest.host}",
        command=left.command,
    )
