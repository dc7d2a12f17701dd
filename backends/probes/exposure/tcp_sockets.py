"""Which TCP sockets of a host listen (kernel: Documentation/networking/proc_net_tcp.rst)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

_LISTEN = re.compile(
    r"^\s*\d+: (?P<address>[0-9A-F]{8}|[0-9A-F]{32}):(?P<port>[0-9A-F]{4}) [0-9A-F]+:0000 0A "
    r"\S+ \S+ \S+\s+\d+\s+\d+\s+(?P<inode>\d{1,20})\b",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class ListeningSocket:
    """One socket that takes connections."""

    address: IPv4Address | IPv6Address
    port: int
    inode: int
    """By which a process's descriptors name it: `socket:[INODE]` (proc(5))."""


def listening_sockets(table: str, *, big_endian: bool = False) -> tuple[ListeningSocket, ...]:
    """Pure. Lines of /proc/net/tcp and /proc/net/tcp6; those in another state are left out.

    Addresses stand there as 32-bit words in the machine's own byte order.
    """
    return tuple(
        ListeningSocket(_address(match["address"], big_endian), int(match["port"], 16), int(match["inode"]))
        for match in _LISTEN.finditer(table)
    )


def _address(digits: str, big_endian: bool) -> IPv4Address | IPv6Address:
    raw = bytes.fromhex(digits)
    if not big_endian:
        raw = b"".join(raw[start : start + 4][::-1] for start in range(0, len(raw), 4))
    if len(raw) == 4:
        return IPv4Address(raw)
    address = IPv6Address(raw)
    return address.ipv4_mapped or address
