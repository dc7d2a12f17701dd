"""What the disks of all guests of a host take, from one bulk call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import libvirt

from backends.errors import DeadlineError
from backends.hypervisor.connection import Connection
from backends.hypervisor.inventory import bulk_statistics
from backends.hypervisor.pools import ask_storage, waiting_for
from backends.hypervisor.states import guest_state

USAGE_DEADLINE_S = 15.0
"""libvirt opens the images of guests that are off."""
_SUBJECT = "the disks of guests"
_HANGS = "libvirt does not tell what disks take: the image of a guest that is off seems to hang"


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """One disk, in bytes (libvirt-domain.html#virConnectGetAllDomainStats, `block.`). None: libvirt does not tell."""

    path: str
    """The image or device: to be used, never to be shown. Empty for a network disk."""
    virtual: int | None = None
    """What the guest was promised."""
    allocated: int | None = None
    """What it takes now. Of a guest that runs and has not written to a raw image since its start, it is not told."""
    highest_written: int | None = None
    """Of a guest that runs: how far into the image QEMU has written since it started."""


async def read_disk_usage(connection: Connection) -> Mapping[str, Mapping[str, DiskUsage]]:
    """UUID -> target -> usage of all guests, running or not; guests that a job holds are not waited for.

    A guest or disk that libvirt does not tell of (network disks of guests that are off, missing images, drivers
    without statistics) is left out. Raises FerryError.
    """
    if _SUBJECT in connection.hanging:
        raise DeadlineError(_HANGS, host=connection.host, operation="read what disks take")

    def work(conn: Any) -> Mapping[str, Mapping[str, DiskUsage]]:
        with waiting_for(connection, _SUBJECT):
            groups = libvirt.VIR_DOMAIN_STATS_STATE | libvirt.VIR_DOMAIN_STATS_BLOCK
            return {uuid: disks_of(statistics) for uuid, statistics in bulk_statistics(conn, groups).items()}

    return await ask_storage(connection, "read what disks take", work, deadline_s=USAGE_DEADLINE_S)


def disks_of(statistics: Mapping[str, int | str]) -> Mapping[str, DiskUsage]:
    """By target, from the `block.` fields of one guest. Pure."""
    is_active = guest_state(_number(statistics, "state.state") or 0).active
    disks: dict[str, DiskUsage] = {}
    for n in range(_number(statistics, "block.count") or 0):
        target = str(statistics.get(f"block.{n}.name", ""))
        if target in disks:
            continue  # an image below it
        virtual, allocation, physical = (
            _number(statistics, f"block.{n}.{name}") for name in ("capacity", "allocation", "physical")
        )
        if virtual is None and physical is None:
            continue
        if physical is not None:
            allocation = allocation or 0  # libvirt leaves out what is nothing
        disks[target] = DiskUsage(
            path=str(statistics.get(f"block.{n}.path", "")),
            virtual=virtual,
            allocated=_taken(virtual, allocation, physical) if is_active else allocation,
            highest_written=allocation if is_active else None,
        )
    return disks


def _taken(virtual: int | None, highest_written: int | None, physical: int | None) -> int | None:
    """Of a running guest `physical` is QEMU's `actual-size`, and the file's length where that is nothing at all."""
    is_told = physical != virtual or bool(highest_written)
    return physical if is_told else None


def _number(statistics: Mapping[str, int | str], name: str) -> int | None:
    value = statistics.get(name)
    return value if isinstance(value, int) else None
