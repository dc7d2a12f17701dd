"""Crashes in words: the cells of the time line, its filter, and the selected one below it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from backends.model.crash import CrashKind, CrashRecord, Evidence
from backends.model.fleet import FleetState, HostView
from backends.model.guest import GuestState
from backends.model.host import HostName
from tui.filter import FilterError, Predicate, parse
from tui.format import UNKNOWN, duration, moment
from tui.glyphs import Glyphs
from tui.since import SinceError, read_since
from tui.widgets.grid_columns import Align, Cell, Column, Tone, fit
from tui.widgets.lines import Line, dim, line, wrap
from tui.words.host import can_be_asked

TIME_COLUMNS = ("ago", "when", "host-when")
"""Of these one is shown: how long ago, the time on our clock, the time on the host's clock."""

KIND_COLUMNS = ("kind", "short-kind")

_SHORT_KINDS = {
    CrashKind.PANIC: "panicked",
    CrashKind.ENDED: "ended",
    CrashKind.INCOMING: "move failed",
    CrashKind.IO_ERROR: "I/O error",
    CrashKind.DUMP: "dump",
    CrashKind.HOST_PANIC: "host crashed",
}
"""For a narrow column: fourteen letters at most."""

_JUST_NOW_S = 60.0
_AHEAD_S = 60.0
"""A time that is further in the future is told as such: a clock is wrong."""


@dataclass(frozen=True, slots=True)
class CrashRow:
    """A record, and how it stands now."""

    record: CrashRecord
    current: bool = True
    """False while its host is silent: it is the last that was known."""
    is_open: bool = False
    """Its guest has not been brought back since: somebody has to do something."""

    @property
    def key(self) -> tuple[HostName, str]:
        """What makes it the same row when it is looked at anew."""
        return self.record.host, self.record.id


def rows_of(state: FleetState) -> list[CrashRow]:
    """All that is known of crashes on all hosts."""
    return [row for view in state.hosts.values() for row in host_rows(state, view)]


def host_rows(state: FleetState, view: HostView) -> list[CrashRow]:
    """Those of one host."""
    known = view.crashes
    if known is None:
        return []
    current = can_be_asked(view)
    seen: set[object] = set()
    rows = []
    for record in known.records:
        is_newest = record.guest not in seen and record.kind is not CrashKind.DUMP
        if is_newest:
            seen.add(record.guest)
        rows.append(CrashRow(record, current, is_newest and current and _is_open(state, record)))
    return rows


def row_of(state: FleetState, record: CrashRecord) -> CrashRow | None:
    """The newest that is known of a record; None where it is known no more."""
    view = state.hosts.get(record.host)
    rows = host_rows(state, view) if view else []
    return next((row for row in rows if row.record.id == record.id), None)


def _is_open(state: FleetState, record: CrashRecord) -> bool:
    guest = state.guest(record.guest) if record.guest else None
    if guest is None:
        return False
    stands = guest.state is GuestState.PAUSED and record.kind in (CrashKind.IO_ERROR, CrashKind.PANIC)
    return stands or guest.state is GuestState.CRASHED


# -- cells ------------------------------------------------------------------------------------------


def kind_sign(kind: CrashKind, glyphs: Glyphs) -> str:
    """The sign before a kind."""
    match kind:
        case CrashKind.NOT_STARTED:
            return glyphs.off
        case CrashKind.INCOMING:
            return glyphs.moving
        case CrashKind.IO_ERROR:
            return glyphs.paused
        case CrashKind.DUMP:
            return glyphs.note
        case CrashKind.HOST_UNCLEAN | CrashKind.HOST_PANIC | CrashKind.PROCESS:
            return glyphs.warning
        case CrashKind.PANIC | CrashKind.ENDED:
            return glyphs.crashed


def kind_words(kind: CrashKind, *, short: bool = False) -> str:
    """What happened."""
    return _SHORT_KINDS.get(kind, kind.value) if short else kind.value


def kind_cell(row: CrashRow, glyphs: Glyphs, *, short: bool = False) -> Cell:
    """A sign and words; red only while somebody has to do something."""
    kind = row.record.kind
    words = f"{kind_sign(kind, glyphs)} {kind_words(kind, short=short)}"
    if not row.current or kind is CrashKind.DUMP:
        return Cell(words, Tone.DIM)
    if row.is_open:
        return Cell(words, Tone.ALARM)
    return Cell(words, Tone.DOUBT if kind.of_host else Tone.NORMAL)


def age_words(record: CrashRecord, now: datetime) -> str:
    """`3 min`, `> 3 d` where it may have been before; below a minute `now`, so that it need not be read anew."""
    if record.at is None:
        return UNKNOWN
    seconds = (now - record.at).total_seconds()
    if seconds < -_AHEAD_S:
        return f"in {duration(-seconds)}"
    words = "now" if seconds < _JUST_NOW_S else duration(seconds)
    return words if record.exact else f"> {words}"


def ago_words(record: CrashRecord, now: datetime) -> str:
    """`3 min ago`, for a sentence."""
    words = age_words(record, now)
    if words == UNKNOWN:
        return "nobody knows when"
    if words.startswith("in "):
        return f"{words}, by a clock that is wrong"
    if words.endswith("now"):
        return "just now"
    return f"{words} ago" if record.exact else f"{words[2:]} ago or before"


def _clock_words(at: datetime | None, *, exact: bool) -> str:
    if at is None:
        return UNKNOWN
    words = f"{at.astimezone():%Y-%m-%d %H:%M:%S}"
    return words if exact else f"< {words}"


def _host_clock_words(record: CrashRecord) -> str:
    """As the host's clock had it, in the zone of this machine."""
    return _clock_words(record.host_at, exact=record.exact)


def _guest_cell(row: CrashRow, glyphs: Glyphs) -> Cell:
    record = row.record
    if not record.name:
        return Cell(glyphs.dash, Tone.DIM)
    is_there = record.guest is not None and row.current
    return Cell(record.name, Tone.NORMAL if is_there else Tone.DIM)


def _cause_cell(row: CrashRow) -> Cell:
    cause = row.record.cause
    return Cell(cause.words, Tone.NORMAL if cause.known and row.current else Tone.DIM)


def crash_columns(glyphs: Glyphs, clock: Callable[[], datetime]) -> list[Column[CrashRow]]:
    """When, host, guest, what happened, why."""

    def time(column_id: str, title: str, width: int, words: Callable[[CrashRecord], str]) -> Column[CrashRow]:
        return Column(
            id=column_id,
            title=title,
            cell=lambda row: Cell(words(row.record), Tone.NORMAL if row.current else Tone.DIM),
            width=width,
            align=Align.RIGHT,
            sort=lambda row: row.record.host_at if column_id == "host-when" else row.record.at,
            priority=8,
            descending_first=True,
        )

    def kind(column_id: str, width: int, *, short: bool) -> Column[CrashRow]:
        return Column(
            id=column_id,
            title="WHAT",
            cell=lambda row: kind_cell(row, glyphs, short=short),
            width=width,
            sort=lambda row: row.record.kind.value,
            priority=9,
        )

    return [
        time("ago", "AGO", 8, lambda record: age_words(record, clock())),
        time("when", "ON OUR CLOCK", 21, lambda record: _clock_words(record.at, exact=record.exact)),
        time("host-when", "ON THE HOST'S CLOCK", 21, _host_clock_words),
        Column(
            id="host",
            title="HOST",
            cell=lambda row: (
                Cell(row.record.host)
                if row.current
                else Cell(f"{glyphs.stale} {row.record.host}", Tone.DOUBT)
            ),
            width=7,
            flex=1,
            max_width=20,
            sort=lambda row: row.record.host,
            priority=9,
        ),
        Column(
            id="guest",
            title="GUEST",
            cell=lambda row: _guest_cell(row, glyphs),
            width=10,
            flex=2,
            max_width=28,
            sort=lambda row: row.record.name.casefold() or None,
            priority=9,
        ),
        kind("kind", 22, short=False),
        kind("short-kind", 16, short=True),
        Column(
            id="cause",
            title="CAUSE",
            cell=_cause_cell,
            width=12,
            flex=18,
            sort=lambda row: (not row.record.cause.known, row.record.cause.words.casefold()),
            priority=9,
        ),
    ]


def crash_filter(query: str) -> Predicate[CrashRow] | None:
    """Words look at guest and cause, fields at the rest. Raises FilterError."""
    return parse(
        query,
        lambda row: f"{row.record.name} {row.record.cause.words}",
        {
            "host": lambda row: row.record.host,
            "guest": lambda row: row.record.name,
            "kind": lambda row: (
                f"{kind_words(row.record.kind)} {kind_words(row.record.kind, short=True)} {row.record.kind.name}"
            ),
            "cause": lambda row: f"{row.record.cause.id} {row.record.cause.words}",
            "known": lambda row: "yes" if row.record.cause.known else "no",
            "open": lambda row: "yes" if row.is_open else "no",
            "source": lambda row: " ".join(each.source.value for each in row.record.evidence),
            "id": lambda row: row.record.id,
        },
        {"since": _since_test},
    )


def _since_test(value: str) -> Predicate[CrashRow]:
    if not value:
        return lambda _: True
    try:
        since = read_since(value, datetime.now(UTC))
    except SinceError as error:
        raise FilterError(str(error)) from error
    return lambda row: row.record.at is not None and row.record.at >= since


# -- words ------------------------------------------------------------------------------------------


def about_words(record: CrashRecord) -> str:
    """`web-01 on h1`, or the host alone."""
    return f"{record.name} on {record.host}" if record.name else record.host


def crash_title(row: CrashRow, glyphs: Glyphs) -> Line:
    """What happened to whom."""
    cell = kind_cell(row, glyphs)
    return line(" ", cell, "  ", Cell(about_words(row.record), Tone.TITLE))


def told_by(record: CrashRecord) -> str:
    """`QEMU's log, journal`: each once, those that tell most first."""
    return ", ".join(dict.fromkeys(each.source.value for each in record.evidence)) or "nothing"


def cause_lines(record: CrashRecord, glyphs: Glyphs, width: int) -> list[Line]:
    """Why, and what to do about it; where no rule knows, what was said last."""
    cause = record.cause
    label, tone = ("cause", Tone.TITLE) if cause.known else ("said", Tone.NORMAL)
    lines = field(label, cause.words, width, tone)
    if cause.mend:
        arrow = line(Cell(f" {glyphs.arrow:<9}", Tone.BUSY))
        lines += wrap(cause.mend, width - 1, indent=" " * 10, first=arrow)
    return lines


def crash_pane(row: CrashRow, glyphs: Glyphs, width: int, height: int) -> list[Line]:
    """The selected record in so many lines; of each evidence that has room the last ones, which explain most."""
    record = row.record
    title = crash_title(row, glyphs)
    about = "or before" if record.at and not record.exact else ""
    lines = [line(*title, dim(f"   {moment(record.at)} {about}".rstrip() if record.at else ""))]
    lines += cause_lines(record, glyphs, width)
    lines += field("told by", told_by(record), width, Tone.DIM)
    telling = [each for each in record.evidence if each.lines]
    for each in telling:
        if (many := height - len(lines) - 1) > 0:
            lines += _said(each, glyphs, width, many)
    trouble = next((each for each in record.evidence if each.trouble), None)
    if trouble and not telling:
        lines += field(trouble.source.value, trouble.trouble, width, Tone.DOUBT)
    return lines


def _said(evidence: Evidence, glyphs: Glyphs, width: int, most: int) -> list[Line]:
    """Where it was read, and its last lines."""
    shown = (fit(each, max(1, width - 11), Align.LEFT, glyphs.ellipsis) for each in evidence.lines[-most:])
    return [
        *field("", evidence.place, width, Tone.DIM),
        *(line(dim(" " * 10 + each)) for each in shown),
    ]


def field(label: str, text: str, width: int, tone: Tone = Tone.NORMAL) -> list[Line]:
    """A labelled text; none where there is no text."""
    return wrap(text, width - 1, tone, indent=" " * 10, first=line(dim(f" {label:<9}"))) if text else []


def counted(number: int, one: str, many: str) -> str:
    """`1 host`, `3 hosts`."""
    return f"{number} {one if number == 1 else many}"


def crash_heading(rows: Sequence[CrashRow], views: Iterable[HostView], *, roomy: bool) -> Line:
    """How many need somebody, of how many no rule knows the cause, and how many hosts were looked at."""
    open_ = sum(row.is_open for row in rows)
    unknown = sum(not row.record.cause.known for row in rows)
    every = list(views)
    looked = sum(view.crashes is not None for view in every)
    cells: list[Cell] = []
    if open_:
        cells += [Cell(f"  {open_} ", Tone.ALARM), dim("still down")]
    if unknown and roomy:
        cells += [Cell(f"  {unknown}"), dim(" of unknown cause")]
    of = str(looked) if looked == len(every) else f"{looked} of {len(every)}"
    return (*cells, dim("  on "), Cell(of), dim(" host" if of == "1" else " hosts"))
