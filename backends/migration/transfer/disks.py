"""Images on the destination for the disks that are copied: of the same format and size, and ours to remove."""

from __future__ import annotations

import humanize

from backends.errors import CommandError
from backends.fleet.supervisor import Supervisor
from backends.migration.checks.markers import IN_ENGLISH, reason
from backends.migration.record import MoveRecord
from backends.model.move import DiskCopy, Trace, TraceKind

CREATE_DEADLINE_S = 30.0


async def prepare(record: MoveRecord, destination: Supervisor) -> None:
    """Create what is missing. A host without a shell leaves it to libvirt, which knows its own pools.

    Raises FerryError. What was created before is taken back when the move has ended.
    """
    preflight = record.move.preflight
    missing = [copy for copy in preflight.copies if not copy.exists] if preflight else []
    shell = destination.current().shell
    if not missing or shell is None:
        return
    for copy in missing:
        trace = Trace(TraceKind.DISK_FILE, destination.name, copy.path)
        record.leave(trace)
        await record.durable()
        claimed = await shell.run(_claim(copy))
        if claimed.status != 0:
            record.cleared(trace)
            raise CommandError(reason(claimed), host=destination.name, operation=f"create {copy.shown}")
        made = await shell.run(_create(copy), deadline_s=CREATE_DEADLINE_S)
        if made.status != 0:
            raise CommandError(reason(made), host=destination.name, operation=f"create {copy.shown}")
        size = humanize.naturalsize(copy.size_bytes, binary=True)
        record.log(f"{destination.name}: {copy.shown} created for a copy of {copy.target}, {size}")


def _claim(copy: DiskCopy) -> tuple[str, ...]:
    """dd(1), conv=excl: fails where the file has appeared since the checks, so that it is never taken for ours."""
    return (*IN_ENGLISH, "dd", "if=/dev/null", f"of={copy.path}", "conv=excl", "status=none")


def _create(copy: DiskCopy) -> tuple[str, ...]:
    """qemu-img(1); a size without a suffix is in bytes."""
    return (*IN_ENGLISH, "qemu-img", "create", "-q", "-f", copy.format, "--", copy.path, str(copy.size_bytes))
