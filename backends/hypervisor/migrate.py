"""Moving a guest, and removing the definition that it leaves behind."""

from __future__ import annotations

import contextlib
from typing import Any

import libvirt

from backends.hypervisor.connection import Connection

UNDEFINE_DEADLINE_S = 15.0
_KEEP_NVRAM = libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM
_KEEP_TPM = getattr(libvirt, "VIR_DOMAIN_UNDEFINE_KEEP_TPM", 0)  # since libvirt 8.9


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

    await connection.call_aside("migrate", work, deadline_s=None)


async def undefine(connection: Connection, uuid: str) -> bool:
    """Remove the definition of a guest that is off here; its NVRAM and TPM state are kept.

    False when it is not off: such a guest is never touched. Raises FerryError.
    """

    def work(conn: Any) -> bool:
        domain = conn.lookupByUUIDString(uuid)
        if domain.isActive():
            return False
        for flags in (_KEEP_NVRAM | _KEEP_TPM, _KEEP_NVRAM):
            with contextlib.suppress(libvirt.libvirtError):  # older daemons do not know all of the flags
                domain.undefineFlags(flags)
                return True
        domain.undefine()
        return True

    return await connection.call("remove the definition", work, deadline_s=UNDEFINE_DEADLINE_S)
