"""Which processes of a host matter: those that are guests, and those that guests depend on. Pure."""

from __future__ import annotations

import re

from backends.model.crash import CrashKind

_GUEST = re.compile(r"(?:qemu(?:-|$)|qemu\.|kvm$|cloud-hyperviso|libvirt_lxc|CPU \d+/(?:KVM|TCG)$|bhyve$)")
_SERVES = re.compile(
    r"(?:libvirtd|virt[a-z]{1,12}d$|virtiofsd|oxenstored|xenstored|xenconsoled|xenopsd|xend$|xl$|libxl|lxcfs|lxc-|lxd$|"
    r"swtpm|vhost-user|rpc-worker|prio-rpc-|rpc-(?:libvirtd|virt)|qemu-event|vhostmd|ovs-vswitchd|multipathd|iscsid$)"
)
"""Daemons, and names that libvirt gives to their threads (virThreadCreateFull, virThreadPool)."""
_NOT_A_GUEST = re.compile(r"qemu-(?:img|nbd|io|ga|pr-helper|storage-daemo|bridge|edid|kvm-)")
_BINARY = re.compile(r"\bin ([\w.+-]{1,80})\[")


def kind_of(name: str, executable: str = "") -> CrashKind | None:
    """ENDED for a guest's process, PROCESS for one that guests depend on, None for all others.

    `name`: as the kernel has it, at most 15 characters (TASK_COMM_LEN), or of a file. `executable`: its path.
    """
    for each in (executable.rpartition("/")[2], name):
        if each and _NOT_A_GUEST.match(each):
            return CrashKind.PROCESS if each.startswith(("qemu-pr-", "qemu-storage")) else None
        if each and _GUEST.match(each):
            return CrashKind.ENDED
        if each and _SERVES.match(each):
            return CrashKind.PROCESS
    return None


def binary_in(line: str) -> str:
    """Of a line about a trap: `error 4 in qemu-system-x86_64[4fe000+51c000]`. Empty where none is told."""
    match = _BINARY.search(line)
    return match[1] if match else ""


_NAME = re.compile(r"(?:^| )-name (?:guest=)?((?:[^ ,]|,,)+)")
_UUID = re.compile(r"(?:^| )-uuid ([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?: |$)")
_LXC_NAME = re.compile(r"libvirt_lxc (?:.* )?--name ([^ ]+)")


def guest_in(command_line: str) -> tuple[str, str]:
    """(name, UUID) in a hypervisor's command line, each empty where it is not told. Blanks part its words."""
    match = _NAME.search(command_line) or _LXC_NAME.search(command_line)
    uuid = _UUID.search(command_line)
    return match[1].replace(",,", ",") if match else "", uuid[1].lower() if uuid else ""


_ESCAPED = re.compile(r"\\x([0-9a-fA-F]{2})")
_SCOPE = re.compile(r"machine-(qemu|lxc|libxl|xen|ch|bhyve)-(?:\d{1,10}-)?(.+)\.(?:scope|service)")
_FOLDER = re.compile(r"(?:^|/)(?:(?:qemu|lxc)-\d{1,10}-)?([^/]+)\.libvirt-(qemu|lxc)(?:/|$)")
_OLD_FOLDER = re.compile(r"(?:^|/)libvirt/(qemu|lxc)/([^/]+)")


def guest_of_cgroup(path: str) -> str:
    """The name of the guest whose control group this is; empty where it is none of libvirt's.

    `/machine.slice/machine-qemu\\x2d3\\x2dweb\\x2d01.scope/libvirt/emulator` (systemd; what a machine's name must not
    hold is left out, virSystemdMakeMachineName), `/machine/qemu-3-web.libvirt-qemu`, `/libvirt/qemu/web`.
    """
    for part in path.split("/"):
        unescaped = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), part)
        if match := _SCOPE.fullmatch(unescaped):
            return match[2]
    if match := _FOLDER.search(path):
        return match[1]
    match = _OLD_FOLDER.search(path)
    return match[2] if match else ""
