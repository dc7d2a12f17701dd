"""Where is a guest? One host's word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import libvirt

from backends.hypervisor.connection import Connection
from backends.hypervisor.states import guest_state, state_reason
from backends.model.guest import GuestState

WHEREABOUTS_DEADLINE_S = 6.0
_NO_JOB = (
    libvirt.VIR_ERR_OPERATION_INVALID,
    libvirt.VIR_ERR_NO_SUPPORT,
    libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
)
"""What libvirt answers about the job of a guest that is off, or of a driver without jobs."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What one host says of a guest."""

    defined: bool
    """Is there anything of this UUID at all?"""
    state: GuestState = GuestState.UNKNOWN
    reason: str = ""
    persistent: bool = False
    job_running: bool = False
    job_processed_bytes: int = 0
    """What the running job has done so far: two answers that differ in it tell that something still flows."""


async def whereabouts(connection: Connection, uuid: str) -> Whereabouts:
    """Ask one host about a guest. Raises FerryError when it does not answer."""

    def work(conn: Any) -> Whereabouts:
        try:
            domain = conn.lookupByUUIDString(uuid)
            running, processed = _job(domain)  # first: a job that ends between the two must not pass for none
            state, reason = domain.state()
            return Whereabouts(
                defined=True,
                state=guest_state(state, reason),
                reason=state_reason(state, reason),
                persistent=bool(domain.isPersistent()),
                job_running=running,
                job_processed_bytes=processed,
            )
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return Whereabouts(defined=False)
            raise

    # aside: a guest whose job holds its lock must not cost the host its connection
    return await connection.call_aside("ask where the guest is", work, deadline_s=WHEREABOUTS_DEADLINE_S)


def _job(domain: Any) -> tuple[bool, int]:
    """Any other error must not pass for a no: the transfer may well go on. (virDomainJobInfo: [4] is dataProcessed.)"""
    try:
        info = domain.jobInfo()
    except libvirt.libvirtError as error:
        if error.get_error_code() in _NO_JOB:
            return False, 0
        raise
    return info[0] != libvirt.VIR_DOMAIN_JOB_NONE, int(info[4])
