"""One storage in full, and the pane that has as much of that as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from backends.api import FerryError
from backends.model.host import HostName
from backends.model.storage import DiskUse, PoolUse, Sharing, SharingProof, Storage
from tui.format import UNKNOWN, clock_time, count, long_size
from tui.glyphs import Glyphs
from tui.widgets.grid_columns import Align, Cell, Tone, fit
from tui.widgets.lines import EMPTY, Line, dim, line, wrap
from tui.words.storage import (
    StorageRow,
    commitment_words,
    danger_lines,
    level_cell,
    path_of,
    sighting_lines,
    under_words,
)

_ROOMY = 120
"""Columns from which names take the place of numbers."""

_SHARING_TONES = {
    Sharing.PROVED: Tone.GOOD,
    Sharing.SAME_IDENTITY: Tone.GOOD,
    Sharing.SAME_PATH: Tone.DOUBT,
    Sharing.DIFFERENT: Tone.ALARM,
    Sharing.UNKNOWN: Tone.DIM,
}


@dataclass(frozen=True, slots=True)
class Proving:
    """How it stands with the proof of a storage."""

    proof: SharingProof | None = None
    error: FerryError | None = None
    under_way: bool = False


def sharing_cell(sharing: Sharing, glyphs: Glyphs) -> Cell:
    """A sign and words."""
    signs = {
        Sharing.PROVED: glyphs.ok,
        Sharing.SAME_IDENTITY: glyphs.ok,
        Sharing.SAME_PATH: glyphs.warning,
        Sharing.DIFFERENT: glyphs.refuse,
        Sharing.UNKNOWN: glyphs.unknown,
    }
    return Cell(f"{signs[sharing]} {sharing.value}", _SHARING_TONES[sharing])


def _field(label: str, text: str, width: int, tone: Tone = Tone.NORMAL) -> list[Line]:
    return wrap(text, width - 1, tone, indent=" " * 10, first=line(dim(f" {label:<9}"))) if text else []


# -- the pane below the table -----------------------------------------------------------------------


def storage_pane(
    row: StorageRow, host: HostName | None, proving: Proving, glyphs: Glyphs, now: datetime, width: int
) -> list[Line]:
    """The selected storage as the selected host sees it, and what matters most of the rest."""
    storage, commitment = row.storage, row.storage.commitment
    lines = [
        line(
            Cell(f" {storage.label}", Tone.TITLE),
            dim(f"  {storage.id.kind.value}  {'' if storage.id.key == storage.label else storage.id.key}"),
        )
    ]
    lines += _space(row, glyphs, now, width)
    lines += _field("under it", under_words(storage, names=width >= _ROOMY), width)
    lines += _proof_in_short(proving, glyphs, now, width)
    if host is not None:
        lines += sighting_lines(host, storage.sightings.get(host), glyphs, width, silent=host in row.silent)
    for finding in storage.findings:
        lines += danger_lines(finding, glyphs, width)
    if commitment.reason:
        lines += _field("level", commitment.reason, width, Tone.DIM)
    return lines


def _space(row: StorageRow, glyphs: Glyphs, now: datetime, width: int) -> list[Line]:
    commitment = row.storage.commitment
    level = level_cell(commitment.level, glyphs)
    mark = (level, dim("  ")) if level.text != UNKNOWN else ()
    first = line(dim(" space    "), *mark)
    return wrap(commitment_words(commitment, now), width - 1, indent=" " * 10, first=first)


def _proof_in_short(proving: Proving, glyphs: Glyphs, now: datetime, width: int) -> list[Line]:
    label = dim(" proof    ")
    if proving.under_way:
        return [line(label, Cell("the hosts are trying it ...", Tone.BUSY))]
    if proving.error:
        return wrap(str(proving.error), width - 1, Tone.DOUBT, indent=" " * 10, first=line(label))
    if proof := proving.proof:
        told = [
            cell
            for other in proof.others
            for cell in (dim(f"{other.host} "), sharing_cell(other.sharing, glyphs), dim("  "))
        ]
        return [line(label, dim(f"{clock_time(proof.at, now)} from {proof.host}  "), *told)]
    return []


# -- the page ---------------------------------------------------------------------------------------


def storage_page(row: StorageRow, proving: Proving, glyphs: Glyphs, now: datetime, width: int) -> list[Line]:
    """Everything: space, what threatens it, who sees it, what was proved, what is kept on it."""
    storage, commitment = row.storage, row.storage.commitment
    lines = [*_field("what", f"{storage.id.kind.value} {storage.id.key}", width)]
    lines += _space(row, glyphs, now, width)
    if commitment.reason:
        lines += _field("level", commitment.reason, width, Tone.DIM)
    lines += [EMPTY, _title("PROOF"), *proof_lines(storage, proving, glyphs, now, width)]
    if storage.findings:
        lines += [EMPTY, _title("RISKS")]
        for finding in storage.findings:
            lines += danger_lines(finding, glyphs, width)
            if finding.source:
                lines += wrap(
                    f"from {finding.source}", width - 1, Tone.DIM, indent=" " * 12, first=line(" " * 12)
                )
    lines += [EMPTY, _title("SEEN BY")]
    for host, sighting in storage.sightings.items():
        lines += sighting_lines(host, sighting, glyphs, width, silent=host in row.silent)
    lines += [
        EMPTY,
        _title("POOLS"),
        *(_pool_lines(storage.pools, glyphs, width) or [_none("libvirt has no pool on it")]),
    ]
    lines += [EMPTY, _title("GUESTS' DISKS")]
    return lines + (_disk_lines(storage.disks, glyphs, width) or [_none("no guest has a disk on it")])


def _title(words: str) -> Line:
    return line(Cell(f" {words}", Tone.TITLE))


def _none(words: str) -> Line:
    return line(dim(f" {words}"))


def proof_lines(storage: Storage, proving: Proving, glyphs: Glyphs, now: datetime, width: int) -> list[Line]:
    """What was tried, and what each other host has shown."""
    if proving.under_way:
        return [line(Cell(" the hosts are trying it ...", Tone.BUSY))]
    lines: list[Line] = []
    if error := proving.error:
        lines += wrap(f"not proved: {error}", width - 1, Tone.DOUBT, indent=" ", first=line(" "))
        lines += wrap(error.hint, width - 1, indent=" ", first=line(" ")) if error.hint else []
    proof = proving.proof
    if proof is None:
        if not lines:
            words = "not tried yet: v proves it"
            if len(storage.seen_by) < 2:
                more = (
                    "v tries the same path on the others" if path_of(storage) else "there is nothing to prove"
                )
                words = f"one host alone sees it: {more}"
            lines.append(_none(words))
        return lines
    lines.append(line(dim(f" {clock_time(proof.at, now)}  {proof.subject}, from {proof.host}")))
    for other in proof.others:
        first = line(Cell(f" {other.host:<8} ", Tone.TITLE), sharing_cell(other.sharing, glyphs), "  ")
        lines += wrap(other.evidence, width - 1, indent=" " * 10, first=first)
        lines += _locks(other.locks, proof.host, glyphs, width)
    return lines


def _locks(holds: bool | None, host: HostName, glyphs: Glyphs, width: int) -> list[Line]:
    if holds is None:
        sign, words, tone = glyphs.unknown, "locks were not tried", Tone.DIM
    elif holds:
        sign, words, tone = glyphs.ok, f"a lock taken through {host} holds here", Tone.GOOD
    else:
        sign, tone = glyphs.warning, Tone.DOUBT
        words = f"a lock taken through {host} does not hold here: two hosts could write one file"
    first = line(" " * 10, Cell(f"{sign} ", tone))
    return wrap(words, width - 1, tone, indent=" " * 12, first=first)


def _cell(text: str, width: int, glyphs: Glyphs) -> str:
    return fit(text, max(1, width), Align.LEFT, glyphs.ellipsis) + "  "


_NUMBER = 8
"""`1000 GiB`."""

_POOL_REST = 3 * (_NUMBER + 2) + 7 + 2 * 3 + 1 + len("  not active")
"""Of a pool's line beside host, name and type."""

_DISK_REST = 6 + 7 + 2 * (_NUMBER + 2) + 2 * 4 + 1
"""Of a disk's line beside guest, host and source."""


def _pool_lines(pools: Sequence[PoolUse], glyphs: Glyphs, width: int) -> list[Line]:
    """A pool a line: its host, name and type, and how full it is as libvirt tells it."""
    if not pools:
        return []
    hosts = max(4, *(len(pool.host) for pool in pools))
    types = max(4, *(len(pool.type) for pool in pools))
    longest = max(4, *(len(pool.name) for pool in pools))
    name = max(4, min(longest, width - hosts - types - _POOL_REST))
    heads = ("HOST", hosts), ("POOL", name), ("TYPE", types)
    head = "".join(f"{title:<{max(1, cells)}}  " for title, cells in heads)
    head += "".join(f"{title:>{_NUMBER}}  " for title in ("SIZE", "USED", "FREE")) + f"{'VOLUMES':>7}"
    lines = [line(dim(f" {head}"))]
    for pool in sorted(pools, key=lambda each: (each.name, each.host)):
        text = (
            _cell(pool.host, hosts, glyphs) + _cell(pool.name, name, glyphs) + _cell(pool.type, types, glyphs)
        )
        sizes = (pool.capacity_bytes, pool.allocated_bytes, pool.available_bytes)
        text += "".join(f"{long_size(each):>{_NUMBER}}  " for each in sizes)
        lines.append(
            line(
                f" {text}{count(pool.volumes):>7}",
                Cell("" if pool.active else "  not active", Tone.DOUBT),
            )
        )
    return lines


def _disk_lines(disks: Sequence[DiskUse], glyphs: Glyphs, width: int) -> list[Line]:
    """A disk a line: whose it is, what was promised and what it takes; those without room first."""
    if not disks:
        return []
    guests = max(5, *(len(disk.name) for disk in disks))
    guests = min(guests, 24)
    hosts = max(4, *(len(disk.guest.host) for disk in disks))
    source = width - guests - hosts - _DISK_REST - 1
    head = f"{'GUEST':<{guests}}  {'HOST':<{hosts}}  {'DISK':<6}  {'FORMAT':<7}"
    head += f"  {'PROMISED':>{_NUMBER}}  {'TAKEN':>{_NUMBER}}  SOURCE"
    lines = [line(dim(f" {head}"))]
    for disk in sorted(disks, key=lambda each: (not each.out_of_space, each.name, each.target)):
        text = _cell(disk.name, guests, glyphs) + _cell(disk.guest.host, hosts, glyphs)
        text += _cell(disk.target, 6, glyphs) + _cell(disk.format or UNKNOWN, 7, glyphs)
        text += f"{long_size(disk.virtual_bytes):>{_NUMBER}}  {long_size(disk.allocated_bytes):>{_NUMBER}}  "
        tone = Tone.NORMAL if disk.active else Tone.DIM
        if disk.out_of_space:
            lines.append(
                line(Cell(f" {text}", Tone.ALARM), Cell(f"{glyphs.refuse} no space left", Tone.ALARM))
            )
            lines += wrap(disk.source, width - 1, Tone.DIM, indent="   ", first=line("   "))
        else:
            marks = " read-only" if disk.read_only else ""
            lines.append(
                line(
                    Cell(f" {text}", tone),
                    dim(fit(disk.source + marks, max(8, source), Align.LEFT, glyphs.ellipsis).rstrip()),
                )
            )
    return lines
