"""One libvirt connection: opened, used and closed on threads of its own.

A virConnect that is freed on the event loop's thread can hang, because that same thread pumps the forwarded socket it
would say good-bye over. So the object lives and dies on lanes, and only frozen data comes back from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import libvirt

from backends.errors import DeadlineError, LinkError
from backends.hypervisor import eventloop
from backends.hypervisor.errors import translated
from backends.hypervisor.events import EventListener, register, tell
from backends.hypervisor.lane import Lane

T = TypeVar("T")

KEEPALIVE_INTERVAL_S = 3
KEEPALIVE_COUNT = 2
"""libvirt itself closes a silent connection after interval x (count + 1), which frees calls that hang in it."""
OPEN_DEADLINE_S = 8.0
CALL_DEADLINE_S = 5.0
MAX_ASIDE = 2
"""Long calls at once. A server takes 5 requests of one client and keepalives count (libvirtd.conf)."""


class OpeningHangsError(DeadlineError):
    """The host let us in and then said nothing. `gone` is set when the call that opens has come back after all."""

    def __init__(self, error: DeadlineError, gone: asyncio.Event) -> None:
        super().__init__(error.cause, host=error.host, operation=error.operation, hint=error.hint)
        self.gone = gone


class Connection:
    """An open connection. Its methods are called on the event loop's thread; work runs on lanes."""

    def __init__(self, uri: str, host: str, listener: EventListener | None) -> None:
        self.uri = uri
        self.host = host
        self.closed = asyncio.Event()
        """Set when either side has ended the connection; `close_reason` says why."""
        self.close_reason = ""
        self.hanging: set[str] = set()
        """What calls wait for, here or on connections beside this one. Where they missed their deadlines: what nobody
        should ask for again yet."""
        self.without_bulk = False
        """Its driver has refused to tell the statistics of all guests in one call."""
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._handle = _Handle(uri)
        self._gone = asyncio.Event()
        self._aside = asyncio.Semaphore(MAX_ASIDE)
        self._lane = self._new_lane(host)

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
        connection = cls(uri, host, listener)
        try:
            with translated(host, f"open {uri.partition('?')[0]}"):
                await connection._lane.call(connection._open, deadline_s=deadline_s)
        except DeadlineError as error:
            connection.close()
            raise OpeningHangsError(error, connection._gone) from error
        except BaseException:  # a cancellation too: what was opened must not stay open
            connection.close()
            raise
        return connection

    def _open(self) -> None:
        heard = None if self._listener is None else self._heard
        self._handle.open(self._loop, heard, self._was_closed)

    @property
    def usable(self) -> bool:
        """Can calls still be made? Not after one that never returned."""
        return not self.closed.is_set() and not self._lane.abandoned

    async def call(
        self, operation: str, work: Callable[[Any], T], *, deadline_s: float = CALL_DEADLINE_S
    ) -> T:
        """Run `work(virConnect)` on the lane. It must return frozen data only. Raises FerryError."""
        self._must_be_open(operation)
        with translated(self.host, operation):
            return await self._lane.call(lambda: work(self._handle.connection), deadline_s=deadline_s)

    async def call_aside(self, operation: str, work: Callable[[Any], T], *, deadline_s: float | None) -> T:
        """As `call`, for what may take long: on a thread of its own, so that nothing queues up behind it."""
        async with self._aside:
            self._must_be_open(operation)
            lane = self._new_lane(f"{self.host}-aside")
            try:
                with translated(self.host, operation):
                    return await lane.call(lambda: work(self._handle.connection), deadline_s=deadline_s)
            finally:
                lane.abandon()

    async def call_aside_with(self, other: Connection, operation: str, work: Callable[[Any, Any], T]) -> T:
        """As `call_aside`, without a deadline, for work on two connections at once: neither is closed meanwhile."""
        other._must_be_open(operation)

        def both(conn: Any) -> T:
            other._handle.enter()
            try:
                return work(conn, other._handle.connection)
            finally:
                other._leave()

        return await self.call_aside(operation, both, deadline_s=None)

    def close(self) -> None:
        """Say good-bye without waiting: the connection is closed when its running calls have returned."""
        self._listener = None
        self._lane.abandon()
        self._was_closed("closed here")

    def _must_be_open(self, operation: str) -> None:
        if self.closed.is_set():
            raise LinkError(self.close_reason, host=self.host, operation=operation)

    def _new_lane(self, name: str) -> Lane:
        self._handle.enter()
        return Lane(name, farewell=self._leave)

    def _leave(self) -> None:
        if self._handle.leave():
            tell(self._loop, lambda _none: self._gone.set(), None)

    def _was_closed(self, reason: str) -> None:
        if not self.closed.is_set():
            self.close_reason = reason
            self.closed.set()

    def _heard(self, event: Any) -> None:
        if self._listener is not None:
            self._listener(event)


class _Handle:
    """The virConnect itself. The last lane that leaves closes it, so that none is ever inside a closed one."""

    def __init__(self, uri: str) -> None:
        self.connection: Any = None
        self._uri = uri
        self._callbacks: list[int] = []
        self._lanes = 0
        self._left = False
        self._lock = threading.Lock()

    def open(
        self, loop: asyncio.AbstractEventLoop, heard: EventListener | None, closed: Callable[[str], None]
    ) -> None:
        """On a lane."""
        self.connection = libvirt.openAuth(self._uri, [[], _no_credentials, None], 0)
        if not self._in_process:
            with contextlib.suppress(libvirt.libvirtError):  # drivers that need no daemon have no keepalive
                self.connection.setKeepAlive(KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT)
            with contextlib.suppress(libvirt.libvirtError):  # nor a connection that could be lost
                self.connection.registerCloseCallback(_close_callback(loop, closed), None)
        if heard is not None:
            self._callbacks = register(self.connection, loop, heard)

    def enter(self) -> None:
        """One lane more. Raises LinkError when the last one has left already: it was given up, and is being closed."""
        with self._lock:
            if self._left:
                raise LinkError("the connection was given up, as the host did not answer in time")
            self._lanes += 1

    def leave(self) -> bool:
        """One lane less; True when it was the last, and has closed the connection. On that lane."""
        with self._lock:
            self._lanes -= 1
            if self._lanes:
                return False
            self._left = True
        if self.connection is not None:
            self._close()
        return True

    def _close(self) -> None:
        """Every step by itself: a dead connection fails the first, and what is not taken back is never freed."""
        for callback in self._callbacks:
            with contextlib.suppress(libvirt.libvirtError):
                self.connection.domainEventDeregisterAny(callback)
        if not self._in_process:
            with contextlib.suppress(libvirt.libvirtError):
                self.connection.unregisterCloseCallback()
        with contextlib.suppress(libvirt.libvirtError):
            self.connection.close()
        self.connection = None

    @property
    def _in_process(self) -> bool:
        return self._uri.startswith("test:")


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
        tell(loop, closed, _CLOSE_REASONS.get(reason, "closed"))

    return callback
