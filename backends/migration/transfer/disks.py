"""Images on the destination for the disks that are copied: of the same format and size, and provably ours to remove."""

from __future__ import annotations

import humanize

from backends.errors import CommandError, JournalError
from backends.fleet.supervisor import Supervisor
from backends.migration.ending import own_images
from backends.migration.ending.own_images import mark_of
from backends.migration.record import MoveRecord
from backends.model.host import HostName
from backends.model.move import DiskCopy, Trace, TraceKind
from backends.probes.markers import IN_ENGLISH, reason
from backends.remote.shell import Answer, Shell

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
        await _Image(record, destination.name, shell, copy).make()
        size = humanize.naturalsize(copy.size_bytes, binary=True)
        record.log(f"{destination.name}: {copy.shown} created for a copy of {copy.target}, {size}")


class _Image:
    """One image that is to be made. It has its name from the moment on in which it is whole."""

    def __init__(self, record: MoveRecord, host: HostName, shell: Shell, copy: DiskCopy) -> None:
        self._record = record
        self._host = host
        self._shell = shell
        self._copy = copy
        self._mark = mark_of(record.id, copy.path)

    async def make(self) -> None:
        """Raises FerryError; `own_images.remove` then takes back what there is."""
        trace = Trace(TraceKind.DISK_FILE, self._host, self._copy.path)
        self._record.leave(trace)
        try:
            await self._record.durable()
        except JournalError:
            self._record.cleared(trace)
            raise
        # dd(1), conv=excl: fails where the private name is taken, by a link for example
        claimed = await self._run("dd", "if=/dev/null", f"of={self._mark}", "conv=excl", "status=none")
        if claimed.status != 0:
            self._record.cleared(trace)
            raise self._failed(claimed)
        # qemu-img(1); a size without a suffix is in bytes
        form = ("-f", self._copy.format, "--", self._mark, str(self._copy.size_bytes))
        created = await self._run("qemu-img", "create", "-q", *form)
        if created.status != 0:
            raise self._failed(created)
        linked = await self._run("ln", "-T", "--", self._mark, self._copy.path)
        if linked.status != 0 and not await own_images.is_marked(
            self._shell, self._record.id, self._copy.path
        ):
            await self._make_without_mark(linked)

    async def _make_without_mark(self, linked: Answer) -> None:
        """A file system that has no hard links: the image is renamed, and cannot be proved to be ours any more."""
        # mv(1), -n: renameat2(2) with RENAME_NOREPLACE; whether its status tells of that depends on its version
        moved = await self._run("mv", "-n", "-T", "--", self._mark, self._copy.path)
        if not await own_images.is_there(self._shell, self._mark):
            self._record.log(
                f"{self._host}: {self._copy.shown} cannot be marked as ours: {reason(linked)};"
                " it will not be removed if the move fails"
            )
            return
        if not await own_images.is_there(self._shell, self._copy.path):
            raise self._failed(moved)
        raise CommandError(
            f"{self._copy.shown} has appeared since the plan was made: it is left alone",
            host=self._host,
            operation=f"create {self._copy.shown}",
            hint="plan the move again",
        )

    async def _run(self, *argv: str) -> Answer:
        return await self._shell.run((*IN_ENGLISH, *argv), deadline_s=CREATE_DEADLINE_S)

    def _failed(self, answer: Answer) -> CommandError:
        return CommandError(reason(answer), host=self._host, operation=f"create {self._copy.shown}")
