"""Proving that hosts see the same storage asks first: it writes."""

from __future__ import annotations

from collections.abc import Sequence

from backends.model.host import HostName
from backends.model.storage import Storage, WayKind
from tui.dialogs.choice import ChoiceDialog, confirm
from tui.widgets.grid_columns import Cell, Tone
from tui.widgets.lines import EMPTY, Line, line, wrap
from tui.words.storage import is_block


def _place(storage: Storage, host: HostName) -> str:
    """Where a host has it: the folder before anything else."""
    sighting = storage.sightings.get(host)
    ways = sorted(sighting.ways if sighting else (), key=lambda way: way.kind is not WayKind.MOUNT)
    return f"{ways[0].kind.value} {ways[0].words}" if ways else "the same path"


def prove_dialog(storage: Storage, hosts: Sequence[HostName]) -> ChoiceDialog[bool]:
    """Names the folder or LUN and the hosts, and what is done there."""
    writer, others = hosts[0], ", ".join(hosts[1:])
    if is_block(storage):
        words = (
            f"{writer} and {others} are asked for its identity and read its first bytes. Nothing is written: a LUN is"
            " only read."
        )
        yes = f"yes, read it on {', '.join(hosts)}"
    elif len(storage.seen_by) < 2:
        words = (
            f"{writer} alone is known to see it. A small file is written there through {writer}, looked for at the same"
            f" path on {others}, and removed again. Nothing else is touched."
        )
        yes = f"yes, write a small file through {writer}"
    else:
        words = (
            f"A small file is written through {writer}, read and locked through {others}, and removed again."
            " Nothing else there is touched."
        )
        yes = f"yes, write a small file through {writer}"

    def body(width: int) -> list[Line]:
        lines = wrap(storage.label, width, Tone.TITLE)
        if storage.id.key != storage.label:
            lines += wrap(storage.id.key, width, Tone.DIM)
        for host in hosts:
            lines += wrap(
                _place(storage, host), width, Tone.DIM, indent=" " * 12, first=line(Cell(f"  {host:<10}"))
            )
        return [*lines, EMPTY, *wrap(words, width)]

    return confirm("do these hosts see the same storage?", body, no="no, leave it alone", yes=yes)
