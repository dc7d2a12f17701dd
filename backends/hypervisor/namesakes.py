"""Guests of another host that bear a guest's name or UUID already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import libvirt

from backends.hypervisor.connection import Connection


@dataclass(frozen=True, slots=True)
class Namesake:
    """A guest on another host that has the same name or UUID."""

    uuid: str
    name: str
    active: bool


async def read_name(connection: Connection, uuid: str) -> str:
    """The guest's name as libvirt has it: for comparing, never for showing. Raises FerryError."""
    return await connection.call("read a name", lambda conn: str(conn.lookupByUUIDString(uuid).name()))


async def find_namesakes(connection: Connection, uuid: str, name: str) -> tuple[Namesake, ...]:
    """Guests there with this UUID or this name. Raises FerryError."""

    def work(conn: Any) -> tuple[Namesake, ...]:
        found: dict[str, Namesake] = {}
        for look, value in ((conn.lookupByUUIDString, uuid), (conn.lookupByName, name)):
            try:
                domain = look(value)
            except libvirt.libvirtError as error:
                if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                    continue
                raise
            found[domain.UUIDString()] = Namesake(domain.UUIDString(), domain.name(), bool(domain.isActive()))
        return tuple(found.values())

    return await connection.call("look for namesakes", work)
