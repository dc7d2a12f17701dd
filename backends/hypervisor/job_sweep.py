"""Which guests of a host have jobs, asked again and again, cheaply: two calls, and one more for each active guest."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import libvirt

from backends.errors import DeadlineError
from backends.hypervisor import jobs
from backends.hypervisor.connection import Connection
from backends.hypervisor.jobs import MIGRATION_IN
from backends.hypervisor.states import guest_state
from backends.model.guest import GuestKey
from backends.model.host import HostName
from backends.model.move import RunningJob
from backends.untrusted import clean

SWEEP_DEADLINE_S = 6.0
HUNG_S = 300.0
"""A guest that did not answer is left out for so long: each call that hangs holds a thread and one of the few requests
that a server takes from a client."""


@dataclass(slots=True, eq=False)
class _Progress:
    """What the lane's thread has found so far: also there when a call of it hangs."""

    found: list[RunningJob] = field(default_factory=list)
    asking: str = ""
    supported: bool = True


class JobSweep:
    """Of one driver of one host, as long as its connection lasts."""

    def __init__(self, connection: Connection, host: HostName, driver: str) -> None:
        self.cost_s = 0.0
        """Processor time of the last look at all guests, on the thread that asked."""
        self._connection = connection
        self._host = host
        self._driver = driver
        self._supported = True
        self._hung: dict[str, float] = {}

    async def run(self, only: Collection[str] | None = None) -> tuple[RunningJob, ...]:
        """The jobs of all active guests, or of these (by UUID); some are without figures. Raises FerryError."""
        if not self._supported:
            return ()
        progress = _Progress()
        now_s = time.monotonic()
        self._hung = {uuid: since_s for uuid, since_s in self._hung.items() if now_s - since_s < HUNG_S}
        skipped = frozenset(self._hung)
        try:
            await self._connection.call_aside(
                "list jobs",
                lambda conn: self._ask(conn, only, progress, skipped),
                deadline_s=SWEEP_DEADLINE_S,
            )
        except DeadlineError:
            if not progress.asking:
                raise
            self._hung[progress.asking] = now_s
        self._supported = progress.supported
        return tuple(progress.found)

    def _ask(
        self, conn: Any, only: Collection[str] | None, progress: _Progress, skipped: frozenset[str]
    ) -> None:
        """On a lane."""
        began_s = time.thread_time()
        for domain in _active(conn) if only is None else _these(conn, only):
            uuid = domain.UUIDString()
            if uuid in skipped:
                continue
            progress.asking = uuid
            key = GuestKey(self._host, self._driver, uuid)
            try:
                progress.found += _job(key, domain)
            except (
                libvirt.libvirtError
            ) as error:  # gone meanwhile, or held by another call: the next sweep asks
                if error.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT:
                    progress.supported = False  # a driver without jobs (LXC, test)
                    break
        progress.asking = ""
        if only is None:
            self.cost_s = time.thread_time() - began_s


def _active(conn: Any) -> Iterator[Any]:
    yield from conn.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)


def _these(conn: Any, uuids: Collection[str]) -> Iterator[Any]:
    for uuid in uuids:
        with suppress(libvirt.libvirtError):  # gone meanwhile
            yield conn.lookupByUUIDString(uuid)


def _job(key: GuestKey, domain: Any) -> Iterator[RunningJob]:
    try:
        job = jobs.from_fields(domain.jobStats())
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_OPERATION_UNSUPPORTED and _is_active(domain):
            yield _incoming(key, domain)
            return
        raise
    if job.running:
        elapsed_s = job.elapsed_ms / 1000
        yield RunningJob(key, clean(domain.name()), job.operation, elapsed_s, job.processed, job.remaining)


def _is_active(domain: Any) -> bool:
    return guest_state(domain.state()[0]).active


def _incoming(key: GuestKey, domain: Any) -> RunningJob:
    """Of a guest that comes in, QEMU's driver refuses the figures: they are available only on the source, it says.

    (qemuDomainGetJobStatsInternal in libvirt's src/qemu/qemu_driver.c. An active guest without a job is no error.)
    """
    return RunningJob(key, clean(domain.name()), MIGRATION_IN, 0.0, 0, 0)
