"""`virt-ferry storage`: each storage by its identity, who sees it, what is promised of it, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from backends.model.storage import Access, Commitment, Level, Sighting, Storage, StorageMap
from tui.format import share, size
from tui.headless.each_host import tell_left_out
from tui.headless.exits import Exit
from tui.headless.findings import INK, WIDTH, WORST_FIRST, entries, grouped, to_show
from tui.headless.output import Ink, Output
from tui.headless.paragraphs import Entry, columns, tell_entries
from tui.headless.session import HostOptions, settled_fleet
from tui.headless.storage_lines import storage_lines, storage_map_line

_TITLES = ("KIND", "STORAGE", ">SIZE", ">USED", ">PROMISED", "LEVEL", ">FINDINGS", "HOSTS")
_LEVEL_INK = {Level.FINE: Ink.GOOD, Level.WATCH: Ink.DOUBT, Level.ALARM: Ink.ALARM, Level.UNKNOWN: Ink.DIM}
_ACCESS = {
    Access.READ_WRITE: "rw",
    Access.READ_ONLY: "ro",
    Access.NOT_SEEN: "-",
    Access.UNKNOWN: "?",
}

Cell = str | tuple[str, Ink]


async def storage(options: HostOptions, *, json: bool) -> Exit:
    """Ask all hosts at once. FAILED when none answers."""
    out = Output()
    async with settled_fleet(options) as (fleet, state):
        found = await fleet.storage()
    tell_left_out(state, found.left_out.items())
    if json:
        tell_objects(out, found)
    else:
        tell_storage(out, found)
    return Exit.SUCCEEDED if found.hosts else Exit.FAILED


def tell_objects(out: Output, found: StorageMap) -> None:
    """Each storage and what belongs to it; the last line says which hosts have answered."""
    for each in found.storages:
        for line in storage_lines(each, to_show(each.findings, everything=True)):
            out.json(line)
    out.json(storage_map_line(found))


def tell_storage(out: Output, found: StorageMap) -> None:
    """A row for each where the terminal is wide enough, else a paragraph; then what is wrong, worst first."""
    if not found.storages:
        out.line("no host answers" if not found.hosts else "no storage is seen")
        return
    rows = [_row(each) for each in found.storages]
    if _width(rows) <= columns():
        out.table(_TITLES, rows)
    else:
        for each in found.storages:
            tell_entries(out, list(_paragraph(each)), indent=0, width=_kinds_width(found))
    _tell_findings(out, found)


def _width(rows: Sequence[Sequence[Cell]]) -> int:
    texts = [[cell if isinstance(cell, str) else cell[0] for cell in row] for row in rows]
    table = [[title.lstrip(">") for title in _TITLES], *texts]
    widths = [max(map(cell_len, column)) for column in zip(*table, strict=True)]
    return sum(widths) + 2 * (len(widths) - 1)


def _row(each: Storage) -> Sequence[Cell]:
    room = each.commitment
    count, ink = _findings(each)
    return (
        each.id.kind.value,
        each.label,
        size(room.capacity_bytes),
        size(_used(room)),
        _promised(room),
        (room.level.value, _LEVEL_INK[room.level]),
        (str(count), ink),
        _hosts(each),
    )


def _kinds_width(found: StorageMap) -> int:
    return max(cell_len(each.id.kind.value) for each in found.storages)


def _paragraph(each: Storage) -> Iterator[Entry]:
    room = each.commitment
    count, ink = _findings(each)
    yield (each.id.kind.value, each.label, Ink.BOLD)
    if room.capacity_bytes is not None or room.promised_bytes is not None:
        used = f"{size(_used(room))} of {size(room.capacity_bytes)} used"
        yield ("", f"{used}, {_promised(room)} promised: {room.level.value}", _LEVEL_INK[room.level])
    yield ("", _hosts(each), Ink.PLAIN)
    if count:
        yield ("", f"{count} {'finding' if count == 1 else 'findings'}", ink)


def _used(room: Commitment) -> int | None:
    if room.capacity_bytes is None or room.available_bytes is None:
        return None
    return room.capacity_bytes - room.available_bytes


def _promised(room: Commitment) -> str:
    """`300 G (150%)`: how much, and what part of what there is."""
    promised = size(room.promised_bytes)
    return promised if room.ratio is None else f"{promised} ({share(room.ratio)})"


def _findings(each: Storage) -> tuple[int, Ink]:
    """How many are not good, and the colour of the worst."""
    shown = to_show(each.findings, everything=False)
    return len(shown), INK[shown[0].severity] if shown else Ink.DIM


def _hosts(each: Storage) -> str:
    """`h1 rw, h2 rw (degraded), h3 -`; of one host's own storage nobody wonders that the others do not see it."""
    told = [
        sighting
        for sighting in each.sightings.values()
        if each.id.kind.may_be_shared or sighting.access is not Access.NOT_SEEN
    ]
    return ", ".join(f"{sighting.host} {_sight(sighting)}" for sighting in told) or "-"


def _sight(sighting: Sighting) -> str:
    ill = sighting.health.value in ("degraded", "broken")
    return f"{_ACCESS[sighting.access]} ({sighting.health.value})" if ill else _ACCESS[sighting.access]


# What is wrong ---------------------------------------------------------------------------------


def _tell_findings(out: Output, found: StorageMap) -> None:
    groups = [
        (each.label, same)
        for each in found.storages
        for same in grouped(to_show(each.findings, everything=False))
    ]
    groups.sort(key=lambda group: WORST_FIRST.index(group[1][0].severity))
    if groups:
        out.line()
    for label, same in groups:
        tell_entries(out, list(entries(same, subject=label)), indent=0, width=WIDTH)
