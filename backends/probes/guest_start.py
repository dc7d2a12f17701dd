"""Since when guests run: libvirt does not tell, but writes a pid file at each start."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from backends.errors import FerryError
from backends.remote.shell import Shell

_FOLDERS = ("/run/libvirt/qemu", "/run/libvirt/lxc")
_COMMAND = ("find", *_FOLDERS, "-maxdepth", "1", "-name", "*.pid", "-printf", r"%T@ %f\0")


async def read(shell: Shell) -> Mapping[str, datetime]:
    """Guest name (as libvirt has it, not cleaned) -> start, on the host's clock. Empty where it cannot be read."""
    try:
        answer = await shell.run(_COMMAND)
    except FerryError:
        return {}
    return parse(answer.out)


def parse(listing: str) -> Mapping[str, datetime]:
    """`SECONDS NAME.pid` records, each ended by a zero byte; broken ones are left out."""
    starts = {}
    for record in listing.split("\0"):
        seconds, _, file = record.partition(" ")
        try:
            starts[file.removesuffix(".pid")] = datetime.fromtimestamp(float(seconds), UTC)
        except (ValueError, OverflowError, OSError):
            continue
    return starts
