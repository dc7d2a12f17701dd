"""Which volume of which pool a path is, and which path a volume has: without reading a whole pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import libvirt

from backends.hypervisor.connection import Connection
from backends.hypervisor.pools import ask_storage, look_up

_NOT_THERE = (
    libvirt.VIR_ERR_NO_STORAGE_VOL,
    libvirt.VIR_ERR_NO_STORAGE_POOL,
    libvirt.VIR_ERR_NO_SUPPORT,
    libvirt.VIR_ERR_OPERATION_INVALID,
)
"""No such volume or pool, no storage driver, a pool that is not active."""


@dataclass(frozen=True, slots=True)
class VolumePlace:
    """Names as libvirt has them: to be used, never to be shown."""

    pool: str
    """Its UUID."""
    pool_name: str
    volume: str
    path: str


async def volume_at(connection: Connection, path: str) -> VolumePlace | None:
    """The volume that has this path in an active pool; None where there is none. Raises FerryError."""

    def work(conn: Any) -> VolumePlace | None:
        try:
            return _place(conn.storageVolLookupByPath(path))
        except libvirt.libvirtError as error:
            if error.get_error_code() in _NOT_THERE:
                return None
            raise

    return await ask_storage(connection, "look up a volume", work)


async def volume_named(connection: Connection, pool: str, volume: str) -> VolumePlace | None:
    """None where there is none, or the pool is not active. Raises FerryError."""

    def work(conn: Any) -> VolumePlace | None:
        try:
            return _place(look_up(conn, pool).storageVolLookupByName(volume))
        except libvirt.libvirtError as error:
            if error.get_error_code() in _NOT_THERE:
                return None
            raise

    return await ask_storage(connection, "look up a volume", work)


def _place(volume: Any) -> VolumePlace:
    pool = volume.storagePoolLookupByVolume()
    return VolumePlace(pool.UUIDString(), pool.name(), volume.name(), volume.path())
