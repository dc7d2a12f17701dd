"""How safe a host and its guests are set up."""

from __future__ import annotations

from backends.fleet.session import Session
from backends.model.fleet import HostView
from backends.model.posture import Posture


async def read(session: Session, view: HostView) -> Posture:
    """Raises FerryError when the host does not answer at all."""
    raise NotImplementedError(session.host, view.spec.name)
