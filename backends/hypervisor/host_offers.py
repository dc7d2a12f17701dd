"""What a host's hypervisor offers to guests (formatcaps.html, formatdomaincaps.html)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import libvirt

from backends.hypervisor.connection import Connection
from backends.hypervisor.domain_capabilities import parse_domain_capabilities
from backends.hypervisor.host_capabilities import parse_capabilities
from backends.untrusted import clean

PROBE_DEADLINE_S = 15.0
"""libvirt starts an emulator that it has not looked at before."""


@dataclass(frozen=True, slots=True)
class Offer:
    """For one processor architecture. Safe to show."""

    kinds: frozenset[str]
    """`qemu`, `kvm`, `xen`, ... ."""
    machines: frozenset[str]


@dataclass(frozen=True, slots=True)
class HostOffers:
    """All that is offered, by architecture, and what the host has for it."""

    archs: Mapping[str, Offer] = field(default_factory=dict)
    page_kib: frozenset[int] = frozenset()
    numa_nodes: frozenset[int] = frozenset()
    cpus: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class EmulatorQuestion:
    """Does this emulator know this machine type?"""

    emulator: str
    """As libvirt has it: to be used, never to be shown."""
    arch: str
    machine: str
    kind: str


@dataclass(frozen=True, slots=True)
class EmulatorOffer:
    """What one emulator says of one machine type."""

    trouble: str = ""
    """libvirt's words where it does not offer that; safe to show."""
    tpm_backends: frozenset[str] | None = None
    """None: this libvirt does not tell."""


async def read_offers(connection: Connection) -> HostOffers:
    """Raises FerryError."""
    return await connection.call(
        "read the host's capabilities", lambda conn: parse_offers(conn.getCapabilities())
    )


def parse_offers(xml: str) -> HostOffers:
    """Pure. Raises ActionError for what is no XML."""
    told = parse_capabilities(xml)
    return HostOffers(
        archs={arch: Offer(offer.kinds, offer.machines) for arch, offer in told.archs.items()},
        page_kib=frozenset(told.cpu.page_kib),
        numa_nodes=frozenset(cell.id for cell in told.cells),
        cpus=frozenset(cpu for cell in told.cells for cpu in cell.cpus),
    )


async def ask_emulator(
    connection: Connection, *, emulator: str, arch: str, machine: str, kind: str
) -> EmulatorOffer:
    """virConnectGetDomainCapabilities: does this emulator know this machine type? Raises FerryError."""
    question = EmulatorQuestion(emulator, arch, machine, kind)
    return (await ask_emulators(connection, [question]))[question]


async def ask_emulators(
    connection: Connection, questions: Iterable[EmulatorQuestion]
) -> Mapping[EmulatorQuestion, EmulatorOffer]:
    """As `ask_emulator`, for many; each different one is asked once. Raises FerryError."""
    different = tuple(dict.fromkeys(questions))

    def work(conn: Any) -> Mapping[EmulatorQuestion, EmulatorOffer]:
        return {question: _ask(conn, question) for question in different}

    if not different:
        return {}
    return await connection.call_aside("ask for the machine type", work, deadline_s=PROBE_DEADLINE_S)


def _ask(conn: Any, asked: EmulatorQuestion) -> EmulatorOffer:
    try:
        xml = conn.getDomainCapabilities(
            asked.emulator or None, asked.arch or None, asked.machine or None, asked.kind or None, 0
        )
    except libvirt.libvirtError as error:
        if error.get_error_code() in (libvirt.VIR_ERR_RPC, libvirt.VIR_ERR_NO_SUPPORT):
            raise
        return EmulatorOffer(trouble=clean(error.get_error_message() or "it does not say why", limit=300))
    return parse_emulator(xml)


def parse_emulator(xml: str) -> EmulatorOffer:
    """Pure. Raises ActionError for what is no XML."""
    told = parse_domain_capabilities(xml)
    if "tpm" not in told.devices:
        return EmulatorOffer()
    tpm = told.device("tpm")
    return EmulatorOffer(tpm_backends=frozenset(tpm.of("backendModel") if tpm.supported else ()))


async def read_free_pages(connection: Connection, page_kib: int) -> int | None:
    """How many huge pages of that size are free on all NUMA nodes; None where the host does not tell."""

    def work(conn: Any) -> int | None:
        try:
            cells = max(1, conn.getInfo()[4])
            return sum(sum(cell.values()) for cell in conn.getFreePages([page_kib], 0, cells).values())
        except libvirt.libvirtError:
            return None

    return await connection.call("count free huge pages", work)
