"""Where a host's libvirt listens: the one socket of the monolithic daemon, or one for each modular daemon.

The names are those of https://libvirt.org/daemons.html.
"""

from __future__ import annotations

from dataclasses import dataclass

from backends.remote.shell import Shell

DRIVERS = ("qemu", "xen", "lxc")
"""Drivers that have a daemon on the host; others are reached by their own URIs."""
_FOLDER = "/run/libvirt"
_OLD_FOLDER = "/var/run/libvirt"
_MONOLITHIC = "libvirt-sock"
_MODULAR = {"qemu": "virtqemud-sock", "xen": "virtxend-sock", "lxc": "virtlxcd-sock"}


@dataclass(frozen=True, slots=True)
class DriverSocket:
    """A driver, and the socket where its daemon would answer."""

    driver: str
    path: str


async def find(shell: Shell) -> tuple[DriverSocket, ...]:
    """Ask the host. Empty where no daemon of libvirt runs."""
    answer = await shell.run(("find", _FOLDER, _OLD_FOLDER, "-maxdepth", "1", "-type", "s"))
    return parse(answer.out)


def parse(listing: str) -> tuple[DriverSocket, ...]:
    """One path a line. A modular daemon is preferred to the monolithic one for its driver."""
    paths = [line for line in listing.splitlines() if line]
    by_name = {path.rpartition("/")[2]: path for path in reversed(paths)}
    found = []
    for driver in DRIVERS:
        path = by_name.get(_MODULAR[driver]) or by_name.get(_MONOLITHIC)
        if path:
            found.append(DriverSocket(driver, path))
    return tuple(found)
