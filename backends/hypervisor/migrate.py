"""Moving a guest, and removing the definition that it leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import libvirt

from backends.errors import UnsupportedError
from backends.hypervisor.connection import Connection

UNDEFINE_DEADLINE_S = 15.0
_KEEP_NVRAM = libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM
_UNKNOWN_FLAG = (
    libvirt.VIR_ERR_INVALID_ARG,
    libvirt.VIR_ERR_NO_SUPPORT,
    libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
    libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
)
"""What older daemons, and drivers without such files, say of a flag that they do not know."""
_KEEP_TPM = getattr(libvirt, "VIR_DOMAIN_UNDEFINE_KEEP_TPM", 0)  # since libvirt 8.9


@dataclass(frozen=True, slots=True)
class MigrationOptions:
    """How libvirt is to carry a guest over (libvirt-domain.html#virDomainMigrateFlags)."""

    live: bool
    """Does the guest run on meanwhile? Else libvirt pauses it, and resumes it there unless it was paused before."""
    postcopy: bool = False
    """Prepared for post-copy: nothing happens before it is started."""
    auto_converge: bool = False
    bandwidth_mib_s: int | None = None
    copied_disks: tuple[str, ...] = ()
    """Target names of the disks to mirror; none: all are shared."""

    def flags(self, *, persistent: bool) -> int:
        """Without UNDEFINE_SOURCE: the source's definition is removed when the guest is proved to be there."""
        wanted = {
            libvirt.VIR_MIGRATE_LIVE: self.live,
            libvirt.VIR_MIGRATE_PERSIST_DEST: persistent,
            libvirt.VIR_MIGRATE_POSTCOPY: self.postcopy,
            libvirt.VIR_MIGRATE_AUTO_CONVERGE: self.auto_converge,
            libvirt.VIR_MIGRATE_NON_SHARED_DISK: bool(self.copied_disks),
        }
        return sum(flag for flag, is_wanted in wanted.items() if is_wanted)

    def parameters(self) -> dict[str, Any]:
        """What is not a flag."""
        parameters: dict[str, Any] = {}
        if self.bandwidth_mib_s is not None:
            parameters[libvirt.VIR_MIGRATE_PARAM_BANDWIDTH] = self.bandwidth_mib_s
        if self.copied_disks:
            parameters[libvirt.VIR_MIGRATE_PARAM_MIGRATE_DISKS] = list(self.copied_disks)
        return parameters


async def migrate_to_peer(
    connection: Connection, uuid: str, peer_uri: str, options: MigrationOptions
) -> None:
    """Peer-to-peer: the source's daemon drives it, and goes on when we are gone.

    Returns when the transfer has ended; there is no deadline, the job is watched on another connection. Raises
    FerryError.
    """

    def work(conn: Any) -> None:
        domain = conn.lookupByUUIDString(uuid)
        flags = options.flags(persistent=bool(domain.isPersistent())) | libvirt.VIR_MIGRATE_PEER2PEER
        domain.migrateToURI3(peer_uri, options.parameters(), flags)

    await connection.call_aside("migrate", work, deadline_s=None)


async def migrate_directly(
    source: Connection, destination: Connection, uuid: str, options: MigrationOptions
) -> None:
    """Client-managed: this program's libvirt drives it over both connections, and it ends when we end.

    Otherwise as `migrate_to_peer`.
    """

    def work(conn: Any, there: Any) -> None:
        domain = conn.lookupByUUIDString(uuid)
        flags = options.flags(persistent=bool(domain.isPersistent()))
        domain.migrate3(there, options.parameters(), flags)

    await source.call_aside_with(destination, "migrate", work)


async def start_postcopy(connection: Connection, uuid: str) -> None:
    """Switch a running transfer that was prepared for it to post-copy. Raises FerryError."""
    await connection.call(
        "start post-copy", lambda conn: conn.lookupByUUIDString(uuid).migrateStartPostCopy() and None
    )


async def undefine(connection: Connection, uuid: str) -> bool:
    """Remove the definition of a guest that is off here; its NVRAM and TPM state are kept.

    False when it is not off: such a guest is never touched. Raises FerryError.
    """

    def work(conn: Any) -> bool:
        domain = conn.lookupByUUIDString(uuid)
        if domain.isActive():
            return False
        for flags in (_KEEP_NVRAM | _KEEP_TPM, _KEEP_NVRAM):
            try:
                domain.undefineFlags(flags)
            except libvirt.libvirtError as error:
                if error.get_error_code() not in _UNKNOWN_FLAG:  # without it the TPM's state would be deleted
                    raise
            else:
                return True
        domain.undefine()
        return True

    return await connection.call("remove the definition", work, deadline_s=UNDEFINE_DEADLINE_S)


async def resume_postcopy(connection: Connection, uuid: str, peer_uri: str) -> None:
    """Go on with a post-copy transfer that broke off, from the source, peer-to-peer (libvirt 8.5 or newer on both).

    Returns when all of the memory has arrived; there is no deadline. Raises FerryError, as it does where nothing broke
    off: libvirt refuses to resume what is no failed post-copy.
    """
    resume = getattr(libvirt, "VIR_MIGRATE_POSTCOPY_RESUME", 0)
    if not resume:
        raise UnsupportedError("this libvirt cannot resume post-copy", operation="resume post-copy")

    def work(conn: Any) -> None:
        domain = conn.lookupByUUIDString(uuid)
        flags = (
            libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER | libvirt.VIR_MIGRATE_POSTCOPY | resume
        )
        if domain.isPersistent():
            flags |= libvirt.VIR_MIGRATE_PERSIST_DEST
        domain.migrateToURI3(peer_uri, {}, flags)

    await connection.call_aside("resume post-copy", work, deadline_s=None)
