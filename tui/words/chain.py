"""What lies under a guest's disk, as a drawing: a box for each layer, the guest's disk at the top, the bytes below."""

from __future__ import annotations

from collections.abc import Sequence

from backends.api import FerryError
from backends.model.guest import Disk
from backends.model.storage import Chain, ChainLink
from tui.format import long_size
from tui.glyphs import Glyphs
from tui.widgets.grid_columns import Align, Cell, Tone, fit
from tui.widgets.lines import EMPTY, Line, dim, length, line, wrap

_MOST, _LEAST = 96, 40
"""Cells of a box."""

_KIND = 16
"""Cells of a layer's kind: `multipath device`."""

_SIZE = 8
"""`1000 GiB`."""


def chain_title(disk: Disk) -> Line:
    """Which disk it is."""
    marks = [disk.format, disk.device if disk.device != "disk" else "", "read-only" if disk.read_only else ""]
    return line(Cell(f" {disk.target}", Tone.TITLE), dim("  " + ", ".join(mark for mark in marks if mark)))


def chain_drawing(chain: Chain, glyphs: Glyphs, width: int) -> list[Line]:
    """Boxes on top of each other; what rests on what is read downwards."""
    inner = max(_LEAST, min(_MOST, width - 2)) - 2
    upper_left, upper_right, lower_left, lower_right, left, right, down = tuple(glyphs.box)
    rule = glyphs.horizontal * inner
    half = (inner - 1) // 2
    meeting = f"{glyphs.horizontal * half}{down}{glyphs.horizontal * (inner - 1 - half)}"
    lines = [line(dim(f" {upper_left}{rule}{upper_right}"))]
    for number, link in enumerate(chain.links):
        if number:
            lines.append(line(dim(f" {left}{meeting}{right}")))
        lines += [_boxed(row, inner, glyphs) for row in _link_lines(link, inner - 2, glyphs)]
    return [*lines, line(dim(f" {lower_left}{rule}{lower_right}"))]


def _boxed(cells: Line, inner: int, glyphs: Glyphs) -> Line:
    side = dim(glyphs.vertical)
    padding = " " * max(0, inner - 1 - length(cells))
    return (Cell(" "), side, Cell(" "), *cells, Cell(padding), side)


def _link_lines(link: ChainLink, width: int, glyphs: Glyphs) -> list[Line]:
    """Kind, name and size; below that the detail, and why nothing more is known."""
    room = width - _KIND - 1 - _SIZE - 1
    names = wrap(link.label or link.kind.value, room, Tone.TITLE)
    shown_size = long_size(link.size_bytes) if link.size_bytes is not None else ""
    lines: list[Line] = []
    for number, (_, name) in enumerate(names):
        kind = link.kind.value if not number else ""
        size = shown_size if not number else ""
        text = fit(name.text, room, Align.LEFT, glyphs.ellipsis)
        lines.append(line(dim(f"{kind:<{_KIND}} "), Cell(text, name.tone), f" {size:>{_SIZE}}"))
    margin = line(" " * (_KIND + 1))
    if link.detail:
        lines += wrap(link.detail, width - _SIZE - 1, Tone.DIM, indent=" " * (_KIND + 1), first=margin)
    if link.trouble:
        first = line(*margin, Cell(f"{glyphs.unknown} ", Tone.DOUBT))
        lines += wrap(link.trouble, width, Tone.DOUBT, indent=" " * (_KIND + 3), first=first)
    return lines


def disk_chains(
    disks: Sequence[Disk],
    chains: dict[str, Chain],
    troubles: dict[str, FerryError],
    glyphs: Glyphs,
    width: int,
) -> list[Line]:
    """All disks of a guest, each with what is known of it so far."""
    if not disks:
        return [line(dim(" It has no disk."))]
    lines: list[Line] = []
    for disk in disks:
        lines.append(chain_title(disk))
        if not disk.source:
            lines += [line(dim(f"   an empty {disk.device}")), EMPTY]
            continue
        if error := troubles.get(disk.target):
            first = line("   ", Cell(f"{glyphs.unknown} ", Tone.DOUBT))
            lines += wrap(str(error), width - 1, Tone.DOUBT, indent="     ", first=first)
            lines += wrap(error.hint, width - 1, indent="     ", first=line("     ")) if error.hint else []
        if chain := chains.get(disk.target):
            lines += chain_drawing(chain, glyphs, width)
        elif not error:
            lines.append(line(dim(f"   {disk.source}  "), Cell("reading what lies under it ...", Tone.BUSY)))
        lines.append(EMPTY)
    return lines[:-1]
