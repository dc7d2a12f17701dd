"""What a host is: name, processors, memory, versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import libvirt

from backends.errors import ActionError
from backends.hypervisor.connection import Connection
from backends.hypervisor.host_capabilities import parse_capabilities
from backends.hypervisor.inventory import KIB
from backends.model.host import Driver, HostFacts
from backends.untrusted import clean


async def read_facts(connection: Connection, driver: str) -> HostFacts:
    """Facts of one host as one driver sees it. Raises FerryError."""
    return await connection.call("read host facts", lambda conn: _read(conn, driver))


def _read(conn: Any, driver: str) -> HostFacts:
    arch, memory_mib, cpus, *_ = conn.getInfo()
    capabilities = _capabilities(conn)
    return HostFacts(
        hostname=clean(conn.getHostname()),
        uuid=capabilities.uuid,
        arch=capabilities.arch or clean(arch),
        cpu_model=capabilities.cpu_model or clean(arch),
        cpus=cpus,
        memory_bytes=memory_mib * KIB * KIB,
        drivers=(
            Driver(
                name=driver,
                hypervisor=clean(conn.getType()),
                libvirt_version=version(conn.getLibVersion()),
                hypervisor_version=version(_hypervisor_version(conn)),
                migrates=capabilities.migrates,
            ),
        ),
    )


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What formatcaps.html calls the host's part; empty where it is not said."""

    uuid: str = ""
    arch: str = ""
    cpu_model: str = ""
    migrates: bool = True


def _capabilities(conn: Any) -> Capabilities:
    try:
        return read_capabilities(conn.getCapabilities())
    except (libvirt.libvirtError, ActionError):  # facts that are nice to have
        return Capabilities()


def read_capabilities(xml: str) -> Capabilities:
    """Pure. Raises ActionError for what is no XML."""
    told = parse_capabilities(xml)
    return Capabilities(told.uuid, told.cpu.arch, told.cpu.model, told.migrates)


def _hypervisor_version(conn: Any) -> int:
    try:
        return int(conn.getVersion())
    except libvirt.libvirtError:
        return 0


def version(number: int) -> str:
    """libvirt's 1000000 x major + 1000 x minor + release -> `9.0.0`; empty for 0."""
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}" if number else ""
