"""Dumping a guest's memory, in words: the wish, the plan with its sizes, how far it has come, and how it ended."""

from __future__ import annotations

from backends.model.dump import DumpFormat, DumpPhase, DumpPlan, DumpWish, WhileDumping
from backends.model.posture import Finding, Severity
from tui.dumps import Dump
from tui.format import long_size, part_of, percent, stopwatch, total_time
from tui.glyphs import Glyphs
from tui.widgets.bar import bar
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, dim, length, line, wrap
from tui.words.posture import severity_cell

FORMAT_WORDS = {
    DumpFormat.RAW: "ELF: for crash and gdb, not compressed",
    DumpFormat.KDUMP_ZLIB: "kdump, compressed by zlib: for crash, the smallest",
    DumpFormat.KDUMP_LZO: "kdump, compressed by LZO: for crash, faster",
    DumpFormat.KDUMP_SNAPPY: "kdump, compressed by Snappy: for crash, faster",
    DumpFormat.WINDOWS: "Windows dump: for WinDbg, of a guest with Windows",
}
THEN_WORDS = {
    WhileDumping.PAUSED: "stands still while it is dumped, and goes on after it",
    WhileDumping.LIVE: "goes on while it is dumped: the dump may not be consistent",
    WhileDumping.CRASH: "is ended as crashed, after the dump",
    WhileDumping.RESET: "is reset after the dump",
}
ENDS = frozenset({WhileDumping.CRASH, WhileDumping.RESET})
"""After these the guest does not run on: what it has not written is lost."""

_LABEL = 9
_MARGIN = " " * (_LABEL + 1)
_BAR_MOST = 60
"""Cells beyond which a bar tells no more."""


def form_words(wish: DumpWish) -> str:
    """What is in the file."""
    if not wish.memory_only:
        return "all of its state, as a save has it"
    return f"memory and processors, {FORMAT_WORDS[wish.format]}"


def dump_title(name: str, host: str) -> Line:
    """Whose memory."""
    return line(Cell(" DUMP ", Tone.TITLE), Cell(f" {name}", Tone.TITLE), dim(" on "), Cell(host, Tone.TITLE))


def plan_lines(plan: DumpPlan, glyphs: Glyphs, width: int) -> list[Line]:
    """What is written where, what becomes of the guest, what was found, and the command."""
    wish = plan.wish
    tone = Tone.DOUBT if wish.then is not WhileDumping.PAUSED else Tone.NORMAL
    lines = [
        *_field("form", form_words(wish), width),
        *_field("guest", f"{plan.name} {THEN_WORDS[wish.then]}", width, tone),
        *_field("to", f"{wish.guest.host}: {plan.path}", width),
    ]
    if plan.local_path:
        here = f"brought here: {plan.local_path}; then removed on {wish.guest.host}"
        lines += _field("then", here, width)
    lines += _field("takes", sizes_words(plan), width)
    if plan.refusal:
        first = line(Cell(f" {glyphs.refuse} it cannot be done: ", Tone.ALARM))
        lines += [EMPTY, *wrap(plan.refusal, width - 1, indent="   ", first=first)]
    others = [each for each in plan.findings if not (plan.refusal and each.evidence in plan.refusal)]
    lines += [EMPTY] if others else []
    for finding in others:
        lines += finding_lines(finding, glyphs, width)
    if plan.command:
        lines += [EMPTY, *wrap(plan.command, width - 1, Tone.DIM, indent="     ", first=line(dim(" $ ")))]
    return lines


def sizes_words(plan: DumpPlan) -> str:
    """`at most 2.10 GiB; free: 40.0 GiB on h1, 120 GiB here`."""
    free = [_free(plan.free_bytes, f"on {plan.wish.guest.host}")]
    if plan.local_path:
        free.append(_free(plan.local_free_bytes, "here"))
    return f"at most {long_size(plan.needed_bytes)}; free: {', '.join(free)}"


def _free(bytes_: int | None, where: str) -> str:
    return f"not known {where}" if bytes_ is None else f"{long_size(bytes_)} {where}"


def _field(label: str, text: str, width: int, tone: Tone = Tone.NORMAL) -> list[Line]:
    return wrap(text, width - 1, tone, indent=_MARGIN, first=line(dim(f" {label:<{_LABEL}}")))


def finding_lines(finding: Finding, glyphs: Glyphs, width: int) -> list[Line]:
    """What was found, and what to do about it."""
    sign, tone = severity_cell(finding.severity, glyphs)
    first = line(Cell(f" {sign[:1]} {finding.title}: ", tone))
    lines = wrap(finding.evidence, width - 1, indent="   ", first=first)
    if finding.mend:
        arrow = line(Cell(f"   {glyphs.arrow} ", tone))
        lines += wrap(finding.mend, width - 1, indent="     ", first=arrow)
    return lines


def dump_verdict(dump: Dump, glyphs: Glyphs, width: int) -> list[Line]:
    """What may be done, how far it is, or how it ended."""
    plan = dump.plan
    if not dump.started:
        return [_may_start(plan, glyphs)]
    if not dump.over:
        return _progress_lines(dump, glyphs, width)
    took = f"   {total_time(dump.elapsed_s)}" if dump.elapsed_s >= 1 else ""
    if dump.succeeded:
        words = dump.progress.words if dump.progress else ""
        where = plan.local_path or f"{plan.wish.guest.host}: {plan.path}"
        first = line(Cell(f" {glyphs.ok} ", Tone.GOOD))
        return wrap(f"{words or where}{took}", width - 1, Tone.TITLE, indent="   ", first=first)
    if dump.stopped:
        first = line(Cell(f" {glyphs.warning} ", Tone.DOUBT))
        return wrap(f"stopped: {_AFTER_STOP}", width - 1, Tone.TITLE, indent="   ", first=first)
    first = line(Cell(f" {glyphs.refuse} ", Tone.ALARM))
    lines = wrap(f"no dump: {_reason(dump)}", width - 1, Tone.TITLE, indent="   ", first=first)
    hint = dump.error.hint if dump.error else ""
    return lines + (wrap(hint, width - 1, indent="   ", first=line("   ")) if hint else [])


_AFTER_STOP = "what was written is removed"


def _reason(dump: Dump) -> str:
    if dump.error:
        return str(dump.error)
    return (dump.progress.words if dump.progress else "") or "it ended without a word"


def _may_start(plan: DumpPlan, glyphs: Glyphs) -> Line:
    if plan.refusal:
        return line(Cell(f" {glyphs.refuse} refused", Tone.ALARM), dim("   nothing was done; e changes it"))
    doubtful = any(each.severity in (Severity.MEDIUM, Severity.UNKNOWN) for each in plan.findings)
    sign = (
        Cell(f" {glyphs.warning} possible, with doubts", Tone.DOUBT)
        if doubtful
        else Cell(f" {glyphs.ok} possible", Tone.GOOD)
    )
    return line(sign, dim("   enter starts it, e changes it, y copies the command"))


def _progress_lines(dump: Dump, glyphs: Glyphs, width: int) -> list[Line]:
    """The phase, and a bar where it is known how much there is."""
    progress = dump.progress
    phase = progress.phase if progress else DumpPhase.DUMPING
    words = "stopping, and removing what was written" if dump.stopping else phase.value
    head = line(
        Cell(f" {glyphs.moving} {words}", Tone.BUSY),
        dim(f"   {stopwatch(dump.elapsed_s)}"),
        dim("" if dump.stopping else "   it goes on if you leave this screen"),
    )
    lines = [head]
    if progress and (progress.total_bytes or progress.done_bytes):
        lines.append(_bar_line(progress.done_bytes, progress.total_bytes, glyphs, width))
    if progress and progress.words:
        lines += wrap(progress.words, width - 1, Tone.DIM, indent="   ", first=line("   "))
    return lines


def _bar_line(done: int, total: int, glyphs: Glyphs, width: int) -> Line:
    if not total:
        return line(dim("   written  "), long_size(done))
    share = min(1.0, max(0.0, done / total))
    after = line(Cell(f" {percent(share):>4}", Tone.TITLE), f"  {part_of(done, total)}")
    room = max(10, min(_BAR_MOST, width - length(after) - 4))
    full, rest = bar(share, room, glyphs)
    return (*line("   "), Cell(full, Tone.BUSY), Cell(rest, Tone.DIM), *after)


def dump_end_words(dump: Dump) -> str:
    """For a toast, when nobody watches it."""
    name = dump.plan.name
    if dump.succeeded:
        return f"{name} is dumped: {dump.progress.words if dump.progress else ''}".rstrip(": ")
    if dump.stopped:
        return f"the dump of {name} was stopped: {_AFTER_STOP}"
    return f"{name} was not dumped: {_reason(dump)}"
