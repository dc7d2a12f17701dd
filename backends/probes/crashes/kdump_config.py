"""Where a host's kdump is set up to write its dumps to, as its distribution keeps that. Pure.

/etc/kdump.conf (kdump.conf(5); RHEL, Fedora and theirs; `net` is RHEL 5's), /etc/default/kdump-tools (kdump-tools(5);
Debian, Ubuntu), /etc/sysconfig/kdump (kdump(5); SUSE: KDUMP_SAVEDIR) and /etc/sysconfig/netdump (RHEL 3 and 4).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from backends.model.crash import TargetKind
from backends.probes.survey.readings import Gap, Readings

RED_HAT, DEBIAN, SUSE, NETDUMP = (
    "/etc/kdump.conf",
    "/etc/default/kdump-tools",
    "/etc/sysconfig/kdump",
    "/etc/sysconfig/netdump",
)
FILES = (RED_HAT, DEBIAN, SUSE, NETDUMP)
CRASH = "/var/crash"
DEFAULT_KEY = "/root/.ssh/kdump_id_rsa"
_FILE_SYSTEMS = frozenset(
    {"ext2", "ext3", "ext4", "xfs", "btrfs", "minix", "f2fs", "vfat", "virtiofs", "auto"}
)
_LONGEST_LINE = 4096
_URL = re.compile(r"(file|nfs|nfs4|cifs|ssh|sftp|scp|ftp)://(.*)", re.IGNORECASE)
_ASSIGNED = re.compile(r"(?:export +)?([A-Z_]{2,40})=(.*)")


@dataclass(frozen=True, slots=True)
class Target:
    """Texts are as the host has them, NOT yet safe to show."""

    source: str
    """The file that tells; empty where none does."""
    kind: TargetKind = TargetKind.UNKNOWN
    words: str = ""
    """`/var/crash`, `kdump@10.1.1.9:/var/crash`, `nfs.example.org:/export/crash`, `/dev/sdb1`."""
    device: str = ""
    """Of a file system that is named by its device, UUID= or LABEL=, or the raw one."""
    path: str = CRASH
    """In that file system, or of the host."""
    collector: str = ""
    ssh_key: str = ""
    is_off: bool = False
    """The file says that there is to be no kdump."""
    denied: bool = False


def target(readings: Readings) -> Target | None:
    """None where the host has no such file."""
    for path, parse in ((RED_HAT, _red_hat), (DEBIAN, _debian), (SUSE, _suse), (NETDUMP, _netdump)):
        reading = readings.reading(path)
        if reading.gap is Gap.DENIED:
            return Target(path, denied=True)
        if reading.gap is None:
            return parse(reading.text)
    return None


def _red_hat(text: str) -> Target:
    settings = dict(_directives(text))
    path = settings.get("path") or CRASH
    key = settings.get("sshkey") or DEFAULT_KEY
    collector = settings.get("core_collector", "")
    net = settings.get("net", "")
    ssh = settings.get("ssh") or (net if "@" in net else "")
    nfs = settings.get("nfs") or settings.get("nfs4") or (net if net and "@" not in net else "")
    if ssh:
        return Target(RED_HAT, TargetKind.SSH, f"{ssh}:{path}", "", path, collector, key)
    if nfs:
        return Target(RED_HAT, TargetKind.NFS, f"{nfs.rstrip('/')}{_below(path)}", nfs, path, collector)
    if device := settings.get("raw"):
        return Target(RED_HAT, TargetKind.RAW, device, device, "", collector)
    mounted = next(((kind, settings[kind]) for kind in settings if kind in _FILE_SYSTEMS), None)
    mounted = mounted or _mount_of_dracut(settings.get("dracut_args", ""))
    if mounted is None:
        return Target(RED_HAT, TargetKind.LOCAL, path, "", path, collector)
    kind, device = mounted
    if kind in ("nfs", "nfs4"):
        return Target(RED_HAT, TargetKind.NFS, f"{device.rstrip('/')}{_below(path)}", device, path, collector)
    return Target(RED_HAT, TargetKind.LOCAL, f"{path} in {kind} {device}", device, path, collector)


def _directives(text: str) -> Iterator[tuple[str, str]]:
    """`NAME VALUE` lines; a comment may follow."""
    for line in text.split("\n"):
        name, _, value = line[:_LONGEST_LINE].strip().partition(" ")
        if name and not name.startswith("#"):
            yield name, value.partition(" #")[0].strip()


def _mount_of_dracut(arguments: str) -> tuple[str, str] | None:
    """`--mount "/dev/sda1 /mnt ext4 defaults"`: (file system, device)."""
    words = _words(arguments)
    for word, following in pairwise(words):
        if word == "--mount" and len(parts := following.split()) >= 3:
            return parts[2], parts[0]
    return None


def _debian(text: str) -> Target:
    settings = _assignments(text)
    path = settings.get("KDUMP_COREDIR") or CRASH
    collector = settings.get("MAKEDUMP_ARGS") or ""
    collector = f"makedumpfile {collector}" if collector else ""
    is_off = settings.get("USE_KDUMP") == "0"
    if ssh := settings.get("SSH"):
        key = settings.get("SSH_KEY") or DEFAULT_KEY
        return Target(DEBIAN, TargetKind.SSH, f"{ssh}:{path}", "", path, collector, key, is_off)
    if nfs := settings.get("NFS"):
        return Target(DEBIAN, TargetKind.NFS, nfs, nfs, path, collector, "", is_off)
    if ftp := settings.get("FTP"):
        return Target(DEBIAN, TargetKind.UNKNOWN, f"ftp {ftp}", "", path, collector, "", is_off)
    return Target(DEBIAN, TargetKind.LOCAL, path, "", path, collector, "", is_off)


def _suse(text: str) -> Target:
    """The same file has other settings on Red Hat's, where kdump.conf tells the target."""
    settings = _assignments(text)
    level, form = settings.get("KDUMP_DUMPLEVEL", ""), settings.get("KDUMP_DUMPFORMAT", "")
    collector = f"makedumpfile -d {level}" + (f" ({form})" if form else "") if level else ""
    saved = settings.get("KDUMP_SAVEDIR") or ("file:///var/log/dump" if level else "")
    if not saved:
        return Target(SUSE)
    match = _URL.match(saved)
    if match is None:
        return Target(SUSE, TargetKind.LOCAL, saved, "", saved, collector)
    scheme, rest = match[1].lower(), match[2]
    if scheme == "file":
        path = "/" + rest.lstrip("/")
        return Target(SUSE, TargetKind.LOCAL, path, "", path, collector)
    if scheme in ("nfs", "nfs4"):
        server, slash, path = rest.partition("/")
        export = f"{server.rstrip(':')}:{slash}{path}"
        return Target(SUSE, TargetKind.NFS, export, export, "/", collector)
    if scheme in ("ssh", "sftp", "scp"):
        who, slash, path = rest.partition("/")
        who = re.sub(r":[^@]*@", "@", who)  # a password
        key = settings.get("KDUMP_SSH_IDENTITY", "").split(" ")[0]
        return Target(SUSE, TargetKind.SSH, f"{who}:{slash}{path}", "", f"/{path}", collector, key)
    return Target(SUSE, TargetKind.UNKNOWN, re.sub(r"//[^@/]*@", "//", saved), "", "", collector)


def _netdump(text: str) -> Target:
    server = _assignments(text).get("NETDUMPADDR", "")
    return Target(NETDUMP, TargetKind.UNKNOWN, server and f"netdump to {server}:{CRASH}", path="")


def _assignments(text: str) -> Mapping[str, str]:
    """Of a file that a shell reads, without running it."""
    found: dict[str, str] = {}
    for line in text.split("\n"):
        if match := _ASSIGNED.match(line[:_LONGEST_LINE].strip()):
            found[match[1]] = " ".join(_words(match[2])[:1])
    return found


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:
        return text.split()


def _below(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"
