"""Saving a guest to a file, restoring it, and handing its definition over."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

import libvirt

from backends.hypervisor.connection import Connection
from backends.hypervisor.xml import parse

RESTORE_DEADLINE_S = 600.0
"""A state file is read at the speed of the host's disk."""
DEFINE_DEADLINE_S = 15.0

_WHOLE = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE | libvirt.VIR_DOMAIN_XML_MIGRATABLE


@dataclass(frozen=True, slots=True)
class WholeDefinition:
    """What a host must know to start the guest."""

    xml: str = field(repr=False)
    """With its passwords: for another host's libvirt, never to be shown or logged."""
    persistent: bool
    """Is it kept when the guest is off? A transient guest needs no definition where it is restored."""
    autostart: bool
    local_state: tuple[str, ...]
    """What of the guest lies in files of this host and is no disk: `NVRAM`, `TPM`."""


async def read_whole_definition(connection: Connection, uuid: str) -> WholeDefinition:
    """As the guest will be at its next start. Raises FerryError."""

    def work(conn: Any) -> WholeDefinition:
        domain = conn.lookupByUUIDString(uuid)
        xml = domain.XMLDesc(_WHOLE)
        persistent = bool(domain.isPersistent())
        return WholeDefinition(xml, persistent, persistent and _autostart(domain), _local_state(xml))

    return await connection.call("read the definition", work)


async def define(connection: Connection, xml: str, *, autostart: bool = False) -> None:
    """Make a definition known to this host. Raises FerryError."""

    def work(conn: Any) -> None:
        domain = conn.defineXML(xml)
        if autostart:
            domain.setAutostart(1)

    await connection.call("define the guest", work, deadline_s=DEFINE_DEADLINE_S)


async def set_autostart(connection: Connection, uuid: str) -> None:
    """Let the host start the guest when it starts itself. Raises FerryError."""
    await connection.call("set autostart", lambda conn: _done(conn.lookupByUUIDString(uuid).setAutostart(1)))


async def save(connection: Connection, uuid: str, path: str) -> None:
    """Write the guest's memory and devices into a file of its host; then the guest is off there (virDomainSaveFlags).

    Returns when the file is complete. There is no deadline: the job is watched, and ended, on another connection. A
    daemon goes on with it when our link is lost. Raises FerryError; the guest runs on then, as far as libvirt answered.
    """
    await connection.call_aside(
        "save the guest",
        lambda conn: _done(conn.lookupByUUIDString(uuid).saveFlags(path, None, 0)),
        deadline_s=None,
    )


async def restore(
    connection: Connection, path: str, *, paused: bool, deadline_s: float = RESTORE_DEADLINE_S
) -> None:
    """Let a guest go on from its file, or stand still as it did (virDomainRestoreFlags). Raises FerryError.

    libvirt's own record of whether it ran when it was saved is overruled.
    """
    wanted = libvirt.VIR_DOMAIN_SAVE_PAUSED if paused else libvirt.VIR_DOMAIN_SAVE_RUNNING

    def work(conn: Any) -> None:
        try:
            conn.restoreFlags(path, None, wanted)
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_INVALID_ARG:
                raise
            _restore_without_flags(conn, path, paused=paused)

    await connection.call_aside("restore the guest", work, deadline_s=deadline_s)


def _restore_without_flags(conn: Any, path: str, *, paused: bool) -> None:
    """For drivers that know none of them: Xen's always lets the guest run unless told otherwise, as the test driver's.

    That the guest runs for a moment is what it would do there anyway.
    """
    conn.restoreFlags(path, None, 0)
    if paused:
        uuid = parse(conn.saveImageGetXMLDesc(path, 0)).findtext("uuid", default="")
        domain = conn.lookupByUUIDString(uuid)
        if domain.state()[0] != libvirt.VIR_DOMAIN_PAUSED:
            domain.suspend()


def _autostart(domain: Any) -> bool:
    with contextlib.suppress(libvirt.libvirtError):  # a driver without autostart
        return bool(domain.autostart())
    return False


def _local_state(xml: str) -> tuple[str, ...]:
    """domain XML: os/nvram, os/@firmware='efi' (libvirt makes the file), devices/tpm/backend/@type='emulator'."""
    root = parse(xml)
    firmware = root.find("os")
    found = []
    if root.find("os/nvram") is not None or (firmware is not None and firmware.get("firmware") == "efi"):
        found.append("NVRAM")
    if root.find("devices/tpm/backend[@type='emulator']") is not None:
        found.append("TPM")
    return tuple(found)


def _done(_result: object) -> None:
    """libvirt's 0 for success says nothing that its exceptions do not."""
