"""What one does to the life of a guest."""

from __future__ import annotations

from typing import Any

from backends.hypervisor.connection import Connection
from backends.model.guest import GuestAction

ACTION_DEADLINE_S = 40.0
"""Longer than the 30 s that libvirt itself waits for another job on the same guest."""

_CALLS = {
    GuestAction.START: "create",
    GuestAction.SHUT_DOWN: "shutdown",
    GuestAction.FORCE_OFF: "destroy",
    GuestAction.REBOOT: "reboot",
    GuestAction.PAUSE: "suspend",
    GuestAction.RESUME: "resume",
}


async def act(connection: Connection, uuid: str, action: GuestAction) -> None:
    """Do it and wait for libvirt's word. Raises FerryError."""

    def work(conn: Any) -> None:
        domain = conn.lookupByUUIDString(uuid)
        getattr(domain, _CALLS[action])()

    await connection.call_aside(action.value, work, deadline_s=ACTION_DEADLINE_S)
