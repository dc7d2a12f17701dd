"""Moving a guest, and asking where it is."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import libvirt

from backends.hypervisor.connection import Connection
from backends.hypervisor.states import guest_state, state_reason
from backends.model.guest import GuestState

WHEREABOUTS_DEADLINE_S = 6.0
UNDEFINE_DEADLINE_S = 15.0


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What one host says of a guest."""

    defined: bool
    """Is there anything of this UUID at all?"""
    state: GuestState = GuestState.UNKNOWN
    reason: str = ""
    persistent: bool = False
    job_running: bool = False


async def migrate_live(
    connection: Connection, uuid: str, peer_uri: str, *, bandwidth_mib_s: int | None
) -> None:
    """Live, peer-to-peer: the source's daemon drives it, and goes on when we are gone.

    Returns when the transfer has ended; there is no deadline, the job is watched on another connection. The source's
    definition stays: it is removed when the guest is proved running on the destination. Raises FerryError.
    """

    def work(conn: Any) -> None:
        domain = conn.lookupByUUIDString(uuid)
        flags = libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER
        if domain.isPersistent():
            flags |= libvirt.VIR_MIGRATE_PERSIST_DEST
        parameters = {}
        if bandwidth_mib_s is not None:
            parameters[libvirt.VIR_MIGRATE_PARAM_BANDWIDTH] = bandwidth_mib_s
        domain.migrateToURI3(peer_uri, parameters, flags)

    await connection.call_slow("migrate", work, deadline_s=None)


async def whereabouts(connection: Connection, uuid: str) -> Whereabouts:
    """Ask one host about a guest. Raises FerryError when it does not answer."""

    def work(conn: Any) -> Whereabouts:
        try:
            domain = conn.lookupByUUIDString(uuid)
            state, reason = domain.state()
            return Whereabouts(
                defined=True,
                state=guest_state(state, reason),
                reason=state_reason(state, reason),
                persistent=bool(domain.isPersistent()),
                job_running=_has_job(domain),
            )
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return Whereabouts(defined=False)
            raise

    return await connection.call("ask where the guest is", work, deadline_s=WHEREABOUTS_DEADLINE_S)


def _has_job(domain: Any) -> bool:
    with contextlib.suppress(libvirt.libvirtError):  # a guest that is off, or a driver without jobs
        return bool(domain.jobInfo()[0] != libvirt.VIR_DOMAIN_JOB_NONE)
    return False


async def undefine(connection: Connection, uuid: str) -> bool:
    """Remove the definition of a guest that is off here; its NVRAM and TPM state are kept.

    False when it is not off: such a guest is never touched. Raises FerryError.
    """

    def work(conn: Any) -> bool:
        domain = conn.lookupByUUIDString(uuid)
        if domain.isActive():
            return False
        keep = libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | libvirt.VIR_DOMAIN_UNDEFINE_KEEP_TPM
        for flags in (keep, libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM):
            with contextlib.suppress(libvirt.libvirtError):  # older daemons do not know all of the flags
                domain.undefineFlags(flags)
                return True
        domain.undefine()
        return True

    return await connection.call("remove the definition", work, deadline_s=UNDEFINE_DEADLINE_S)
