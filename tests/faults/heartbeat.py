"""A guest's heartbeat over the network, heard from outside: a packet every 20 ms, each with the next number.

Two guests that run at once send the same numbers. This sees it whatever the console's file shows.
"""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self

_FIRST_OF_A_LIFE = 25
"""A number below this, after a higher one, is a guest that has just booted anew."""
_LOOK_S = 0.2


class Heartbeat:
    """Listens on the lab's own address while it is entered. `argument` goes into the guest's GuestSpec.arguments."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 0))
        self._socket.settimeout(_LOOK_S)
        host, port = self._socket.getsockname()
        self.argument = f"hb={host}:{port}"
        self._numbers: set[int] = set()
        self._again: list[int] = []
        self._highest = -1
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="heartbeat", daemon=True)

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
    def beats(self) -> int:
        """The highest number heard in this life of the guest."""
        return self._highest

    @property
    def heard_twice(self) -> tuple[int, ...]:
        """Numbers that came again: they were sent by two guests, or by one that went back in time."""
        return tuple(self._again)

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                packet = self._socket.recv(128)
            except TimeoutError:
                continue
            number = int(packet.split()[1])
            if number < _FIRST_OF_A_LIFE and self._highest > 2 * _FIRST_OF_A_LIFE:
                self._numbers.clear()
                self._highest = -1
            if number in self._numbers:
                self._again.append(number)
            self._numbers.add(number)
            self._highest = max(self._highest, number)
