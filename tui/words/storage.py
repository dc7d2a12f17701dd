"""Storage by identity, in words: the cells of the table, and the selected storage below it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from backends.model.host import HostName
from backends.model.posture import Finding, Severity
from backends.model.storage import (
    Access,
    Commitment,
    Health,
    Level,
    Sighting,
    Storage,
    StorageKind,
    StorageMap,
    WayKind,
)
from tui.filter import Predicate, parse
from tui.format import UNKNOWN, duration, long_size, share, size
from tui.glyphs import Glyphs
from tui.widgets.grid_columns import Align, Cell, Column, Tone
from tui.widgets.lines import Line, dim, line, wrap
from tui.words.posture import severity_cell, severity_sign

_SHORT_KINDS = {
    StorageKind.FIBRE_CHANNEL: "FC",
    StorageKind.BLOCK: "block",
    StorageKind.GLUSTER: "Gluster",
    StorageKind.RBD: "RBD",
    StorageKind.FILE_SYSTEM: "local",
}
"""For a column: seven letters at most."""

_BLOCKS = frozenset(
    {
        StorageKind.ISCSI,
        StorageKind.FIBRE_CHANNEL,
        StorageKind.BLOCK,
        StorageKind.RBD,
        StorageKind.DRBD,
        StorageKind.LVM,
    }
)

_LEVEL_TONES = {Level.FINE: Tone.GOOD, Level.WATCH: Tone.DOUBT, Level.ALARM: Tone.ALARM}
_LEVEL_ORDER = {Level.ALARM: 0, Level.WATCH: 1, Level.UNKNOWN: 2, Level.FINE: 3}
_SEVERITY_TONES = {Severity.HIGH: Tone.ALARM, Severity.MEDIUM: Tone.DOUBT, Severity.LOW: Tone.NORMAL}
_SEVERITY_ORDER = {severity: number for number, severity in enumerate(Severity)}
_DAY_S = 24 * 3600.0

SIDE_LEAST, SIDE_MOST = 10, 16
"""Cells of a host's column: `? unknown`, `- not seen`; longer names of hosts are cut."""


@dataclass(frozen=True, slots=True)
class StorageRow:
    """A storage, and the hosts of the fleet that are silent now: what they told of it is the last that was known."""

    storage: Storage
    silent: frozenset[HostName] = frozenset()

    @property
    def urgency(self) -> tuple[int, int, str]:
        """Worst first."""
        dangers = self.storage.findings
        worst = min((_SEVERITY_ORDER[each.severity] for each in dangers), default=len(_SEVERITY_ORDER))
        return worst, _LEVEL_ORDER[self.storage.commitment.level], self.storage.label.casefold()


def is_block(storage: Storage) -> bool:
    """Is it proved by reading alone? A marker is written only where there are files."""
    return storage.id.kind in _BLOCKS and all(
        way.kind is not WayKind.MOUNT for sighting in storage.sightings.values() for way in sighting.ways
    )


def path_of(storage: Storage) -> str:
    """Where the one host that sees it has it mounted: to be tried on others, never to be shown. Empty for a LUN."""
    ways = (way for host in storage.seen_by for way in storage.sightings[host].ways)
    return next((way.path for way in ways if way.kind is WayKind.MOUNT and way.path), "")


def short_kind(kind: StorageKind) -> str:
    """For a column."""
    return _SHORT_KINDS.get(kind, kind.value)


def used_bytes(commitment: Commitment) -> int | None:
    """What is taken."""
    if commitment.capacity_bytes is None or commitment.available_bytes is None:
        return None
    return max(0, commitment.capacity_bytes - commitment.available_bytes)


def used_share(commitment: Commitment) -> float | None:
    """How full it is."""
    used = used_bytes(commitment)
    return None if used is None or not commitment.capacity_bytes else used / commitment.capacity_bytes


# -- cells ------------------------------------------------------------------------------------------


def access_cell(sighting: Sighting | None, glyphs: Glyphs, *, silent: bool = False) -> Cell:
    """How a host sees it: a sign and a word; the sign is that of trouble where it is not well."""
    if sighting is None or sighting.access is Access.UNKNOWN:
        return Cell(f"{glyphs.unknown} {Access.UNKNOWN.value}", Tone.DIM)
    word = sighting.access.value
    if silent:
        return Cell(f"{glyphs.stale} {word}", Tone.DOUBT)
    if sighting.access is Access.NOT_SEEN:
        return Cell(f"{glyphs.dash} {word}", Tone.DIM)
    match sighting.health:
        case Health.BROKEN:
            return Cell(f"{glyphs.refuse} {word}", Tone.ALARM)
        case Health.DEGRADED:
            return Cell(f"{glyphs.warning} {word}", Tone.DOUBT)
        case Health.GOOD | Health.UNKNOWN:
            return Cell(
                f"{glyphs.ok} {word}", Tone.GOOD if sighting.access is Access.READ_WRITE else Tone.NORMAL
            )


def level_cell(level: Level, glyphs: Glyphs) -> Cell:
    """A sign and a word."""
    if level is Level.UNKNOWN:
        return Cell(UNKNOWN, Tone.DIM)
    signs = {Level.FINE: glyphs.ok, Level.WATCH: glyphs.warning, Level.ALARM: glyphs.refuse}
    return Cell(f"{signs[level]} {level.value}", _LEVEL_TONES[level])


def dangers_cell(findings: Sequence[Finding], glyphs: Glyphs) -> Cell:
    """The sign of the worst, and how many there are."""
    dangers = [each.severity for each in findings if each.severity in _SEVERITY_TONES]
    if not dangers:
        unknown = sum(1 for each in findings if each.severity is Severity.UNKNOWN)
        return Cell(f"{glyphs.unknown} {unknown}" if unknown else UNKNOWN, Tone.DIM)
    worst = min(dangers, key=_SEVERITY_ORDER.__getitem__)
    return Cell(f"{severity_sign(worst, glyphs)} {len(dangers)}", _SEVERITY_TONES[worst])


def storage_columns(glyphs: Glyphs) -> list[Column[StorageRow]]:
    """What it is, how large, how full, what was promised, and what threatens it."""

    def number(text: str, value: float | None, tone: Tone = Tone.NORMAL) -> Cell:
        return Cell(text, Tone.DIM if value is None else tone)

    def used(row: StorageRow) -> Cell:
        value = used_share(row.storage.commitment)
        return number(share(value), value, _LEVEL_TONES.get(row.storage.commitment.level, Tone.NORMAL))

    def promised(row: StorageRow) -> Cell:
        ratio = row.storage.commitment.ratio
        return number(share(ratio), ratio, Tone.DOUBT if ratio and ratio > 1 else Tone.NORMAL)

    return [
        Column(
            id="kind",
            title="KIND",
            cell=lambda row: Cell(short_kind(row.storage.id.kind), Tone.DIM),
            width=7,
            sort=lambda row: (row.storage.id.kind.value, row.storage.label.casefold()),
            priority=6,
        ),
        Column(
            id="storage",
            title="STORAGE",
            cell=lambda row: Cell(row.storage.label),
            width=16,
            flex=1,
            max_width=56,
            keeps_end=True,
            sort=lambda row: row.storage.label.casefold(),
            priority=9,
        ),
        Column(
            id="size",
            title="SIZE",
            cell=lambda row: number(
                size(row.storage.commitment.capacity_bytes), row.storage.commitment.capacity_bytes
            ),
            width=5,
            align=Align.RIGHT,
            sort=lambda row: row.storage.commitment.capacity_bytes,
            priority=4,
            descending_first=True,
        ),
        Column(
            id="used",
            title="USED",
            cell=used,
            width=4,
            align=Align.RIGHT,
            sort=lambda row: used_share(row.storage.commitment),
            priority=7,
            descending_first=True,
        ),
        Column(
            id="promised",
            title="PROMISED",
            cell=promised,
            width=8,
            align=Align.RIGHT,
            sort=lambda row: row.storage.commitment.ratio,
            priority=5,
            descending_first=True,
        ),
        Column(
            id="level",
            title="LEVEL",
            cell=lambda row: level_cell(row.storage.commitment.level, glyphs),
            width=7,
            sort=lambda row: (_LEVEL_ORDER[row.storage.commitment.level], row.urgency),
            priority=8,
        ),
        Column(
            id="dangers",
            title="RISK",
            cell=lambda row: dangers_cell(row.storage.findings, glyphs),
            width=6,
            sort=lambda row: row.urgency,
            priority=9,
        ),
    ]


def host_column(glyphs: Glyphs, width: int) -> Callable[[str], Column[StorageRow]]:
    """The column of a host."""

    def column(name: str) -> Column[StorageRow]:
        host = HostName(name)
        return Column(
            id=f"host-{name}",
            title=name,
            cell=lambda row: access_cell(row.storage.sightings.get(host), glyphs, silent=host in row.silent),
            width=width,
        )

    return column


def storage_filter(query: str) -> Predicate[StorageRow] | None:
    """Words look at what it is called, fields at the rest. Raises FilterError."""
    return parse(
        query,
        lambda row: f"{row.storage.label} {row.storage.id.key}",
        {
            "kind": lambda row: f"{row.storage.id.kind.value} {short_kind(row.storage.id.kind)}",
            "host": lambda row: " ".join(row.storage.seen_by),
            "pool": lambda row: " ".join(pool.name for pool in row.storage.pools),
            "guest": lambda row: " ".join(disk.name for disk in row.storage.disks),
            "level": lambda row: row.storage.commitment.level.value,
            "danger": lambda row: " ".join(each.severity.value for each in row.storage.findings),
            "shared": lambda row: "yes" if len(row.storage.seen_by) > 1 else "no",
        },
    )


# -- words ------------------------------------------------------------------------------------------


def commitment_words(commitment: Commitment, now: datetime) -> str:
    """`812 GiB of 1.00 TiB used; promised 1.20 TiB (120%); full in about 3 days at today's growth`."""
    parts: list[str] = []
    capacity, used = commitment.capacity_bytes, used_bytes(commitment)
    if capacity is None:
        parts.append("how large it is is not known")
    elif used is None:
        parts.append(f"{long_size(capacity)}, how much of it is used is not known")
    else:
        parts.append(f"{long_size(used)} of {long_size(capacity)} used")
    if commitment.promised_bytes is not None:
        ratio = f" ({share(commitment.ratio)})" if commitment.ratio is not None else ""
        parts.append(f"promised {long_size(commitment.promised_bytes)}{ratio}")
    if filling := fills_words(commitment, now):
        parts.append(filling)
    return "; ".join(parts)


def fills_words(commitment: Commitment, now: datetime) -> str:
    """When it is full if it goes on like this; empty where nothing tells."""
    if commitment.fills_at is None:
        return ""
    left_s = (commitment.fills_at - now).total_seconds()
    if left_s <= 0:
        return "by now it may be full, at the growth that was seen"
    growth = commitment.growth_bytes_s
    pace = f" ({long_size(growth * _DAY_S)} a day)" if growth else ""
    return f"full in about {_span(left_s)} at today's growth{pace}"


def _span(seconds: float) -> str:
    """`3 days`: duration() has no room for the word."""
    days = round(seconds / _DAY_S)
    return f"{days} days" if days >= 2 else duration(seconds)


def ways_words(sighting: Sighting) -> str:
    """`mounted on /srv/images; pool images`."""
    return "; ".join(f"{way.kind.value} {way.words}" for way in sighting.ways)


def sighting_lines(
    host: HostName, sighting: Sighting | None, glyphs: Glyphs, width: int, *, silent: bool
) -> list[Line]:
    """How a host sees it: by what, with which options, and whether it is well."""
    cell = access_cell(sighting, glyphs, silent=silent)
    first = line(Cell(f" {host:<8} ", Tone.TITLE), cell)
    if sighting is None:
        return [line(*first, dim("  it was not asked"))]
    since = ["it does not answer now: this is the last that was known"] if silent else []
    health = "" if sighting.health is Health.UNKNOWN and sighting.detail else sighting.health.value
    is_seen = sighting.access in (Access.READ_WRITE, Access.READ_ONLY)
    well = ", ".join(part for part in (health if is_seen else "", sighting.detail) if part)
    words = "; ".join([*since, *(part for part in (ways_words(sighting), well) if part)])
    tone = Tone.NORMAL if is_seen else Tone.DIM
    lines = wrap(words, width - 1, tone, indent=" " * 10, first=line(*first, "  ")) if words else [first]
    if sighting.options:
        lines += wrap(", ".join(sighting.options), width - 1, Tone.DIM, indent=" " * 10, first=line(" " * 10))
    return lines


def danger_lines(finding: Finding, glyphs: Glyphs, width: int) -> list[Line]:
    """What was found, on what evidence, and what mends it."""
    indent = " " * 12
    about = f"{finding.name}: " if finding.name else ""
    cell = severity_cell(finding.severity, glyphs)
    first = line(" ", Cell(f"{cell.text:<11}", cell.tone))
    lines = wrap(f"{about}{finding.title}", width - 1, Tone.NORMAL, indent=indent, first=first)
    if finding.evidence:
        lines += wrap(finding.evidence, width - 1, Tone.DIM, indent=indent, first=line(indent))
    if finding.mend:
        arrow = line(indent, Cell(f"{glyphs.arrow} ", cell.tone))
        lines += wrap(finding.mend, width - 1, indent=indent + " " * (len(glyphs.arrow) + 1), first=arrow)
    return lines


def under_words(storage: Storage, *, names: bool) -> str:
    """What is kept on it: counts, or names where there is room."""
    pools = sorted({pool.name for pool in storage.pools})
    guests = sorted({disk.name for disk in storage.disks})
    full = sum(1 for disk in storage.disks if disk.out_of_space)
    named = f" ({', '.join(pools)})" if names and pools else ""
    whose = f" of {', '.join(guests)}" if names and guests else ""
    words = (
        f"{_counted(len(pools), 'pool', 'pools')}{named},"
        f" {_counted(len(storage.disks), 'disk', 'disks')}{whose or ' of guests'}"
    )
    return f"{words}; {full} without room to write" if full else words


def _counted(number: int, one: str, many: str) -> str:
    return f"{number or 'no'} {one if number == 1 else many}"


def storage_heading(known: StorageMap) -> Line:
    """How many of them need somebody."""
    shared = sum(1 for storage in known.storages if len(storage.seen_by) > 1)
    levels = [storage.commitment.level for storage in known.storages]
    cells = [dim("  shared "), Cell(str(shared))]
    for level in (Level.ALARM, Level.WATCH):
        if number := levels.count(level):
            cells += [Cell(f"  {number} ", _LEVEL_TONES[level]), dim(level.value)]
    if known.left_out:
        cells += [Cell(f"  {len(known.left_out)} ", Tone.DOUBT), dim("left out")]
    return tuple(cells)
