"""A host's storage pools. They are asked for what libvirt knows, and are not refreshed on the way.

libvirt holds a pool for as long as it looks at its storage. Where that does not answer (a dead NFS server), everything
that asks for that pool waits, and so does every list of all pools.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import libvirt

from backends.errors import ActionError, DeadlineError, LinkError
from backends.hypervisor.connection import Connection
from backends.hypervisor.pool_definitions import Pool, PoolSource, parse_pool, parse_sources
from backends.untrusted import clean

T = TypeVar("T")

POOLS_DEADLINE_S = 5.0
"""For the list, and for some pools of it. libvirt answers from its memory: what takes longer, hangs."""
STORAGE_DEADLINE_S = 60.0
"""Of what waits for storage: a login, a mount, a refresh of thousands of volumes."""
MOST_HANGING = 3
"""Calls that may hang at a host at a time. Its libvirt has 20 threads for all clients (libvirtd.conf: max_workers)."""
_LIST = "the list of pools"
_LIST_HANGS = "libvirt does not list its pools: the storage of one of them seems to hang"
_HANGS = "libvirt does not answer for this pool: its storage seems to hang"
_NOT_ASKED = "not asked: too many questions about storage hang on this host already"
_POOLS_AT_ONCE = 16
"""In one call: few enough for its deadline to tell a pool that hangs from a line that is slow."""


async def read_pools(connection: Connection, driver: str, *, known: Iterable[str] = ()) -> tuple[Pool, ...]:
    """All pools, by name; one that hangs has a `trouble` and hides no other.

    `known`: names as libvirt has them, for when the list hangs because one of its pools does.

    Raises:
        DeadlineError: the list hangs, and nothing was known.
        FerryError: no storage driver, no connection.
    """
    try:
        listed = await _list(connection)
    except DeadlineError:
        listed = {name: _Listed(None, None) for name in known}
        if not listed:
            raise
    found: dict[str, Pool] = {}
    while waiting := [name for name in listed if name not in found]:
        hanging = [name for name in waiting if clean(name) in connection.hanging]
        if hanging:
            found |= _troubled(driver, hanging, _HANGS)
        elif len(connection.hanging) >= MOST_HANGING:
            found |= _troubled(driver, waiting, _NOT_ASKED)
        else:
            names = waiting[:_POOLS_AT_ONCE]
            reading = _Reading(connection, driver, {name: listed[name] for name in names}, found)
            try:
                await ask_storage(connection, "read pools", reading)
            except DeadlineError as error:
                reading.over = True
                if not any(name in found or clean(name) in connection.hanging for name in names):
                    found |= _troubled(driver, names, error.cause)
    pools = (found[name] for name in listed)
    return tuple(sorted((pool for pool in pools if pool.name), key=lambda pool: pool.name))


async def find_pool_sources(connection: Connection, type_: str, spec_xml: str) -> tuple[PoolSource, ...]:
    """Discovery: what a host could make pools of; `source_xml` makes the question. Raises FerryError."""

    def work(conn: Any) -> tuple[PoolSource, ...]:
        return parse_sources(conn.findStoragePoolSources(type_, spec_xml, 0))

    return await ask_storage(connection, "look for storage", work, deadline_s=STORAGE_DEADLINE_S)


async def refresh_pool(connection: Connection, pool: str) -> None:
    """Let libvirt look at the pool's storage anew: LUNs, volumes, room. `pool`: its UUID or name. Raises FerryError."""
    await _do(connection, "refresh a pool", pool, lambda found: found.refresh(0))


async def start_pool(connection: Connection, pool: str) -> None:
    """Mount it, log in to it; one that is active stays so. `pool`: its UUID or name. Raises FerryError."""
    await _do(connection, "start a pool", pool, lambda found: found.isActive() or found.create(0))


async def stop_pool(connection: Connection, pool: str) -> None:
    """Unmount it, log out; its volumes stay as they are. `pool`: its UUID or name. Raises FerryError."""
    await _do(connection, "stop a pool", pool, lambda found: found.isActive() and found.destroy())


async def define_pool(connection: Connection, xml: str) -> str:
    """Remember a pool; returns its UUID. Raises FerryError."""
    return await ask_storage(
        connection,
        "define a pool",
        lambda conn: str(conn.storagePoolDefineXML(xml, 0).UUIDString()),
        deadline_s=STORAGE_DEADLINE_S,
    )


async def forget_pool(connection: Connection, pool: str) -> None:
    """Take back `define_pool`; the pool is stopped already. `pool`: its UUID or name. Raises FerryError."""
    await _do(connection, "undefine a pool", pool, lambda found: found.undefine())


def look_up(conn: Any, pool: str) -> Any:
    """By UUID or name. On a lane. Raises libvirtError."""
    with contextlib.suppress(libvirt.libvirtError):  # no UUID, or not one of a pool
        return conn.storagePoolLookupByUUIDString(pool)
    return conn.storagePoolLookupByName(pool)


async def ask_storage(
    connection: Connection, operation: str, work: Callable[[Any], T], *, deadline_s: float | None = None
) -> T:
    """Run `work(virConnect)` on a connection of its own to the same place: a call that hangs holds up all others of its
    connection, each for up to a keepalive's interval (seen with libvirt 9). Raises FerryError.

    `deadline_s`: POOLS_DEADLINE_S unless it is said.
    """
    if connection.closed.is_set():
        raise LinkError(connection.close_reason, host=connection.host, operation=operation)
    own = await Connection.open(connection.uri, host=connection.host)
    try:
        return await own.call(
            operation, work, deadline_s=POOLS_DEADLINE_S if deadline_s is None else deadline_s
        )
    finally:
        own.close()


@contextlib.contextmanager
def waiting_for(connection: Connection, subject: str) -> Iterator[None]:
    """On a lane: a call that does not come back stays noted, so that no second one joins it. `subject`: a pool's name,
    safe to show, or the list of all."""
    connection.hanging.add(subject)
    try:
        yield
    finally:
        connection.hanging.discard(subject)


@dataclass(frozen=True, slots=True)
class _Listed:
    """What the lists tell of a pool; None where they hang."""

    active: bool | None
    autostart: bool | None


def _troubled(driver: str, names: Iterable[str], trouble: str) -> dict[str, Pool]:
    return {name: Pool(driver, clean(name), "", trouble=trouble) for name in names}


async def _list(connection: Connection) -> Mapping[str, _Listed]:
    """By the names that libvirt has."""
    if _LIST in connection.hanging:
        raise DeadlineError(_LIST_HANGS, host=connection.host, operation="list pools")

    def names(conn: Any, flags: int) -> tuple[str, ...]:
        return tuple(pool.name() for pool in conn.listAllStoragePools(flags))

    def work(conn: Any) -> Mapping[str, _Listed]:
        with waiting_for(connection, _LIST):
            active = names(conn, libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE)
            autostart = names(conn, libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_AUTOSTART)
            return {name: _Listed(name in active, name in autostart) for name in names(conn, 0)}

    return await ask_storage(connection, "list pools", work)


@dataclass(slots=True, eq=False)
class _Reading:
    """Reads pools into `found` as it goes, so that what was read before one that hangs is not lost."""

    connection: Connection
    driver: str
    wanted: Mapping[str, _Listed]
    found: dict[str, Pool]
    over: bool = False
    """Nobody waits any more: when the call that hangs returns after all, no further one is made."""

    def __call__(self, conn: Any) -> None:
        """On a lane."""
        for name, listed in self.wanted.items():
            with waiting_for(self.connection, clean(name)):
                pool = _read(conn, self.driver, name, listed)
            if self.over:
                return
            self.found[name] = pool


def _read(conn: Any, driver: str, name: str, listed: _Listed) -> Pool:
    try:
        pool = conn.storagePoolLookupByName(name)
        active = bool(pool.isActive()) if listed.active is None else listed.active
        read = parse_pool(pool.XMLDesc(0), driver, active=active, autostart=listed.autostart)
        return replace(read, volumes=int(pool.numOfVolumes())) if active else read
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_STORAGE_POOL:
            return _GONE
        return Pool(driver, clean(name), "", trouble=clean(error.get_error_message() or str(error)))
    except ActionError as error:
        return Pool(driver, clean(name), "", trouble=error.cause)


_GONE = Pool("", "", "")
"""It was there when the list was made."""


async def _do(connection: Connection, operation: str, pool: str, act: Callable[[Any], object]) -> None:
    def work(conn: Any) -> None:
        act(look_up(conn, pool))

    await ask_storage(connection, operation, work, deadline_s=STORAGE_DEADLINE_S)
