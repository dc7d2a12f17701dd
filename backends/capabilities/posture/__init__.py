"""How safe a host and its guests are set up: all is read at once, each topic judges by itself, worst first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain

from backends.capabilities.posture import (
    access,
    confinement,
    definitions,
    firmware,
    kernel,
    migration,
    processor,
    qemu_process,
    screens,
    underneath,
)
from backends.capabilities.posture.looked import Looked, worst_first
from backends.capabilities.posture.looking import look
from backends.fleet.session import Session
from backends.model.fleet import HostView
from backends.model.posture import Finding, Posture

TOPICS: tuple[Callable[[Looked], Iterator[Finding]], ...] = (
    confinement.confinement,
    qemu_process.user,
    qemu_process.system_calls,
    qemu_process.devices,
    screens.screens,
    firmware.protected_guests,
    definitions.definitions,
    access.network,
    access.unix_sockets,
    migration.migration,
    processor.flaws,
    processor.smt,
    processor.microcode,
    processor.nesting,
    processor.same_pages,
    kernel.secure_boot,
    kernel.locked_down,
    kernel.taint,
    underneath.underneath,
)


async def read(session: Session, view: HostView) -> Posture:
    """Two commands on the host and one call for each driver, all at once.

    Raises FerryError when the host does not answer at all; a part that does not is a finding that says so.
    """
    looked = await look(session, view.link)
    found = chain(looked.missed, *(topic(looked) for topic in TOPICS))
    return Posture(session.host, datetime.now(UTC), worst_first(found))
