"""A plan in words: where a guest could go, and what the checks come to."""

from __future__ import annotations

from collections.abc import Callable

from backends.model.fleet import FleetState, HostView
from backends.model.guest import Guest
from backends.model.move import Preflight
from tui.format import UNKNOWN, count, share, size
from tui.glyphs import Glyphs
from tui.widgets.grid_columns import Align, Cell, Column, Tone
from tui.widgets.lines import EMPTY, Line, length, line, wrap
from tui.words.host import link_cell


def destinations(state: FleetState, guest: Guest) -> list[HostView]:
    """All hosts but the guest's own."""
    return [view for name, view in state.hosts.items() if name != guest.key.host]


def destination_columns(glyphs: Glyphs) -> list[Column[HostView]]:
    """Where to: link, load, free memory, guests."""
    return [
        Column(
            id="host",
            title="DESTINATION",
            cell=lambda view: Cell(view.spec.name, Tone.NORMAL if view.link.answers else Tone.DIM),
            width=14,
            flex=1,
            max_width=30,
            priority=9,
        ),
        Column(id="link", title="LINK", cell=lambda view: link_cell(view.link, glyphs), width=12, priority=8),
        _figure(
            "cpu", "CPU", lambda view: share(view.load.cpu) if view.load and view.link.answers else UNKNOWN
        ),
        _figure("free", "FREE", lambda view: size(_free_memory(view))),
        _figure("memory", "MEM", lambda view: size(view.memory_bytes)),
        _figure("guests", "GUESTS", lambda view: count(len(view.guests)) if view.link.answers else UNKNOWN),
    ]


def _figure(column_id: str, title: str, text: Callable[[HostView], str]) -> Column[HostView]:
    return Column(
        id=column_id,
        title=title,
        cell=lambda view: Cell(text(view), Tone.NORMAL if view.link.answers else Tone.DIM),
        width=6,
        align=Align.RIGHT,
        priority=5,
    )


def _free_memory(view: HostView) -> int | None:
    used = view.load.memory_used_bytes if view.load and view.link.answers else None
    return view.memory_bytes - used if view.memory_bytes is not None and used is not None else None


def verdict_picture(
    preflight: Preflight | None, trouble: str, glyphs: Glyphs, width: int, *, most: int
) -> list[Line]:
    """What the checks come to, and the command that would do the same, in `most` lines."""
    if trouble:
        return wrap(
            trouble, width - 4, Tone.ALARM, indent="   ", first=line(Cell(f" {glyphs.refuse} ", Tone.ALARM))
        )
    if preflight is None:
        return [EMPTY]
    sentence = _sentence(preflight, glyphs)
    if preflight.refused:
        return [sentence]
    command = wrap(preflight.command, width - 3, Tone.DIM, indent="   ", first=line("   "))
    if len(command) <= most:
        return [sentence, *command]
    more = (Cell(f" {glyphs.ellipsis} ", Tone.DIM), Cell("y", Tone.BUSY), Cell(" copies all of it", Tone.DIM))
    room = width - length(more) - 1
    last = Cell(command[most - 1][-1].text[: room - 3].rsplit(" ", 1)[0], Tone.DIM)
    return [sentence, *command[: most - 1], (*command[most - 1][:-1], last, *more)]


def _sentence(preflight: Preflight, glyphs: Glyphs) -> Line:
    request = preflight.request
    if preflight.refused:
        words = f" {glyphs.refuse} {request.name} cannot move to {request.destination}: see the checks."
        return line(Cell(words, Tone.ALARM))
    if preflight.doubtful:
        return line(
            Cell(f" {glyphs.warning} enter moves it, after you have accepted the doubts.", Tone.DOUBT),
        )
    return line(Cell(f" {glyphs.ok} enter moves {request.name} to {request.destination}.", Tone.GOOD))
