"""libvirt's domain events as frozen data, handed to the event loop from libvirt's own thread."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import libvirt


class DomainEventKind(Enum):
    """Which of libvirt's domain events came."""

    LIFECYCLE = "lifecycle"
    CHANGED = "changed"
    """A device or the medium of a guest is different now."""
    JOB_BEGAN = "job began"
    """The first pass over the memory of a migration, a save or a dump."""
    JOB_COMPLETED = "job completed"


@dataclass(frozen=True, slots=True)
class DomainEvent:
    """An event of one guest."""

    uuid: str
    kind: DomainEventKind
    switching: bool = False
    """For LIFECYCLE: a migration has stopped the guest to switch over."""
    postcopy: bool = False
    """For LIFECYCLE: a migration has gone into post-copy."""
    statistics: Mapping[str, int] = field(default_factory=dict)
    """For JOB_COMPLETED: virDomainGetJobStats' fields."""


EventListener = Callable[[DomainEvent], None]

_SWITCHING = (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED)
_POSTCOPY = (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY)


def tell(loop: asyncio.AbstractEventLoop, receiver: Callable[[Any], None], value: object) -> None:
    """Hand a value to the event loop from libvirt's thread; a loop that has closed needs it no more."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(receiver, value)


def register(connection: Any, loop: asyncio.AbstractEventLoop, heard: EventListener) -> list[int]:
    """Subscribe to what changes the inventory or tells of a job; returns what to deregister.

    Drivers that lack an event are left without it. On a lane's thread.
    """

    def sender(make: Callable[..., DomainEvent | None]) -> Callable[..., None]:
        def callback(_connection: Any, domain: Any, *details: Any) -> None:
            event = make(domain.UUIDString(), *details)
            if event is not None:
                tell(loop, heard, event)

        return callback

    callbacks = []
    for event, make in _WANTED.items():
        with contextlib.suppress(libvirt.libvirtError):
            callbacks.append(connection.domainEventRegisterAny(None, event, sender(make), None))
    return callbacks


def _lifecycle(uuid: str, event: int, detail: int, *_opaque: object) -> DomainEvent:
    return DomainEvent(
        uuid,
        DomainEventKind.LIFECYCLE,
        switching=(event, detail) == _SWITCHING,
        postcopy=(event, detail) == _POSTCOPY,
    )


def _life(uuid: str, *_details: object) -> DomainEvent:
    return DomainEvent(uuid, DomainEventKind.LIFECYCLE)


def _changed(uuid: str, *_details: object) -> DomainEvent:
    return DomainEvent(uuid, DomainEventKind.CHANGED)


def _job_began(uuid: str, iteration: int, *_opaque: object) -> DomainEvent | None:
    return DomainEvent(uuid, DomainEventKind.JOB_BEGAN) if iteration == 1 else None


def _job_completed(uuid: str, statistics: Mapping[str, int], *_opaque: object) -> DomainEvent:
    return DomainEvent(uuid, DomainEventKind.JOB_COMPLETED, statistics=dict(statistics))


_WANTED: dict[int, Callable[..., DomainEvent | None]] = {
    libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE: _lifecycle,
    libvirt.VIR_DOMAIN_EVENT_ID_REBOOT: _life,
    libvirt.VIR_DOMAIN_EVENT_ID_IO_ERROR: _life,
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED: _changed,
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED: _changed,
    libvirt.VIR_DOMAIN_EVENT_ID_DISK_CHANGE: _changed,
    libvirt.VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION: _job_began,
    libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED: _job_completed,
}
