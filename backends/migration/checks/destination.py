"""Can the destination take a guest of this name, this size and this processor?"""

from __future__ import annotations

import humanize

from backends.hypervisor.cpu import CpuComparison, CpuMatch, compare_cpu
from backends.hypervisor.memory import read_available_memory
from backends.hypervisor.namesakes import Namesake, find_namesakes, read_name
from backends.migration.checks.context import SIMULATED, Context
from backends.model.host import Driver, HostFacts
from backends.model.move import Check, MoveMode, Verdict
from backends.untrusted import clean

_CAN_SAVE = ("qemu", "xen", "test", "vz")
_CANNOT_SAVE = ("lxc", "bhyve")
"""Drivers with and without virDomainSave (libvirt's table of driver support, hvsupport.html)."""


async def identity(context: Context) -> list[Check]:
    """Two different hosts, with the driver that the guest needs."""
    context.destination_connection  # noqa: B018 - raises the LinkError that names the missing driver
    if context.driver == SIMULATED:
        return [
            Check("host.identity", "two different hosts", Verdict.OK, "libvirt's test driver has no host")
        ]
    source, destination = context.source_view.facts, context.destination_view.facts
    return [identity_verdict(source, destination, by_libvirt=context.carried_by_libvirt)]


def identity_verdict(source: HostFacts | None, destination: HostFacts | None, *, by_libvirt: bool) -> Check:
    """Pure. That names must differ is libvirt's rule, for what libvirt carries over."""

    def check(verdict: Verdict, evidence: str, mend: str = "") -> Check:
        return Check("host.identity", "two different hosts", verdict, evidence, mend)

    if source and destination and source.uuid and source.uuid == destination.uuid:
        mend = "it is the same host, or host_uuid in libvirtd.conf must differ"
        return check(Verdict.REFUSE, f"both say host UUID {source.uuid}", mend)
    if source and destination and source.hostname == destination.hostname and by_libvirt:
        mend = "libvirt refuses to migrate to the same hostname: rename one of them"
        return check(Verdict.REFUSE, f"both call themselves {source.hostname}", mend)
    if source is None or destination is None or not source.uuid or not destination.uuid:
        return check(Verdict.UNKNOWN, "a host tells no UUID of its own")
    return check(Verdict.OK, f"{source.hostname} and {destination.hostname}")


async def driver(context: Context) -> list[Check]:
    """Can this kind of hypervisor do what the mode needs?"""
    source, destination = context.drivers
    hosts = ((context.source.host, source), (context.destination.host, destination))
    return driver_verdicts(context.request.mode, context.driver, hosts)


def driver_verdicts(mode: MoveMode, name: str, hosts: tuple[tuple[str, Driver | None], ...]) -> list[Check]:
    """Pure."""
    title = "the driver can do it"

    def refuse(evidence: str, mend: str) -> Check:
        return Check("host.driver", title, Verdict.REFUSE, evidence, mend)

    if mode is MoveMode.SAVED and name in _CANNOT_SAVE:
        return [refuse(f"libvirt's {name} driver cannot save a guest", "shut it down and choose offline")]
    if mode is MoveMode.SAVED and name not in _CAN_SAVE:
        evidence = f"whether libvirt's {name} driver can save a guest is not known"
        return [Check("host.driver", title, Verdict.UNKNOWN, evidence)]
    if mode in (MoveMode.LIVE, MoveMode.PAUSED):
        mend = "shut it down and choose offline" if name in _CANNOT_SAVE else "choose saved, or offline"
        lacking = [host for host, known in hosts if known is not None and not known.migrates]
        if lacking:
            return [refuse(f"libvirt's {name} driver on {' and '.join(lacking)} has no migration", mend)]
    return [Check("host.driver", title, Verdict.OK, f"{name} on both hosts")]


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
                "guest.name",
                title,
                Verdict.REFUSE,
                f"a guest with UUID {uuid} runs on {host} already",
                "if it is the same guest, it must run on one host only; else give one of them a new UUID",
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
    """Room for the guest's memory. Huge pages are counted by themselves: see `pages`.

    Where two readings of all its memory differ, the larger one counts: a refusal must be certain.
    """
    if (await context.needs()).page_kib:
        return []
    available = await read_available_memory(context.destination_connection)
    view = context.destination_view
    totals = [view.memory_bytes, view.facts.memory_bytes if view.facts else None]
    largest = max((total for total in totals if total is not None), default=None)
    return [memory_verdict(context.guest.memory_bytes, available, largest)]


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
    needs, there = (await context.needs()).cpu, context.destination.host
    if needs.mode == "host-model":
        return [cpu_verdict(CpuComparison(CpuMatch.FITS), needs.mode, there)]
    return [cpu_verdict(await compare_cpu(context.destination_connection, needs), needs.mode, there)]


def cpu_verdict(result: CpuComparison, mode: str, host: str) -> Check:
    """Pure. A host-model is laid down when the guest starts: only one that is off still has that mode."""

    def check(verdict: Verdict, evidence: str, mend: str = "") -> Check:
        return Check("host.cpu", "processor", verdict, evidence, mend)

    if mode == "host-model":
        return check(Verdict.NOTE, "mode host-model: it sees the processor of the host on which it starts")
    match result.match:
        case CpuMatch.FITS:
            return check(Verdict.OK, result.detail or "the hypervisor offers all of it")
        case CpuMatch.MISSING:
            mend = "give the guest a processor model that both hosts offer, and restart it"
            named = f"{host} does not give {', '.join(result.missing)}"
            return check(Verdict.REFUSE, named if result.missing else result.detail, mend)
        case CpuMatch.HOST_MODEL:
            evidence = f"{result.detail}: it fits only where the processors are the same"
            return check(Verdict.WARNING, evidence, "give the guest a named processor model")
        case CpuMatch.UNKNOWN:
            return check(Verdict.UNKNOWN, result.detail or "the hypervisor cannot compare")
