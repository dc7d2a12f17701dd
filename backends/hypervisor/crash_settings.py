"""What libvirt does when a guest ends or crashes: read from its definitions, and changed in them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import libvirt
from lxml import etree

from backends.errors import ActionError
from backends.hypervisor.connection import Connection
from backends.hypervisor.definition_edit import same_but_for, with_action
from backends.hypervisor.domain_xml import read_definition
from backends.hypervisor.dumping import video_bytes
from backends.hypervisor.xml import parse
from backends.untrusted import clean

CHANGE_DEADLINE_S = 40.0
"""Longer than the 30 s that libvirt itself waits for another job on the same guest."""
ATTEMPTS = 3
"""A definition that somebody else changes each time in between is left to them."""

_WHOLE = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
_EVENTS = {
    "on_poweroff": libvirt.VIR_DOMAIN_LIFECYCLE_POWEROFF,
    "on_reboot": libvirt.VIR_DOMAIN_LIFECYCLE_REBOOT,
    "on_crash": libvirt.VIR_DOMAIN_LIFECYCLE_CRASH,
}
_ACTIONS = {
    "destroy": libvirt.VIR_DOMAIN_LIFECYCLE_ACTION_DESTROY,
    "restart": libvirt.VIR_DOMAIN_LIFECYCLE_ACTION_RESTART,
    "rename-restart": libvirt.VIR_DOMAIN_LIFECYCLE_ACTION_RESTART_RENAME,
    "preserve": libvirt.VIR_DOMAIN_LIFECYCLE_ACTION_PRESERVE,
    "coredump-destroy": libvirt.VIR_DOMAIN_LIFECYCLE_ACTION_COREDUMP_DESTROY,
    "coredump-restart": libvirt.VIR_DOMAIN_LIFECYCLE_ACTION_COREDUMP_RESTART,
}
_ONLY_LATER = (libvirt.VIR_ERR_OPERATION_UNSUPPORTED, libvirt.VIR_ERR_OPERATION_INVALID)
"""What libvirt answers where the running QEMU cannot be told any more (started with -no-reboot)."""


@dataclass(frozen=True, slots=True)
class CrashDefinition:
    """What one definition says (formatdomain.html). Texts are safe to show but for `console_logs`."""

    on_crash: str = "destroy"
    on_poweroff: str = "destroy"
    on_reboot: str = "restart"
    panic_devices: tuple[str, ...] = ()
    watchdogs: tuple[tuple[str, str], ...] = ()
    """Model and action."""
    console_logs: tuple[str, ...] = ()
    arch: str = ""
    machine: str = ""
    video_bytes: int = 0


@dataclass(frozen=True, slots=True)
class CrashDefinitions:
    """Of one guest."""

    active: bool
    persistent: bool
    memory_bytes: int
    now: CrashDefinition
    """In force: of the process that runs, else the stored one."""
    stored: CrashDefinition | None
    """What the next start is made from; None of a transient guest."""
    saved: bool = False
    """Has it a saved state? That is started as it was when it was saved."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a change of actions."""

    now: bool
    stored: bool
    refused_now: str = ""
    """Why it does not hold for the process that runs; safe to show."""


async def read_crash_definitions(connection: Connection, uuid: str) -> CrashDefinitions:
    """Raises FerryError: GuestMissingError where there is no such guest any more."""

    def work(conn: Any) -> CrashDefinitions:
        domain = conn.lookupByUUIDString(uuid)
        active, persistent = bool(domain.isActive()), bool(domain.isPersistent())
        now = domain.XMLDesc(0)
        stored = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE) if persistent else None
        return CrashDefinitions(
            active=active,
            persistent=persistent,
            memory_bytes=int(domain.info()[1]) * 1024,
            now=crash_definition(now),
            stored=None if stored is None else crash_definition(stored),
            saved=_saved(domain),
        )

    return await connection.call("read the definition", work)


def _saved(domain: Any) -> bool:
    with contextlib.suppress(libvirt.libvirtError):  # a driver without managed saves, or a transient guest
        return bool(domain.hasManagedSaveImage())
    return False


def crash_definition(xml: str) -> CrashDefinition:
    """Pure. Raises ActionError for what is no XML."""
    root = parse(xml)
    machine = root.find("os/type")
    return CrashDefinition(
        on_crash=_word(root, "on_crash", "destroy"),
        on_poweroff=_word(root, "on_poweroff", "destroy"),
        on_reboot=_word(root, "on_reboot", "restart"),
        panic_devices=tuple(clean(found.get("model", "isa")) for found in root.iterfind("devices/panic")),
        watchdogs=tuple(
            (clean(found.get("model", "")), clean(found.get("action", "reset")))
            for found in root.iterfind("devices/watchdog")
        ),
        console_logs=read_definition(xml).console_logs,
        arch=clean(machine.get("arch", "")) if machine is not None else "",
        machine=clean(machine.get("machine", "")) if machine is not None else "",
        video_bytes=video_bytes(root),
    )


def _word(root: etree._Element, tag: str, default: str) -> str:
    return clean((root.findtext(tag) or "").strip()) or default


async def set_actions(connection: Connection, uuid: str, actions: Mapping[str, str]) -> Applied:
    """Change `on_crash`, `on_poweroff`, `on_reboot` now and in the stored definition (virDomainSetLifecycleAction).

    A driver without that call is given the definition anew, so that it holds from the next start. Raises FerryError.
    """

    def work(conn: Any) -> Applied:
        domain = conn.lookupByUUIDString(uuid)
        active, persistent = bool(domain.isActive()), bool(domain.isPersistent())
        try:
            return _set_all(domain, actions, active=active, persistent=persistent)
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_SUPPORT:
                raise
        if not persistent:
            raise ActionError(
                "this driver changes no guest that is not stored", operation="change the definition"
            )
        _store(conn, uuid, lambda xml: _with_actions(xml, actions), tuple(actions))
        return Applied(now=not active, stored=True, refused_now="this driver takes it with the next start")

    return await connection.call_aside("change what happens", work, deadline_s=CHANGE_DEADLINE_S)


def _set_all(domain: Any, actions: Mapping[str, str], *, active: bool, persistent: bool) -> Applied:
    live = libvirt.VIR_DOMAIN_AFFECT_LIVE if active else 0
    config = libvirt.VIR_DOMAIN_AFFECT_CONFIG if persistent else 0
    try:
        _set_in_some_order(domain, actions, live | config)
    except libvirt.libvirtError as error:
        if not (active and persistent and error.get_error_code() in _ONLY_LATER):
            raise
        _set_in_some_order(domain, actions, config)
        return Applied(now=False, stored=True, refused_now=clean(error.get_error_message() or "", limit=300))
    return Applied(now=True, stored=persistent)


def _set_in_some_order(domain: Any, actions: Mapping[str, str], flags: int) -> None:
    """libvirt refuses some pairs of actions, and so some of the ways from one good set to another."""
    waiting = dict(actions)
    while waiting:
        refused: libvirt.libvirtError | None = None
        for tag, action in tuple(waiting.items()):
            try:
                domain.setLifecycleAction(_EVENTS[tag], _ACTIONS[action], flags)
            except libvirt.libvirtError as error:
                if error.get_error_code() != libvirt.VIR_ERR_CONFIG_UNSUPPORTED:
                    raise
                refused = error
            else:
                del waiting[tag]
                break
        else:
            assert refused is not None, "each that was not taken was refused"
            if done := [tag for tag in actions if tag not in waiting]:
                why = clean(refused.get_error_message() or "", limit=400)
                raise ActionError(f"{', '.join(done)} changed, {', '.join(waiting)} not: {why}")
            raise refused


def _with_actions(xml: str, actions: Mapping[str, str]) -> str:
    for tag, action in actions.items():
        xml = with_action(xml, tag, action)
    return xml


async def change_stored(
    connection: Connection, uuid: str, edit: Callable[[str], str], paths: Sequence[str]
) -> None:
    """Give libvirt the stored definition anew, changed at `paths` alone, with its passwords. Raises FerryError.

    libvirt has no way to define only what nobody has changed meanwhile. So it is read again just before, and once more
    afterwards: a change of somebody else's in between is taken up, and where it came later still, that is said.
    """

    def work(conn: Any) -> None:
        _store(conn, uuid, edit, paths)

    await connection.call_aside("change the definition", work, deadline_s=CHANGE_DEADLINE_S)


def _store(conn: Any, uuid: str, edit: Callable[[str], str], paths: Sequence[str]) -> None:
    domain = conn.lookupByUUIDString(uuid)
    for _ in range(ATTEMPTS):
        before = domain.XMLDesc(_WHOLE)
        wanted = edit(before)
        if domain.XMLDesc(_WHOLE) != before:
            continue
        conn.defineXML(wanted)
        kept = domain.XMLDesc(_WHOLE)
        if same_but_for(before, kept, paths):
            return
        raise ActionError(
            "it is stored, but more than that has changed: somebody else changed the definition at the same time, or"
            " libvirt has rounded it off",
            operation="change the definition",
            hint="look at it: virsh dumpxml --inactive",
        )
    raise ActionError(
        "somebody else changes the definition at the same time",
        operation="change the definition",
        hint="try again",
    )
