"""libvirt's domain events as frozen data, handed to the event loop from libvirt's own thread."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import libvirt

from backends.model.crash import CrashKind
from backends.untrusted import clean


class DomainEventKind(Enum):
    """Which of libvirt's domain events came."""

    LIFECYCLE = "lifecycle"
    CHANGED = "changed"
    """A device or the medium of a guest is different now."""
    JOB_BEGAN = "job began"
    """The first pass over the memory of a migration, a save or a dump."""
    JOB_COMPLETED = "job completed"


@dataclass(frozen=True, slots=True)
class CrashTold:
    """What an event tells of a crash."""

    kind: CrashKind
    words: str
    """Safe to show: `guest crashed (panicked)`."""
    path: str = ""
    """Of the disk that could not be read or written; to be used, never to be shown."""
    device: str = ""
    """What `words` calls that disk, by QEMU's alias: `virtio-disk0`."""


@dataclass(frozen=True, slots=True)
class DomainEvent:
    """An event of one guest."""

    uuid: str
    kind: DomainEventKind
    switching: bool = False
    """For LIFECYCLE: a migration has stopped the guest to switch over."""
    postcopy: bool = False
    """For LIFECYCLE: a migration has gone into post-copy."""
    crash: CrashTold | None = None
    """For LIFECYCLE."""
    statistics: Mapping[str, int] = field(default_factory=dict)
    """For JOB_COMPLETED: virDomainGetJobStats' fields."""


EventListener = Callable[[DomainEvent], None]

_SWITCHING = (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED)
_CRASHES = {
    (libvirt.VIR_DOMAIN_EVENT_CRASHED, libvirt.VIR_DOMAIN_EVENT_CRASHED_PANICKED): CrashTold(
        CrashKind.PANIC, "guest crashed (panicked)"
    ),
    (libvirt.VIR_DOMAIN_EVENT_CRASHED, libvirt.VIR_DOMAIN_EVENT_CRASHED_CRASHLOADED): CrashTold(
        CrashKind.PANIC, "guest crashed (its own crash kernel runs)"
    ),
    (libvirt.VIR_DOMAIN_EVENT_STOPPED, libvirt.VIR_DOMAIN_EVENT_STOPPED_CRASHED): CrashTold(
        CrashKind.PANIC, "stopped (crashed)"
    ),
    (libvirt.VIR_DOMAIN_EVENT_STOPPED, libvirt.VIR_DOMAIN_EVENT_STOPPED_FAILED): CrashTold(
        CrashKind.ENDED, "stopped (failed)"
    ),
    (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_IOERROR): CrashTold(
        CrashKind.IO_ERROR, "paused (I/O error)"
    ),
}
"""libvirt-domain.html#virDomainEventType and the ...DetailType enums below it. After a panic a
guest is stopped (crashed); one whose QEMU is gone is stopped (failed), and so is one that did not start or not arrive
(libvirt's src/qemu/qemu_driver.c, processGuestPanicEvent; src/qemu/qemu_process.c)."""
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
        crash=_CRASHES.get((event, detail)),
    )


def _io_error(
    uuid: str, path: str, device: str, action: int, reason: str = "", *_opaque: object
) -> DomainEvent:
    """Only a guest that stands still for it has crashed: otherwise its own system deals with the error."""
    if action != libvirt.VIR_DOMAIN_EVENT_IO_ERROR_PAUSE:
        return DomainEvent(uuid, DomainEventKind.LIFECYCLE)
    trouble = {"enospc": "no space left", "": "no reason told"}.get(reason, reason)
    called = clean(device or path)
    words = clean(f"I/O error: {called}, {trouble} (paused)")
    told = CrashTold(CrashKind.IO_ERROR, words, path, called)
    return DomainEvent(uuid, DomainEventKind.LIFECYCLE, crash=told)


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
    libvirt.VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON: _io_error,
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED: _changed,
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED: _changed,
    libvirt.VIR_DOMAIN_EVENT_ID_DISK_CHANGE: _changed,
    libvirt.VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION: _job_began,
    libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED: _job_completed,
}
