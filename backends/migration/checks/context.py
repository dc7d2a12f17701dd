"""What every check may look at."""

from __future__ import annotations

from dataclasses import dataclass

from backends.fleet.session import Session
from backends.hypervisor.connection import Connection
from backends.model.fleet import HostView
from backends.model.guest import Guest
from backends.model.move import MoveRequest


@dataclass(frozen=True, slots=True)
class Context:
    """One request, with both ends open."""

    request: MoveRequest
    guest: Guest
    source_view: HostView
    destination_view: HostView
    source: Session
    destination: Session

    @property
    def source_connection(self) -> Connection:
        """The source's libvirt. Raises LinkError."""
        return self.source.connection(self.request.guest.driver)

    @property
    def destination_connection(self) -> Connection:
        """The destination's libvirt, of the same driver. Raises LinkError."""
        return self.destination.connection(self.request.guest.driver)
