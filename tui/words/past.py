"""A move of the journal in a few lines."""

from __future__ import annotations

from backends.model.crash import CrashRecord
from backends.model.move import Move, Result
from tui.format import moment
from tui.widgets.grid_columns import Tone
from tui.widgets.lines import Line, line, wrap
from tui.words.crash_link import move_crash_lines
from tui.words.outcome import RESULT_TONES, outcome_words


def past_detail(move: Move, width: int, crash: CrashRecord | None = None, crash_key: str = "") -> list[Line]:
    """When, by whom, how it ended, and the crash that it has met."""
    by = f"   {move.who}" if move.who else ""
    texts = [(f"{moment(move.started)}{by}", Tone.DIM)]
    if outcome := move.outcome:
        first, *rest = outcome_words(move.request, outcome)
        texts += [(first, RESULT_TONES[outcome.result]), *((text, Tone.NORMAL) for text in rest)]
    lines = [
        each for text, tone in texts for each in wrap(text, width - 1, tone, indent=" ", first=line(" "))
    ]
    if crash and move.outcome and move.outcome.result is not Result.SUCCEEDED:
        lines += move_crash_lines(crash, crash_key, width, margin=" ")
    return lines
