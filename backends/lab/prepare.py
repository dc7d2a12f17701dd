"""What every lab of this user needs once: the guests' boot files and the hosts' QEMU."""

from __future__ import annotations

import os
import platform
import shutil

from backends.lab import boot_files, overlay
from backends.lab.errors import LabError
from backends.lab.layout import Layout
from backends.lab.lock import exclusive
from backends.lab.process import run

TOOLS = ("libvirtd", "virsh", "qemu-system-x86_64", "tgtd", "tgtadm", "bindfs", "busybox", "gcc", "ip", "tc",
         "nsenter", "unshare", "setsid", "ssh", "ssh-keygen", "dpkg-deb", "apt-get")  # fmt: skip
SSHD = "/usr/sbin/sshd"
PREPARE_TIMEOUT_S = 600


def why_not() -> str:
    """Why no lab can run on this machine, or an empty string."""
    if os.geteuid() != 0:
        return "the lab needs root"
    if platform.machine() != "x86_64":
        return f"the lab's guests are x86_64, this machine is {platform.machine()}"
    missing = [tool for tool in (*TOOLS, SSHD) if shutil.which(tool) is None]
    if missing:
        return f"not installed: {', '.join(missing)} (./dev setup installs them)"
    namespaces = run(
        ["unshare", "--mount", "--uts", "--net", "--ipc", "--pid", "--cgroup", "--fork", "true"], check=False
    )
    if namespaces.returncode != 0:
        return f"no new namespaces here: {namespaces.stderr.strip()}"
    return ""


def prepare(layout: Layout) -> None:
    """Fetch and build what is missing; instant when nothing is.

    Raises:
        LabError: no lab can run here, or something could not be fetched or built.
    """
    if reason := why_not():
        raise LabError(f"no lab here: {reason}")
    with exclusive(layout.prepared / "lock", timeout_s=PREPARE_TIMEOUT_S):
        boot_files.prepare(layout)
        overlay.prepare(layout)
