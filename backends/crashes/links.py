"""Which crash belongs to which move. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from backends.model.crash import CrashKind, CrashRecord
from backends.model.fleet import FleetState
from backends.model.move import Move

BEFORE = timedelta(seconds=2)
"""Clocks of hosts are known to a fraction of a second only, and log lines are written before we hear of a start."""
AFTER = timedelta(seconds=15)
"""What a broken move has done to a guest may be told a little after its end."""
_TELLING = (CrashKind.INCOMING, CrashKind.PANIC, CrashKind.IO_ERROR, CrashKind.ENDED, CrashKind.NOT_STARTED)


def crash_of_move(move: Move, state: FleetState) -> CrashRecord | None:
    """The crash of its guest, on either host, while it lasted; None where none is known."""
    return min(_crashes(move, state), key=lambda record: _TELLING.index(record.kind), default=None)


def _crashes(move: Move, state: FleetState) -> Iterator[CrashRecord]:
    end = (move.log[-1].at if move.log else move.started) if move.phase.final else datetime.now(UTC)
    for host in (move.source, move.request.destination):
        view = state.hosts.get(host)
        for record in view.crashes.records if view and view.crashes else ():
            if record.kind in _TELLING and record.at and move.started - BEFORE <= record.at <= end + AFTER:
                key = record.guest
                if key.uuid == move.request.guest.uuid if key else record.name == move.request.name:
                    yield record
