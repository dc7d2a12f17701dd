"""Growing a disk, in words: the plan with sizes before and after, how far it has come, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence

from backends.model.storage import GrowPlan, GrowStep, StepState
from tui.format import long_size
from tui.glyphs import Glyphs
from tui.growths import Growth
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, dim, line, wrap

_TONES = {
    StepState.WAITING: Tone.DIM,
    StepState.DOING: Tone.BUSY,
    StepState.DONE: Tone.GOOD,
    StepState.FAILED: Tone.ALARM,
    StepState.LEFT: Tone.DOUBT,
}

_MARGIN = " " * 19
"""Below number, sign and state."""


def growth_title(plan: GrowPlan, glyphs: Glyphs) -> Line:
    """Whose disk, and from what to what."""
    return line(
        Cell(" GROW ", Tone.TITLE),
        Cell(f" {plan.target}", Tone.TITLE),
        dim(" of "),
        Cell(plan.name, Tone.TITLE),
        dim(f" on {plan.guest.host}   "),
        _sizes(plan.before_bytes, plan.after_bytes, glyphs),
        dim(
            f"   {long_size(plan.after_bytes - plan.before_bytes)} more"
            if plan.after_bytes > plan.before_bytes
            else ""
        ),
    )


def _sizes(before: int | None, after: int | None, glyphs: Glyphs) -> Cell:
    if before is None and after is None:
        return Cell("")
    return Cell(f"{long_size(before)} {glyphs.arrow} {long_size(after)}")


def step_cell(state: StepState, glyphs: Glyphs) -> Cell:
    """A sign and a word."""
    signs = {
        StepState.WAITING: glyphs.connecting,
        StepState.DOING: glyphs.moving,
        StepState.DONE: glyphs.ok,
        StepState.FAILED: glyphs.refuse,
        StepState.LEFT: glyphs.note,
    }
    return Cell(f"{signs[state]} {state.value}", _TONES[state])


def growth_lines(growth: Growth, glyphs: Glyphs, width: int) -> list[Line]:
    """The whole plan, and how far it has come."""
    plan = growth.plan
    lines: list[Line] = []
    if plan.refused:
        first = line(Cell(f" {glyphs.refuse} it cannot be done: ", Tone.ALARM))
        lines += wrap(plan.refused, width - 1, indent="   ", first=first)
        if plan.hint:
            arrow = line(Cell(f" {glyphs.arrow} ", Tone.ALARM))
            lines += wrap(plan.hint, width - 1, indent="   ", first=arrow)
        lines.append(EMPTY)
    for doubt in plan.doubts:
        lines += wrap(
            doubt, width - 1, Tone.DOUBT, indent="   ", first=line(Cell(f" {glyphs.warning} ", Tone.DOUBT))
        )
    if plan.doubts:
        lines.append(EMPTY)
    if plan.steps:
        lines += [line(Cell(" STEPS", Tone.TITLE), dim("  in this order; the first failure stops")), EMPTY]
    for number, (step, state) in enumerate(zip(plan.steps, _shown(growth), strict=True), 1):
        lines += [*_step(number, step, state, glyphs, width), EMPTY]
    return lines


def _shown(growth: Growth) -> Sequence[StepState]:
    """Before it starts, what nobody here will do is left to do from the beginning."""
    if growth.progress is not None:
        return growth.states
    return [
        state if step.ours else StepState.LEFT
        for step, state in zip(growth.plan.steps, growth.states, strict=True)
    ]


def _step(number: int, step: GrowStep, state: StepState, glyphs: Glyphs, width: int) -> list[Line]:
    cell = step_cell(state, glyphs)
    head = line(dim(f" {number:>2}  "), Cell(f"{cell.text:<14}", cell.tone))
    sizes = _sizes(step.before_bytes, step.after_bytes, glyphs)
    marks = ["" if step.online else "the guest must be off", "" if step.ours else "not done by virt-ferry"]
    told = [Cell(f"   {mark}", Tone.DOUBT) for mark in marks if mark]
    where = dim(f" on {step.host}   " if sizes.text else f" on {step.host}")
    lines = [line(*head, Cell(step.kind.value, Tone.TITLE), where, sizes, *told)]
    if step.words:
        lines += wrap(step.words, width - 1, indent=_MARGIN, first=line(_MARGIN))
    if step.command:
        lines += wrap(
            step.command, width - 1, Tone.DIM, indent=_MARGIN + "  ", first=line(dim(f"{_MARGIN}$ "))
        )
    return lines


def growth_verdict(growth: Growth, glyphs: Glyphs, width: int) -> list[Line]:
    """What may be done, what is being done, or how it ended: what is done and what is left."""
    plan = growth.plan
    words = growth.progress.words if growth.progress else ""
    if not growth.started:
        if plan.refused:
            return [line(Cell(f" {glyphs.refuse} refused", Tone.ALARM), dim("   nothing was done"))]
        sign = (
            Cell(f" {glyphs.warning} possible, with doubts", Tone.DOUBT)
            if plan.doubts
            else Cell(f" {glyphs.ok} possible", Tone.GOOD)
        )
        return [line(sign, dim("   enter starts it, y copies the commands"))]
    if not growth.over:
        busy = line(
            Cell(f" {glyphs.moving} growing ", Tone.BUSY), dim(" it goes on if you leave this screen")
        )
        return [busy, *(wrap(words, width - 1, indent="   ", first=line("   ")) if words else [])]
    if growth.succeeded:
        done = f"{plan.target} of {plan.name} has {long_size(plan.after_bytes)} now."
        first = line(Cell(f" {glyphs.ok} ", Tone.GOOD))
        lines = wrap(done, width - 1, Tone.TITLE, indent="   ", first=first)
    else:
        first = line(Cell(f" {glyphs.refuse} ", Tone.ALARM))
        reason = str(growth.error) if growth.error else words or "it ended without a word"
        lines = wrap(f"not done to the end: {reason}", width - 1, Tone.TITLE, indent="   ", first=first)
        words = growth.error.hint if growth.error else ""
    lines += wrap(words, width - 1, indent="   ", first=line("   ")) if words else []
    return [*lines, *_summary(growth, width)]


def _summary(growth: Growth, width: int) -> list[Line]:
    """`done: 1, 2   left: 3`: by the numbers of the steps."""
    shown = list(zip(growth.plan.steps, _shown(growth), strict=True))
    done = [step.kind.value for step, state in shown if state is StepState.DONE]
    left = [step.kind.value for step, state in shown if state is not StepState.DONE]
    words = f"done: {', '.join(done) or 'nothing'}; left to do: {', '.join(left) or 'nothing'}"
    return wrap(words, width - 1, Tone.DIM, indent="   ", first=line("   "))


def end_words(growth: Growth) -> str:
    """For a toast, when nobody watches it."""
    plan = growth.plan
    if growth.succeeded:
        return f"{plan.target} of {plan.name} has {long_size(plan.after_bytes)} now"
    reason = str(growth.error) if growth.error else (growth.progress.words if growth.progress else "")
    return f"{plan.target} of {plan.name} has not grown to the end: {reason}"


def commands(plan: GrowPlan) -> str:
    """One a line."""
    return "\n".join(step.command for step in plan.steps if step.command)
