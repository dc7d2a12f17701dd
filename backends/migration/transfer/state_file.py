"""Where a guest's saved state lies on a host, and whether we can get at it there."""

from __future__ import annotations

import tempfile

from backends.errors import ActionError, UnsupportedError
from backends.fleet.supervisor import Supervisor
from backends.migration.checks.state_files import EVERYWHERE, FOLDERS
from backends.migration.host_files import files_of
from backends.model.host import Reach
from backends.model.move import MoveId
from backends.remote.carry import RESERVE_BYTES, FileAt
from backends.remote.shell import Shell

_DEPARTURE, _ARRIVAL = "save", "arrived.save"
"""Two names for the two hosts: they may share the folder, and a copy must never be written over what it is made of."""


def file_at(host: Supervisor, path: str) -> FileAt:
    """By the link of now: one of an earlier time may be gone. Raises LinkError."""
    return FileAt(host.name, files_of(host), path)


async def to_leave_from(host: Supervisor, driver: str, move: MoveId, needed_bytes: int) -> str:
    """The path of the file that libvirt is to save into, on the source. Raises FerryError."""
    shell = files_of(host)
    await _must_read_what_libvirt_writes(host, shell)
    return await _choose(host, shell, driver, f"virt-ferry-{move}.{_DEPARTURE}", needed_bytes)


async def to_arrive_in(host: Supervisor, driver: str, move: MoveId, needed_bytes: int) -> str:
    """The path of the file that we carry over, on the destination. Raises FerryError."""
    return await _choose(host, files_of(host), driver, f"virt-ferry-{move}.{_ARRIVAL}", needed_bytes)


async def _choose(host: Supervisor, shell: Shell, driver: str, name: str, needed_bytes: int) -> str:
    """In the first folder with room enough; guests rarely need as much as they could, so the roomiest will do, too."""
    roomiest, most = "", 0
    for folder in _folders(host, driver):
        path = f"{folder}/{name}"
        free = await _room(shell, folder, FileAt(host.name, shell, path))
        if free >= needed_bytes + RESERVE_BYTES:
            return path
        if free > most:
            roomiest, most = path, free
    if not roomiest:
        folders = " nor ".join(_folders(host, driver))
        raise ActionError(f"cannot write into {folders}", host=host.name, operation="keep a saved state")
    return roomiest


def _folders(host: Supervisor, driver: str) -> tuple[str, ...]:
    if host.spec.reach is Reach.URI:  # its driver runs in this process
        return (tempfile.gettempdir(),)
    return tuple(folder for folder in (FOLDERS.get(driver), EVERYWHERE) if folder)


async def _room(shell: Shell, folder: str, file: FileAt) -> int:
    """0 where there is none, or no such folder, or where we may not write."""
    writable = await shell.run(("test", "-w", f"{folder}/."))
    if writable.status != 0:
        return 0
    try:
        return await file.free_bytes()
    except ActionError:
        return 0


async def _must_read_what_libvirt_writes(host: Supervisor, shell: Shell) -> None:
    """A system's libvirt saves as root, for root alone. Asked before the guest is stopped for nothing."""
    if host.spec.reach is Reach.URI:
        return
    answer = await shell.run(("id", "-u"))
    if answer.out.strip() != "0":
        raise UnsupportedError(
            "a saved state is root's alone, and we are not root there",
            host=host.name,
            operation="read a saved state",
            hint="reach this host as root for moves of the mode saved",
        )
