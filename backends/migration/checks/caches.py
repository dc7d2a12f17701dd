"""Would libvirt call the guest's disks safe to migrate (qemu_migration.c, qemuMigrationSrcIsSafe)?

A disk that two hosts open must not be read from the cache of one of them. libvirt looks at the cache mode and at the
file system's type, not at a proof.
"""

from __future__ import annotations

import asyncio

from backends.migration.checks.context import Context
from backends.migration.checks.disks import Examined, examine, is_copied, is_read_only
from backends.migration.checks.files import file_system_of
from backends.migration.checks.versions import Numbers, source_hypervisor
from backends.model.guest import Disk, DiskKind
from backends.model.move import Check, Verdict
from backends.untrusted import clean

SAFE_CACHES = ("none", "directsync")
DROPS_CACHES = (4, 0)
"""From this QEMU on the destination drops its cache before the guest runs, and libvirt lets every mode pass."""
SHARED_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "gfs2", "ocfs2", "afs", "smb", "smb2", "smb3", "cifs", "ceph", "gpfs", "acfs", "beegfs"}
    | {"fuse.ceph", "fuse.glusterfs", "fuse.quobyte", "fuse.beegfs"}
)
"""What libvirt takes for shared (virfile.c, virFileIsSharedFSType)."""
CONFIGURABLE = "name the folder in shared_filesystems of both qemu.conf (libvirt 10.8 and newer)"


async def coherent(context: Context) -> list[Check]:
    """For the disks that both hosts open and the guest writes to. Nothing where all is well."""
    if context.driver != "qemu":
        return []
    examined = [
        each
        for each in await examine(context)
        if not is_copied(context, each)
        and not is_read_only(each.disk)
        and each.own.verdict is not Verdict.REFUSE
    ]
    qemu = source_hypervisor(context)
    caches = [cache_verdict(each.disk, qemu) for each in examined]
    systems = await asyncio.gather(*(_file_system(context, each) for each in examined))
    return [check for check in (*caches, *systems) if check is not None]


def cache_verdict(disk: Disk, qemu: Numbers) -> Check | None:
    """Pure."""
    is_shared = disk.kind in (DiskKind.NETWORK, DiskKind.OTHER) or disk.shareable
    if is_shared or disk.cache in SAFE_CACHES:
        return None
    id_, title = f"disk.{disk.target}.cache", f"cache of {disk.target}"
    mode = disk.cache if disk.cache not in ("", "default") else "the default one"
    mend = "set cache='none' for it, and restart the guest"
    if disk.cache == "unsafe":
        evidence = (
            "cache mode unsafe: what the guest wrote may not have left the source's memory when it runs there"
        )
        return Check(id_, title, Verdict.WARNING, evidence, mend)
    if qemu and qemu < DROPS_CACHES:
        evidence = (
            f"cache mode {mode}: libvirt refuses it unless the file system keeps the hosts' caches alike"
        )
        return Check(id_, title, Verdict.WARNING, evidence, mend)
    evidence = f"cache mode {mode}: QEMU drops the caches at the switch"
    return Check(id_, title, Verdict.NOTE, evidence)


async def _file_system(context: Context, examined: Examined) -> Check | None:
    if examined.place is None:
        return None
    folder = examined.place.source.folder
    shell = context.source.shell
    kind = await context.once.get(("file system", folder), lambda: file_system_of(shell, folder))
    return file_system_verdict(examined.disk, kind)


def file_system_verdict(disk: Disk, kind: str) -> Check | None:
    """Pure."""
    if not kind or kind in SHARED_FILE_SYSTEMS:
        return None
    evidence = f"{disk.source} is on {clean(kind)}, which libvirt may not take for shared: it then refuses"
    return Check(
        f"disk.{disk.target}.filesystem",
        f"file system of {disk.target}",
        Verdict.WARNING,
        evidence,
        CONFIGURABLE,
    )
