"""What every check may look at."""

from __future__ import annotations

from dataclasses import dataclass, field

from backends.fleet.session import Session
from backends.hypervisor.connection import Connection
from backends.hypervisor.guest_needs import GuestNeeds, read_needs
from backends.hypervisor.host_offers import HostOffers, read_offers
from backends.hypervisor.whereabouts import Whereabouts, whereabouts
from backends.migration.checks.once import Once
from backends.model.fleet import HostView
from backends.model.guest import Guest
from backends.model.host import Driver
from backends.model.move import MoveMode, MoveRequest
from backends.probes import qemu_conf
from backends.probes.qemu_conf import QemuConf

SIMULATED = "test"
"""libvirt's in-process test driver: its memory, disks and networks are made up, and prove nothing."""


@dataclass(frozen=True, slots=True)
class Context:
    """One request, with both ends open. What several checks ask is asked once."""

    request: MoveRequest
    guest: Guest
    source_view: HostView
    destination_view: HostView
    source: Session
    destination: Session
    once: Once = field(default_factory=Once, compare=False, repr=False)

    @property
    def source_connection(self) -> Connection:
        """The source's libvirt. Raises LinkError."""
        return self.source.connection(self.request.guest.driver)

    @property
    def destination_connection(self) -> Connection:
        """The destination's libvirt, of the same driver. Raises LinkError."""
        return self.destination.connection(self.request.guest.driver)

    @property
    def drivers(self) -> tuple[Driver | None, Driver | None]:
        """What is known of the guest's driver on the source and on the destination."""
        return _driver(self.source_view, self.driver), _driver(self.destination_view, self.driver)

    @property
    def driver(self) -> str:
        """libvirt's name of the guest's driver."""
        return self.request.guest.driver

    @property
    def carried_by_libvirt(self) -> bool:
        """Does libvirt itself carry the guest over? Else the engine does, over its own two connections."""
        return self.request.mode in (MoveMode.LIVE, MoveMode.PAUSED)

    async def needs(self) -> GuestNeeds:
        """What the guest's definition asks of a host. Raises FerryError."""
        uuid = self.request.guest.uuid
        return await self.once.get("needs", lambda: read_needs(self.source_connection, uuid))

    async def offers(self) -> HostOffers:
        """What the destination's hypervisor offers. Raises FerryError."""
        return await self.once.get("offers", lambda: read_offers(self.destination_connection))

    async def seen(self) -> Whereabouts:
        """The guest's state on the source, asked anew. Raises FerryError."""
        uuid = self.request.guest.uuid
        return await self.once.get("seen", lambda: whereabouts(self.source_connection, uuid))

    async def qemu_conf(self, session: Session) -> QemuConf:
        """How one of the two hosts' QEMU driver is configured, as far as it may be read. Raises FerryError."""
        return await self.once.get(("qemu.conf", session.host), lambda: qemu_conf.read(session.shell))


def _driver(view: HostView, name: str) -> Driver | None:
    drivers = view.facts.drivers if view.facts else ()
    return next((driver for driver in drivers if driver.name == name), None)
