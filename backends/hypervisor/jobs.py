"""Jobs that libvirt runs on guests: their figures, and the knobs one can turn meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import libvirt

from backends.hypervisor.connection import Connection
from backends.model.guest import Guest
from backends.model.move import RunningJob

ABORT_DEADLINE_S = 15.0
LIST_DEADLINE_S = 20.0

_OPERATIONS = {
    getattr(libvirt, name): name.removeprefix("VIR_DOMAIN_JOB_OPERATION_").lower().replace("_", " ")
    for name in dir(libvirt)
    if name.startswith("VIR_DOMAIN_JOB_OPERATION_")
}
MIGRATION_OUT, MIGRATION_IN, SAVE = "migration out", "migration in", "save"
_UNKNOWN = "unknown"
_RUNNING = (libvirt.VIR_DOMAIN_JOB_BOUNDED, libvirt.VIR_DOMAIN_JOB_UNBOUNDED)

_MOST_ELAPSED_MS = 10 * 365 * 86_400 * 1000
"""Ten years: a host that says more is not believed."""
_NO_JOB = (libvirt.VIR_ERR_OPERATION_INVALID, libvirt.VIR_ERR_NO_DOMAIN)
"""What libvirt answers about a guest that is not running here, or not here at all."""


@dataclass(frozen=True, slots=True)
class JobStatistics:
    """virDomainGetJobStats (libvirt-domain.html#virDomainGetJobStats), sizes in bytes. 0 where a field is missing."""

    running: bool
    operation: str
    elapsed_ms: int
    downtime_ms: int | None
    """Of a completed job what was measured; of a running one what QEMU expects at the rate of now."""
    total: int
    processed: int
    remaining: int
    memory_bps: int
    memory_iteration: int
    memory_dirty_pages_s: int
    page_size: int
    throttle_percent: int
    memory_total: int = 0
    memory_processed: int = 0
    memory_remaining: int = 0
    disk_total: int = 0
    """While disks are mirrored before the memory is sent, all memory figures are 0."""
    disk_processed: int = 0
    disk_remaining: int = 0

    def runs(self, operation: str) -> bool:
        """Is it a running job of this kind? One of a driver that does not say (libxl) passes for any."""
        return self.running and self.operation in (operation, _UNKNOWN)


def from_fields(fields: Mapping[str, Any]) -> JobStatistics:
    """The typed parameters as they come, of a running job or of a completed one."""
    kind = fields.get("type", libvirt.VIR_DOMAIN_JOB_NONE)
    return JobStatistics(
        running=kind in _RUNNING,
        operation=_OPERATIONS.get(fields.get("operation", 0), _UNKNOWN),
        elapsed_ms=min(fields.get(libvirt.VIR_DOMAIN_JOB_TIME_ELAPSED, 0), _MOST_ELAPSED_MS),
        downtime_ms=fields.get(libvirt.VIR_DOMAIN_JOB_DOWNTIME),
        total=fields.get(libvirt.VIR_DOMAIN_JOB_DATA_TOTAL, 0),
        processed=fields.get(libvirt.VIR_DOMAIN_JOB_DATA_PROCESSED, 0),
        remaining=fields.get(libvirt.VIR_DOMAIN_JOB_DATA_REMAINING, 0),
        memory_bps=fields.get(libvirt.VIR_DOMAIN_JOB_MEMORY_BPS, 0),
        memory_iteration=fields.get(libvirt.VIR_DOMAIN_JOB_MEMORY_ITERATION, 0),
        memory_dirty_pages_s=fields.get(libvirt.VIR_DOMAIN_JOB_MEMORY_DIRTY_RATE, 0),
        page_size=fields.get(libvirt.VIR_DOMAIN_JOB_MEMORY_PAGE_SIZE, 4096),
        throttle_percent=fields.get(libvirt.VIR_DOMAIN_JOB_AUTO_CONVERGE_THROTTLE, 0),
        memory_total=fields.get(libvirt.VIR_DOMAIN_JOB_MEMORY_TOTAL, 0),
        memory_processed=fields.get(libvirt.VIR_DOMAIN_JOB_MEMORY_PROCESSED, 0),
        memory_remaining=fields.get(libvirt.VIR_DOMAIN_JOB_MEMORY_REMAINING, 0),
        disk_total=fields.get(libvirt.VIR_DOMAIN_JOB_DISK_TOTAL, 0),
        disk_processed=fields.get(libvirt.VIR_DOMAIN_JOB_DISK_PROCESSED, 0),
        disk_remaining=fields.get(libvirt.VIR_DOMAIN_JOB_DISK_REMAINING, 0),
    )


async def read_statistics(connection: Connection, uuid: str) -> JobStatistics:
    """Of the job that runs now; `running` is False when there is none, or no guest any more. Raises FerryError."""

    def work(conn: Any) -> JobStatistics:
        try:
            return from_fields(conn.lookupByUUIDString(uuid).jobStats())
        except libvirt.libvirtError as error:
            if error.get_error_code() in _NO_JOB:
                return from_fields({})
            raise

    return await connection.call("read job statistics", work)


async def read_completed(connection: Connection, uuid: str) -> JobStatistics | None:
    """Of the newest job that has completed, without making libvirt forget it; None where it knows none."""

    def work(conn: Any) -> JobStatistics | None:
        flags = libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED | libvirt.VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED
        try:
            fields = conn.lookupByUUIDString(uuid).jobStats(flags)
        except libvirt.libvirtError:  # gone, or too old to keep them: the figures are nice to have
            return None
        return from_fields(fields) if fields.get("type") == libvirt.VIR_DOMAIN_JOB_COMPLETED else None

    return await connection.call("read job statistics", work)


async def abort(connection: Connection, uuid: str, operation: str) -> bool:
    """Ask for the end of the running job of this kind; another one is somebody else's, and left alone.

    False when there is none (yet, or any more). Raises FerryError.
    """

    def work(conn: Any) -> bool:
        try:
            domain = conn.lookupByUUIDString(uuid)
            if not from_fields(domain.jobStats()).runs(operation):
                return False
            domain.abortJob()
        except libvirt.libvirtError as error:
            if error.get_error_code() in _NO_JOB:
                return False
            raise
        return True

    return await connection.call("abort the job", work, deadline_s=ABORT_DEADLINE_S)


async def set_bandwidth(connection: Connection, uuid: str, mib_s: int) -> None:
    """Limit the transfer, running or to come. Raises FerryError."""
    await connection.call(
        "limit the bandwidth", lambda conn: _done(conn.lookupByUUIDString(uuid).migrateSetMaxSpeed(mib_s))
    )


async def set_max_downtime(connection: Connection, uuid: str, milliseconds: int) -> None:
    """How long the guest may stand still at the switch, for a transfer running or to come. Raises FerryError."""
    await connection.call(
        "set the downtime limit",
        lambda conn: _done(conn.lookupByUUIDString(uuid).migrateSetMaxDowntime(milliseconds)),
    )


async def read_max_downtime(connection: Connection, uuid: str) -> int | None:
    """The limit in force, in milliseconds; None where the driver does not say."""

    def work(conn: Any) -> int | None:
        with contextlib.suppress(libvirt.libvirtError):
            limit = conn.lookupByUUIDString(uuid).migrateGetMaxDowntime()
            return None if limit is None else int(limit)
        return None

    return await connection.call("read the downtime limit", work)


async def running(connection: Connection, guests: Iterable[Guest]) -> tuple[RunningJob, ...]:
    """The jobs that run now on these guests of one driver. Raises FerryError."""
    mine = tuple(guests)

    def work(conn: Any) -> tuple[RunningJob, ...]:
        found = []
        for guest in mine:
            with contextlib.suppress(libvirt.libvirtError):  # gone meanwhile, or a driver without jobs
                job = from_fields(conn.lookupByUUIDString(guest.key.uuid).jobStats())
                if job.running:
                    elapsed_s = job.elapsed_ms / 1000
                    found.append(
                        RunningJob(
                            guest.key, guest.name, job.operation, elapsed_s, job.processed, job.remaining
                        )
                    )
        return tuple(found)

    return await connection.call_aside("list jobs", work, deadline_s=LIST_DEADLINE_S) if mine else ()


def _done(_result: object) -> None:
    """libvirt's 0 for success says nothing that its exceptions do not."""
