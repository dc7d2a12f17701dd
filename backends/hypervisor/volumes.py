"""The volumes of a pool, and growing them. Sizes are bytes; nothing here ever shrinks anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import libvirt

from backends.errors import ActionError, DeadlineError
from backends.hypervisor.connection import Connection
from backends.hypervisor.pool_definitions import Pool, Volume, parse_volume
from backends.hypervisor.pools import MOST_HANGING, STORAGE_DEADLINE_S, ask_storage, look_up, waiting_for
from backends.untrusted import clean

VOLUMES_DEADLINE_S = 15.0
"""libvirt opens each file, and asks Ceph for each image, to tell its size."""
_HANGS = "libvirt did not answer: the pool's storage is slow, or hangs"
_NO_SHRINKING = "a disk is never made smaller: what is behind its new end would be lost"


async def read_volumes(connection: Connection, pool: Pool) -> tuple[Volume, ...]:
    """All volumes of a pool that is active, by name. One that cannot be read, or not in time, has a `trouble`.

    Do not ask for pools whose storage is known to hang: libvirt would hold the pool, and every list of pools with it.

    Raises:
        DeadlineError: libvirt does not even list them.
        FerryError: the pool is not active, or gone; no connection.
    """
    reading = _Reading(connection, pool)
    if reading.subject in connection.hanging or len(connection.hanging) >= MOST_HANGING:
        raise DeadlineError(
            "an earlier question about storage has no answer yet",
            host=connection.host,
            operation="read volumes",
        )
    try:
        await ask_storage(connection, "read volumes", reading, deadline_s=VOLUMES_DEADLINE_S)
    except DeadlineError:
        reading.over = True
        if not reading.names:
            raise
    return tuple(
        sorted(
            (
                reading.found.get(name, Volume(clean(name), trouble=_HANGS))
                for name in reading.names
                if name not in reading.gone
            ),
            key=lambda volume: volume.name,
        )
    )


async def resize_volume(connection: Connection, pool: str, volume: str, size_bytes: int) -> int:
    """Let a volume grow; returns its new size. `pool`: its UUID or name; names as libvirt has them.

    libvirt changes the image itself: not for one that a running guest has open (see `resize_guest_disk`).
    One that is as large already stays as it is. Raises FerryError; ActionError for what would be smaller.
    """

    def work(conn: Any) -> int:
        found = look_up(conn, pool).storageVolLookupByName(volume)
        _require_growth(found.info()[1], size_bytes)
        if found.info()[1] < size_bytes:
            found.resize(size_bytes, 0)
        return int(found.info()[1])

    return await ask_storage(connection, "resize a volume", work, deadline_s=STORAGE_DEADLINE_S)


async def resize_guest_disk(connection: Connection, uuid: str, target: str, size_bytes: int) -> int:
    """Let the disk of a running guest grow, with its image; the guest sees it at once. Returns the new size.

    A raw disk on a device only follows what the device has (virDomainBlockResize). One that is as large already stays
    as it is. Raises FerryError; ActionError for what would be smaller.
    """

    def work(conn: Any) -> int:
        domain = conn.lookupByUUIDString(uuid)
        before = domain.blockInfo(target)[0]
        _require_growth(before, size_bytes)
        if before < size_bytes:
            domain.blockResize(target, size_bytes, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)
        return int(domain.blockInfo(target)[0])

    return await ask_storage(connection, "resize a disk", work, deadline_s=STORAGE_DEADLINE_S)


def _require_growth(before: int, after: int) -> None:
    if after < before:
        raise ActionError(f"{_NO_SHRINKING} ({before:,} bytes now, {after:,} asked for)")


@dataclass(slots=True, eq=False)
class _Reading:
    """Reads volumes as it goes, so that those before one that hangs are not lost."""

    connection: Connection
    pool: Pool
    names: tuple[str, ...] = ()
    """As libvirt has them."""
    found: dict[str, Volume] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    over: bool = False
    """Nobody waits any more: when the call that hangs returns after all, no further one is made."""

    @property
    def subject(self) -> str:
        """libvirt holds the pool meanwhile: what hangs here hangs for whoever asks for the pool."""
        return self.pool.name

    def __call__(self, conn: Any) -> None:
        """On a lane."""
        with waiting_for(self.connection, self.subject):
            volumes = look_up(conn, self.pool.uuid).listAllVolumes(0)
            self.names = tuple(volume.name() for volume in volumes)
            for volume in volumes:
                if self.over:
                    return
                self._read(volume)

    def _read(self, volume: Any) -> None:
        name = volume.name()
        try:
            self.found[name] = parse_volume(volume.XMLDesc(0))
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_STORAGE_VOL:
                self.gone.add(name)
                return
            self.found[name] = Volume(clean(name), trouble=clean(error.get_error_message() or str(error)))
        except ActionError as error:
            self.found[name] = Volume(clean(name), trouble=error.cause)
