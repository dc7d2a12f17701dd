"""How a move ended, in words: where the guest is, what it cost, and what is left to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from backends.model.move import Move, MoveMode, MoveRequest, Outcome, Result
from backends.model.unfinished import Unfinished
from tui.format import long_size, milliseconds, total_time
from tui.glyphs import Glyphs
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, dim, line, wrap

RESULT_TONES = {
    Result.SUCCEEDED: Tone.GOOD,
    Result.FAILED: Tone.ALARM,
    Result.CANCELLED: Tone.DOUBT,
    Result.REFUSED: Tone.ALARM,
    Result.INDETERMINATE: Tone.ALARM,
}

_MARGIN = "   "


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


def outcome_words(request: MoveRequest, outcome: Outcome) -> list[str]:
    """The verdict in a sentence, the figures, and what is left to do."""
    sentences = [outcome_sentence(request, outcome)]
    if figures := figures_words(outcome):
        sentences.append(figures)
    if stop := stop_words(outcome, request.mode):
        sentences.append(stop)
    if outcome.reason and outcome.result is not Result.SUCCEEDED and outcome.reason not in sentences[0]:
        sentences.append(outcome.reason)
    return sentences + [f"left to do: {task}" for task in outcome.left_to_do]


def outcome_sentence(request: MoveRequest, outcome: Outcome) -> str:
    """What came of it and where the guest is."""
    where = _where(request.name, outcome)
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


def _where(name: str, outcome: Outcome) -> str:
    if outcome.where:
        return f"{name} is {outcome.state.value} on {outcome.where}"
    if outcome.result is Result.INDETERMINATE:
        return f"where {name} is, is not known"
    return f"{name} is on no host whole"


def figures_words(outcome: Outcome) -> str:
    """How long it took and what was sent."""
    figures = [f"total {total_time(outcome.total_s)}"] if outcome.total_s else []
    if outcome.transferred_bytes is not None:
        figures.append(f"{long_size(outcome.transferred_bytes)} sent")
    return _MARGIN.join(figures)


def stop_words(outcome: Outcome, mode: MoveMode) -> str:
    """How long the guest stood still, each figure with who says so. Nobody but us sees all of a saved move."""
    counted = "from save to restore" if mode is MoveMode.SAVED else "by libvirt"
    figures = []
    if outcome.downtime_ms is not None:
        figures.append(f"{milliseconds(outcome.downtime_ms)} {counted}")
    if gap := outcome.gap:
        seen = f"{milliseconds(gap.milliseconds)} as seen from outside"
        figures.append(f"{seen} ({gap.how}, every {milliseconds(gap.interval_ms)})")
    return f"stopped {', '.join(figures)}" if figures else ""


def left_by(move: Move, unfinished: Iterable[Unfinished]) -> tuple[Unfinished, ...]:
    """What this move has left behind that is not mended yet."""
    return tuple(each for each in unfinished if each.move == move.id)


def outcome_card(
    move: Move, outcome: Outcome, left: Sequence[Unfinished], glyphs: Glyphs, width: int, *, mend_key: str
) -> list[Line]:
    """The end of a move, as a card; `mend_key` mends the first of what is `left`."""
    tone = RESULT_TONES[outcome.result]
    first, *rest = outcome_words(move.request, outcome)
    sign = line(Cell(f" {result_sign(outcome.result, glyphs)} ", tone))
    lines = wrap(first, width - 4, tone, indent=_MARGIN, first=sign)
    for text in rest:
        lines += wrap(text, width - 4, Tone.NORMAL, indent=_MARGIN, first=line(_MARGIN))
    keys: list[Cell] = []
    if left and left[0].mend:
        keys += [
            Cell(mend_key, Tone.BUSY),
            Cell(f" {left[0].mend.value} on {left[0].guest.host}"),
            dim("   "),
        ]
    if command_to_copy(move, left):
        keys += [Cell("y", Tone.BUSY), dim(" copies the command")]
    if keys:
        lines.append(line(_MARGIN, *keys))
    if not outcome.left_to_do and not left and outcome.result is Result.SUCCEEDED:
        lines.append(line(dim(f"{_MARGIN}nothing left to do.")))
    return lines


def command_to_copy(move: Move, left: Sequence[Unfinished] = ()) -> str:
    """What `y` copies: the command that does the same; after the end the first one that is left to do."""
    if move.outcome is None:
        return move.preflight.command if move.preflight else ""
    tasks = (task[task.index("virsh ") :] for task in move.outcome.left_to_do if "virsh " in task)
    commands = (each.command for each in left if each.command)
    return next(tasks, "") or next(commands, "")
