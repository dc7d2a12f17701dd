"""Can the destination take a guest of this name, this size and this processor?"""

from __future__ import annotations

import humanize

from backends.hypervisor.cpu import CpuMatch, compare_cpu, read_cpu_needs
from backends.hypervisor.memory import read_available_memory
from backends.hypervisor.namesakes import Namesake, find_namesakes, read_name
from backends.migration.checks.context import Context
from backends.model.move import Check, Verdict
from backends.untrusted import clean


async def identity(context: Context) -> list[Check]:
    """Two different hosts, with the driver that the guest needs."""
    source, destination = context.source_view.facts, context.destination_view.facts
    context.destination_connection  # noqa: B018 - raises the LinkError that names the missing driver
    title = "two different hosts"
    if source is None or destination is None or not source.uuid or not destination.uuid:
        return [Check("host.identity", title, Verdict.UNKNOWN, "a host tells no UUID of its own")]
    if source.uuid == destination.uuid:
        return [
            Check(
                "host.identity",
                title,
                Verdict.REFUSE,
                f"both say host UUID {source.uuid}",
                "it is the same host, or host_uuid in libvirtd.conf must differ",
            )
        ]
    if source.hostname == destination.hostname:
        return [
            Check(
                "host.identity",
                title,
                Verdict.REFUSE,
                f"both call themselves {source.hostname}",
                "libvirt refuses to migrate to the same hostname: rename one of them",
            )
        ]
    return [Check("host.identity", title, Verdict.OK, f"{source.hostname} and {destination.hostname}")]


async def driver(context: Context) -> list[Check]:
    """Can this kind of hypervisor migrate at all?"""
    name, title = context.request.guest.driver, "the driver can migrate"
    checks = []
    for view in (context.source_view, context.destination_view):
        known = {driver.name: driver for driver in view.facts.drivers} if view.facts else {}
        if name in known and not known[name].migrates:
            evidence = f"libvirt's {name} driver on {view.spec.name} has no migration"
            checks.append(
                Check("host.driver", title, Verdict.REFUSE, evidence, "move guests of another driver")
            )
    return checks or [Check("host.driver", title, Verdict.OK, f"{name} on both hosts")]


async def name(context: Context) -> list[Check]:
    """The name and the UUID must be free there, or belong to this very guest."""
    uuid = context.request.guest.uuid
    raw_name = await read_name(context.source_connection, uuid)
    namesakes = await find_namesakes(context.destination_connection, uuid, raw_name)
    return [name_verdict(uuid, raw_name, namesakes, context.destination.host)]


def name_verdict(uuid: str, raw_name: str, namesakes: tuple[Namesake, ...], host: str) -> Check:
    """Pure."""
    title = "name and UUID are free"
    for other in namesakes:
        shown = clean(other.name)
        if other.uuid != uuid:
            return Check(
                "guest.name",
                title,
                Verdict.REFUSE,
                f"{host} has another guest named {shown} (UUID {other.uuid})",
                "rename one of them: virsh domrename",
            )
        if other.active:
            return Check(
                "guest.name", title, Verdict.REFUSE, f"a guest with UUID {uuid} runs on {host} already"
            )
        if other.name != raw_name:
            return Check(
                "guest.name",
                title,
                Verdict.REFUSE,
                f"UUID {uuid} is taken on {host} by {shown}",
                "undefine or re-create that guest with a new UUID",
            )
        return Check(
            "guest.name",
            title,
            Verdict.NOTE,
            f"{host} has an older definition of this guest; it will be replaced",
        )
    return Check("guest.name", title, Verdict.OK, f"{clean(raw_name)} is not known on {host}")


async def memory(context: Context) -> list[Check]:
    """Room for the guest's memory."""
    available = await read_available_memory(context.destination_connection)
    facts = context.destination_view.facts
    return [memory_verdict(context.guest.memory_bytes, available, facts.memory_bytes if facts else None)]


def memory_verdict(needed: int, available: int | None, total: int | None) -> Check:
    """Pure. Only a host that could never hold the guest is a certain no: a host may swap, and guests share pages."""
    title = "memory"
    words = f"the guest may use {_size(needed)}"
    if total is not None and needed > total:
        return Check(
            "host.memory",
            title,
            Verdict.REFUSE,
            f"{words}, the host has {_size(total)} in all",
            "choose a larger host",
        )
    if available is None:
        return Check("host.memory", title, Verdict.UNKNOWN, f"{words}; the host does not tell what is free")
    evidence = f"{words}, {_size(available)} are available"
    if needed > available:
        return Check("host.memory", title, Verdict.WARNING, evidence, "move or shut down a guest there first")
    return Check("host.memory", title, Verdict.OK, evidence)


def _size(size: int) -> str:
    return humanize.naturalsize(size, binary=True)


async def cpu(context: Context) -> list[Check]:
    """The hypervisor there must offer what the guest sees now."""
    needs = await read_cpu_needs(context.source_connection, context.request.guest.uuid)
    result = await compare_cpu(context.destination_connection, needs)
    title = "processor"
    match result.match:
        case CpuMatch.FITS:
            return [Check("host.cpu", title, Verdict.OK, result.detail or "the hypervisor offers all of it")]
        case CpuMatch.MISSING:
            return [
                Check(
                    "host.cpu",
                    title,
                    Verdict.REFUSE,
                    result.detail,
                    "give the guest a processor model that both hosts offer, and restart it",
                )
            ]
        case CpuMatch.HOST_MODEL:
            return [
                Check(
                    "host.cpu",
                    title,
                    Verdict.WARNING,
                    f"{result.detail}: it fits only where the processors are the same",
                    "give the guest a named processor model",
                )
            ]
        case CpuMatch.UNKNOWN:
            return [
                Check("host.cpu", title, Verdict.UNKNOWN, result.detail or "the hypervisor cannot compare")
            ]
