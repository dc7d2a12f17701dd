"""One host, asked what it can do: what libvirt says, and one command's worth of the host's own files."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from backends.errors import FerryError
from backends.fleet.session import Session
from backends.hypervisor.connection import Connection
from backends.hypervisor.driver_offer import DriverOffer, read_offer
from backends.hypervisor.offer_facts import offer_facts
from backends.hypervisor.offer_kinds import kind_support
from backends.model.capability import (
    Fact,
    HardwareVerdict,
    HardwareVirtualization,
    HostCapabilities,
    Section,
)
from backends.model.host import HostName
from backends.probes.survey.devices import device_facts
from backends.probes.survey.encrypted import guest_encryption_facts
from backends.probes.survey.hardware import hardware
from backends.probes.survey.kernel import kernel_facts
from backends.probes.survey.machine import machine_facts
from backends.probes.survey.memory import memory_facts
from backends.probes.survey.processor import processor_facts
from backends.probes.survey.question import Question
from backends.probes.survey.readings import Readings
from backends.probes.survey.script import ask
from backends.probes.survey.widths import widths

_NO_FILES = Readings("", is_root=False, clock_ahead_s=None, clock_exact_to_s=0.0, took_s=0.0, files={})
"""Of a host that is reached by libvirt alone."""
_FILES = Question("machine.files", Section.MACHINE, "its own files")
_ORDER = list(Section)


async def survey(session: Session) -> HostCapabilities:
    """Raises FerryError when the host does not answer; what a part of it does not tell is a fact's trouble."""
    began_s = time.monotonic()
    told, offers = await asyncio.gather(_readings(session), _offers(session))
    took_s = time.monotonic() - began_s
    if isinstance(told, FerryError) and all(offer.trouble for offer in offers):
        raise told
    return conclude(
        session.host,
        told if isinstance(told, Readings) else None,
        offers,
        commands=0 if session.shell is None else 1,
        took_s=took_s,
        unheard=tuple(_unheard(session, told)),
    )


def _unheard(session: Session, told: Readings | FerryError | None) -> Iterator[Fact]:
    """Why the shell, libvirt, or a driver that was asked for, tells nothing: what it would have told has no facts."""
    if told is None:
        yield _FILES.unknown(
            "this host is reached by libvirt alone", mend="name it as user@host, to be reached over SSH"
        )
    if isinstance(told, FerryError):
        yield _FILES.unknown(told.cause, mend=told.hint)
    if session.trouble:
        yield Fact("libvirt.answers", Section.LIBVIRT, "libvirt", trouble=session.trouble, mend=session.hint)


async def _readings(session: Session) -> Readings | FerryError | None:
    """None where there is no shell; the error of one that does not answer hides nothing of what libvirt tells."""
    try:
        return None if session.shell is None else await ask(session.shell)
    except FerryError as error:
        return error


async def _offers(session: Session) -> tuple[DriverOffer, ...]:
    """A driver that does not answer is the host's trouble only where nothing else of the host could answer."""

    async def of(driver: str, connection: Connection) -> DriverOffer:
        try:
            return await read_offer(connection, driver)
        except FerryError as error:
            if session.shell is None:
                raise
            return DriverOffer(driver, trouble=error.cause)

    return tuple(await asyncio.gather(*(of(*each) for each in session.connections.items())))


def conclude(
    host: HostName,
    readings: Readings | None,
    offers: Sequence[DriverOffer],
    *,
    commands: int,
    took_s: float,
    at: datetime | None = None,
    unheard: Sequence[Fact] = (),
) -> HostCapabilities:
    """What all answers add up to. Pure but for the time, if none is given. `readings`: None where there is no shell."""
    told = readings or _NO_FILES
    arch = next((offer.arch for offer in offers if offer.arch), "")
    machine = told.text("uname -m").strip() or arch
    facts = sorted(
        [*_facts(readings, offers, machine), *unheard], key=lambda fact: _ORDER.index(fact.section)
    )
    return HostCapabilities(
        host=host,
        at=at or datetime.now(UTC),
        took_s=took_s,
        commands=commands,
        hardware=_hardware(readings, machine, offers),
        kinds=kind_support(offers),
        widths=widths(told, machine, _features(offers), frozenset(a for o in offers for a in o.archs)),
        facts=tuple(facts),
    )


def _hardware(
    readings: Readings | None, machine: str, offers: Sequence[DriverOffer]
) -> HardwareVirtualization:
    found = hardware(readings or _NO_FILES, machine, _domain_types(offers))
    if readings is None and found.verdict is HardwareVerdict.UNKNOWN:
        return replace(found, evidence="libvirt alone does not tell", source="")
    return found


def _facts(readings: Readings | None, offers: Sequence[DriverOffer], machine: str) -> Iterator[Fact]:
    if readings is not None:
        yield from machine_facts(readings)
        yield from processor_facts(readings, machine)
        yield from memory_facts(readings)
        yield from guest_encryption_facts(readings)
        yield from device_facts(readings)
        yield from kernel_facts(readings)
    yield from _told_once(fact for offer in offers for fact in offer_facts(offer))


def _told_once(facts: Iterable[Fact]) -> Iterator[Fact]:
    """Drivers of one host tell the same of the machine below: the first one's word is enough."""
    told = set()
    for fact in facts:
        same = (fact.id.rpartition(".")[2], fact.value)
        if fact.section is Section.LIBVIRT or same not in told:
            yield fact
        told.add(same)


def _domain_types(offers: Sequence[DriverOffer]) -> frozenset[str]:
    """For guests of the host's own architecture: others can only be emulated."""
    own = (offer.archs[offer.arch] for offer in offers if offer.arch in offer.archs)
    return frozenset(kind for each in own for kind in each.kinds)


def _features(offers: Sequence[DriverOffer]) -> frozenset[str]:
    """libvirt's names of what the processor can do, and of what guests of the host's architecture can be given."""
    names = {
        name
        for offer in offers
        for name in (*offer.capabilities.cpu.features, *offer.capabilities.cpu.switches)
    }
    own = (offer.archs[offer.arch] for offer in offers if offer.arch in offer.archs)
    return frozenset(names | {name for each in own for name in each.features})
