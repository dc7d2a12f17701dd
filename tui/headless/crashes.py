"""`virt-ferry crashes`: what crashes have left on all hosts, newest first, and why each happened."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.cells import cell_len

from backends.api import FerryError, Fleet
from backends.model.crash import CrashKind, CrashRecord, Evidence, HostCrashes
from backends.model.fleet import FleetState
from backends.model.host import HostName, Link
from tui.format import long_size
from tui.headless.crash_lines import crash_host_line, crash_line, crashes_line
from tui.headless.each_host import tell_trouble
from tui.headless.exits import Exit, UsageError
from tui.headless.output import Ink, Output
from tui.headless.paragraphs import Entry, columns, tell_entries
from tui.headless.session import HostOptions, settled_fleet
from tui.since import EXAMPLES, SinceError, read_since

_TITLES = ("WHEN", "HOST", "GUEST", "WHAT", "CAUSE")
_KIND_INK = {CrashKind.DUMP: Ink.PLAIN, CrashKind.IO_ERROR: Ink.DOUBT, CrashKind.INCOMING: Ink.DOUBT}
"""All others are alarms."""
_WHEN_WIDTH = len("2026-01-31 14:02:03")
_NOTICEABLE_S = 2.0
"""A clock that is further off is told of."""

Wanted = Callable[[CrashRecord], bool]
Cell = str | tuple[str, Ink]


@dataclass(frozen=True, slots=True)
class Answers:
    """Of all hosts that were asked."""

    found: tuple[HostCrashes, ...]
    left_out: tuple[tuple[HostName, str], ...]


async def crashes(options: HostOptions, *, since: str, guest: str | None, evidence: bool, json: bool) -> Exit:
    """Ask all hosts at once. FAILED when one of them was not looked at."""
    begin = moment_of(since)
    out = Output()
    async with settled_fleet(options) as (fleet, state):
        hosts, wanted = narrowed(state, guest)
        answers = await _ask_all(fleet, state, hosts, begin)
    records = newest_first(
        record
        for found in answers.found
        for record in found.records
        if (record.at is None or record.at >= begin) and wanted(record)
    )
    if json:
        for record in records:
            out.json(crash_line(record))
        for found in answers.found:
            out.json(crash_host_line(found))
        answered = [found.host for found in answers.found]
        out.json(crashes_line(begin, len(records), answered, answers.left_out))
    else:
        tell_records(out, records, begin, evidence=evidence, has_answers=bool(answers.found))
        for found in answers.found:
            tell_limits(found)
    return Exit.FAILED if answers.left_out else Exit.SUCCEEDED


def moment_of(since: str) -> datetime:
    """So far back. Raises UsageError."""
    try:
        return read_since(since, datetime.now(UTC))
    except SinceError as error:
        raise UsageError(f"--since: {error}", EXAMPLES) from error


def narrowed(state: FleetState, guest: str | None) -> tuple[list[HostName], Wanted]:
    """The hosts to ask and the records to tell for NAME, UUID, HOST/NAME or HOST/UUID; all where no guest is named.

    The guest need not be there any more: what its logs tell is found by its name.
    """
    if guest is None:
        return list(state.hosts), lambda _: True
    host, slash, rest = guest.partition("/")
    is_on_host = bool(slash) and HostName(host) in state.hosts
    text = rest if is_on_host else guest
    keys = {each.key for each in state.guests() if text in (each.name, each.key.uuid)}

    def is_wanted(record: CrashRecord) -> bool:
        if is_on_host and record.host != host:
            return False
        if record.guest is not None and (record.guest in keys or record.guest.uuid == text):
            return True
        return record.name == text and not record.kind.of_host

    return ([HostName(host)] if is_on_host else list(state.hosts)), is_wanted


async def _ask_all(fleet: Fleet, state: FleetState, hosts: Sequence[HostName], since: datetime) -> Answers:
    async def ask(host: HostName) -> HostCrashes | str:
        link = state.hosts[host].link
        if link.link not in (Link.UP, Link.DEGRADED):  # of this the user has been told already
            return f"{link.link.value}: {link.reason}" if link.reason else link.link.value
        try:
            return await fleet.crashes(host, since)
        except FerryError as error:
            tell_trouble(error)
            return str(error)

    answers = dict(zip(hosts, await asyncio.gather(*map(ask, hosts)), strict=True))
    return Answers(
        tuple(  # as it is known now: which host tells of a console that several see, the last one's answer may decide
            fleet.state.hosts[host].crashes or answer
            for host, answer in answers.items()
            if isinstance(answer, HostCrashes)
        ),
        tuple((host, answer) for host, answer in answers.items() if isinstance(answer, str)),
    )


def newest_first(records: Iterator[CrashRecord]) -> list[CrashRecord]:
    """Of all hosts together, by this machine's clock; those without a time last."""
    oldest = datetime.min.replace(tzinfo=UTC)
    return sorted(records, key=lambda record: record.at or oldest, reverse=True)


# As text ---------------------------------------------------------------------------------------


def tell_records(
    out: Output, records: Sequence[CrashRecord], since: datetime, *, evidence: bool, has_answers: bool
) -> None:
    """A row for each where the terminal is wide enough and no evidence is asked for, else a paragraph."""
    if not records:
        known = f"no crash is known since {when_words(since)}"
        out.line(known if has_answers else "no host answers")
        return
    rows = [_row(record) for record in records]
    if not evidence and _width(rows) <= columns():
        out.table(_TITLES, rows)
        return
    for number, record in enumerate(records):
        if number and evidence:
            out.line()
        tell_entries(out, list(paragraph(record, evidence=evidence)), indent=0, width=_WHEN_WIDTH)
        if evidence:
            tell_evidence(out, record)


def _width(rows: Sequence[Sequence[Cell]]) -> int:
    texts = [[cell if isinstance(cell, str) else cell[0] for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(_TITLES, *texts, strict=True)]
    return sum(widths) + 2 * (len(widths) - 1)


def _row(record: CrashRecord) -> Sequence[Cell]:
    what = (record.kind.value, kind_ink(record))
    return (record_when(record), record.host, record.name or "-", what, record.cause.words)


def paragraph(record: CrashRecord, *, evidence: bool = False) -> Iterator[Entry]:
    """When and what, below it why, and what to do."""
    yield (record_when(record), headline(record), kind_ink(record))
    yield ("", record.cause.words, Ink.PLAIN)
    if record.cause.mend:
        yield ("", f"mend: {record.cause.mend}", Ink.BOLD)
    if evidence:
        if record.at is not None and record.host_at is not None and _far(record):
            yield ("", f"{when_words(record.host_at)} on the host's clock", Ink.DIM)
        yield ("", f"id {record.id}", Ink.DIM)


def headline(record: CrashRecord) -> str:
    """`h1 web-01: guest ended`."""
    subject = f"{record.host} {record.name}" if record.name else record.host
    return f"{subject}: {record.kind.value}"


def kind_ink(record: CrashRecord) -> Ink:
    """How much it matters."""
    return _KIND_INK.get(record.kind, Ink.ALARM)


def record_when(record: CrashRecord) -> str:
    """`2026-01-31 14:02:03`; `by ...` where it happened then or before, without seconds so that it fits beside."""
    if record.at is None:
        return "time not known"
    here = record.at.astimezone()
    return when_words(record.at) if record.exact else f"by {here:%Y-%m-%d %H:%M}"


def when_words(moment: datetime) -> str:
    """In the time zone of this machine."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def _far(record: CrashRecord) -> bool:
    assert record.at is not None
    assert record.host_at is not None
    return abs((record.host_at - record.at).total_seconds()) >= _NOTICEABLE_S


def tell_evidence(out: Output, record: CrashRecord) -> None:
    """The lines as they are, one a line: they may be wider than the terminal, and can be searched for."""
    for each in record.evidence:
        out.line(f"  {out.ink(_place(each), Ink.BOLD)}")
        for line in each.lines:
            out.line(f"    {line}")
        if each.trouble:
            mend = f" ({each.mend})" if each.mend else ""
            out.line(f"    {out.ink(f'{each.trouble}{mend}', Ink.DOUBT)}")


def _place(each: Evidence) -> str:
    size = f", {long_size(each.size_bytes)}" if each.size_bytes is not None and not each.is_text else ""
    return f"{each.source.value}: {each.place}{size}"


# What the list does not show -------------------------------------------------------------------


def tell_limits(found: HostCrashes) -> None:
    """On standard error: what could not be looked at on a host, and how far its clock can be trusted."""
    for gap in found.gaps:
        mend = f" ({gap.mend})" if gap.mend else ""
        sys.stderr.write(f"virt-ferry: {found.host}: {gap.what}: {gap.why}{mend}\n")
    ahead_s = found.clock_ahead_s
    if ahead_s is None and found.records:
        sys.stderr.write(f"virt-ferry: {found.host}: its clock is not known, times are its own\n")
    elif ahead_s is not None and abs(ahead_s) >= _NOTICEABLE_S:
        side = "ahead" if ahead_s > 0 else "behind"
        sys.stderr.write(
            f"virt-ferry: {found.host}: its clock is {abs(ahead_s):.0f} s {side}; times are corrected\n"
        )
