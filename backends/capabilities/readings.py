"""What hosts tell for a comparison: read once from each, all at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from backends.errors import FerryError
from backends.fleet.session import Session
from backends.fleet.supervisor import Supervisor
from backends.hypervisor.all_needs import NamedNeeds, read_all_needs
from backends.hypervisor.connection import Connection
from backends.hypervisor.host_model import GivenCpu, read_host_model
from backends.hypervisor.host_offers import HostOffers, read_offers
from backends.model.host import HostName


@dataclass(frozen=True, slots=True)
class DriverReading:
    """What one driver of a host told."""

    offers: HostOffers
    processor: GivenCpu
    guests: tuple[NamedNeeds, ...]


@dataclass(frozen=True, slots=True)
class HostReading:
    """One host that answered."""

    host: HostName
    drivers: Mapping[str, DriverReading]
    trouble: str = ""
    """Why a driver of it does not answer; empty when all do."""
    session: Session | None = field(default=None, compare=False, repr=False)

    def connection(self, driver: str) -> Connection:
        """For questions that follow. Raises LinkError."""
        assert self.session is not None
        return self.session.connection(driver)

    @property
    def main(self) -> str:
        """The driver that gives a new guest its processor; empty where the host has none at all."""
        with_processor = (name for name, driver in self.drivers.items() if driver.processor.xml)
        return next(with_processor, next(iter(self.drivers), ""))


LeftOut = tuple[tuple[HostName, str], ...]
"""Hosts that could not be asked, with the reason."""


async def read_hosts(hosts: Sequence[Supervisor]) -> tuple[tuple[HostReading, ...], LeftOut]:
    """Those that answered, in their order, and the others."""
    found = await asyncio.gather(*(_read(host) for host in hosts))
    failed = [
        (host.name, reading.cause)
        for host, reading in zip(hosts, found, strict=True)
        if isinstance(reading, FerryError)
    ]
    return tuple(reading for reading in found if isinstance(reading, HostReading)), tuple(failed)


async def _read(host: Supervisor) -> HostReading | FerryError:
    try:
        session = host.current()
        drivers = {name: await _read_driver(session.connection(name)) for name in tuple(session.connections)}
        return HostReading(host.name, drivers, session.trouble, session)
    except FerryError as error:
        return error


async def _read_driver(connection: Connection) -> DriverReading:
    """The short question first: a host that is silent is found out by it."""
    offers = await read_offers(connection)
    processor = await read_host_model(connection)
    return DriverReading(offers, processor, await read_all_needs(connection))
