"""Which way of carrying a guest over belongs to which mode."""

from __future__ import annotations

from backends.fleet.supervisor import Supervisor
from backends.migration.record import MoveRecord
from backends.migration.transfer.libvirt import LibvirtTransfer
from backends.migration.transfer.offline import OfflineTransfer
from backends.migration.transfer.saved import SavedTransfer
from backends.migration.transfer.transfer import Transfer
from backends.model.move import MoveMode

_BY_MODE: dict[MoveMode, type[Transfer]] = {
    MoveMode.LIVE: LibvirtTransfer,
    MoveMode.PAUSED: LibvirtTransfer,
    MoveMode.SAVED: SavedTransfer,
    MoveMode.OFFLINE: OfflineTransfer,
}


def transfer_for(record: MoveRecord, source: Supervisor, destination: Supervisor) -> Transfer:
    """The one that the move's request asks for."""
    return _BY_MODE[record.move.request.mode](record, source, destination)
