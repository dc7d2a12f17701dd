"""Knobs of a move that change what happens to the guest: each says its consequence first."""

from __future__ import annotations

from backends.model.move import Move
from tui.dialogs.choice import ChoiceDialog, confirm
from tui.format import long_size, stopwatch
from tui.widgets.grid_columns import Tone
from tui.widgets.lines import EMPTY, Line, wrap


def postcopy_dialog(move: Move) -> ChoiceDialog[bool]:
    """From then on there is no way back."""
    name, source, destination = move.request.name, move.source, move.request.destination
    progress = move.progress
    memory = (
        long_size(progress.remaining_bytes - progress.disk_remaining_bytes) if progress else "what is left"
    )
    what = (
        f"{name} runs on {destination} at once, and fetches {memory} of its memory from {source} as it goes."
    )
    risk = (
        f"From then on there is no way back. If the line between {source} and {destination} breaks before all is"
        f" there, or one of them fails, {name} loses its memory."
    )
    slow = "Until all is there, it waits for each page that it touches."

    def body(width: int) -> list[Line]:
        return [*wrap(what, width), EMPTY, *wrap(risk, width, Tone.DOUBT), EMPTY, *wrap(slow, width)]

    return confirm(
        f"switch {name} to post-copy now?",
        body,
        no="no, go on as before",
        yes=f"yes, switch over: {name} runs on {destination}",
    )


def pause_dialog(move: Move) -> ChoiceDialog[bool]:
    """It stands still from now on."""
    name, destination = move.request.name, move.request.destination
    progress = move.progress
    span = ""
    if progress and progress.rate_bytes_s:
        rest_s = progress.remaining_bytes / progress.rate_bytes_s
        span = f", about {stopwatch(rest_s)} at the rate of now"
    words = (
        f"{name} stands still from now on until it has arrived on {destination}{span}. It writes no more, so that"
        " the transfer comes to an end; then it runs on there. Who uses it waits, or loses the connection."
    )
    return confirm(
        f"pause {name} until it has arrived?",
        lambda width: wrap(words, width),
        no="no, let it run",
        yes=f"yes, pause {name} on {move.source}",
    )
