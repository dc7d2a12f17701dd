"""libvirt's daemons: how they were started, which sockets they hold, and what stands before them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from backends.probes.survey.question import whole
from backends.probes.survey.readings import Readings

_STAT = re.compile(r"^(?P<mode>[0-7]{3,4}) (?P<group>\S+) (?P<path>/\S+)$", re.MULTILINE)
_PORT = re.compile(r"(?:^|[\s:])(\d{1,5}) \(Stream\)")


@dataclass(frozen=True, slots=True)
class Daemon:
    """One that runs."""

    name: str
    """`libvirtd`, `virtproxyd`, `auditd`."""
    listens: bool
    """Was it started with --listen (libvirtd(8))?"""
    inodes: frozenset[int]
    """Of the sockets that it holds; empty where this account may not see them."""


@dataclass(frozen=True, slots=True)
class SystemdSocket:
    """A socket that systemd holds for a daemon (systemd.socket(5))."""

    name: str
    """`libvirtd-tcp.socket`."""
    active: bool
    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SocketFile:
    """A unix socket by which a daemon is managed."""

    path: str
    mode: int
    group: str
    """NOT yet safe to show."""

    @property
    def open_to_all(self) -> bool:
        """May every account of the host connect? To connect is to write (unix(7))."""
        return bool(self.mode & 0o002)


def daemons(readings: Readings) -> Iterator[Daemon]:
    """Pure."""
    for name, reading in readings.under("daemon ").items():
        comm, *arguments = reading.text.splitlines() or [""]
        held = readings.text(f"sockets {name.partition(' ')[2]}").split()
        inodes = frozenset(inode for word in held if (inode := whole(word)) is not None)
        yield Daemon(comm, any(word in ("-l", "--listen") for word in arguments), inodes)


def systemd_sockets(shown: str) -> Iterator[SystemdSocket]:
    """Pure. What `systemctl show -p Id,ActiveState,Listen` says: blocks of `Name=value`, blank lines between."""
    for block in shown.split("\n\n"):
        lines = [line.partition("=")[::2] for line in block.splitlines()]
        values = dict(lines)
        if name := values.get("Id", ""):
            listens = " ".join(value for key, value in lines if key == "Listen")
            ports = tuple(int(match[1]) for match in _PORT.finditer(listens))
            yield SystemdSocket(name, values.get("ActiveState") == "active", ports)


def socket_files(listing: str) -> Iterator[SocketFile]:
    """Pure. `MODE GROUP PATH` a line."""
    for match in _STAT.finditer(listing):
        yield SocketFile(match["path"], int(match["mode"], 8), match["group"])
