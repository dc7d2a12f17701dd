"""How much memory a host has left for one more guest."""

from __future__ import annotations

import contextlib
from typing import Any

import libvirt

from backends.hypervisor.connection import Connection
from backends.hypervisor.inventory import KIB


async def read_available_memory(connection: Connection) -> int | None:
    """Bytes that a new guest could use, caches counted as free; None where the driver does not say."""

    def work(conn: Any) -> int | None:
        with contextlib.suppress(libvirt.libvirtError):
            memory = conn.getMemoryStats(libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS)
            return sum(int(memory.get(name, 0)) for name in ("free", "buffers", "cached")) * KIB
        with contextlib.suppress(libvirt.libvirtError):
            return int(conn.getFreeMemory()) or None
        return None

    return await connection.call("read free memory", work)
