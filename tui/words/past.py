"""A move of the journal in a few lines."""

from __future__ import annotations

from backends.model.move import Move
from tui.format import moment
from tui.widgets.grid_columns import Tone
from tui.widgets.lines import Line, line, wrap
from tui.words.outcome import RESULT_TONES, outcome_words


def past_detail(move: Move, width: int) -> list[Line]:
    """When, by whom, and how it ended."""
    by = f"   {move.who}" if move.who else ""
    texts = [(f"{moment(move.started)}{by}", Tone.DIM)]
    if outcome := move.outcome:
        first, *rest = outcome_words(move.request, outcome)
        texts += [(first, RESULT_TONES[outcome.result]), *((text, Tone.NORMAL) for text in rest)]
    return [each for text, tone in texts for each in wrap(text, width - 1, tone, indent=" ", first=line(" "))]
