"""The columns of the guests' table, and what its filter looks at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tui.filter import Predicate, parse
from tui.format import UNKNOWN, duration, rate, share, size
from tui.glyphs import Glyphs
from tui.widgets.grid_columns import Align, Cell, Column, Tone
from tui.words.guest import GuestRow, host_cell, state_cell

_IDLE = "0"


def guest_columns(glyphs: Glyphs, clock: Callable[[], datetime]) -> list[Column[GuestRow]]:
    """Name, host, state, vCPU, CPU, memory, disk, net, driver, since."""

    def state(row: GuestRow) -> Cell:
        return state_cell(row, glyphs)

    def state_and_when(row: GuestRow) -> Cell:
        return state_cell(row, glyphs, clock()) if row.stopped_by else state(row)

    return [
        Column(
            id="name", title="NAME", cell=_name, width=14, flex=3, max_width=40, sort=_by_name, priority=9
        ),
        Column(
            id="host",
            title="HOST",
            cell=lambda row: host_cell(row, glyphs),
            width=8,
            flex=1,
            max_width=20,
            sort=lambda row: row.guest.key.host,
            priority=8,
        ),
        Column(
            id="state",
            title="STATE",
            cell=state,
            wide_cell=state_and_when,
            width=11,
            flex=1,
            max_width=22,
            sort=lambda row: state(row).text[2:],
            priority=9,
        ),
        _number("vcpu", "VCPU", 4, lambda row: str(row.guest.vcpus), lambda row: row.guest.vcpus, priority=4),
        _number("cpu", "CPU", 5, lambda row: share(_cpu(row)), _cpu, priority=7),
        _number("memory", "MEM", 5, lambda row: size(_memory(row)), _memory, priority=6),
        _number("disk", "DISK", 7, lambda row: rate(_disk(row)), _disk, priority=5),
        _number("net", "NET", 7, lambda row: rate(_net(row)), _net, priority=5),
        Column(
            id="driver",
            title="DRIVER",
            cell=lambda row: Cell(row.guest.key.driver, Tone.DIM),
            width=6,
            sort=lambda row: row.guest.key.driver,
            priority=1,
        ),
        _number("since", "SINCE", 6, lambda row: _age(row, clock()), _since, priority=2),
    ]


def guest_filter(query: str) -> Predicate[GuestRow] | None:
    """The filter line of the guests: words look at names, fields at the rest. Raises FilterError."""
    return parse(
        query,
        lambda row: row.guest.name,
        {
            "host": lambda row: row.guest.key.host,
            "state": _state_words,
            "driver": lambda row: row.guest.key.driver,
            "uuid": lambda row: row.guest.key.uuid,
        },
    )


def _number(
    column_id: str,
    title: str,
    width: int,
    text: Callable[[GuestRow], str],
    value: Callable[[GuestRow], float | None],
    *,
    priority: int,
) -> Column[GuestRow]:
    """A figure on the right; nothing happening and nothing known step back."""

    def cell(row: GuestRow) -> Cell:
        shown = text(row)
        return Cell(shown, Tone.DIM if shown in (UNKNOWN, _IDLE, "0%") or not row.current else Tone.NORMAL)

    return Column(
        id=column_id,
        title=title,
        cell=cell,
        width=width,
        sort=value,
        align=Align.RIGHT,
        priority=priority,
        descending_first=True,
    )


def _name(row: GuestRow) -> Cell:
    return Cell(row.guest.name, Tone.NORMAL if row.current else Tone.DIM)


def _by_name(row: GuestRow) -> tuple[str, str]:
    return row.guest.name.casefold(), row.guest.key.host


def _state_words(row: GuestRow) -> str:
    if row.move:
        return "moving"
    if not row.current:
        return "stale"
    return f"{row.guest.state.value} crashed" if row.stopped_by else row.guest.state.value


def _cpu(row: GuestRow) -> float | None:
    return row.sample.cpu if row.sample and row.current else None


def _memory(row: GuestRow) -> int:
    used = row.sample.memory_bytes if row.sample and row.current else None
    return used if used is not None else row.guest.memory_bytes


def _disk(row: GuestRow) -> float | None:
    return row.sample.disk_bytes_s if row.sample and row.current else None


def _net(row: GuestRow) -> float | None:
    return row.sample.net_bytes_s if row.sample and row.current else None


def _since(row: GuestRow) -> float | None:
    """Age sorts downwards as time sorts upwards."""
    since = _began(row)
    return -since.timestamp() if since and row.current else None


def _age(row: GuestRow, now: datetime) -> str:
    since = _began(row)
    if since is None or not row.current:
        return UNKNOWN
    return duration((now - since).total_seconds())


def _began(row: GuestRow) -> datetime | None:
    """Its state; libvirt does not tell since when a guest is off, but what has stopped it may be known."""
    stopped = row.stopped_by
    return row.guest.since or (stopped.at if stopped and stopped.exact else None)
