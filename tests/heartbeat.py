"""A guest's heartbeat, received from outside: a numbered datagram every 20 ms (hb= in guest_init.c)."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType
from typing import Self

from backends.lab.errors import LabError
from tests.bench.figures import largest_gap

INTERVAL_MS = 20
"""Between two heartbeats, by the guest's own clock, which stands still when the guest does."""
_HEARTBEAT = re.compile(rb"hb (\d+) \d+")
_FIRST_OF_A_LIFE = 25
"""A number below this, after a much higher one, is a guest that has just booted anew."""
_MOST_BYTES = 128
_LOOK_EVERY_S = 0.2
_SO_TIMESTAMPNS = 35
"""Linux: the kernel says when a datagram came (socket(7)). Python has no name for it."""
_TIMESPEC = struct.Struct("@ll")


@dataclass(frozen=True, slots=True)
class Beat:
    """One heartbeat: its number, and when the kernel got it (seconds since the epoch)."""

    number: int
    seen_s: float


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a series of heartbeats says about the guest."""

    gap_ms: float
    """The longest time between two of them. A guest that never stops has about INTERVAL_MS."""
    lost: int
    """Heartbeats that never came."""
    repeated: int
    """Such as came twice or out of turn: two guests, or one that was set back."""


def judge(beats: tuple[Beat, ...]) -> Pulse:
    """Pure."""
    steps = [after.number - before.number for before, after in pairwise(beats)]
    return Pulse(
        gap_ms=largest_gap([beat.seen_s for beat in beats]) * 1000,
        lost=sum(step - 1 for step in steps if step > 1),
        repeated=sum(step < 1 for step in steps),
    )


def heard_twice(beats: Iterable[Beat]) -> tuple[int, ...]:
    """Numbers that came again in one life of the guest: two of it ran at once, or one was set back. Pure.

    Two guests that run at once send the same numbers, whatever the console's file shows.
    """
    again: list[int] = []
    seen: set[int] = set()
    for beat in beats:
        if beat.number < _FIRST_OF_A_LIFE and max(seen, default=0) > 2 * _FIRST_OF_A_LIFE:
            seen.clear()  # booted anew
        if beat.number in seen:
            again.append(beat.number)
        seen.add(beat.number)
    return tuple(again)


class Heartbeats:
    """Receives while it is entered, on a thread of its own, of which the times do not depend."""

    def __init__(self, address: str) -> None:
        """`address` is one of this machine's that the guest can send to."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.settimeout(_LOOK_EVERY_S)
        self._socket.bind((address, 0))
        self._beats: list[Beat] = []
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._receive, name="heartbeats", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    @property
    def argument(self) -> str:
        """For the guest: where to send them."""
        address, port = self._socket.getsockname()
        return f"hb={address}:{port}"

    def forget(self) -> None:
        """Begin anew."""
        with self._changed:
            self._beats.clear()

    def pulse(self) -> Pulse:
        """Since it was begun."""
        with self._changed:
            return judge(tuple(self._beats))

    @property
    def heard_twice(self) -> tuple[int, ...]:
        """See the function of this name."""
        with self._changed:
            return heard_twice(tuple(self._beats))

    def wait_for_more(self, count: int = 10) -> None:
        """Return when `count` more came: the guest lives. Raises LabError when they do not."""
        with self._changed:
            total = len(self._beats) + count
        self.wait_for(total)

    def wait_for(self, total: int, *, timeout_s: float = 20) -> None:
        """Return when so many came since it was begun. Raises LabError when they do not within `timeout_s`."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._beats) >= total, timeout_s):
                raise LabError(
                    f"the guest sent {len(self._beats)} of {total} heartbeats within {timeout_s:g} s"
                )

    def _receive(self) -> None:
        while not self._stop.is_set():
            try:
                datagram, control, _flags, _sender = self._socket.recvmsg(_MOST_BYTES, _MOST_BYTES)
            except TimeoutError:
                continue
            if found := _HEARTBEAT.fullmatch(datagram):
                with self._changed:
                    self._beats.append(Beat(int(found[1]), _arrival_s(control)))
                    self._changed.notify_all()


def _arrival_s(control: list[tuple[int, int, bytes]]) -> float:
    for level, kind, data in control:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(data)
            return float(seconds + nanoseconds / 1e9)
    return time.time()
