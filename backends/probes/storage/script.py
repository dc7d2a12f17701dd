"""What a host is asked about storage, in one command."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from backends.probes.storage import drbd, lvm
from backends.probes.survey import asking
from backends.probes.survey.asking import Command, Questions
from backends.probes.survey.readings import Reading, Readings
from backends.remote.shell import Shell

DEADLINE_S = 36.0
"""No command is begun after 12 s and none takes longer than 6; file systems that do not answer take 6 at most, when
they are asked for their size and again when links on them are followed."""
_PATHS_AT_ONCE = 256
"""Each is followed by a process of its own."""
_REAL = "readlink"
_FOLLOWED = re.compile(r"(?P<number>[0-9]{1,4}) 0 (?P<path>/.*) \.")

_GFS2 = ("uuid", "id", "withdraw", "freeze", "lock_module/*")
_RBD = ("cluster_fsid", "pool", "pool_ns", "name", "current_snap", "size")

FILES = (
    "/proc/sys/kernel/hostname",
    "/proc/mounts",
    *(f"/sys/fs/gfs2/*/{name}" for name in _GFS2),
    "/sys/kernel/dlm/*/id",
    "/sys/fs/ocfs2/cluster_stack",
    "/sys/kernel/config/cluster/*/heartbeat/mode",
    *(f"/sys/bus/rbd/devices/*/{name}" for name in _RBD),
    drbd.PROC,
)
"""The kernel's small files."""
HEADS = (
    "/etc/exports",
    "/etc/exports.d/*.exports",
    "/var/lib/nfs/etab",
    "/sys/kernel/debug/ocfs2/*/fs_state",
)
NAMES = (
    "/sys/kernel/debug/ceph",
    "/sys/kernel/debug/ocfs2",
)

LSBLK = Command(
    (
        "lsblk",
        "-J",
        "-b",
        "-p",
        "-o",
        "NAME,KNAME,PKNAME,MAJ:MIN,TYPE,SIZE,RO,FSTYPE,UUID,LABEL,SERIAL,WWN,TRAN,HCTL,VENDOR,MODEL,MOUNTPOINT",
    )
)
"""lsblk(8). Sizes in bytes, names with their path."""
ADDRESSES = Command(("ip", "-o", "addr", "show", "scope", "global"), 2)
DLM_LS = Command(("dlm_tool", "ls"))
OCFS2_DEVICES = Command(("mounted.ocfs2", "-d"))
GLUSTER_VOLUMES = Command(("gluster", "--mode=script", "volume", "info"))
GLUSTER_PEERS = Command(("gluster", "--mode=script", "pool", "list"))
CEPH_CONF = Command(("grep", "-hsE", r"^[[:space:]]*(fsid|mon.host)", "/etc/ceph/ceph.conf"), 2)
"""These lines alone: others may hold a key."""

COMMANDS = (LSBLK, ADDRESSES, lvm.REPORT, DLM_LS, OCFS2_DEVICES, GLUSTER_VOLUMES, GLUSTER_PEERS, CEPH_CONF)
"""In this order: where time runs out, the last ones are not asked."""
QUESTIONS = Questions(files=FILES, heads=HEADS, names=NAMES, commands=COMMANDS)


async def ask(shell: Shell, follow: Sequence[str] = ()) -> Readings:
    """One command. Raises FerryError: LinkError where no shell answers.

    `follow`: absolute paths, of which `real_path` then knows where they lead to; the first 256 of them.
    """
    argv = asking.command(asking.script(__package__, "devices.sh", "storage.sh"))
    real = tuple(dict.fromkeys(path for path in follow if _may_be_asked(path)))[:_PATHS_AT_ONCE]
    readings = await asking.ask(shell, argv, replace(QUESTIONS, real=real), deadline_s=DEADLINE_S)
    return replace(readings, files={**readings.files, **_followed(readings, real)})


def real_path(readings: Readings, path: str) -> str:
    """Without symbolic links, as the host has followed them (readlink(1), -f); as it was where it has not."""
    return readings.text(f"{_REAL} {path}") or path


def _may_be_asked(path: str) -> bool:
    """The script reads lines, and the shell drops blanks at their ends."""
    return path.startswith("/") and path == path.strip() and "\n" not in path and "\0" not in path


def _followed(readings: Readings, asked: tuple[str, ...]) -> dict[str, Reading]:
    """`NUMBER STATUS PATH .`, by the number of the question."""
    lines = (_FOLLOWED.fullmatch(line) for line in readings.text(_REAL).split("\n"))
    told = {int(line["number"]): line["path"] for line in lines if line}
    return {f"{_REAL} {path}": Reading(told[number]) for number, path in enumerate(asked) if number in told}
