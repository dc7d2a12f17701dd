"""What was refused: by AppArmor, by SELinux, by QEMU's own sandbox, or by plain permissions.

Linux security/apparmor, security/selinux (avc.c), kernel/audit (type 1326: seccomp); libvirt security/; QEMU, open(2).
"""

from __future__ import annotations

import re

from backends.crashes.causes.rule import HOST_KERNEL, HYPERVISOR, LIBVIRT, OF_GUESTS, Rule
from backends.model.crash import CrashKind

_KINDS = OF_GUESTS - {CrashKind.ENDED, CrashKind.DUMP}
"""What was refused keeps a guest from starting or from its disk; it does not end one."""
_HARMLESS = ("/proc/", "/sys/", "/run/udev/", "/etc/", "/usr/", "/dev/pts")
"""What QEMU asks for and does without; every start is refused some of it."""
_GUESTS_CONTEXT = re.compile(r"scontext=\S{0,100}:(?:svirt|qemu|virtd|virtqemud)\w{0,20}_t")
_QEMU = re.compile(r"\bcomm=\"(?:qemu|CPU \d)|\bexe=\"/\S{0,100}qemu")
_CALL = re.compile(r"\bsyscall=(?P<number>\d{1,5})\b")
_MAPPED_NAME = re.compile(r"\b(?:path|name)=\"(?P<name>[^\"]{1,4096})\"")


def _matters(match: re.Match[str]) -> bool:
    name = match["path"]
    return name != "/" and not name.startswith(_HARMLESS)


def _is_of_guest(match: re.Match[str]) -> bool:
    if _GUESTS_CONTEXT.search(match.string) is None:
        return False
    named = _MAPPED_NAME.search(match.string)
    return named is None or not named["name"].startswith(_HARMLESS)


def _is_sandbox(match: re.Match[str]) -> bool:
    return " sig=31 " in match.string and _QEMU.search(match.string) is not None


def _sandbox(match: re.Match[str]) -> str:
    call = _CALL.search(match.string)
    return "killed by QEMU's seccomp sandbox" + (f": system call {call['number']}" if call else "")


def _selinux(match: re.Match[str]) -> str:
    named = _MAPPED_NAME.search(match.string)
    return f"SELinux denied {match['what'].strip()}" + (f": {named['name']}" if named else "")


RULES = (
    Rule(
        "apparmor",
        re.compile(
            r"apparmor=\"DENIED\" operation=\"(?P<operation>[^\"]{1,64})\" (?:class=\"\w{1,32}\" )?"
            r"profile=\"libvirt-[\da-f-]{1,64}\" name=\"(?P<path>[^\"]{1,4096})\""
        ),
        "AppArmor denied {operation}: {path}",
        "move it where the profile allows it, or add it to /etc/apparmor.d/local/abstractions/libvirt-qemu",
        HOST_KERNEL,
        _KINDS,
        _matters,
    ),
    Rule(
        "selinux",
        re.compile(r"avc: {1,4}denied {1,4}\{(?P<what>[^}]{1,64})\}"),
        _selinux,
        "restorecon the file, use a folder that the policy allows, or set the boolean it needs (virt_use_nfs)",
        HOST_KERNEL,
        _KINDS,
        _is_of_guest,
    ),
    Rule(
        "apparmor",
        re.compile(r"cannot load AppArmor profile '(?P<name>[^']{1,128})'"),
        "AppArmor profile not loaded: {name}",
        "see what virt-aa-helper says in the journal",
        LIBVIRT,
        _KINDS,
    ),
    Rule(
        "no-label",
        re.compile(
            r"unable to set security context '(?P<label>[^']{1,255})' on '(?P<path>[^']{1,4096})': (?P<why>[^:]{1,80})"
        ),
        "security label not set on {path}: {why}",
        "on NFS set virt_use_nfs, or <seclabel relabel='no'/> for this disk",
        LIBVIRT,
        _KINDS,
    ),
    Rule(
        "permission",
        re.compile(
            r"Cannot access (?:storage|backing) file '(?P<path>[^']{1,4096})'(?: of storage file '[^']{1,4096}')?"
            r"(?: \(as uid:(?P<uid>\d{1,10}), gid:(?P<gid>\d{1,10})\))?: (?:Permission denied|Operation not permitted)"
        ),
        "permission denied: {path}[ (user {uid}, group {gid})]",
        "let that user read every folder of the path, and read and write the file",
        HYPERVISOR,
        _KINDS,
    ),
    Rule(
        "permission",
        re.compile(
            r"[Cc]ould not open (?:disk image )?'?(?P<path>(?>/[^':]{1,1000}))'?: "
            r"(?:Permission denied|Operation not permitted)"
        ),
        "permission denied to QEMU: {path}",
        "see its owner and mode, and what AppArmor or SELinux say in the kernel's log",
        HYPERVISOR,
        _KINDS,
    ),
    Rule(
        "permission",
        re.compile(r"(?:'(?P<path>/[^']{1,4096})'[^':]{0,60}: )?Permission denied"),
        "permission denied to something the guest needs[: {path}]",
        "see its owner and mode, and what AppArmor or SELinux say in the kernel's log",
        HYPERVISOR,
        _KINDS,
    ),
)

SANDBOX = (
    Rule(
        "sandbox",
        re.compile(r"type=1326 .{0,40}?audit\(|\btype=SECCOMP\b"),
        _sandbox,
        "update QEMU and its libraries; seccomp_sandbox = 0 in qemu.conf turns it off",
        HOST_KERNEL,
        frozenset(),
        _is_sandbox,
    ),
)
