"""A host's iSCSI: what a portal offers, logging in and out, and looking anew after a LUN grew."""

from __future__ import annotations

from backends.fleet.supervisor import Supervisor
from backends.model.fleet import FleetState
from backends.model.storage import IscsiLogin, IscsiTarget


async def discover(host: Supervisor, portal: str) -> tuple[IscsiTarget, ...]:
    """Raises FerryError."""
    raise NotImplementedError(host.name, portal)


async def log_in(host: Supervisor, login: IscsiLogin) -> None:
    """Raises FerryError."""
    raise NotImplementedError(host.name, login)


async def log_out(host: Supervisor, login: IscsiLogin, state: FleetState) -> None:
    """Raises ActionError while a guest that is active has a disk there."""
    raise NotImplementedError(host.name, login, len(state.hosts))
