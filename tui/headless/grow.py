"""`virt-ferry grow`: a disk becomes larger, planned first, then step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import aclosing

from backends.api import ActionError, FerryError, Fleet
from backends.model.guest import Guest
from backends.model.storage import GrowPlan, GrowProgress, GrowStep, StepState
from tui.format import long_size
from tui.headless.chain import find_disk
from tui.headless.exits import Exit, UsageError
from tui.headless.growth_lines import GrowthOutcomeLine, grow_plan_line, growth_line
from tui.headless.output import Ink, Output
from tui.headless.paragraphs import Entry, tell, tell_entries
from tui.headless.session import HostOptions, find_guest, settled_fleet
from tui.headless.signals import heed_no_more, on_signals
from tui.headless.work import VERDICT, ask_to_start, tell_end, with_hint
from tui.sizes import SizeError, read_size

EXAMPLES = "20G or 20GiB: to that size; +5G: by so much; K, M, G and T count in 1024s"
_STATE_INK = {StepState.DONE: Ink.GOOD, StepState.FAILED: Ink.ALARM, StepState.DOING: Ink.BUSY}


async def grow(
    options: HostOptions, guest: str, disk: str, size: str, *, dry_run: bool, yes: bool, json: bool
) -> Exit:
    """Plan it, tell the plan, ask, and do it. The status says what has become of it."""
    _read(size, 0)
    out = Output()
    async with settled_fleet(options, described=True) as (fleet, state):
        found = find_guest(state, guest)
        target = find_disk(found, disk).target
        plan = await fleet.plan_growth(found.key, target, await _wanted(fleet, found, target, size))
        if json:
            out.json(grow_plan_line(plan))
        else:
            tell_plan(out, plan)
        growing = Growing(fleet, plan, out, json=json)
        if plan.refused:
            return growing.end(Exit.REFUSED, plan.refused)
        if dry_run:
            return Exit.SUCCEEDED
        if not yes and (refusal := await ask_to_start(growing.end)):
            return growing.end(Exit.REFUSED, refusal)
        return await growing.until_the_end()


async def _wanted(fleet: Fleet, guest: Guest, target: str, size: str) -> int:
    """In bytes. How large the disk is now is asked only where that matters. Raises UsageError and FerryError."""
    if not size.strip().startswith("+"):
        return _read(size, None)
    chain = await fleet.chain(guest.key, target)
    return _read(size, next((link.size_bytes for link in chain.links if link.size_bytes is not None), None))


def _read(size: str, now_bytes: int | None) -> int:
    try:
        return read_size(size, now_bytes)
    except SizeError as error:
        raise UsageError(str(error), EXAMPLES) from error


# The plan --------------------------------------------------------------------------------------


def tell_plan(out: Output, plan: GrowPlan) -> None:
    """Each step with its sizes, whose it is, and the command that does the same."""
    change = change_words(plan.before_bytes, plan.after_bytes)
    out.line(out.ink(f"{plan.target} of {plan.name} on {plan.guest.host}: {change}", Ink.BOLD))
    entries = [
        entry for number, step in enumerate(plan.steps, 1) for entry in _step(number, step, plan.guest.host)
    ]
    tell_entries(out, entries)
    for doubt in plan.doubts:
        tell(out, f"mind: {doubt}", Ink.DOUBT)


def change_words(before_bytes: int | None, after_bytes: int | None) -> str:
    """`10.0 GiB -> 15.0 GiB`; to the byte where three digits are not enough to tell them apart."""
    before, after = long_size(before_bytes), long_size(after_bytes)
    if before == after and before_bytes != after_bytes:
        return f"{before_bytes:,} -> {after_bytes:,} bytes"
    return f"{before} -> {after}"


def _step(number: int, step: GrowStep, guests_host: str) -> Iterator[Entry]:
    where = "" if step.host == guests_host else f" on {step.host}"
    yield (str(number), f"{step.words}{where}", Ink.PLAIN)
    known = step.before_bytes is not None or step.after_bytes is not None
    sizes = f"{change_words(step.before_bytes, step.after_bytes)}, " if known else ""
    if step.ours:
        yield (
            "",
            f"{sizes}{'while it is in use' if step.online else 'only while it is not in use'}",
            Ink.DIM,
        )
    else:
        yield ("", f"{sizes}left to you: virt-ferry does not do this", Ink.DOUBT)
    if step.command:
        yield ("", step.command, Ink.PLAIN)


# Carrying it out -------------------------------------------------------------------------------


class Growing:
    """Carries one plan out and tells of it. ctrl-c stops it before the next step; one that has begun is ended."""

    def __init__(self, fleet: Fleet, plan: GrowPlan, out: Output, *, json: bool) -> None:
        self._fleet = fleet
        self._plan = plan
        self._out = out
        self._json = json
        self._interrupted = False
        self._last: GrowProgress | None = None

    async def until_the_end(self) -> Exit:
        """Each step as it goes, then what has become of all of them."""
        try:
            with on_signals(self._on_signal, self._on_signal):
                await self._follow()
        except ActionError as error:
            status = Exit.FAILED if self._last else Exit.REFUSED
            return self.end(status, with_hint(error))
        except FerryError as error:
            return self.end(Exit.FAILED, with_hint(error))
        last = self._last
        if last is not None and last.finished:
            return self.end(Exit.SUCCEEDED if last.succeeded else Exit.FAILED, last.words)
        if self._interrupted:
            return self.end(Exit.CANCELLED, "stopped between two steps, as you asked")
        raise AssertionError("a growth has ended without its last word")

    async def _follow(self) -> None:
        async with aclosing(self._fleet.grow(self._plan)) as steps:
            async for progress in steps:
                self._tell(progress)
                if self._interrupted and self._is_between_steps(progress):
                    return

    def _is_between_steps(self, progress: GrowProgress) -> bool:
        return StepState.DOING not in progress.states and StepState.WAITING in progress.states

    def _tell(self, progress: GrowProgress) -> None:
        told, self._last = self._last, progress
        if self._json:
            self._out.json(growth_line(progress))
            return
        before = told.states if told else (StepState.WAITING,) * len(progress.states)
        for number, (was, state) in enumerate(zip(before, progress.states, strict=True), 1):
            if state is not was and state in _STATE_INK:
                ink = _STATE_INK[state]
                self._out.line(f"{self._out.ink(f'step {number} {state.value}', ink)}: {self._words(number)}")

    def _words(self, number: int) -> str:
        return self._plan.steps[number - 1].words

    def _on_signal(self) -> None:
        if not self._interrupted and not self._json:
            self._out.line("stopping as soon as the step that has begun is over")
        self._interrupted = True

    def end(self, status: Exit, reason: str) -> Exit:
        """The last word: what is done and what is left, by the last that is known; of a finished one its words tell."""
        heed_no_more()
        done, left = self._numbers(StepState.DONE), self._left()
        if self._json:
            plan = self._plan
            self._out.json(
                GrowthOutcomeLine(
                    verdict=VERDICT[status],
                    host=plan.guest.host,
                    guest=plan.name,
                    target=plan.target,
                    before_bytes=plan.before_bytes,
                    after_bytes=plan.after_bytes,
                    done=done,
                    left=left,
                    reason=reason,
                )
            )
            return status
        tell_end(self._out, status, reason, begun=self._last is not None)
        if self._last and not self._last.finished:
            self._tell_steps("done", done)
            self._tell_steps("left to do", left)
        elif self._plan.refused and self._plan.hint:
            tell(self._out, self._plan.hint, indent=2)
        return status

    def _numbers(self, *states: StepState) -> tuple[int, ...]:
        found = self._last.states if self._last else ()
        return tuple(number for number, state in enumerate(found, 1) if state in states)

    def _left(self) -> tuple[int, ...]:
        """Before the first word of it, all of it is."""
        if self._last is None:
            return tuple(range(1, len(self._plan.steps) + 1))
        return self._numbers(*(state for state in StepState if state is not StepState.DONE))

    def _tell_steps(self, title: str, numbers: Sequence[int]) -> None:
        entries: list[Entry] = [(str(number), self._words(number), Ink.PLAIN) for number in numbers]
        if entries:
            self._out.line(f"{title}:")
            tell_entries(self._out, entries)
