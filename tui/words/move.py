"""A move in words: its title, its phase, what is to be expected of it, and its log."""

from __future__ import annotations

from datetime import datetime

from backends.model.move import LogKind, Move, MoveProgress, Origin, Outlook, Phase
from tui.format import (
    long_rate,
    long_size,
    milliseconds_interval,
    moment,
    percent,
    stopwatch,
    stopwatch_interval,
    time_of_day,
)
from tui.glyphs import Glyphs
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, dim, line, spread, wrap
from tui.words.way import way_line, who_words

_OUTLOOK_TONES = {
    Outlook.WILL_CONVERGE: Tone.GOOD,
    Outlook.TIGHT: Tone.DOUBT,
    Outlook.WILL_NOT: Tone.DOUBT,
}

_KINDS = {
    LogKind.STEP: Cell(""),
    LogKind.POLICY: Cell("policy", Tone.BUSY),
    LogKind.USER: Cell("user", Tone.TITLE),
}

_KIND_WIDTH = 8


def eta_text(progress: MoveProgress, glyphs: Glyphs) -> str:
    """`00:04–00:07`, or that it cannot be told."""
    if progress.eta_s is None:
        return "no end" if is_outrun(progress) else "not known"
    return stopwatch_interval(*progress.eta_s, glyphs)


def stop_text(progress: MoveProgress, glyphs: Glyphs) -> str:
    """`24–41 ms`, or that it cannot be told."""
    return milliseconds_interval(*progress.stop_ms, glyphs) if progress.stop_ms else "not known"


def is_outrun(progress: MoveProgress) -> bool:
    """Will the passes never get small enough?"""
    return progress.outlook is Outlook.WILL_NOT


def outlook_cell(progress: MoveProgress) -> Cell:
    """Will it come to an end?"""
    outlook = progress.outlook
    return Cell(outlook.value, _OUTLOOK_TONES[outlook]) if outlook else dim("")


def progress_words(move: Move, progress: MoveProgress) -> str:
    """A sample in one line of plain text."""
    parts = [
        f"{doing(move)}  {percent(progress.fraction):>4}",
        f"{long_size(progress.remaining_bytes)} left",
        long_rate(progress.rate_bytes_s) if progress.rate_bytes_s is not None else "",
        f"guest writes {long_rate(progress.dirty_bytes_s)}" if progress.dirty_bytes_s is not None else "",
        f"pass {progress.iteration}" if progress.iteration else "",
        progress.outlook.value if progress.outlook else "",
    ]
    return "  ".join(part for part in parts if part)


def doing(move: Move) -> str:
    """The phase, with the stage of modes that have stages: `copying: saving`."""
    stage = move.progress.stage if move.progress and not move.phase.final else ""
    return f"{move.phase.value}: {stage}" if stage else move.phase.value


def phase_cell(phase: Phase) -> Cell:
    """Where a move is."""
    return Cell(phase.value, phase_tone(phase))


def phase_tone(phase: Phase) -> Tone:
    """How a phase looks."""
    match phase:
        case Phase.CANCELLING | Phase.ROLLING_BACK | Phase.CANCELLED | Phase.RECONCILING:
            return Tone.DOUBT
        case Phase.FAILED | Phase.INDETERMINATE | Phase.REFUSED:
            return Tone.ALARM
        case Phase.SUCCEEDED:
            return Tone.GOOD
        case _:
            return Tone.BUSY


def move_title(move: Move, glyphs: Glyphs, now: datetime, width: int) -> list[Line]:
    """Who goes where and for how long it has been under way; below it who drives it, and who started it."""
    request = move.request
    left = line(
        dim(" MOVE  "),
        Cell(request.name, Tone.TITLE),
        "   ",
        Cell(
            f"{move.source} {glyphs.arrow} {request.destination}",
            Tone.BUSY if not move.phase.final else Tone.NORMAL,
        ),
        dim(f"   {request.mode.value}"),
    )
    return [spread(left, _times(move, glyphs, now), width), *_origin(move, width)]


def _times(move: Move, glyphs: Glyphs, now: datetime) -> Line:
    """The time it takes and the time it will have taken."""
    progress = move.progress
    if move.outcome:
        return line(dim("took "), Cell(stopwatch(move.outcome.total_s)), " ")
    elapsed_s = progress.elapsed_s if progress else (now - move.started).total_seconds()
    cells = line(Cell(stopwatch(elapsed_s)), " ")
    if progress and progress.eta_s:
        low_s, high_s = progress.eta_s
        whole = stopwatch_interval(elapsed_s + low_s, elapsed_s + high_s, glyphs)
        cells = line(Cell(stopwatch(elapsed_s)), dim(" of "), Cell(f"{whole} "))
    return cells


def _origin(move: Move, width: int) -> list[Line]:
    if move.phase.final:
        by = f" by {move.who}" if move.who else ""
        return wrap(f"started {moment(move.started)}{by}", width - 1, Tone.DIM, indent=" ", first=line(" "))
    lines: list[Line] = [line(" ", *way_line(move))]
    if move.origin is Origin.EARLIER:
        lines += wrap(who_words(move), width - 1, Tone.DIM, indent=" ", first=line(" "))
    return lines


def log_lines(move: Move, width: int) -> list[Line]:
    """What happened, oldest first; what the policy and the user did is marked by a word."""
    lines: list[Line] = []
    for entry in move.log:
        kind = _KINDS[entry.kind]
        head = line(dim(f" {time_of_day(entry.at)}  "), Cell(f"{kind.text:<{_KIND_WIDTH}}", kind.tone))
        lines += wrap(entry.text, width - 2, indent=" " * (11 + _KIND_WIDTH), first=head)
    return lines or [EMPTY]
