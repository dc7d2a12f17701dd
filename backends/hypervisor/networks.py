"""A host's virtual networks, as libvirt knows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

import libvirt

from backends.hypervisor.connection import Connection


class NetworkState(Enum):
    """One network of a host."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    MISSING = "missing"
    UNKNOWN = "unknown"
    """The host's libvirt does not tell."""


async def read_networks(connection: Connection, names: Iterable[str]) -> Mapping[str, NetworkState]:
    """By name. Raises FerryError where the host does not answer."""
    wanted = tuple(names)
    return await connection.call(
        "look for networks", lambda conn: {name: _state(conn, name) for name in wanted}
    )


def _state(conn: Any, name: str) -> NetworkState:
    try:
        return NetworkState.ACTIVE if conn.networkLookupByName(name).isActive() else NetworkState.INACTIVE
    except libvirt.libvirtError as error:
        match error.get_error_code():
            case libvirt.VIR_ERR_NO_NETWORK:
                return NetworkState.MISSING
            case libvirt.VIR_ERR_NO_SUPPORT | libvirt.VIR_ERR_NO_CONNECT | libvirt.VIR_ERR_INVALID_CONN:
                return NetworkState.UNKNOWN
        raise
