"""What a host is asked about storage, in one command."""

from __future__ import annotations

from backends.probes.storage import drbd, lvm
from backends.probes.survey import asking
from backends.probes.survey.asking import Command, Questions
from backends.probes.survey.readings import Readings
from backends.remote.shell import Shell

DEADLINE_S = 30.0
"""No command is begun after 12 s and none takes longer than 6; file systems that do not answer take 6 at most."""

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


async def ask(shell: Shell) -> Readings:
    """One command. Raises FerryError: LinkError where no shell answers."""
    argv = asking.command(asking.script(__package__, "devices.sh", "storage.sh"))
    return await asking.ask(shell, argv, QUESTIONS, deadline_s=DEADLINE_S)
