"""From a guest or a move to the crash that it has met: whether it still matters, and in which words it is told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from backends.model.crash import CrashKind, CrashRecord
from backends.model.fleet import FleetState
from backends.model.guest import Guest, GuestKey, GuestState
from tui.glyphs import Glyphs
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, dim, length, line, wrap
from tui.words.crash import ago_words
from tui.words.twin import twin_of

_VERBS = {
    CrashKind.PANIC: "panicked",
    CrashKind.ENDED: "crashed",
    CrashKind.NOT_STARTED: "did not start",
    CrashKind.INCOMING: "could not be taken over",
    CrashKind.IO_ERROR: "stopped by an I/O error",
}
_STATES = {
    CrashKind.PANIC: "panicked",
    CrashKind.ENDED: "crashed",
    CrashKind.NOT_STARTED: "no start",
    CrashKind.IO_ERROR: "I/O error",
}
"""In the column of states: kinds that leave a guest in one."""

_ENDED_BY_IT = frozenset({"crashed", "panicked", "failed", "daemon", "I/O error"})
"""libvirt's reasons that tell of a bad end, where nothing tells since when the guest is off."""

_RESTARTED = "crashed"
"""libvirt's reason for a guest that runs again after a crash (VIR_DOMAIN_RUNNING_CRASHED), in the same process."""

_TOGETHER = timedelta(seconds=10)
"""A crash and the state that it leaves are noticed by different means, and by clocks that differ a little."""


def crash_of(state: FleetState, key: GuestKey) -> CrashRecord | None:
    """The newest crash of a guest on its host, as far as anybody has looked."""
    view = state.hosts.get(key.host)
    return view.crashes.of_guest(key) if view and view.crashes else None


def newest_crashes(state: FleetState) -> Mapping[GuestKey, CrashRecord]:
    """The same of all guests at once."""
    newest: dict[GuestKey, CrashRecord] = {}
    for view in state.hosts.values():
        for record in view.crashes.records if view.crashes else ():
            if record.guest is not None and record.kind is not CrashKind.DUMP:
                newest.setdefault(record.guest, record)
    return newest


def has_stopped(guest: Guest, record: CrashRecord) -> bool:
    """Is this crash why the guest is as it is? One that it has run after is past."""
    if record.kind not in _STATES:
        return False
    times = [each for each in (record.at, record.host_at) if each]
    since = guest.since
    if guest.state.executing:  # its kernel may have panicked while its processors go on
        was_restarted = guest.reason == _RESTARTED
        is_panic = record.kind is CrashKind.PANIC and not was_restarted
        return bool(is_panic and since and times and min(times) > since)
    if since is None or not times:
        return guest.state is GuestState.CRASHED or guest.reason in _ENDED_BY_IT
    return max(times) + _TOGETHER >= since


def needs_somebody(state: FleetState, guest: Guest, record: CrashRecord | None) -> bool:
    """An alarm: the guest is down by a crash. (Who has tried in vain to start one knows it.)"""
    if guest.state is GuestState.CRASHED:
        return True
    if record is None or record.kind is CrashKind.NOT_STARTED or not has_stopped(guest, record):
        return False
    return twin_of(state, guest) is None


def crashed_words(record: CrashRecord, now: datetime) -> str:
    """`crashed 3 min ago`; changes once a minute at the most."""
    verb = _VERBS.get(record.kind, record.kind.value)
    return f"{verb} {ago_words(record, now)}" if record.at else verb


def crash_cell(record: CrashRecord, glyphs: Glyphs, now: datetime | None = None, word: str = "") -> Cell:
    """A sign and a word for the column of states; with `now` also since when. `word` is a better one."""
    sign = glyphs.paused if record.kind is CrashKind.IO_ERROR else glyphs.crashed
    tone = Tone.DOUBT if record.kind is CrashKind.NOT_STARTED else Tone.ALARM
    ago = ago_words(record, now) if now and record.at and record.exact else ""
    return Cell(f"{sign} {word or _STATES[record.kind]} {ago}".rstrip(), tone)


def crash_lines(
    record: CrashRecord,
    glyphs: Glyphs,
    now: datetime,
    width: int,
    *,
    matters: bool,
    key: str = "",
    most: int = 2,
    mend: bool = True,
) -> list[Line]:
    """Under a guest: when and why, what mends it, and the key that opens the record; quietly where it is past."""
    words = f"{crashed_words(record, now)}: {record.cause.words}"
    if not matters:
        return wrap(words, width - 1, Tone.DIM, indent="   ", first=line(" "))[:1]
    lines = wrap(
        words, width - 1, Tone.ALARM, indent="   ", first=line(Cell(f" {glyphs.crashed} ", Tone.ALARM))
    )[:most]
    if mend and record.cause.mend:
        arrow = line(Cell(f"   {glyphs.arrow} ", Tone.ALARM))
        lines += wrap(record.cause.mend, width - 1, indent="     ", first=arrow)[:most]
    return _with_key(lines, key, width)


def move_crash_lines(record: CrashRecord, key: str, width: int, margin: str = "   ") -> list[Line]:
    """Under the outcome of a move: what its hosts have told of it."""
    words = f"{record.kind.value} on {record.host}: {record.cause.words}"
    indent = f"{margin}  "
    lines = wrap(words, width - 1, indent=indent, first=line(margin, dim("crash record: ")))
    if record.cause.mend:
        lines += wrap(record.cause.mend, width - 1, Tone.DIM, indent=indent, first=line(indent))
    return _with_key(lines, key, width, margin)


def _with_key(lines: list[Line], key: str, width: int, margin: str = "   ") -> list[Line]:
    """`L opens its record`, beside the last line or below it."""
    if not key:
        return lines
    opens = line("   ", Cell(key, Tone.BUSY), dim(" opens its record"))
    if length(lines[-1]) + length(opens) < width:
        return [*lines[:-1], (*lines[-1], *opens)]
    return [*lines, line(margin, *opens[1:])]
