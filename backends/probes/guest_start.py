"""Since when guests run: libvirt does not tell, but writes a pid file at each start."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from backends.errors import FerryError
from backends.remote.shell import Shell

_FOLDERS = ("/run/libvirt/qemu", "/run/libvirt/lxc")
_COMMAND = ("find", *_FOLDERS, "-maxdepth", "1", "-name", "*.pid", "-printf", r"%T@ %p\0")


async def read(shell: Shell) -> Mapping[tuple[str, str], datetime]:
    """(driver, guest name as libvirt has it, not cleaned) -> start, on the host's clock. Empty where it is not told.

    A machine and a container may have the same name.
    """
    try:
        answer = await shell.run(_COMMAND)
    except FerryError:
        return {}
    return parse(answer.out)


def parse(listing: str) -> Mapping[tuple[str, str], datetime]:
    """`SECONDS /run/libvirt/DRIVER/NAME.pid` records, each ended by a zero byte; broken ones are left out."""
    starts = {}
    for record in listing.split("\0"):
        seconds, _, path = record.partition(" ")
        folder, _, file = path.rpartition("/")
        try:
            starts[folder.rpartition("/")[2], file.removesuffix(".pid")] = datetime.fromtimestamp(
                float(seconds), UTC
            )
        except (ValueError, OverflowError, OSError):
            continue
    return starts
