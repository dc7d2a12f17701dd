"""One crash record in full: cause and mend, facts, then each piece of evidence with its lines."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath

from backends.model.crash import CrashKind, Evidence, Source
from backends.model.guest import Guest
from backends.model.host import HostSpec
from backends.model.move import Move
from tui.format import count, long_size, moment
from tui.glyphs import Glyphs
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, dim, line, wrap
from tui.words.crash import CrashRow, cause_lines, field
from tui.words.move import phase_cell

_READERS = {".gz": "zcat", ".xz": "xzcat", ".zst": "zstdcat", ".bz2": "bzcat"}
_TOLD = (Source.EVENT, Source.STATE)
"""No log: there is nothing to open, and the place has no other name than theirs."""
_SKEW_LEAST_S = 0.5
"""Less is not worth a word: both times read the same."""


@dataclass(frozen=True, slots=True)
class Page:
    """Its lines, and where each piece of evidence begins among them."""

    lines: tuple[Line, ...]
    begins: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class About:
    """What belongs to a record and is not in it."""

    row: CrashRow
    clock_ahead_s: float | None
    guest: Guest | None
    move: Move | None
    is_gone: bool = False
    """The newest look has not told of it any more."""


def crash_page(about: About, selected: int, glyphs: Glyphs, width: int) -> Page:
    """All of it; `selected` is the piece of evidence that has the marker."""
    record = about.row.record
    lines: list[Line] = []
    if about.is_gone:
        gone = "The host has not told of it when it was looked at last: this is what was known before."
        lines += [*wrap(gone, width - 1, Tone.DOUBT, indent=" ", first=line(" ")), EMPTY]
    lines += [*cause_lines(record, glyphs, width), EMPTY, *_facts(about, glyphs, width)]
    begins: list[int] = []
    many = len(record.evidence)
    heading = f" {'PIECE' if many == 1 else 'PIECES'} OF EVIDENCE"
    lines += [EMPTY, line(Cell(f" {many or 'NO'}{heading}", Tone.TITLE))]
    for number, each in enumerate(record.evidence):
        begins.append(len(lines))
        lines += _evidence(each, glyphs, width, chosen=number == selected)
    return Page(tuple(lines), tuple(begins))


def _facts(about: About, glyphs: Glyphs, width: int) -> list[Line]:
    record = about.row.record
    lines = _whose(about, width)
    if record.at is None:
        lines += field("when", "nothing tells when", width, Tone.DIM)
    else:
        or_before = "" if record.exact else " or before"
        lines += field("when", f"{moment(record.at)}{or_before}, on our clock", width)
        lines += _on_the_host(about, width)
    if move := about.move:
        way = f"{move.source} {glyphs.arrow} {move.request.destination}, {move.request.mode.value}, "
        lines.append(
            line(dim(" move     "), way, phase_cell(move.phase), dim(f"  started {moment(move.started)}"))
        )
    cause = f"   rule {record.cause.id}" if record.cause.known else ""
    return [*lines, *field("record", f"{record.id}{cause}", width, Tone.DIM)]


def _whose(about: About, width: int) -> list[Line]:
    record, guest = about.row.record, about.guest
    if record.guest is None:
        if record.kind is CrashKind.PROCESS:
            return field("process", f"{record.name or 'not named'} on {record.host}", width)
        if record.kind.of_host or not record.name:
            return field("host", record.host, width)
        return field("guest", f"{record.name} on {record.host}, which is not there any more", width)
    if guest is None:
        return field("guest", f"{record.name} on {record.host}, which is not there any more", width)
    state = f"{guest.state.value} now" if about.row.current else "its host is silent"
    uuid = dim(f"   {record.guest.driver} {record.guest.uuid}")
    return [line(dim(" guest    "), f"{record.name} on {record.host}, {state}", uuid)]


def _on_the_host(about: About, width: int) -> list[Line]:
    """The same moment as the host has it, and how far its clock is off."""
    record, ahead_s = about.row.record, about.clock_ahead_s
    if ahead_s is None:
        words = f"how far {record.host}'s clock is off is not known: this is its own time"
        return field("", words, width, Tone.DOUBT)
    if record.host_at is None:
        return []
    if abs(ahead_s) < _SKEW_LEAST_S:
        return field("", f"{record.host}'s clock agrees with ours", width, Tone.DIM)
    off = f"{abs(ahead_s):,.1f} s {'ahead' if ahead_s > 0 else 'behind'}"
    return field("", f"{moment(record.host_at)} on {record.host}'s clock, which is {off}", width, Tone.NORMAL)


# -- evidence ---------------------------------------------------------------------------------------


def _evidence(each: Evidence, glyphs: Glyphs, width: int, *, chosen: bool) -> list[Line]:
    """Where it was read, and what it tells."""
    tone = Tone.TITLE if chosen else Tone.NORMAL
    marker = Cell(f" {glyphs.marker if chosen else ' '} ", Tone.BUSY)
    head = line(marker, Cell(f"{each.source.value}  ", tone))
    if each.source in _TOLD and not each.path and len(each.lines) == 1:
        told = each.lines[0].removeprefix(f"{each.source.value}: ")
        return wrap(told, width - 1, indent="     ", first=head)
    lines = wrap(
        " ".join((each.place, _size_words(each))).strip(), width - 1, Tone.DIM, indent="     ", first=head
    )
    for told in each.lines:
        lines += wrap(told, width - 1, indent="       ", first=line(dim(f"   {glyphs.vertical} ")))
    if each.trouble:
        lines += wrap(each.trouble, width - 1, Tone.DOUBT, indent="     ", first=line("   "))
    if each.mend:
        arrow = line("   ", Cell(f"{glyphs.arrow} ", Tone.BUSY))
        lines += wrap(each.mend, width - 1, indent="     ", first=arrow)
    return lines


def _size_words(each: Evidence) -> str:
    if each.size_bytes is None:
        return ""
    at = f", at byte {count(each.offset)}" if each.offset is not None else ""
    return f" {long_size(each.size_bytes)}{at}"


def log_command(spec: HostSpec | None, path: str, offset: int | None) -> str:
    """`ssh -t root@h1 'less +512P /var/log/x.log'`; empty where it cannot be said safely."""
    if spec is None or not path or not path.isprintable():
        return ""
    at = f"+{offset}P" if offset else "+G"
    reader = _READERS.get(PurePosixPath(path).suffix)
    there = f"{reader} {shlex.quote(path)} | less {at}" if reader else f"less {at} {shlex.quote(path)}"
    ssh = spec.ssh_command
    return f"{ssh} -t {shlex.quote(there)}" if ssh else there


def harmless(name: str) -> str:
    """Letters, digits and `._-` stay; a name never begins with a dot or a dash."""
    kept = "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in name)
    return kept.lstrip(".-")[:120] or "log"
