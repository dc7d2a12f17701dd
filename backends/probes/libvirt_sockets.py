"""Where a host's libvirt listens: the one socket of the monolithic daemon, or one for each modular daemon.

The names are those of https://libvirt.org/daemons.html.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from backends.errors import LinkError
from backends.remote.shell import Shell
from backends.untrusted import clean

DRIVERS = ("qemu", "xen", "lxc")
"""Drivers that have a daemon on the host; others are reached by their own URIs."""
_FOLDER = "/run/libvirt"
_OLD_FOLDER = "/var/run/libvirt"
_MONOLITHIC = "libvirt-sock"
_MODULAR = {"qemu": "virtqemud-sock", "xen": "virtxend-sock", "lxc": "virtlxcd-sock"}


_SCRIPT = (
    'for path do if test -S "$path"; then'
    ' if test -w "$path"; then echo "open $path"; else echo "shut $path"; fi; fi; done'
)
"""POSIX sh: no tool is needed that a small host may lack. `-w` asks for this user: to connect is to write (unix(7))."""


@dataclass(frozen=True, slots=True)
class DriverSocket:
    """A driver, and the socket where its daemon would answer."""

    driver: str
    path: str
    usable: bool = True
    """May this user connect? False: the account is not in the socket's group (libvirtd.conf, unix_sock_group)."""


async def find(shell: Shell) -> tuple[DriverSocket, ...]:
    """Ask the host, in one round trip. Empty where no daemon of libvirt runs; LinkError where no shell answers."""
    paths = [
        f"{folder}/{name}" for folder in (_FOLDER, _OLD_FOLDER) for name in (*_MODULAR.values(), _MONOLITHIC)
    ]
    answer = await shell.run(("sh", "-c", _SCRIPT, "sh", *paths))
    if answer.status != 0:
        said = clean(" ".join((answer.err or answer.out).split()), limit=300)
        raise LinkError(
            said or f"sh ended with status {answer.status}",
            operation="look for libvirt's sockets",
            hint="this account cannot run commands there: log in as another one",
        )
    return parse(answer.out)


def parse(listing: str) -> tuple[DriverSocket, ...]:
    """`open PATH` or `shut PATH` a line. A socket that is open to us is preferred, then a modular daemon's."""
    found: dict[str, DriverSocket] = {}
    for line in listing.splitlines():
        word, _, path = line.partition(" ")
        name = path.rpartition("/")[2]
        if word in ("open", "shut"):
            found.setdefault(name, DriverSocket("", path, usable=word == "open"))
    chosen = []
    for driver in DRIVERS:
        candidates = [found[name] for name in (_MODULAR[driver], _MONOLITHIC) if name in found]
        if candidates:
            best = max(candidates, key=lambda socket: socket.usable)  # the first of equals
            chosen.append(replace(best, driver=driver))
    return tuple(chosen)
