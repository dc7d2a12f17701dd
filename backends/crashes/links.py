"""Which crash belongs to which move. Pure."""

from __future__ import annotations

from backends.model.crash import CrashRecord
from backends.model.fleet import FleetState
from backends.model.move import Move


def crash_of_move(move: Move, state: FleetState) -> CrashRecord | None:
    """The crash of its guest, on either host, while it lasted; None where none is known."""
    return None
