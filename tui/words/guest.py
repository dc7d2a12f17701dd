"""A guest in words: its state as a sign and a word, and the lines of its detail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from backends.model.crash import CrashRecord
from backends.model.fleet import FleetState
from backends.model.guest import Disk, Guest, GuestKey, GuestSample, GuestState
from backends.model.move import Move
from tui.format import duration, percent
from tui.glyphs import Glyphs
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import Line, dim, line, wrap
from tui.words.crash_link import crash_cell, crash_lines, crash_of, has_stopped
from tui.words.twin import is_arriving, twin_of

_TONES = {
    GuestState.RUNNING: Tone.GOOD,
    GuestState.OFF: Tone.DIM,
    GuestState.CRASHED: Tone.ALARM,
    GuestState.SUSPENDED: Tone.DIM,
    GuestState.UNKNOWN: Tone.DOUBT,
}


@dataclass(frozen=True, slots=True)
class GuestRow:
    """A guest with all that one line says of it."""

    guest: Guest
    sample: GuestSample | None
    current: bool
    """False while its host is silent: everything here is the last that was known."""
    move: Move | None
    """The move in flight that takes it away."""
    twin: Guest | None = None
    """The same guest on another host, when it is active there and does not run here."""
    crash: CrashRecord | None = None
    """The newest that is known of it."""

    @property
    def stopped_by(self) -> CrashRecord | None:
        """The crash that has brought it into the state that it is in; one that it has run after is past."""
        if self.crash and self.current and not self.twin and has_stopped(self.guest, self.crash):
            return self.crash
        return None


def row_of(
    state: FleetState, key: GuestKey, crashes: Mapping[GuestKey, CrashRecord] | None = None
) -> GuestRow | None:
    """The row of a guest; None when it is gone. `crashes`: the newest of all guests, where somebody has them."""
    guest = state.guest(key)
    if guest is None:
        return None
    view = state.hosts[key.host]
    return GuestRow(
        guest,
        view.samples.get(key),
        view.link.answers,
        state.move_of(key),
        twin_of(state, guest),
        crash_of(state, key) if crashes is None else crashes.get(key),
    )


def arriving(state: FleetState) -> set[GuestKey]:
    """The half-built twins of guests in flight at their destinations: not shown beside the guest itself."""
    return {
        request.guest._replace(host=request.destination)
        for move in state.moves.values()
        if not move.phase.final and (request := move.request)
    }


def state_cell(row: GuestRow, glyphs: Glyphs, now: datetime | None = None) -> Cell:
    """A sign and a word; a state that is not current is never shown as one. With `now` also when it crashed."""
    if row.move:
        progress = row.move.progress
        share = percent(progress.fraction) if progress else row.move.phase.value
        return Cell(f"{glyphs.moving} {share}", Tone.BUSY)
    if not row.current:
        return Cell(f"{glyphs.stale} stale", Tone.DOUBT)
    if is_arriving(row.guest, row.twin):
        return Cell(f"{glyphs.moving} arriving", Tone.BUSY)
    state = row.guest.state
    word = "no space" if row.guest.full_disks else ""
    if crash := row.stopped_by:
        return crash_cell(crash, glyphs, now, word)
    if word:
        return Cell(f"{_sign(state, glyphs)} {word}", Tone.ALARM)
    return Cell(f"{_sign(state, glyphs)} {state.value}", _TONES.get(state, Tone.NORMAL))


def _sign(state: GuestState, glyphs: Glyphs) -> str:
    match state:
        case GuestState.RUNNING | GuestState.SHUTTING_DOWN:
            return glyphs.running
        case GuestState.PAUSED | GuestState.SUSPENDED:
            return glyphs.paused
        case GuestState.OFF:
            return glyphs.off
        case GuestState.CRASHED:
            return glyphs.crashed
        case GuestState.UNKNOWN:
            return glyphs.unknown


def host_cell(row: GuestRow, glyphs: Glyphs) -> Cell:
    """Where it is, or from where to where it goes."""
    if row.move:
        return Cell(f"{row.guest.key.host}{glyphs.arrow}{row.move.request.destination}", Tone.BUSY)
    return Cell(row.guest.key.host, Tone.NORMAL if row.current else Tone.DIM)


def detail(
    row: GuestRow | None, glyphs: Glyphs, now: datetime, width: int, *, most: int = 2, crash_key: str = ""
) -> list[Line]:
    """The selected guest in a few lines; each field takes `most` lines at the most.

    `crash_key` opens the record of its newest crash.
    """
    if row is None:
        return [line(dim(" no guest selected"))]
    guest = row.guest
    head = line(
        Cell(f" {guest.name}", Tone.TITLE),
        dim(f"  {guest.kind or guest.key.driver} {guest.machine}".rstrip()),
        "  ",
        state_cell(row, glyphs),
        dim(f"  {guest.reason}" if guest.reason and row.current else ""),
        dim(f"  for {duration((now - guest.since).total_seconds())}" if guest.since and row.current else ""),
        dim("  autostart" if guest.autostart else ""),
        Cell("" if guest.persistent else "  transient", Tone.DOUBT),
        Cell(f"  {_twin_words(row)}" if row.twin else "", Tone.DOUBT),
    )
    labelled = [
        ("uuid ", guest.key.uuid),
        ("disks ", disks_text(guest.disks) or "none"),
        (
            "nics ",
            ", ".join(f"{nic.source or '?'} {nic.mac} {nic.model}".rstrip() for nic in guest.nics) or "none",
        ),
    ]
    lines = [head]
    if guest.full_disks and row.current:
        first = (Cell(f" {glyphs.arrow:<6}", Tone.ALARM),)
        lines += wrap(full_disks_hint(guest), width - 1, indent=" " * 7, first=first)
    fields = [piece for name, text in labelled for piece in _field(name, text, width)[:most]]
    if row.crash is None:
        return [*lines, *fields]
    crash = crash_lines(
        row.crash,
        glyphs,
        now,
        width,
        matters=row.stopped_by is not None,
        key=crash_key,
        most=most,
        mend=not guest.full_disks,
    )
    return [*lines, *crash, *fields] if row.stopped_by else [*lines, *fields, *crash]


def full_disks_hint(guest: Guest) -> str:
    """What to do about a guest that was paused because its storage is full."""
    return f"grow the storage of {', '.join(guest.full_disks)}, or make room on it, then resume (u)"


def _twin_words(row: GuestRow) -> str:
    if row.twin is None:
        return ""
    host, state = row.twin.key.host, row.twin.state.value
    return f"a move from {host} builds it" if is_arriving(row.guest, row.twin) else f"it is {state} on {host}"


def _field(name: str, text: str, width: int) -> list[Line]:
    label = f" {name:<6}"
    return wrap(text, width - 1, indent=" " * len(label), first=(dim(label),))


def disks_text(disks: Iterable[Disk]) -> str:
    """`vda /images/a.qcow2 qcow2, sda (empty cdrom)`."""
    return ", ".join(_disk(disk) for disk in disks)


def _disk(disk: Disk) -> str:
    if not disk.source:
        return f"{disk.target} (empty {disk.device})"
    marks = [mark for mark, on in (("read-only", disk.read_only), ("shareable", disk.shareable)) if on]
    return " ".join([disk.target, disk.source, disk.format, *marks])
