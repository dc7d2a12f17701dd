"""One pool, and one volume of it, by the names that libvirt has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import libvirt

from backends.hypervisor.connection import Connection
from backends.hypervisor.pool_definitions import Pool, Volume, parse_pool, parse_volume
from backends.hypervisor.pools import ask_storage


@dataclass(frozen=True, slots=True)
class FoundVolume:
    """What the host has of it."""

    pool: Pool | None = None
    """None: there is no such pool. One that is not active tells no volumes."""
    volume: Volume | None = None
    """None: libvirt knows no such volume in it, as of the pool's last refresh."""


async def find_pool(connection: Connection, driver: str, pool: str) -> Pool | None:
    """By name; None where there is none. Raises FerryError."""
    return await ask_storage(connection, "look for a pool", lambda conn: _pool(conn, driver, pool)[1])


async def find_volume(connection: Connection, driver: str, pool: str, volume: str) -> FoundVolume:
    """By names. Raises FerryError."""

    def work(conn: Any) -> FoundVolume:
        found, parsed = _pool(conn, driver, pool)
        if parsed is None or not parsed.active:
            return FoundVolume(parsed)
        try:
            return FoundVolume(parsed, parse_volume(found.storageVolLookupByName(volume).XMLDesc(0)))
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_STORAGE_VOL:
                return FoundVolume(parsed)
            raise

    return await ask_storage(connection, "look for a volume", work)


def _pool(conn: Any, driver: str, name: str) -> tuple[Any, Pool | None]:
    """On a lane: libvirt's, and ours."""
    try:
        found = conn.storagePoolLookupByName(name)
        return found, parse_pool(found.XMLDesc(0), driver, active=bool(found.isActive()))
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_STORAGE_POOL:
            return None, None
        raise
