"""Which guests a host has, from few bulk calls: a call for each guest would cost a round trip for each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import libvirt

from backends.errors import ActionError
from backends.hypervisor.connection import Connection
from backends.hypervisor.domain_xml import Definition, read_definition, without_secrets
from backends.hypervisor.states import guest_state, state_reason
from backends.model.guest import Guest, GuestKey
from backends.model.host import HostName
from backends.untrusted import clean

KIB = 1024
LIST_DEADLINE_S = 10.0
DEFINITIONS_DEADLINE_S = 40.0
"""Longer than the 30 s for which libvirt waits for a guest that a job holds."""


async def read_guests(connection: Connection, host: HostName, driver: str) -> tuple[Guest, ...]:
    """All guests that are defined or running, without what only their definitions tell."""
    return await connection.call(
        "list guests", lambda conn: _read_all(conn, host, driver), deadline_s=LIST_DEADLINE_S
    )


async def read_guest(connection: Connection, key: GuestKey) -> Guest | None:
    """One guest with its definition, or None when it is not there (any more)."""
    return await connection.call("read a guest", lambda conn: _read_one(conn, key))


async def read_definitions(connection: Connection, uuids: Iterable[str]) -> Mapping[str, Definition]:
    """By UUID; guests that are gone or cannot be read are left out. Aside: it costs two round trips a guest."""
    wanted = tuple(uuids)

    def work(conn: Any) -> Mapping[str, Definition]:
        found = {}
        for uuid in wanted:
            with contextlib.suppress(libvirt.libvirtError, ActionError):  # one sick guest hides no other
                found[uuid] = read_definition(conn.lookupByUUIDString(uuid).XMLDesc(0))
        return found

    return await connection.call_aside("read definitions", work, deadline_s=DEFINITIONS_DEADLINE_S)


async def read_xml(connection: Connection, uuid: str) -> str:
    """The definition as a user may see it."""
    return await connection.call(
        "read a definition", lambda conn: without_secrets(conn.lookupByUUIDString(uuid).XMLDesc(0))
    )


def _read_all(conn: Any, host: HostName, driver: str) -> tuple[Guest, ...]:
    domains = conn.listAllDomains(0)
    if not domains:
        return ()
    persistent = {d.UUIDString() for d in conn.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_PERSISTENT)}
    autostart = _autostarting(conn)
    statistics = bulk_statistics(
        conn,
        libvirt.VIR_DOMAIN_STATS_STATE | libvirt.VIR_DOMAIN_STATS_BALLOON | libvirt.VIR_DOMAIN_STATS_VCPU,
    )
    guests = []
    for domain in domains:
        uuid = domain.UUIDString()
        with contextlib.suppress(libvirt.libvirtError):  # gone since the list was made
            guest = _guest(domain, GuestKey(host, driver, uuid), statistics.get(uuid, {}))
            guests.append(replace(guest, persistent=uuid in persistent, autostart=uuid in autostart))
    return tuple(guests)


def _autostarting(conn: Any) -> frozenset[str]:
    try:
        return frozenset(
            d.UUIDString() for d in conn.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART)
        )
    except libvirt.libvirtError:  # drivers without autostart refuse the filter
        return frozenset()


def bulk_statistics(conn: Any, groups: int) -> Mapping[str, Mapping[str, int]]:
    """UUID -> statistics of all guests, never waiting for a guest that a job holds; empty where unsupported."""
    return supported_statistics(conn, groups) or {}


def supported_statistics(conn: Any, groups: int) -> Mapping[str, Mapping[str, int]] | None:
    """The same; None where this driver does not support it, whichever guests it has."""
    try:
        rows = conn.getAllDomainStats(groups, libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT)
    except libvirt.libvirtError as error:
        if error.get_error_code() in (libvirt.VIR_ERR_NO_SUPPORT, libvirt.VIR_ERR_INVALID_ARG):
            return None
        raise
    return {domain.UUIDString(): statistics for domain, statistics in rows}


def _guest(domain: Any, key: GuestKey, statistics: Mapping[str, int]) -> Guest:
    if {"state.state", "balloon.maximum", "vcpu.current"} <= statistics.keys():
        state, reason = statistics["state.state"], statistics.get("state.reason", 0)
        memory_kib, vcpus = statistics["balloon.maximum"], statistics["vcpu.current"]
    else:
        state, memory_kib, _, vcpus, _ = domain.info()
        reason = statistics.get("state.reason", 0)
    return Guest(
        key=key,
        name=clean(domain.name()),
        state=guest_state(state, reason),
        reason=state_reason(state, reason),
        vcpus=vcpus,
        memory_bytes=memory_kib * KIB,
        kind=key.driver,
    )


def _read_one(conn: Any, key: GuestKey) -> Guest | None:
    try:
        domain = conn.lookupByUUIDString(key.uuid)
        state, reason = domain.state()
        definition = read_definition(domain.XMLDesc(0))
        return replace(
            _guest(domain, key, {"state.state": state, "state.reason": reason}),
            persistent=bool(domain.isPersistent()),
            autostart=_autostart(domain),
            disks=definition.disks,
            nics=definition.nics,
            machine=definition.machine,
            console_logs=definition.console_logs,
            kind=definition.kind,
        )
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        raise


def _autostart(domain: Any) -> bool:
    try:
        return bool(domain.autostart())
    except libvirt.libvirtError:  # a transient guest, or a driver without autostart
        return False
