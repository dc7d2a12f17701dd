"""A move in words: its plan, its checks, how it goes and how it ended."""

from __future__ import annotations

from datetime import datetime

from backends.model.move import (
    Move,
    MoveProgress,
    MoveRequest,
    Outcome,
    Phase,
    Result,
)
from tui.format import (
    long_rate,
    long_size,
    milliseconds,
    percent,
    stopwatch,
    stopwatch_interval,
    time_of_day,
    total_time,
)
from tui.glyphs import Glyphs
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, dim, line, spread, wrap

RESULT_TONES = {
    Result.SUCCEEDED: Tone.GOOD,
    Result.FAILED: Tone.ALARM,
    Result.CANCELLED: Tone.DOUBT,
    Result.REFUSED: Tone.ALARM,
    Result.INDETERMINATE: Tone.ALARM,
}


def result_sign(result: Result, glyphs: Glyphs) -> str:
    """The sign before an outcome."""
    match result:
        case Result.SUCCEEDED:
            return glyphs.ok
        case Result.CANCELLED:
            return glyphs.warning
        case Result.INDETERMINATE:
            return glyphs.unknown
        case Result.FAILED | Result.REFUSED:
            return glyphs.refuse


def eta_text(progress: MoveProgress, glyphs: Glyphs) -> str:
    """`00:04–00:07`, or that it cannot be told."""
    if progress.eta_s is None:
        return "no end in sight" if is_outrun(progress) else "not known yet"
    return stopwatch_interval(*progress.eta_s, glyphs)


def is_outrun(progress: MoveProgress) -> bool:
    """Does the guest write faster than is sent?"""
    sent, dirty = progress.rate_bytes_s, progress.dirty_bytes_s
    return bool(sent and dirty and dirty >= sent)


def forecast(progress: MoveProgress) -> Cell:
    """Will it come to an end at this rate?"""
    if progress.rate_bytes_s is None or progress.dirty_bytes_s is None:
        return dim("")
    if is_outrun(progress):
        return Cell("the guest writes faster than is sent: will not converge", Tone.DOUBT)
    return Cell("will converge", Tone.GOOD)


def progress_words(move: Move, progress: MoveProgress) -> str:
    """A sample in one line of plain text."""
    parts = [
        f"{move.phase.value}  {percent(progress.fraction):>4}",
        f"{long_size(progress.remaining_bytes)} left",
        long_rate(progress.rate_bytes_s) if progress.rate_bytes_s is not None else "",
        f"guest writes {long_rate(progress.dirty_bytes_s)}" if progress.dirty_bytes_s is not None else "",
        f"pass {progress.iteration}" if progress.iteration else "",
    ]
    return "  ".join(part for part in parts if part)


def outcome_words(request: MoveRequest, outcome: Outcome) -> list[str]:
    """The verdict in a sentence, the figures, and what is left to do."""
    sentences = [outcome_sentence(request, outcome)]
    figures = [f"total {total_time(outcome.total_s)}"] if outcome.total_s else []
    if outcome.downtime_ms is not None:
        figures.append(f"stood still {milliseconds(outcome.downtime_ms)} (as the hypervisor says)")
    if outcome.transferred_bytes is not None:
        figures.append(f"{long_size(outcome.transferred_bytes)} sent")
    if figures:
        sentences.append("   ".join(figures))
    if outcome.reason and outcome.result is not Result.SUCCEEDED and outcome.reason not in sentences[0]:
        sentences.append(outcome.reason)
    return sentences + [f"left to do: {task}" for task in outcome.left_to_do]


def outcome_sentence(request: MoveRequest, outcome: Outcome) -> str:
    """What came of it and where the guest is."""
    name = request.name
    where = (
        f"{name} is {outcome.state.value} on {outcome.where}"
        if outcome.where
        else f"where {name} is, is not known"
    )
    match outcome.result:
        case Result.SUCCEEDED:
            return f"{where}."
        case Result.CANCELLED:
            return f"cancelled: {where}."
        case Result.FAILED:
            return f"failed: {where}."
        case Result.REFUSED:
            return f"not started: {where}."
        case Result.INDETERMINATE:
            return f"not known how it ended: {where}."


def outcome_card(move: Move, outcome: Outcome, glyphs: Glyphs, width: int) -> list[Line]:
    """The end of a move, as a card."""
    tone = RESULT_TONES[outcome.result]
    first, *rest = outcome_words(move.request, outcome)
    lines = wrap(
        first,
        width - 4,
        tone,
        indent="   ",
        first=line(Cell(f" {result_sign(outcome.result, glyphs)} ", tone)),
    )
    for text in rest:
        lines += wrap(text, width - 4, Tone.NORMAL, indent="   ", first=line("   "))
    if command_to_copy(move):
        lines.append(line(dim("   y copies the command.")))
    if not outcome.left_to_do and outcome.result is Result.SUCCEEDED:
        lines.append(line(dim("   nothing left to do.")))
    return lines


def command_to_copy(move: Move) -> str:
    """What `y` copies: the command that does the same; after the end the first one that is left to do."""
    if move.outcome is None:
        return move.preflight.command if move.preflight else ""
    return next((task[task.index("virsh ") :] for task in move.outcome.left_to_do if "virsh " in task), "")


def move_title(move: Move, glyphs: Glyphs, now: datetime, width: int) -> list[Line]:
    """Who goes where, how far it is, and for how long it has been under way."""
    request, progress = move.request, move.progress
    left = line(
        dim(" MOVE  "),
        Cell(request.name, Tone.TITLE),
        "   ",
        Cell(
            f"{move.source} {glyphs.arrow} {request.destination}",
            Tone.BUSY if not move.phase.final else Tone.NORMAL,
        ),
        dim(f"   {request.mode.value}, peer-to-peer"),
    )
    if move.outcome:
        elapsed = move.outcome.total_s
    else:
        elapsed = progress.elapsed_s if progress else (now - move.started).total_seconds()
    right: Line = line(dim("elapsed "), Cell(stopwatch(elapsed)), " ")
    if progress and progress.iteration:
        right = line(dim("pass "), Cell(str(progress.iteration)), "   ", *right)
    return [spread(left, right, width)]


def phase_cell(phase: Phase) -> Cell:
    """Where a move is."""
    match phase:
        case Phase.CANCELLING | Phase.ROLLING_BACK | Phase.CANCELLED | Phase.RECONCILING:
            return Cell(phase.value, Tone.DOUBT)
        case Phase.FAILED | Phase.INDETERMINATE | Phase.REFUSED:
            return Cell(phase.value, Tone.ALARM)
        case Phase.SUCCEEDED:
            return Cell(phase.value, Tone.GOOD)
        case _:
            return Cell(phase.value, Tone.BUSY)


def figures(progress: MoveProgress, glyphs: Glyphs) -> list[Line]:
    """The numbers under the bar, in two lines."""
    sent, written = long_rate(progress.rate_bytes_s), long_rate(progress.dirty_bytes_s)
    limit = progress.downtime_limit_ms
    throttle = progress.throttle_percent
    return [
        line(
            dim(" sent "),
            Cell(f"{sent:>11}", Tone.BUSY),
            dim("   guest writes "),
            Cell(f"{written:>11}"),
            "   ",
            forecast(progress),
        ),
        line(
            dim(" left "),
            Cell(f"{long_size(progress.remaining_bytes):>11}"),
            dim("   still needs  "),
            Cell(f"{eta_text(progress, glyphs):>11}"),
            dim("   may stand still "),
            Cell(milliseconds(limit)),
            *((dim("   throttled "), Cell(f"{throttle} %", Tone.DOUBT)) if throttle else ()),
        ),
    ]


def log_lines(move: Move, width: int) -> list[Line]:
    """What happened, oldest first."""
    lines: list[Line] = []
    for entry in move.log:
        lines += wrap(entry.text, width - 2, indent=" " * 11, first=line(dim(f" {time_of_day(entry.at)}  ")))
    return lines or [EMPTY]
