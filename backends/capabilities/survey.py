"""One host, asked what it can do: what libvirt says, and one command's worth of the host's own files."""

from __future__ import annotations

from backends.fleet.session import Session
from backends.model.capability import HostCapabilities


async def survey(session: Session) -> HostCapabilities:
    """Raises FerryError when the host does not answer; what a part of it does not tell is a fact's trouble."""
    raise NotImplementedError(session.host)
