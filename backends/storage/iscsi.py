"""A host's iSCSI: what a portal offers, logging in and out, and looking anew after a LUN grew.

Through libvirt where it can: a pool of the target is what guests' disks name, and libvirt keeps a CHAP secret out of
sight. iscsiadm(8) by the shell elsewhere, and never with a secret: it would stand in the list of processes.
"""

from __future__ import annotations

from dataclasses import replace

from backends.errors import ActionError, CommandError, FerryError, LinkError
from backends.fleet.session import Session
from backends.fleet.supervisor import Supervisor
from backends.hypervisor import iscsi_pools
from backends.hypervisor.connection import Connection
from backends.hypervisor.inventory import read_definitions, read_guests
from backends.hypervisor.pool_definitions import Pool, PoolSource, source_xml
from backends.hypervisor.pools import (
    define_pool,
    find_pool_sources,
    forget_pool,
    read_pools,
    refresh_pool,
    start_pool,
    stop_pool,
)
from backends.hypervisor.secrets import forget_secret, keep_secret
from backends.hypervisor.volumes import read_volumes
from backends.model.fleet import FleetState
from backends.model.guest import Guest
from backends.model.storage import IscsiLogin, IscsiTarget
from backends.storage import iscsiadm
from backends.storage.iscsi_names import (
    Portal,
    initiator_of,
    parse_portal,
    pool_name,
    require_login,
    secret_usage,
)
from backends.storage.iscsi_users import users_of
from backends.untrusted import clean

_NO_BACKEND = "missing backend"
"""libvirt's words where it does not say beforehand which kinds of pools it has (before 5.2)."""


async def discover(host: Supervisor, portal: str) -> tuple[IscsiTarget, ...]:
    """By libvirt, or by iscsiadm where libvirt cannot. Raises FerryError."""
    at = parse_portal(portal)
    session = host.reached()
    initiator = await initiator_of(session)
    trouble: FerryError | None = None
    for connection in session.connections.values():
        for kind in await iscsi_pools.supported_kinds(connection):
            question = source_xml(at.address, port=int(at.port), initiator=initiator)
            try:
                found = await find_pool_sources(connection, kind, question)
            except FerryError as error:  # the next kind may do
                trouble = trouble or error
                continue
            return await _described(session, connection, at, found)
    if session.shell is not None and await iscsiadm.is_there(session.shell):
        offered = await iscsiadm.discover(session.shell, host.name, at)
        logged_in = await iscsiadm.sessions(session.shell)
        return tuple(replace(target, logged_in=target.iqn in logged_in) for target in offered)
    raise trouble or _no_way(host)


async def log_in(host: Supervisor, login: IscsiLogin) -> None:
    """By a pool of the target, or by iscsiadm where libvirt has no such pools. What failed is taken back.

    Raises FerryError. The secret is in none of its words.
    """
    at = require_login(login)
    session = host.reached()
    for driver, connection in session.connections.items():
        kinds = await iscsi_pools.supported_kinds(connection)
        for kind in kinds:
            try:
                await _log_in_by_pool(session, connection, driver, kind, login, at)
            except ActionError as error:
                if kind == kinds[-1] or _NO_BACKEND not in error.cause:
                    raise
            else:
                return
    if session.shell is None or not await iscsiadm.is_there(session.shell):
        raise _no_way(host)
    if login.user:
        raise ActionError(
            "iscsiadm takes a secret only where every user of the host can read it",
            host=host.name,
            operation="log in",
            hint="install libvirt's storage driver for iSCSI there, or write node.session.auth into iscsid.conf",
        )
    await iscsiadm.log_in(session.shell, host.name, login.iqn, at)


async def log_out(host: Supervisor, login: IscsiLogin, state: FleetState) -> None:
    """Stop the pools of the target, and end what the kernel has left. Definitions stay, but for our own.

    Raises ActionError while a guest that is active has a disk there; FerryError.
    """
    at = require_login(login)
    session = host.reached()
    guests = await _active_guests(session, state)
    operation = f"log out of {clean(login.iqn)}"
    if users := await users_of(session, guests, login.iqn):
        hint = "shut these guests down, or move them to another host, first"
        raise ActionError(f"in use by {', '.join(users[:5])}", host=host.name, operation=operation, hint=hint)
    if session.shell is not None and (users := await iscsiadm.in_use(session.shell, login.iqn)):
        hint = "unmount it, or deactivate what lies on it, first"
        raise ActionError("; ".join(users[:5]), host=host.name, operation=operation, hint=hint)
    stopped = False
    for driver, connection in session.connections.items():
        for pool in await _pools_of(connection, driver, login.iqn):
            await stop_pool(connection, pool.uuid)
            stopped = True
            if pool.name == pool_name(login.iqn):
                await forget_pool(connection, pool.uuid)
                await forget_secret(connection, secret_usage(login.iqn))
    shell = session.shell
    if shell is not None and await iscsiadm.is_there(shell) and login.iqn in await iscsiadm.sessions(shell):
        await iscsiadm.log_out(shell, host.name, login.iqn, at)
        stopped = True
    if not stopped:
        raise ActionError("it is not logged in there", host=host.name, operation=operation)


async def rescan(host: Supervisor, iqn: str = "") -> tuple[str, ...]:
    """Look anew at the size of LUNs, of one target or of all; returns what was done, in words.

    A LUN that QEMU has opened by itself needs none: the guest's disk is resized. Raises FerryError.
    """
    session = host.reached()
    done: list[str] = []
    for driver, connection in session.connections.items():
        for pool in await _pools_of(connection, driver, iqn):
            await refresh_pool(connection, pool.uuid)
            done.append(f"refreshed the pool {pool.name}")
        if done:
            break
    if session.shell is not None:
        done += await iscsiadm.rescan(session.shell, host.name, iqn)
    return tuple(done)


async def _active_guests(session: Session, state: FleetState) -> list[Guest]:
    """With their disks, as they are now: soon after a start those of many are not known yet. As last known where
    libvirt does not answer. Raises FerryError."""
    if not session.connections:
        return [guest for guest in state.hosts[session.host].guests.values() if guest.state.active]
    found: list[Guest] = []
    for driver, connection in session.connections.items():
        guests = await read_guests(connection, session.host, driver)
        active = [guest for guest in guests if guest.state.active]
        definitions = await read_definitions(connection, [guest.key.uuid for guest in active])
        for guest in active:
            if guest.key.uuid not in definitions:
                raise ActionError(
                    f"it is not known which disks {guest.name} has", host=session.host, operation="log out"
                )
            found.append(replace(guest, disks=definitions[guest.key.uuid].disks))
    return found


async def _log_in_by_pool(
    session: Session, connection: Connection, driver: str, kind: str, login: IscsiLogin, at: Portal
) -> None:
    known = await _pools_of(connection, driver, login.iqn, active=None)
    if known and not login.user:
        await start_pool(connection, known[0].uuid)
        return
    if known:
        await _make_room(connection, known[0], login.iqn)
    usage = secret_usage(login.iqn)
    uuid = ""
    try:
        if login.user:
            await keep_secret(connection, usage, login.secret)
        initiator = await initiator_of(session)
        xml = iscsi_pools.pool_xml(
            kind,
            pool_name(login.iqn),
            login.iqn,
            at.address,
            at.port,
            initiator=initiator,
            user=login.user,
            usage=usage,
        )
        uuid = await define_pool(connection, xml)
        await start_pool(connection, uuid)
    except FerryError as error:
        await _take_back(connection, uuid, usage if login.user else "")
        raise _explained(error, login) from error


async def _make_room(connection: Connection, pool: Pool, iqn: str) -> None:
    """For a login with another secret: a pool of ours that is not active gives way. Raises ActionError for others."""
    if pool.active or pool.name != pool_name(iqn):
        what = "is logged in already" if pool.active else "is for this target, and not ours"
        raise ActionError(
            f"the pool {pool.name} {what}",
            host=connection.host,
            operation="log in",
            hint="log out first"
            if pool.active
            else f"virsh pool-undefine {pool.name}, or log in without a user",
        )
    await forget_pool(connection, pool.uuid)
    await forget_secret(connection, secret_usage(iqn))


async def _take_back(connection: Connection, uuid: str, usage: str) -> None:
    """As far as the host still answers."""
    try:
        if uuid:
            await forget_pool(connection, uuid)
        if usage:
            await forget_secret(connection, usage)
    except FerryError:
        return  # the error that brought us here is what the user needs


def _explained(error: FerryError, login: IscsiLogin) -> FerryError:
    """What a target means that turns a login down; libiscsi's and iscsiadm's words for it."""
    refused = (
        "authenti",
        "authoriz",
        "login failed",
        "failed to log in",
        "failed to login",
        "(201)",
        "(202)",
    )
    words = error.cause.lower()
    if isinstance(error, LinkError) or not any(each in words for each in refused):
        return error
    why = "the target turned the user or the secret down" if login.user else "the target asks for a CHAP user"
    hint = (
        "check the CHAP user and its secret on the target"
        if login.user
        else "name the CHAP user and its secret"
    )
    return ActionError(f"{why}: {error.cause}", host=error.host, operation="log in", hint=hint)


async def _pools_of(
    connection: Connection, driver: str, iqn: str, *, active: bool | None = True
) -> tuple[Pool, ...]:
    """iSCSI pools, of one target or of all. `active` None: in any state."""
    pools = await read_pools(connection, driver)
    return tuple(
        pool
        for pool in pools
        if pool.type in iscsi_pools.KINDS
        and (not iqn or iqn in pool.source.devices)
        and (active is None or pool.active is active)
    )


async def _described(
    session: Session, connection: Connection, at: Portal, sources: tuple[PoolSource, ...]
) -> tuple[IscsiTarget, ...]:
    """With what the host has of each."""
    driver = next(iter(session.connections))
    pools = await _pools_of(connection, driver, "", active=None)
    shell = session.shell
    by_kernel = await iscsiadm.sessions(shell) if shell is not None else frozenset[str]()
    found = []
    for iqn in dict.fromkeys(device for source in sources for device in source.devices):
        portals = {host for source in sources if iqn in source.devices for host in source.hosts}
        ours = [pool for pool in pools if iqn in pool.source.devices]
        luns: tuple[str, ...] = ()
        for pool in ours:
            if pool.active and not luns:
                luns = tuple(volume.name for volume in await read_volumes(connection, pool))
        found.append(
            IscsiTarget(
                host=session.host,
                iqn=iqn,
                portals=tuple(sorted(portals)) or (str(at),),
                logged_in=iqn in by_kernel or any(pool.active for pool in ours),
                luns=luns,
                chap=True if any(pool.source.user for pool in ours) else None,
            )
        )
    return tuple(found)


def _no_way(host: Supervisor) -> FerryError:
    return CommandError(
        "neither libvirt nor iscsiadm can do it on this host",
        host=host.name,
        operation="use iSCSI",
        hint="install libvirt's iscsi-direct storage driver, or open-iscsi, on the host",
    )
