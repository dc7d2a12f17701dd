"""Do both hosts see the same disks? The same path proves nothing: a marker is written through one host and read through
the other."""

from __future__ import annotations

import asyncio
import secrets
from enum import Enum
from pathlib import PurePosixPath

from backends.errors import FerryError
from backends.migration.checks.context import Context
from backends.model.guest import Disk, DiskKind
from backends.model.move import Check, Verdict
from backends.remote.shell import Shell
from backends.untrusted import clean

READ_ATTEMPTS = 3
READ_PAUSE_S = 0.7
"""A network file system may need a moment to show a new name; a refusal must be certain."""


class Sharing(Enum):
    """What the marker told about one folder."""

    PROVED = "proved"
    DIFFERENT = "different"
    UNREADABLE = "unreadable"
    """The marker could not be written, or not be looked for: nothing is known."""


async def shared(context: Context) -> list[Check]:
    """One check a disk; each folder is tried once."""
    files = [disk for disk in context.guest.disks if disk.kind is DiskKind.FILE and disk.source]
    folders = sorted({str(PurePosixPath(disk.source).parent) for disk in files})
    results = dict(zip(folders, await asyncio.gather(*(_prove(context, f) for f in folders)), strict=True))
    if not context.guest.disks:
        return [Check("disk.none", "disks", Verdict.OK, "the guest has no disk")]
    return [
        _file_check(context, disk, *results[str(PurePosixPath(disk.source).parent)])
        if disk in files
        else _other_check(disk)
        for disk in context.guest.disks
        if disk.source
    ]


async def _prove(context: Context, folder: str) -> tuple[Sharing, str]:
    source, destination = context.source.shell, context.destination.shell
    if source is None or destination is None:
        host = context.source.host if source is None else context.destination.host
        return Sharing.UNREADABLE, f"{host} is reached by libvirt alone, without files"
    marker = f"{folder}/.virt-ferry-{secrets.token_hex(8)}"
    secret = secrets.token_hex(16)
    try:
        written = await source.run(("tee", marker), stdin=secret.encode())
        if written.status != 0:
            return (
                Sharing.UNREADABLE,
                f"{context.source.host}: {clean(written.err.strip() or 'cannot write')}",
            )
        if await _reads(destination, marker, secret):
            return Sharing.PROVED, f"a marker in {clean(folder)} was read through both hosts"
        return Sharing.DIFFERENT, (
            f"{context.destination.host} does not see what {context.source.host} writes into {clean(folder)}"
        )
    except FerryError as error:
        return Sharing.UNREADABLE, str(error)
    finally:
        await _remove(source, marker)


async def _reads(shell: Shell, marker: str, secret: str) -> bool:
    for attempt in range(READ_ATTEMPTS):
        if attempt:
            await asyncio.sleep(READ_PAUSE_S)
        answer = await shell.run(("cat", marker))
        if answer.status == 0:
            return answer.out == secret
    return False


async def _remove(shell: Shell, marker: str) -> None:
    try:
        await shell.run(("rm", "-f", marker))
    except FerryError:
        return  # the host is gone; a marker of 32 bytes with our name stays behind


def _file_check(context: Context, disk: Disk, sharing: Sharing, evidence: str) -> Check:
    check_id, title = f"disk.{disk.target}.shared", f"disk {disk.target} is shared"
    match sharing:
        case Sharing.PROVED:
            return Check(check_id, title, Verdict.OK, evidence)
        case Sharing.DIFFERENT:
            return Check(
                check_id,
                title,
                Verdict.REFUSE,
                evidence,
                f"put {disk.source} on storage that both hosts mount",
            )
        case Sharing.UNREADABLE:
            return Check(
                check_id,
                title,
                Verdict.UNKNOWN,
                f"not proved: {evidence}",
                f"make sure that {disk.source} is the same file on {context.destination.host}",
            )


def _other_check(disk: Disk) -> Check:
    check_id, title = f"disk.{disk.target}.shared", f"disk {disk.target} is shared"
    if disk.kind is DiskKind.NETWORK:
        return Check(check_id, title, Verdict.OK, f"network disk {disk.source}: each host opens it itself")
    return Check(
        check_id,
        title,
        Verdict.UNKNOWN,
        f"{disk.kind.value} {disk.source}: sharing is proved for files only",
        "compare the WWID of the device on both hosts",
    )
