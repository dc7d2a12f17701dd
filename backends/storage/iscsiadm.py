"""iscsiadm(8) on a host's shell: for hosts whose libvirt has no iSCSI. Never with a secret."""

from __future__ import annotations

import re

from backends.errors import ActionError, CommandError
from backends.model.host import HostName
from backends.model.storage import IscsiTarget
from backends.remote.shell import Answer, Shell
from backends.storage.iscsi_names import Portal
from backends.untrusted import clean

DEADLINE_S = 30.0
"""A login waits for a portal that does not answer: 15 s by open-iscsi's own settings."""
_IN_ENGLISH = ("env", "LC_ALL=C")
_OFFER = re.compile(r"(?P<portal>\S+:\d{1,5}),-?\d+ (?P<iqn>\S+)")
_NO_OBJECTS = 21
"""ISCSI_ERR_NO_OBJS_FOUND (iscsiadm(8): EXIT STATUS)."""
_NAMES = "cat /sys/class/iscsi_session/*/targetname 2>/dev/null"
_IN_USE = """
for session in /sys/class/iscsi_session/session*; do
    [ -r "$session/targetname" ] || continue
    read -r name <"$session/targetname"
    [ "$name" = "$1" ] || continue
    for disk in "$session"/device/target*/*/block/*; do
        device=${disk##*/}
        for holder in "$disk"/holders/* "$disk"/*/holders/*; do
            [ -e "$holder" ] && echo "$device is below ${holder##*/}"
        done
        grep -E "^/dev/${device}[0-9]* " /proc/mounts | while read -r part folder _; do
            echo "$part is mounted on $folder"
        done
        for process in /proc/[0-9]*; do
            program=
            [ -r "$process/comm" ] && read -r program <"$process/comm"
            case $program in qemu*) ;; *) continue ;; esac
            ls -l "$process/fd/" 2>/dev/null | grep -qE " -> /dev/${device}[0-9]*$" &&
                echo "$device is open in $program ${process##*/}"
        done
    done
done
:
"""
_RESCAN = """
for session in /sys/class/iscsi_session/session*; do
    [ -r "$session/targetname" ] || continue
    read -r name <"$session/targetname"
    [ -z "$1" ] || [ "$name" = "$1" ] || continue
    for disk in "$session"/device/target*/*:*; do
        [ -e "$disk/rescan" ] || continue
        if echo 1 >"$disk/rescan"; then echo "${disk##*/}"; else exit 1; fi
    done
done
"""
"""As `iscsiadm -m session -R` does, for the LUNs of one target or of all (Documentation/scsi/scsi_mid_low_api)."""


async def is_there(shell: Shell) -> bool:
    """Has the host the program? Raises FerryError."""
    found = await shell.run(("sh", "-c", "PATH=$PATH:/usr/sbin:/sbin command -v iscsiadm"))
    return found.status == 0


async def sessions(shell: Shell) -> frozenset[str]:
    """Targets to which the kernel is logged in. Raises FerryError."""
    answer = await shell.run(("sh", "-c", _NAMES))
    return frozenset(line.strip() for line in answer.out.splitlines() if line.strip())


async def in_use(shell: Shell, iqn: str) -> tuple[str, ...]:
    """What the host itself has made of the target's disks: mounts, groups, maps; and which QEMU has them open, whatever
    libvirt knows of it. In words. Raises FerryError."""
    answer = await shell.run((*_IN_ENGLISH, "sh", "-c", _IN_USE, "sh", iqn))
    return tuple(clean(line, limit=300) for line in answer.out.splitlines() if line)


async def discover(shell: Shell, host: HostName, portal: Portal) -> tuple[IscsiTarget, ...]:
    """By SendTargets. Raises FerryError."""
    answer = await _run(shell, "-m", "discovery", "-t", "sendtargets", "-p", str(portal))
    if answer.status == _NO_OBJECTS:
        return ()
    return parse_offers(_checked(answer, host, "look for targets").out, host)


async def log_in(shell: Shell, host: HostName, iqn: str, portal: Portal) -> None:
    """Raises FerryError."""
    at = ("-m", "node", "-T", iqn, "-p", str(portal))
    _checked(await _run(shell, *at, "-o", "new"), host, "name a target")
    _checked(await _run(shell, *at, "--login"), host, "log in")


async def log_out(shell: Shell, host: HostName, iqn: str, portal: Portal) -> None:
    """Raises FerryError."""
    _checked(await _run(shell, "-m", "node", "-T", iqn, "-p", str(portal), "--logout"), host, "log out")


async def rescan(shell: Shell, host: HostName, iqn: str) -> list[str]:
    """All LUNs of one target, or of all; in words what was looked at. Raises FerryError."""
    answer = await shell.run((*_IN_ENGLISH, "sh", "-c", _RESCAN, "sh", iqn), deadline_s=DEADLINE_S)
    if answer.status != 0:
        said = clean(" ".join(answer.err.split()), limit=300)
        raise ActionError(
            said or "the kernel did not look",
            host=host,
            operation="rescan",
            hint="log in as root: it needs that",
        )
    return [f"rescanned {clean(line)}" for line in answer.out.splitlines() if line]


def parse_offers(text: str, host: HostName) -> tuple[IscsiTarget, ...]:
    """Of lines `10.0.0.1:3260,1 iqn.2026-11.lab:disks` (iscsiadm(8)). Pure; whatever is none is left out."""
    portals: dict[str, list[str]] = {}
    for line in text.splitlines():
        if match := _OFFER.fullmatch(line.strip()):
            portals.setdefault(clean(match["iqn"]), []).append(clean(match["portal"]))
    return tuple(IscsiTarget(host, iqn, tuple(each), logged_in=None) for iqn, each in portals.items())


async def _run(shell: Shell, *words: str) -> Answer:
    script = 'PATH=$PATH:/usr/sbin:/sbin; exec iscsiadm "$@"'
    return await shell.run((*_IN_ENGLISH, "sh", "-c", script, "sh", *words), deadline_s=DEADLINE_S)


def _checked(answer: Answer, host: HostName, operation: str) -> Answer:
    if answer.status != 0:
        said = clean(" ".join(answer.err.split()), limit=300)
        raise CommandError(said or f"iscsiadm ended with {answer.status}", host=host, operation=operation)
    return answer
