"""One libvirt connection: opened, used and closed on a lane of its own.

A virConnect that is freed on the event loop's thread can hang, because that same thread pumps the forwarded socket it
would say good-bye over. So the object lives and dies on the lane's thread, and only frozen data comes back from there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

import libvirt

from backends.errors import LinkError
from backends.hypervisor import eventloop
from backends.hypervisor.errors import translated
from backends.hypervisor.lane import Lane

T = TypeVar("T")

KEEPALIVE_INTERVAL_S = 3
KEEPALIVE_COUNT = 2
"""libvirt itself closes a silent connection after interval x (count + 1), which frees calls that hang in it."""
OPEN_DEADLINE_S = 8.0
CALL_DEADLINE_S = 5.0


class DomainEventKind(Enum):
    """Which of libvirt's domain events came."""

    LIFECYCLE = "lifecycle"
    CHANGED = "changed"
    """The definition, a device or the memory of a guest is different now."""
    ITERATION = "iteration"
    """A migration begins another pass over the memory."""
    JOB_COMPLETED = "job completed"


@dataclass(frozen=True, slots=True)
class DomainEvent:
    """An event of one guest, as frozen data."""

    uuid: str
    kind: DomainEventKind
    switching: bool = False
    """For LIFECYCLE: a migration has stopped the guest to switch over."""
    iteration: int = 0
    statistics: Mapping[str, int] = field(default_factory=dict)
    """For JOB_COMPLETED: virDomainGetJobStats' fields."""


EventListener = Callable[[DomainEvent], None]


class _Held:
    """What belongs to the lane's thread alone."""

    def __init__(self) -> None:
        self.connection: Any = None
        self.callbacks: list[int] = []


class Connection:
    """An open connection. Its methods are called on the event loop's thread; work runs on the lane's."""

    def __init__(self, uri: str, host: str) -> None:
        self.uri = uri
        self.host = host
        self.closed = asyncio.Event()
        """Set when either side has ended the connection; `close_reason` says why."""
        self.close_reason = ""
        self._held = _Held()
        self._lane = Lane(host, farewell=self._shut)
        self._slow_lane: Lane | None = None
        self._listener: EventListener | None = None

    @classmethod
    async def open(
        cls,
        uri: str,
        *,
        host: str,
        listener: EventListener | None = None,
        deadline_s: float = OPEN_DEADLINE_S,
    ) -> Connection:
        """Open `uri`. `listener` hears each domain event, on the event loop's thread. Raises FerryError."""
        eventloop.ensure_running()
        connection = cls(uri, host)
        connection._listener = listener
        loop = asyncio.get_running_loop()
        try:
            with translated(host, f"open {uri.partition('?')[0]}"):
                await connection._lane.call(lambda: connection._open(loop), deadline_s=deadline_s)
        except BaseException:
            connection.close()
            raise
        return connection

    def _open(self, loop: asyncio.AbstractEventLoop) -> None:
        held = self._held
        held.connection = libvirt.openAuth(self.uri, [[], _no_credentials, None], 0)
        with contextlib.suppress(libvirt.libvirtError):  # local drivers have no keepalive
            held.connection.setKeepAlive(KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT)
        with contextlib.suppress(libvirt.libvirtError):  # nor a close callback
            held.connection.registerCloseCallback(_close_callback(loop, self._was_closed), None)
        if self._listener is not None:
            held.callbacks = _register(held.connection, loop, self._heard)

    async def call(
        self, operation: str, work: Callable[[Any], T], *, deadline_s: float = CALL_DEADLINE_S
    ) -> T:
        """Run `work(virConnect)` on the lane. It must return frozen data only. Raises FerryError."""
        if self.closed.is_set():
            raise LinkError(self.close_reason, host=self.host, operation=operation)
        with translated(self.host, operation):
            return await self._lane.call(lambda: work(self._held.connection), deadline_s=deadline_s)

    async def call_slow(self, operation: str, work: Callable[[Any], T], *, deadline_s: float | None) -> T:
        """As `call`, for what may take long: on a second lane, so that nothing queues up behind it."""
        if self.closed.is_set():
            raise LinkError(self.close_reason, host=self.host, operation=operation)
        if self._slow_lane is None or self._slow_lane.abandoned:
            self._slow_lane = Lane(f"{self.host}-slow")
        with translated(self.host, operation):
            return await self._slow_lane.call(lambda: work(self._held.connection), deadline_s=deadline_s)

    def close(self) -> None:
        """Say good-bye without waiting: the lane closes when its running call has returned."""
        self._listener = None
        if self._slow_lane is not None:
            self._slow_lane.abandon()
        self._lane.abandon()
        self._was_closed("closed here")

    def _shut(self) -> None:
        held, self._held = self._held, _Held()
        if held.connection is None:
            return
        with contextlib.suppress(libvirt.libvirtError):  # it may be dead already, and that is fine here
            for callback in held.callbacks:
                held.connection.domainEventDeregisterAny(callback)
            held.connection.unregisterCloseCallback()
        with contextlib.suppress(libvirt.libvirtError):
            held.connection.close()

    def _was_closed(self, reason: str) -> None:
        if not self.closed.is_set():
            self.close_reason = reason
            self.closed.set()

    def _heard(self, event: DomainEvent) -> None:
        if self._listener is not None:
            self._listener(event)


def _no_credentials(_credentials: list[Any], _opaque: object) -> int:
    return -1


_CLOSE_REASONS = {
    libvirt.VIR_CONNECT_CLOSE_REASON_ERROR: "the connection broke",
    libvirt.VIR_CONNECT_CLOSE_REASON_EOF: "the host closed the connection",
    libvirt.VIR_CONNECT_CLOSE_REASON_KEEPALIVE: "no answer to keepalive messages",
    libvirt.VIR_CONNECT_CLOSE_REASON_CLIENT: "closed here",
}


def _close_callback(
    loop: asyncio.AbstractEventLoop, closed: Callable[[str], None]
) -> Callable[[Any, int, object], None]:
    def callback(_connection: Any, reason: int, _opaque: object) -> None:
        _tell(loop, closed, _CLOSE_REASONS.get(reason, "closed"))

    return callback


def _tell(loop: asyncio.AbstractEventLoop, receiver: Callable[[Any], None], value: object) -> None:
    """Hand a value to the event loop from libvirt's thread; a loop that has closed needs it no more."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(receiver, value)


_SWITCHING = (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED)


def _register(
    connection: Any, loop: asyncio.AbstractEventLoop, heard: Callable[[DomainEvent], None]
) -> list[int]:
    """Subscribe to what changes the inventory or tells of a job; drivers that lack an event are left without it."""

    def sender(make: Callable[..., DomainEvent]) -> Callable[..., None]:
        def callback(_connection: Any, domain: Any, *details: Any) -> None:
            _tell(loop, heard, make(domain.UUIDString(), *details))

        return callback

    def of(kind: DomainEventKind) -> Callable[..., DomainEvent]:
        return lambda uuid, *_details: DomainEvent(uuid, kind)

    changed = of(DomainEventKind.CHANGED)
    wanted: dict[int, Callable[..., DomainEvent]] = {
        libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE: lambda uuid, event, detail, _opaque: DomainEvent(
            uuid, DomainEventKind.LIFECYCLE, switching=(event, detail) == _SWITCHING
        ),
        libvirt.VIR_DOMAIN_EVENT_ID_REBOOT: of(DomainEventKind.LIFECYCLE),
        libvirt.VIR_DOMAIN_EVENT_ID_IO_ERROR: of(DomainEventKind.LIFECYCLE),
        libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED: changed,
        libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED: changed,
        libvirt.VIR_DOMAIN_EVENT_ID_DISK_CHANGE: changed,
        libvirt.VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION: lambda uuid, iteration, _opaque: DomainEvent(
            uuid, DomainEventKind.ITERATION, iteration=iteration
        ),
        libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED: lambda uuid, statistics, _opaque: DomainEvent(
            uuid, DomainEventKind.JOB_COMPLETED, statistics=dict(statistics)
        ),
    }
    callbacks = []
    for event, make in wanted.items():
        with contextlib.suppress(libvirt.libvirtError):
            callbacks.append(connection.domainEventRegisterAny(None, event, sender(make), None))
    return callbacks
