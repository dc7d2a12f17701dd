"""`virt-ferry dump`: a guest's memory as a file, planned first, on the host or brought here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import aclosing

from backends.api import ActionError, FerryError, Fleet
from backends.model.dump import DumpPhase, DumpPlan, DumpProgress, WhileDumping
from tui.format import long_rate, long_size, part_of, percent
from tui.headless.crash_lines import json_path
from tui.headless.dump_lines import DumpOutcomeLine, dump_line, dump_plan_line
from tui.headless.dump_options import DumpOptions
from tui.headless.exits import Exit
from tui.headless.findings import WIDTH, entries, grouped, of_one
from tui.headless.output import Ink, Output
from tui.headless.paragraphs import Entry, tell_entries
from tui.headless.session import HostOptions, find_guest, settled_fleet
from tui.headless.signals import heed_no_more, interruptible
from tui.headless.work import VERDICT, ask_to_start, tell_end, with_hint


async def dump(
    options: HostOptions, guest: str, wishes: DumpOptions, *, dry_run: bool, yes: bool, json: bool
) -> Exit:
    """Plan it, tell the plan, ask where the guest would notice, and do it. The status says what has become of it."""
    out = Output()
    async with settled_fleet(options) as (fleet, state):
        plan = await fleet.plan_dump(wishes.wish(find_guest(state, guest).key))
        if json:
            out.json(dump_plan_line(plan))
        else:
            tell_plan(out, plan)
        dumping = Dumping(fleet, plan, out, json=json)
        if plan.refusal:
            return dumping.end(Exit.REFUSED, plan.refusal)
        if dry_run:
            return Exit.SUCCEEDED
        if (
            not yes
            and plan.wish.then is not WhileDumping.LIVE
            and (refusal := await ask_to_start(dumping.end))
        ):
            return dumping.end(Exit.REFUSED, refusal)
        return await dumping.until_the_end()


# The plan --------------------------------------------------------------------------------------


def tell_plan(out: Output, plan: DumpPlan) -> None:
    """What becomes of the guest, where the dump goes to, the room there, and the command that does the same."""
    wish = plan.wish
    out.line(out.ink(f"dump {plan.name} on {wish.guest.host}", Ink.BOLD))
    tell_entries(out, list(_entries(plan)))
    for same in grouped(of_one(plan.findings)):
        tell_entries(out, list(entries(same)), width=WIDTH)


def _entries(plan: DumpPlan) -> Iterator[Entry]:
    wish = plan.wish
    what = f"its memory, as {wish.format.value}" if wish.memory_only else "all of its state, as a save has it"
    is_harmless = wish.then in (WhileDumping.PAUSED, WhileDumping.LIVE)
    yield ("what", what, Ink.PLAIN)
    yield ("guest", wish.then.value, Ink.PLAIN if is_harmless else Ink.DOUBT)
    yield ("to", f"{wish.guest.host}:{plan.path}", Ink.PLAIN)
    yield ("", _room(plan.needed_bytes, plan.free_bytes), Ink.PLAIN)
    if plan.local_path:
        yield ("then to", f"{plan.local_path} on this machine; removed on the host", Ink.PLAIN)
        yield ("", _room(plan.needed_bytes, plan.local_free_bytes), Ink.PLAIN)
    if plan.command:
        yield ("command", plan.command, Ink.PLAIN)


def _room(needed_bytes: int, free_bytes: int | None) -> str:
    free = "how much is free is not known" if free_bytes is None else f"{long_size(free_bytes)} are free"
    return f"up to {long_size(needed_bytes)}; {free}"


# Carrying it out -------------------------------------------------------------------------------


class Dumping:
    """Takes one dump and tells of it. ctrl-c aborts it at once."""

    def __init__(self, fleet: Fleet, plan: DumpPlan, out: Output, *, json: bool) -> None:
        self._fleet = fleet
        self._plan = plan
        self._out = out
        self._json = json
        self._last: DumpProgress | None = None
        self._phase_began_s = 0.0

    async def until_the_end(self) -> Exit:
        """Each phase as it goes, then what is there now."""
        trouble: FerryError | None = None
        with interruptible(self._on_interrupt) as interruption:
            try:
                await self._follow()
            except FerryError as error:
                trouble = error
        if interruption.happened:
            removed = "aborted; what it had written is removed"
            return self.end(Exit.CANCELLED, with_hint(trouble) if trouble else removed)
        if trouble:
            is_refusal = isinstance(trouble, ActionError) and self._last is None
            return self.end(Exit.REFUSED if is_refusal else Exit.FAILED, with_hint(trouble))
        if self._last is None or self._last.phase is not DumpPhase.DONE:
            raise AssertionError("a dump has ended without its last word")
        return self.end(Exit.SUCCEEDED, self._last.words)

    async def _follow(self) -> None:
        async with aclosing(self._fleet.dump(self._plan)) as steps:
            async for progress in steps:
                self._tell(progress)

    def _on_interrupt(self) -> None:
        if not self._json:
            self._out.line("aborting, and removing what it has written")

    def _tell(self, progress: DumpProgress) -> None:
        told, self._last = self._last, progress
        if told is None or told.phase is not progress.phase:
            self._phase_began_s = time.monotonic()
            if not self._json and progress.phase is not DumpPhase.DONE:
                self._out.line(self._out.ink(progress.phase.value, Ink.BUSY))
        if self._json:
            self._out.json(dump_line(progress))
        elif progress.phase is not DumpPhase.DONE:
            self._out.passing(self._words(progress))

    def _words(self, progress: DumpProgress) -> str:
        """`41%  512 of 1,024 MiB  112 MiB/s`."""
        elapsed_s = time.monotonic() - self._phase_began_s
        parts = [long_size(progress.done_bytes)]
        if progress.total_bytes:
            done, total = progress.done_bytes, progress.total_bytes
            parts = [percent(min(1.0, done / total)), part_of(done, total)]
        if elapsed_s >= 1:
            parts.append(long_rate(progress.done_bytes / elapsed_s))
        return "  ".join(parts)

    def end(self, status: Exit, reason: str) -> Exit:
        """The last word."""
        heed_no_more()
        if self._json:
            plan = self._plan
            self._out.json(
                DumpOutcomeLine(
                    verdict=VERDICT[status],
                    host=plan.wish.guest.host,
                    guest=plan.name,
                    path=json_path(plan.path),
                    local_path=json_path(plan.local_path),
                    reason=reason,
                )
            )
            return status
        tell_end(self._out, status, reason, begun=self._last is not None)
        return status
