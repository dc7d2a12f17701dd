"""ICMP echo: asks an address again and again whether it is there, and notes for how long it was not.

Where the system lets anybody ask (Linux: net.ipv4.ping_group_range, see icmp(7)) no privilege is needed; else a raw
socket is tried, which needs one. Packets are those of RFC 792 and RFC 4443. The kernel notes when an answer arrived
(SO_TIMESTAMPNS, see socket(7)), so that a busy event loop does not make a guest seem slow.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import secrets
import socket
import struct
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from backends.errors import ActionError, FerryError, UnsupportedError
from backends.model.move import Gap
from backends.remote.silence import Pause, Silence
from backends.untrusted import clean

INTERVAL_S = 0.02
"""Between two questions. A good switch takes some 50 ms: asking less often could not tell one from another."""
MOST_AT_ONCE = 64
"""Answers read in one go, so that a flood cannot hold the event loop."""

_REQUEST = {socket.AF_INET: 8, socket.AF_INET6: 128}
_REPLY = {socket.AF_INET: 0, socket.AF_INET6: 129}
_PROTOCOL = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}
_HEADER = struct.Struct("!BBHHH")
"""Type, code, checksum, identifier, sequence number."""
_NUMBER = struct.Struct("!Q")
_TOKEN_BYTES = 8
_PACKET_BYTES = 256
"""More than any answer of ours: IP header with options, ICMP header, token, number."""
_SO_TIMESTAMPNS = 35
"""Linux; Python has no name for it. Other systems refuse it, and then the event loop's time must do."""
_TIMESPEC = struct.Struct("@ll")


class EchoWatch:
    """Asks one address while it is entered: `async with EchoWatch("10.77.0.101") as watch: ...`.

    Used on the event loop's thread; entering it waits for nothing. Raises on entry FerryError for what is no address of
    one machine or has no route, UnsupportedError where this user may not ask.
    """

    def __init__(self, address: str, *, interval_s: float = INTERVAL_S) -> None:
        self.address = address
        self._interval_s = interval_s
        self._silence = Silence(interval_s)
        self._heard = asyncio.Event()
        self._token = secrets.token_bytes(_TOKEN_BYTES)
        self._identifier = secrets.randbelow(1 << 16)
        self._number = 0
        self._ended_s: float | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._socket = _connected(self.address)
        self._loop.add_reader(self._socket, self._read)
        self._due_s = self._loop.time()
        self._next = self._loop.call_soon(self._ask)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended_s = time.monotonic()
        self._next.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()

    async def answers(self, timeout_s: float) -> bool:
        """Has it answered yet? Waits that long for the first answer."""
        return self._silence.broken or await self.answers_again(timeout_s)

    async def answers_again(self, timeout_s: float) -> bool:
        """Wait for the next answer."""
        self._heard.clear()
        try:
            async with asyncio.timeout(timeout_s):
                await self._heard.wait()
        except TimeoutError:
            return False
        return True

    def gap(self) -> Gap | None:
        """The longest time between two answers, counted from the first; None when there were not two.

        An address that has fallen silent and has not answered again is told as that: its gap is as long as has been
        watched, and `how` says that it lasts. Nothing is subtracted. Also after the watch has ended.
        """
        now_s = time.monotonic() if self._ended_s is None else self._ended_s
        if (lasting := self._silence.open_at(now_s)) is not None:
            return self._told(lasting, ", which has not answered since")
        longest = self._silence.longest()
        return None if longest is None else self._told(longest, "")

    def _told(self, pause: Pause, but: str) -> Gap:
        return Gap(
            milliseconds=round(pause.seconds * 1000),
            interval_ms=round(pause.spacing_s * 1000),
            how=f"echo to {self.address}{but}",
        )

    def _ask(self) -> None:
        """Send one question and arrange for the next. A question that cannot be sent is one without an answer."""
        self._number += 1
        packet = request(self._socket.family, self._identifier, self._number, self._token)
        with contextlib.suppress(OSError):
            self._socket.send(packet)
        self._silence.asked(time.monotonic())
        self._due_s = max(
            self._due_s + self._interval_s, self._loop.time()
        )  # what was missed is not made up for
        self._next = self._loop.call_at(self._due_s, self._ask)

    def _read(self) -> None:
        for _ in range(MOST_AT_ONCE):
            try:
                packet, control, _flags, _sender = self._socket.recvmsg(_PACKET_BYTES, _PACKET_BYTES)
            except BlockingIOError:
                return
            except OSError:  # a router's word that it cannot reach the address: no answer
                continue
            if number_of_reply(self._socket.family, packet, self._token) is not None:
                self._silence.answered(time.monotonic() - _age_s(control))
                self._heard.set()


async def first_to_answer(addresses: Sequence[str], timeout_s: float) -> str:
    """Ask all at once; the first that answers, or an empty string. Raises FerryError where none could be asked."""
    refused: list[FerryError] = []
    async with AsyncExitStack() as stack:
        asked: dict[asyncio.Task[bool], str] = {}
        for address in addresses:
            try:
                watch = await stack.enter_async_context(EchoWatch(address))
            except FerryError as error:
                refused.append(error)
            else:
                asked[asyncio.ensure_future(watch.answers(timeout_s))] = address
        if asked:
            return await _first_true(asked)
    if refused:
        raise refused[0]
    return ""


async def _first_true(asked: dict[asyncio.Task[bool], str]) -> str:
    """What stands beside the task that is the first to say yes. The others are ended."""
    waiting = set(asked)
    try:
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task.result():
                    return asked[task]
        return ""
    finally:
        for task in waiting:
            task.cancel()
        if waiting:
            await asyncio.wait(waiting)


def request(family: int, identifier: int, number: int, token: bytes) -> bytes:
    """An echo request. Its number is also in the payload: the header's has 16 bits, which wrap after 22 minutes."""
    payload = token + _NUMBER.pack(number)
    kind, sequence = _REQUEST[socket.AddressFamily(family)], number & 0xFFFF
    checksum = 0  # ICMPv6's needs both addresses: the kernel fills it in
    if family == socket.AF_INET:
        checksum = internet_checksum(_HEADER.pack(kind, 0, 0, identifier, sequence) + payload)
    return _HEADER.pack(kind, 0, checksum, identifier, sequence) + payload


def number_of_reply(family: int, packet: bytes, token: bytes) -> int | None:
    """The number of the question that this packet answers; None when it is anything else than an answer to us.

    A raw IPv4 socket delivers the IP header too and everybody's packets, our own questions to ourselves included.
    """
    if family == socket.AF_INET and packet and packet[0] >> 4 == 4:
        packet = packet[(packet[0] & 0x0F) * 4 :]
    if len(packet) != _HEADER.size + len(token) + _NUMBER.size:
        return None
    kind, code, *_ = _HEADER.unpack_from(packet)
    if kind != _REPLY[socket.AddressFamily(family)] or code != 0:
        return None
    told, number = packet[_HEADER.size : -_NUMBER.size], packet[-_NUMBER.size :]
    return int(_NUMBER.unpack(number)[0]) if told == token else None


def internet_checksum(data: bytes) -> int:
    """RFC 1071: the complement of the one's complement sum of all 16-bit words."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(word for (word,) in struct.iter_unpack("!H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def _age_s(control: list[tuple[int, int, bytes]]) -> float:
    """How long ago the kernel got the packet; 0 where it does not say."""
    for level, kind, data in control:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(data) >= _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            arrived_s = float(seconds + nanoseconds / 1e9)
            return max(0.0, time.time() - arrived_s)
    return 0.0


def _connected(address: str) -> socket.socket:
    """A socket that asks this address and hears only it."""
    family, endpoint = _endpoint(address)
    opened = _opened(family, address)
    try:
        opened.setblocking(False)
        with contextlib.suppress(OSError):
            opened.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        opened.connect(endpoint)
    except OSError as error:
        opened.close()
        raise ActionError(
            error.strerror or str(error),
            operation=f"echo to {address}",
            hint="name an address of the guest that this machine has a route to",
        ) from error
    return opened


def _endpoint(address: str) -> tuple[socket.AddressFamily, Any]:
    """The family and what `connect` takes, an IPv6 scope included."""
    try:
        parsed = ipaddress.ip_address(address)
        if parsed.is_multicast or parsed.is_unspecified:
            raise ValueError("no address of one machine")
        # strict above, for getaddrinfo also takes `10.1`; here it asks nobody, it only finds an IPv6 scope's number
        family, _, _, _, endpoint = socket.getaddrinfo(address, 0, flags=socket.AI_NUMERICHOST)[0]
    except (ValueError, OSError) as error:
        raise FerryError(
            f"{clean(address)!r} is no address to send an echo to",
            operation="echo",
            hint="name one of the guest's IPv4 or IPv6 addresses, such as 10.77.0.101",
        ) from error
    return family, endpoint


def _opened(family: socket.AddressFamily, address: str) -> socket.socket:
    """Without privileges where that is allowed, with them where they are there."""
    refused: OSError | None = None
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            return socket.socket(family, kind, _PROTOCOL[family])
        except OSError as error:
            refused = error
    raise UnsupportedError(
        f"this user may not send an echo: {refused.strerror if refused else ''}",
        operation=f"echo to {address}",
        hint="sysctl net.ipv4.ping_group_range='0 2147483647' allows it to everybody on this machine",
    ) from refused
