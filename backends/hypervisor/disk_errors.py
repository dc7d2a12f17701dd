"""Why a guest was paused by an error of a disk, which libvirt tells on request only (virDomainGetDiskErrors)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import Enum
from typing import Any

import libvirt

from backends.errors import FerryError
from backends.hypervisor.connection import Connection
from backends.hypervisor.pools import ask_storage
from backends.hypervisor.states import state_reason
from backends.model.guest import Guest, GuestState
from backends.untrusted import clean

ERRORS_DEADLINE_S = 4.0
"""libvirt may have to wait for a job that holds the guest; what it says now is worth no longer wait."""
_STANDS = (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_IOERROR)
_IO_ERROR = state_reason(*_STANDS)


class DiskError(Enum):
    """libvirt-domain.html#virDomainDiskErrorCode."""

    NO_SPACE = "no space left"
    OTHER = "I/O error"


async def read_disk_errors(
    connection: Connection, uuids: Iterable[str]
) -> Mapping[str, Mapping[str, DiskError]]:
    """UUID -> target -> error, of those guests that stand for one; whom libvirt cannot tell of is left out.

    QEMU does not forget an error when the guest runs on, so of two disks named, one may be well again by now.
    Raises FerryError.
    """
    wanted = tuple(uuids)

    def work(conn: Any) -> Mapping[str, Mapping[str, DiskError]]:
        found = {}
        for uuid in wanted:
            with contextlib.suppress(libvirt.libvirtError):  # gone, off, or a driver that does not know
                domain = conn.lookupByUUIDString(uuid)
                if tuple(domain.state()) == _STANDS:
                    found[uuid] = _errors(domain.diskErrors(0))
        return found

    return await ask_storage(connection, "read errors of disks", work, deadline_s=ERRORS_DEADLINE_S)


async def explained(connection: Connection, guests: Iterable[Guest]) -> tuple[Guest, ...]:
    """The guests, with the disk and its trouble told for those that an I/O error has paused, as far as it is known."""
    all_guests = tuple(guests)
    paused = [guest.key.uuid for guest in all_guests if _is_stopped(guest)]
    if not paused:
        return all_guests
    try:
        errors = await read_disk_errors(connection, paused)
    except FerryError:  # that it stands, and that a disk is to blame, is known all the same
        return all_guests
    return tuple(told(guest, errors.get(guest.key.uuid, {})) for guest in all_guests)


def told(guest: Guest, errors: Mapping[str, DiskError]) -> Guest:
    """The guest with its reason in full. Pure."""
    if not errors:
        return guest
    full = tuple(target for target, error in errors.items() if error is DiskError.NO_SPACE)
    failed = tuple(target for target, error in errors.items() if error is DiskError.OTHER)
    words = [
        f"{error.value} {word} {', '.join(targets)}"
        for error, word, targets in ((DiskError.NO_SPACE, "for", full), (DiskError.OTHER, "on", failed))
        if targets
    ]
    return replace(guest, reason="; ".join(words), full_disks=full)


def _is_stopped(guest: Guest) -> bool:
    return guest.state is GuestState.PAUSED and guest.reason == _IO_ERROR


def _errors(codes: Mapping[str, int]) -> Mapping[str, DiskError]:
    kinds = {libvirt.VIR_DOMAIN_DISK_ERROR_NO_SPACE: DiskError.NO_SPACE}
    return {
        clean(target): kinds.get(code, DiskError.OTHER)
        for target, code in codes.items()
        if code != libvirt.VIR_DOMAIN_DISK_ERROR_NONE
    }
