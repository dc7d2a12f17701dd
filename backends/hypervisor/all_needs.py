"""What all guests of a host ask for, read at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import libvirt

from backends.errors import ActionError, LinkError
from backends.hypervisor.connection import Connection
from backends.hypervisor.errors import translate
from backends.hypervisor.guest_needs import GuestNeeds, parse_needs
from backends.hypervisor.inventory import DEFINITIONS_DEADLINE_S
from backends.untrusted import clean


@dataclass(frozen=True, slots=True)
class NamedNeeds:
    """One guest's. Texts are safe to show."""

    uuid: str
    name: str
    active: bool
    needs: GuestNeeds | None
    """None: its definition could not be read, and `trouble` says why."""
    trouble: str = ""


async def read_all_needs(connection: Connection) -> tuple[NamedNeeds, ...]:
    """Of the definitions in force, live where a guest is active. Raises FerryError.

    Aside: libvirt sends one definition a round trip. One sick guest hides no other.
    """

    def work(conn: Any) -> tuple[NamedNeeds, ...]:
        found = (_read(domain) for domain in conn.listAllDomains(0))
        return tuple(one for one in found if one is not None)

    return await connection.call_aside("read all guests' needs", work, deadline_s=DEFINITIONS_DEADLINE_S)


def _read(domain: Any) -> NamedNeeds | None:
    """None for a guest that is gone since the list was made."""
    uuid, name, active = domain.UUIDString(), clean(domain.name()), domain.ID() >= 0
    try:
        return NamedNeeds(uuid, name, active, parse_needs(domain.XMLDesc(0), active=active))
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        told = translate(error, "", "")
        if isinstance(told, LinkError):
            raise
        return NamedNeeds(uuid, name, active, None, told.cause)
    except ActionError as error:
        return NamedNeeds(uuid, name, active, None, error.cause)
