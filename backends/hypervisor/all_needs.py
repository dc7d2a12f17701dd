"""What all guests of a host ask for, read at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backends.errors import ActionError
from backends.hypervisor.connection import Connection
from backends.hypervisor.definition import read_definition
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
    definition = read_definition(domain)
    if definition is None:
        return None
    if definition.trouble:
        return NamedNeeds(uuid, name, active, None, definition.trouble)
    try:
        return NamedNeeds(uuid, name, active, parse_needs(definition.xml, active=active))
    except ActionError as error:
        return NamedNeeds(uuid, name, active, None, error.cause)
