"""How large a guest's disks are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import libvirt

from backends.hypervisor.connection import Connection

SIZES_DEADLINE_S = 15.0
"""libvirt may have to wait for a job that holds the guest; aside, so that nothing queues up behind it."""


@dataclass(frozen=True, slots=True)
class DiskSize:
    """In bytes (libvirt-domain.html#virDomainBlockInfo)."""

    virtual: int
    """What the guest sees."""
    allocated: int
    """What it takes on its host."""


async def read_disk_sizes(
    connection: Connection, uuid: str, targets: Iterable[str]
) -> Mapping[str, DiskSize]:
    """By target; a disk that libvirt cannot tell of is left out. Raises FerryError."""
    wanted = tuple(targets)

    def work(conn: Any) -> Mapping[str, DiskSize]:
        domain, found = conn.lookupByUUIDString(uuid), {}
        for target in wanted:
            try:
                virtual, allocated, _physical = domain.blockInfo(target)
            except libvirt.libvirtError:  # this one is not known; the others may be
                continue
            found[target] = DiskSize(int(virtual), int(allocated))
        return found

    return await connection.call_aside("read the sizes of disks", work, deadline_s=SIZES_DEADLINE_S)
