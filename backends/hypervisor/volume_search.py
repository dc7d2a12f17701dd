"""One pool, and one volume of it, by the names that libvirt has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import libvirt

from backends.errors import DeadlineError
from backends.hypervisor.connection import Connection
from backends.hypervisor.pool_definitions import Pool, Volume, parse_pool, parse_volume
from backends.hypervisor.pools import ask_storage, waiting_for
from backends.untrusted import clean


@dataclass(frozen=True, slots=True)
class FoundVolume:
    """What the host has of it."""

    pool: Pool | None = None
    """None: there is no such pool. One that is not active tells no volumes."""
    volume: Volume | None = None
    """None: libvirt knows no such volume in it, as of the pool's last refresh."""


async def find_pool(connection: Connection, driver: str, pool: str) -> Pool | None:
    """By name; None where there is none. Raises FerryError."""
    _must_not_hang(connection, (pool,))

    def work(conn: Any) -> Pool | None:
        with waiting_for(connection, pool):
            return _pool(conn, driver, pool)[1]

    return await ask_storage(connection, "look for a pool", work)


async def find_volumes(
    connection: Connection, driver: str, names: Sequence[tuple[str, str]]
) -> tuple[FoundVolume, ...]:
    """By the names of pool and volume, in their order. Raises FerryError."""
    _must_not_hang(connection, [pool for pool, _ in names])

    def work(conn: Any) -> tuple[FoundVolume, ...]:
        found = []
        for pool, volume in names:
            with waiting_for(connection, pool):
                found.append(_volume(conn, driver, pool, volume))
        return tuple(found)

    return await ask_storage(connection, "look for volumes", work)


def _must_not_hang(connection: Connection, pools: Iterable[str]) -> None:
    """A second question about a pool whose storage hangs would only hang too."""
    for pool in pools:
        if pool in connection.hanging:
            raise DeadlineError(
                f"the storage of the pool {clean(pool)} does not answer",
                host=connection.host,
                operation="look for a pool",
            )


def _volume(conn: Any, driver: str, pool: str, volume: str) -> FoundVolume:
    """On a lane."""
    found, parsed = _pool(conn, driver, pool)
    if parsed is None or not parsed.active:
        return FoundVolume(parsed)
    try:
        return FoundVolume(parsed, parse_volume(found.storageVolLookupByName(volume).XMLDesc(0)))
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_STORAGE_VOL:
            return FoundVolume(parsed)
        raise


def _pool(conn: Any, driver: str, name: str) -> tuple[Any, Pool | None]:
    """On a lane: libvirt's, and ours."""
    try:
        found = conn.storagePoolLookupByName(name)
        return found, parse_pool(found.XMLDesc(0), driver, active=bool(found.isActive()))
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_STORAGE_POOL:
            return None, None
        raise
