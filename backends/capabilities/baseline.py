"""The processor that all of a set of hosts can give.

libvirt works it out (virConnectBaselineHypervisorCPU) on one of the hosts, from what each would give a new guest. That
host knows its own hypervisor only, so the others are asked whether they can give the result (compareHypervisorCPU);
what one of them lacks is switched off, until all agree.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backends.capabilities.compare import ask
from backends.capabilities.fits import processor_obstacles
from backends.capabilities.readings import HostReading, read_hosts
from backends.errors import ActionError
from backends.fleet.supervisor import Supervisor
from backends.hypervisor.all_needs import NamedNeeds
from backends.hypervisor.connection import Connection
from backends.hypervisor.cpu import CpuComparison, CpuMatch, CpuNeeds, compare_cpus
from backends.hypervisor.host_model import (
    CommonCpu,
    GivenCpu,
    find_common_cpu,
    parse_cpu,
    read_host_model,
    without_features,
)
from backends.hypervisor.host_offers import HostOffers
from backends.hypervisor.xml import parse, serialize
from backends.migration.checks.versions import numbers
from backends.model.comparison import Baseline, BaselineGuest
from backends.model.fleet import FleetState
from backends.model.guest import GuestKey
from backends.model.host import HostName
from backends.untrusted import clean_multiline

_WHAT = "find a common processor"
_KINDS = ("kvm", "hvf", "qemu")
"""Those for which libvirt compares processors, the best first."""
_ROUNDS = 4
"""Of switching off what a host lacks. One is enough where hosts name features alike."""


@dataclass(frozen=True, slots=True)
class _Member:
    """One host of the set."""

    reading: HostReading
    driver: str
    own: GivenCpu
    """What it would give a new guest of the common kind."""

    @property
    def host(self) -> HostName:
        return self.reading.host

    @property
    def connection(self) -> Connection:
        """Raises LinkError."""
        return self.reading.connection(self.driver)

    @property
    def offers(self) -> HostOffers:
        return self.reading.drivers[self.driver].offers

    @property
    def guests(self) -> tuple[NamedNeeds, ...]:
        return self.reading.drivers[self.driver].guests


async def find_baseline(hosts: Sequence[Supervisor], state: FleetState) -> Baseline:
    """For the hosts that answer, and their guests of the same driver: a container has no processor of its own.

    Raises ActionError when the hosts that answer have nothing in common.
    """
    readings, left_out = await read_hosts(hosts)
    if not readings:
        reasons = "; ".join(f"{host}: {reason}" for host, reason in left_out)
        raise ActionError(reasons or "no hosts", operation=_WHAT, hint="choose hosts that answer")
    arch, kind = common_arch(readings), common_kind(readings)
    members = await asyncio.gather(*(_member(reading, arch, kind) for reading in readings))
    common = await _agreed(members, state)
    dropped = await asyncio.gather(*(_dropped(member, common) for member in members))
    return Baseline(
        hosts=tuple(member.host for member in members),
        arch=arch,
        kind=kind,
        model=common.model,
        xml=clean_multiline(serialize(parse(common.xml))),
        dropped=tuple((member.host, lost) for member, lost in zip(members, dropped, strict=True)),
        guests=await _guests(members),
        left_out=left_out,
    )


def common_arch(readings: Sequence[HostReading]) -> str:
    """Of the hosts' own processors. Pure. Raises ActionError where they differ."""
    hosts_of: dict[str, list[str]] = {}
    for reading in readings:
        if not reading.main:
            raise ActionError("no libvirt driver answers", host=reading.host, operation=_WHAT)
        processor = reading.drivers[reading.main].processor
        if not processor.arch:
            hint = "choose hosts with QEMU"
            raise ActionError(processor.trouble, host=reading.host, operation=_WHAT, hint=hint)
        hosts_of.setdefault(processor.arch, []).append(reading.host)
    if len(hosts_of) > 1:
        words = "; ".join(f"{', '.join(hosts)}: {arch}" for arch, hosts in hosts_of.items())
        hint = "choose hosts of one architecture"
        raise ActionError(f"the architectures differ: {words}", operation=_WHAT, hint=hint)
    return next(iter(hosts_of))


def common_kind(readings: Sequence[HostReading]) -> str:
    """The best kind of virtualization that all have for their own architecture. Pure. Raises ActionError."""
    offered = []
    for reading in readings:
        driver = reading.drivers[reading.main]
        offer = driver.offers.archs.get(driver.processor.arch)
        offered.append(offer.kinds if offer else frozenset({driver.processor.kind}))
    shared = frozenset.intersection(*offered)
    found = next((kind for kind in _KINDS if kind in shared), "")
    if not found:
        told = zip(readings, offered, strict=True)
        words = "; ".join(f"{reading.host}: {', '.join(sorted(kinds))}" for reading, kinds in told)
        hint = "choose hosts with QEMU: libvirt compares processors for no other"
        raise ActionError(f"no kind of virtualization in common: {words}", operation=_WHAT, hint=hint)
    return found


async def _member(reading: HostReading, arch: str, kind: str) -> _Member:
    own = reading.drivers[reading.main].processor
    if own.kind != kind:
        own = await read_host_model(reading.connection(reading.main), arch=arch, kind=kind)
    if not own.xml:
        raise ActionError(own.trouble, host=reading.host, operation=_WHAT)
    return _Member(reading, reading.main, own)


async def _agreed(members: Sequence[_Member], state: FleetState) -> CommonCpu:
    """The oldest libvirt is asked first: what it names, the others know as well. Raises ActionError."""
    cpus = list(dict.fromkeys(member.own.xml for member in members))
    troubles = []
    for member in sorted(members, key=lambda member: _libvirt(member, state)):
        try:
            found = await find_common_cpu(member.connection, member.own, cpus)
            return await _given_by_all(found, members)
        except ActionError as error:
            troubles.append(error)
    first = troubles[0]
    hint = "choose hosts whose processors are of one maker and closer in age"
    raise ActionError(first.cause, host=first.host, operation=_WHAT, hint=first.hint or hint) from first


def _libvirt(member: _Member, state: FleetState) -> tuple[int, ...]:
    facts = state.hosts[member.host].facts
    drivers = facts.drivers if facts else ()
    return next((numbers(d.libvirt_version) for d in drivers if d.name == member.driver), ())


async def _given_by_all(found: CommonCpu, members: Sequence[_Member]) -> CommonCpu:
    """Without what a host lacks. Raises ActionError where one cannot give it all the same, or does not say."""
    for _ in range(_ROUNDS):
        answers = await asyncio.gather(*(_compare(member, found) for member in members))
        told = list(zip(members, answers, strict=True))
        for member, answer in told:
            if answer.match is not CpuMatch.FITS and not answer.missing:
                raise ActionError(
                    answer.detail or "it does not say why not", host=member.host, operation=_WHAT
                )
        lacking = sorted({name for answer in answers for name in answer.missing})
        if not lacking:
            return found
        found = parse_cpu(without_features(found.xml, lacking))
    raise ActionError(f"still lacking: {', '.join(lacking)}", operation=_WHAT)


async def _compare(member: _Member, cpu: CommonCpu) -> CpuComparison:
    needs = CpuNeeds(member.own.arch, member.own.kind, "custom", cpu.xml)
    return (await compare_cpus(member.connection, [needs]))[needs]


async def _dropped(member: _Member, common: CommonCpu) -> tuple[str, ...]:
    """In the host's own names; only what it names itself where its libvirt does not tell a model's features."""
    try:
        own = await find_common_cpu(member.connection, member.own, [member.own.xml], with_features=True)
        shared = await find_common_cpu(member.connection, member.own, [common.xml], with_features=True)
    except ActionError:
        own, shared = parse_cpu(member.own.xml), common
    return tuple(sorted(own.features - shared.features))


async def _guests(members: Sequence[_Member]) -> tuple[BaselineGuest, ...]:
    """Each guest's processor of now, on each host of the set."""
    wanted = [guest.needs for member in members for guest in member.guests if guest.needs]
    asked = (ask(member.connection, wanted, machines=False) for member in members)
    answers = [answer.cpus for answer in await asyncio.gather(*asked)]
    there = list(zip(members, answers, strict=True))
    return tuple(_guest(member, guest, there) for member in members for guest in member.guests)


def _guest(
    member: _Member,
    guest: NamedNeeds,
    there: Sequence[tuple[_Member, Mapping[CpuNeeds, CpuComparison]]],
) -> BaselineGuest:
    key = GuestKey(member.host, member.driver, guest.uuid)
    if guest.needs is None:
        return BaselineGuest(key, guest.name, False, False, f"its definition cannot be read: {guest.trouble}")
    reason = ""
    if guest.needs.cpu.mode == "host-model":
        reason = "mode host-model: it gets the processor of the host on which it starts"
    for other, cpus in there:
        found = processor_obstacles(guest.needs, other.offers, cpus, other.host)
        reason = reason or next((obstacle.words for obstacle in found), "")
    return BaselineGuest(key, guest.name, not reason, guest.active and bool(reason), reason)
