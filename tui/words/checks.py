"""The checks before a move in words: worst first, each with what was seen and how to mend it."""

from __future__ import annotations

from collections.abc import Sequence

from backends.model.move import Check, Verdict
from tui.glyphs import Glyphs
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, dim, line, wrap

_TONES = {
    Verdict.OK: Tone.GOOD,
    Verdict.NOTE: Tone.NORMAL,
    Verdict.UNKNOWN: Tone.DOUBT,
    Verdict.WARNING: Tone.DOUBT,
    Verdict.REFUSE: Tone.ALARM,
}

_VERDICT_WIDTH = 11
"""Sign and verdict at the left."""

_TITLE_MOST = 36
"""Cells that titles may take before the evidence goes below them."""


def verdict_sign(verdict: Verdict, glyphs: Glyphs) -> str:
    """The sign before a check."""
    match verdict:
        case Verdict.OK:
            return glyphs.ok
        case Verdict.NOTE:
            return glyphs.note
        case Verdict.UNKNOWN:
            return glyphs.unknown
        case Verdict.WARNING:
            return glyphs.warning
        case Verdict.REFUSE:
            return glyphs.refuse


def checks_picture(checks: Sequence[Check], glyphs: Glyphs, width: int) -> list[Line]:
    """All answers, worst first; evidence in a column of its own where there is room for one."""
    ordered = sorted(checks, key=lambda check: -check.verdict.severity)
    titles = max((len(check.title) for check in ordered), default=0) + 2
    is_roomy = titles <= _TITLE_MOST and width >= 2 * (_VERDICT_WIDTH + titles)
    return [piece for check in ordered for piece in _check(check, glyphs, width, titles if is_roomy else 0)]


def _check(check: Check, glyphs: Glyphs, width: int, title_width: int) -> list[Line]:
    tone = _TONES[check.verdict]
    is_loud = check.verdict.severity >= Verdict.UNKNOWN.severity
    verdict = Cell(f" {verdict_sign(check.verdict, glyphs)} {check.verdict.value:<8}", tone)
    title = Cell(f"{check.title + '  ':<{title_width}}", Tone.TITLE if is_loud else Tone.NORMAL)
    margin = " " * (_VERDICT_WIDTH + title_width)
    lines = wrap(check.evidence, width - 1, Tone.DIM, indent=margin, first=(verdict, title))
    if check.mend:
        arrow = line(margin, Cell(f"{glyphs.arrow} ", tone))
        lines += wrap(check.mend, width - 1, indent=margin + "  ", first=arrow)
    return lines


def checks_head(checks: Sequence[Check], *, finished: bool) -> Line:
    """How many questions are answered, and how."""
    parts: list[Cell] = [Cell(" CHECKS ", Tone.TITLE)]
    for verdict in reversed(Verdict):
        number = sum(1 for check in checks if check.verdict is verdict)
        if number:
            parts += [Cell(f"  {number} ", _TONES[verdict]), dim(verdict.value)]
    if not finished:
        parts.append(Cell("   asking the hosts ...", Tone.BUSY))
    return tuple(parts)
