"""Hosts with a table of mounts, as `storage.sh` brings it, for the tests of what is read from it."""

from __future__ import annotations

from backends.probes.storage.file_systems import Mounted, mounted
from backends.probes.storage.mounts import MOUNTINFO, STATFS
from backends.probes.storage.seen import Seen
from backends.probes.survey.readings import Reading
from tests.unit.host_files import host

ROOT = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro"


def host_with(*lines: str, statfs: str | Reading = "", **files: str | Reading) -> Mounted:
    """`files`: by path or command, through `**{...}`."""
    table = {MOUNTINFO: "\n".join(lines), STATFS: statfs}
    return mounted(host({**table, **files}))


def only(found: Mounted) -> Seen:
    """The one file system there is, besides the root."""
    (seen,) = (seen for seen in found.all_seen if seen.key != "/dev/sda1")
    return seen


def at(found: Mounted, path: str) -> Seen:
    """What a path lies on."""
    under = found.under(path)
    assert under is not None
    return under[1]
