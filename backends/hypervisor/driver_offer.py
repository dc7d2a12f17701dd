"""One driver of a host, asked what it offers: its capabilities, and what its emulators say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from backends.errors import ActionError, DeadlineError, LinkError
from backends.hypervisor.connection import Connection
from backends.hypervisor.domain_capabilities import DomainCapabilities, parse_domain_capabilities
from backends.hypervisor.host_capabilities import ArchOffer, Capabilities, parse_capabilities
from backends.hypervisor.host_offers import PROBE_DEADLINE_S, EmulatorQuestion
from backends.untrusted import clean

T = TypeVar("T")

HARDWARE_KINDS = ("kvm", "xen", "hvf", "bhyve", "hyperv", "vz")
"""libvirt's domain types whose whole machines run on the processor's extension, and on nothing else."""
EMULATED_KINDS = ("qemu", "kqemu")
OTHER_MACHINES = ("q35", "xenfv", "xenpvh")
"""Machine types beside the default that offer what it does not: secure boot; full virtualization on Xen."""
MOST_QUESTIONS = 4
"""Emulators and machine types that are asked about, each in one call."""


@dataclass(frozen=True, slots=True)
class DriverOffer:
    """What one driver told. Safe to show."""

    driver: str
    """The scheme of its URI: `qemu`, `xen`, `lxc`, `bhyve`, `vz`, `test`."""
    hypervisor: str = ""
    """virConnectGetType: `QEMU`, `Xen`, `LXC`."""
    capabilities: Capabilities = field(default_factory=Capabilities)
    emulators: tuple[DomainCapabilities, ...] = ()
    """The host's own architecture first; none where the driver does not tell, and `emulators_trouble` says why."""
    trouble: str = ""
    """Why there are no capabilities."""
    emulators_trouble: str = ""

    @property
    def arch(self) -> str:
        """The host's architecture; empty where it is not told."""
        return self.capabilities.cpu.arch

    @property
    def archs(self) -> Mapping[str, ArchOffer]:
        """What guests of each architecture can have."""
        return self.capabilities.archs

    @property
    def unknown(self) -> tuple[str, ...]:
        """Paths of elements that this program does not know, of all documents."""
        found = {f"capabilities/{path}" for path in self.capabilities.unknown}
        found |= {f"domainCapabilities/{path}" for each in self.emulators for path in each.unknown}
        return tuple(sorted(found))


async def read_offer(connection: Connection, driver: str) -> DriverOffer:
    """What the driver does not tell is in the answer's troubles. Raises LinkError and DeadlineError."""

    def work(conn: Any) -> tuple[str, Capabilities]:
        return clean(conn.getType()), parse_capabilities(conn.getCapabilities())

    try:
        hypervisor, capabilities = await _aside(connection, "read what the driver offers", work)
    except ActionError as error:
        return DriverOffer(driver, trouble=error.cause)
    emulators, trouble = await _ask_all(connection, emulator_questions(capabilities))
    return DriverOffer(driver, hypervisor, capabilities, emulators, emulators_trouble=trouble)


def emulator_questions(capabilities: Capabilities) -> tuple[EmulatorQuestion, ...]:
    """The host's own architecture, and what its processor runs beside it (i686 on x86_64), by hardware where it can.

    Emulators of foreign processors are not asked: each would have to be started once. Pure.
    """
    host, archs = capabilities.cpu.arch, capabilities.archs
    own = [arch for arch in sorted(archs, key=lambda arch: arch != host) if _hardware(archs[arch])]
    questions: list[EmulatorQuestion] = []
    for arch in own or [arch for arch in archs if arch == host]:
        kind = _hardware(archs[arch]) or next(iter(sorted(archs[arch].kinds)), "")
        machines = ("", *(name for name in OTHER_MACHINES if arch == host and name in archs[arch].machines))
        questions += [EmulatorQuestion("", arch, machine, kind) for machine in machines if kind]
    return tuple(questions[:MOST_QUESTIONS])


def _hardware(offer: ArchOffer) -> str:
    return next((kind for kind in HARDWARE_KINDS if kind in offer.kinds), "")


async def _ask_all(
    connection: Connection, questions: tuple[EmulatorQuestion, ...]
) -> tuple[tuple[DomainCapabilities, ...], str]:
    """The answers, and the first reason why one is missing."""
    answers: list[DomainCapabilities] = []
    trouble = "" if questions else "the driver offers no guests of the host's own architecture"
    for question in questions:
        try:
            answers.append(await _ask(connection, question))
        except ActionError as error:
            trouble = trouble or error.cause
        except DeadlineError as error:
            return tuple(answers), trouble or error.cause
        except LinkError as error:
            if not connection.usable:
                raise
            trouble = (
                trouble or error.cause
            )  # «unknown procedure» is what a server says that is older than the call
    return tuple(answers), trouble


async def _ask(connection: Connection, question: EmulatorQuestion) -> DomainCapabilities:
    def work(conn: Any) -> DomainCapabilities:
        xml = conn.getDomainCapabilities(None, question.arch, question.machine or None, question.kind, 0)
        return parse_domain_capabilities(xml)

    return await _aside(connection, "read what the emulator offers", work)


async def _aside(connection: Connection, operation: str, work: Callable[[Any], T]) -> T:
    """libvirt may start emulators for the answer. Moves can hold both threads for such calls for hours."""
    try:
        async with asyncio.timeout(2 * PROBE_DEADLINE_S):
            return await connection.call_aside(operation, work, deadline_s=PROBE_DEADLINE_S)
    except TimeoutError as error:
        raise DeadlineError(
            "long calls occupy the connection", host=connection.host, operation=operation
        ) from error
