"""The columns of the hosts' table, and what its filter looks at."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from backends.model.fleet import HostView
from backends.model.host import HostName, Link
from tui.filter import Predicate, parse
from tui.format import UNKNOWN, clock_time, count, duration, share, size
from tui.glyphs import Glyphs
from tui.widgets.grid_columns import Align, Cell, Column, Sortable, Tone
from tui.words.capabilities import virtualization_cell
from tui.words.host import can_be_asked, link_cell, link_tone

_ORNAMENTS = re.compile(r"\((?:R|TM|tm)\)|\bCPU\b|\bProcessor\b|@ ?[\d.]+ ?GHz")
"""What a processor's name says and a narrow column does not need."""


_FINE_S = 10
"""Seconds below which the hundredths of a clock's error are worth their room."""


@dataclass(frozen=True, slots=True)
class HostRow:
    """A host, and how it stands with the question what it can do."""

    view: HostView
    asking: bool = False
    trouble: str = ""
    """Why the last time gave no answer."""
    marked: bool = False

    @property
    def name(self) -> HostName:
        """Its name."""
        return self.view.spec.name

    @property
    def reason(self) -> str:
        """What is wrong with the host, if anything is."""
        return self.view.link.reason or (f"not asked: {self.trouble}" if self.trouble else "")

    @property
    def is_current(self) -> bool:
        """Is what the survey told still so, as far as that can be known?"""
        return can_be_asked(self.view)

    def number(self, fact_id: str) -> float | None:
        """A fact as a number."""
        fact = self.view.capabilities.fact(fact_id) if self.view.capabilities else None
        return fact.number if fact else None

    def words(self, fact_id: str) -> str:
        """A fact in words; empty where it is not known."""
        return self.view.capabilities.words(fact_id) if self.view.capabilities else ""


def host_columns(glyphs: Glyphs, clock: Callable[[], datetime]) -> list[Column[HostRow]]:
    """All columns, in their order; the priorities say which ones a narrow pane keeps."""
    return [
        Column(
            id="host",
            title="HOST",
            cell=lambda row: _name(row, glyphs),
            width=10,
            flex=1,
            max_width=24,
            sort=lambda row: row.name,
            priority=20,
        ),
        Column(
            id="link",
            title="LINK",
            cell=lambda row: link_cell(row.view.link, glyphs),
            width=12,
            sort=lambda row: row.view.link.link.value,
            priority=19,
        ),
        Column(
            id="virtualization",
            title="VIRT",
            cell=lambda row: _virtualization(row, glyphs),
            width=11,
            sort=lambda row: _virtualization(row, glyphs).text[2:],
            priority=18,
        ),
        _figure("cpu", "CPU", 4, lambda row: share(_load(row)), _load, priority=14),
        _figure("used", "USED", 5, lambda row: size(_used(row)), _used, priority=12),
        _figure("memory", "MEM", 5, lambda row: size(_memory(row)), _memory, priority=13),
        _figure("guests", "GUESTS", 6, lambda row: count(_guests(row)), _guests, priority=15),
        *_known_by_survey(glyphs, clock),
        _figure(
            "since", "SINCE", 6, lambda row: _age(row, clock()), lambda row: row.view.link.since, priority=5
        ),
        Column(
            id="reason",
            title="REASON",
            cell=lambda row: Cell(
                row.reason, link_tone(row.view.link.link) if row.view.link.reason else Tone.DOUBT
            ),
            width=28,
            flex=4,
            priority=16,
        ),
    ]


def _known_by_survey(glyphs: Glyphs, clock: Callable[[], datetime]) -> list[Column[HostRow]]:
    def words(
        column_id: str, title: str, width: int, fact_id: str, *, priority: int, flex: int = 0
    ) -> Column[HostRow]:
        return Column(
            id=column_id,
            title=title,
            cell=lambda row: _told(row, row.words(fact_id)),
            width=width,
            flex=flex,
            max_width=4 * width if flex else None,
            sort=lambda row: (
                row.number(fact_id) if row.number(fact_id) is not None else row.words(fact_id) or None
            ),
            priority=priority,
        )

    return [
        Column(
            id="drivers",
            title="DRIVERS",
            cell=_drivers,
            width=12,
            flex=2,
            max_width=32,
            sort=lambda row: _drivers(row).text or None,
            priority=11,
        ),
        Column(
            id="libvirt",
            title="LIBVIRT",
            cell=_libvirt,
            width=8,
            sort=lambda row: _libvirt(row).text or None,
            priority=7,
        ),
        Column(
            id="model",
            title="CPU MODEL",
            cell=_model,
            width=14,
            flex=3,
            max_width=44,
            sort=lambda row: _model(row).text or None,
            priority=10,
        ),
        Column(
            id="topology",
            title="CORE/THR/NUMA",
            cell=_topology,
            width=13,
            sort=lambda row: row.number("processor.threads") or row.number("processor.cores"),
            align=Align.RIGHT,
            priority=8,
            descending_first=True,
        ),
        words("nested", "NESTED", 8, "virtualization.nested", priority=6),
        words("kernel", "KERNEL", 12, "kernel.release", priority=9, flex=2),
        Column(
            id="clock",
            title="CLOCK",
            cell=lambda row: _told(row, _skew(row.number("machine.clock"))),
            width=8,
            sort=lambda row: _absolute(row.number("machine.clock")),
            align=Align.RIGHT,
            priority=4,
            descending_first=True,
        ),
        Column(
            id="asked",
            title="ASKED",
            cell=lambda row: _asked(row, glyphs, clock()),
            width=11,
            sort=lambda row: row.view.capabilities.at if row.view.capabilities else None,
            priority=3,
        ),
    ]


def host_filter(query: str) -> Predicate[HostRow] | None:
    """The filter line of the hosts: words look at names, fields at the rest. Raises FilterError."""
    return parse(
        query,
        lambda row: row.name,
        {
            "link": lambda row: row.view.link.link.value,
            "driver": lambda row: _drivers(row).text,
            "cpu": lambda row: _model(row).text,
            "kernel": lambda row: row.words("kernel.release"),
        },
    )


def _figure(
    column_id: str,
    title: str,
    width: int,
    text: Callable[[HostRow], str],
    value: Callable[[HostRow], Sortable | None],
    *,
    priority: int,
) -> Column[HostRow]:
    return Column(
        id=column_id,
        title=title,
        cell=lambda row: _words(row, text(row)),
        width=width,
        sort=value,
        align=Align.RIGHT,
        priority=priority,
        descending_first=True,
    )


def _words(row: HostRow, text: str) -> Cell:
    """What is not known, or only the last that was known, steps back."""
    is_current = row.view.link.answers and text not in ("", UNKNOWN)
    return Cell(text or UNKNOWN, Tone.NORMAL if is_current else Tone.DIM)


def _told(row: HostRow, text: str) -> Cell:
    """The same for what a survey tells: also a host whose libvirt is silent answers that."""
    return Cell(text or UNKNOWN, Tone.NORMAL if row.is_current and text not in ("", UNKNOWN) else Tone.DIM)


def _name(row: HostRow, glyphs: Glyphs) -> Cell:
    mark = f"{glyphs.ok} " if row.marked else ""
    return Cell(f"{mark}{row.name}", Tone.NORMAL if row.view.link.answers else Tone.DIM)


def _virtualization(row: HostRow, glyphs: Glyphs) -> Cell:
    if row.asking:
        return Cell(f"{glyphs.connecting} asking", Tone.BUSY)
    if row.view.capabilities is None:
        return Cell(f"{glyphs.unknown} not asked", Tone.DOUBT if row.trouble else Tone.DIM)
    cell = virtualization_cell(row.view.capabilities, glyphs)
    return cell if row.is_current else Cell(cell.text, Tone.DIM)


def _asked(row: HostRow, glyphs: Glyphs, now: datetime) -> Cell:
    capabilities = row.view.capabilities
    if row.asking:
        return Cell("asking ...", Tone.BUSY)
    if capabilities is None:
        return Cell(UNKNOWN, Tone.DIM)
    mark = f"{glyphs.warning} " if row.trouble else ""
    return Cell(f"{mark}{clock_time(capabilities.at, now)}", Tone.DOUBT if row.trouble else Tone.DIM)


def _skew(seconds: float | None) -> str:
    """`+0.20 s`: ahead of this machine's clock; from ten seconds on in the greatest unit alone."""
    if seconds is None:
        return UNKNOWN
    ahead = abs(seconds)
    words = f"{ahead:.2f} s" if ahead < _FINE_S else duration(ahead)
    return f"{'-' if seconds < 0 else '+'}{words}"


def _absolute(value: float | None) -> float | None:
    return None if value is None else abs(value)


def _load(row: HostRow) -> float | None:
    """The newest figures of a silent host are no figures of now."""
    return row.view.load.cpu if row.view.load and row.view.link.answers else None


def _used(row: HostRow) -> int | None:
    return row.view.load.memory_used_bytes if row.view.load and row.view.link.answers else None


def _memory(row: HostRow) -> int | None:
    return row.view.memory_bytes


def _guests(row: HostRow) -> int:
    return len(row.view.guests)


def _age(row: HostRow, now: datetime) -> str:
    """When a host came up, which is read once; how long it is in trouble, which is watched."""
    since = row.view.link.since
    return (
        clock_time(since, now) if row.view.link.link is Link.UP else duration((now - since).total_seconds())
    )


def _drivers(row: HostRow) -> Cell:
    """`qemu 9.0.0, lxc`: each driver with the version of its hypervisor."""
    drivers = row.view.facts.drivers if row.view.facts else ()
    return _words(row, ", ".join(f"{each.name} {each.hypervisor_version}".rstrip() for each in drivers))


def _libvirt(row: HostRow) -> Cell:
    drivers = row.view.facts.drivers if row.view.facts else ()
    return _words(row, drivers[0].libvirt_version if drivers else "")


def _model(row: HostRow) -> Cell:
    """The processor's own name; as long as nobody has asked for it, libvirt's name for it."""
    name = row.words("processor.model") or (row.view.facts.cpu_model if row.view.facts else "")
    return _told(row, " ".join(_ORNAMENTS.sub("", name).split()))


def _topology(row: HostRow) -> Cell:
    """`8/16/1`: cores, threads, NUMA nodes."""
    ids = ("processor.cores", "processor.threads", "processor.numa")
    numbers = [row.number(each) for each in ids]
    if all(number is None for number in numbers):
        cpus = row.view.facts.cpus if row.view.facts else None
        return _words(row, UNKNOWN if cpus is None else f"{UNKNOWN}/{cpus}/{UNKNOWN}")
    return _told(row, "/".join(UNKNOWN if number is None else f"{number:.0f}" for number in numbers))
