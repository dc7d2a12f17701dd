"""Does a guest fit on a host? Pure, and by the verdicts of the checks before a move, so that both say the same.

An active guest fits where it could be moved to, one that is off where it could start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from backends.capabilities.readings import HostReading
from backends.hypervisor.cpu import CpuComparison, CpuMatch, CpuNeeds
from backends.hypervisor.guest_needs import GuestNeeds
from backends.hypervisor.host_model import GivenCpu
from backends.hypervisor.host_offers import EmulatorOffer, EmulatorQuestion, HostOffers
from backends.migration.checks.context import SIMULATED
from backends.migration.checks.destination import cpu_verdict, driver_verdicts
from backends.migration.checks.machine import architecture_verdict, machine_verdict
from backends.migration.checks.versions import versions_verdicts
from backends.model.comparison import Fit, Hurdle, Obstacle
from backends.model.host import Driver
from backends.model.move import Check, MoveMode, Verdict

_NOT_ASKED = CpuComparison(CpuMatch.UNKNOWN, "the processors were not compared")


@dataclass(frozen=True, slots=True)
class Answers:
    """What one driver of a destination said to the questions of all sources."""

    cpus: Mapping[CpuNeeds, CpuComparison] = field(default_factory=dict)
    emulators: Mapping[EmulatorQuestion, EmulatorOffer] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Way:
    """From one host to another, by one driver."""

    driver: str
    here: HostReading
    there: HostReading
    here_facts: Driver | None
    there_facts: Driver | None
    answers: Answers


def fit_of(obstacles: Sequence[Obstacle]) -> Fit:
    """Of one guest: a certain obstacle is a no, a doubt alone leaves it open."""
    if any(obstacle.certain for obstacle in obstacles):
        return Fit.NO
    return Fit.UNKNOWN if obstacles else Fit.YES


def fit_of_all(fits: Sequence[Fit]) -> Fit:
    """Of a host: of a new guest and of today's together."""
    if all(fit is Fit.YES for fit in fits):
        return Fit.YES
    if all(fit is Fit.NO for fit in fits):
        return Fit.NO
    return Fit.PART if Fit.YES in fits else Fit.UNKNOWN


def new_guest(model: GivenCpu) -> GuestNeeds:
    """What a guest that a host would start with its own processor asks for."""
    return GuestNeeds(True, model.kind, model.arch, machine="", emulator="", cpu=model.needs)


def question_of(needs: GuestNeeds) -> EmulatorQuestion | None:
    """What the destination's emulator has to be asked; None where the guest names no machine type."""
    if not needs.machine:
        return None
    return EmulatorQuestion(needs.emulator, needs.arch, needs.machine, needs.kind)


def obstacles(needs: GuestNeeds, way: Way) -> tuple[Obstacle, ...]:
    """Everything against one guest on one way, certain ones first."""
    if found := driver_obstacles(way, active=needs.active):
        return found
    offers, host = way.there.drivers[way.driver].offers, way.there.host
    checks = versions_verdicts(way.here_facts, way.there_facts, way.here.host, host)
    question = question_of(needs)
    if question and way.driver == "qemu" and architecture_verdict(needs, offers, host) is None:
        checks.append(machine_verdict(needs, offers, _answer(question, way.answers), host))
    return _certain_first(
        [*_from_checks(checks), *processor_obstacles(needs, offers, way.answers.cpus, host)]
    )


def driver_obstacles(way: Way, *, active: bool) -> tuple[Obstacle, ...]:
    """What holds for all guests of the driver that are active, or off."""
    there, name = way.there, way.driver
    if name not in there.drivers:
        words = f"{there.host} has no libvirt driver {name}"
        if there.trouble:
            return (Obstacle(Hurdle.DRIVER, False, f"{words} that answers: {there.trouble}"),)
        mend = f"install libvirt's {name} driver there, or choose another host"
        return (Obstacle(Hurdle.DRIVER, True, words, mend=mend),)
    if name == SIMULATED:
        words = "libvirt's test driver neither compares processors nor migrates"
        return (Obstacle(Hurdle.DRIVER, False, words),)
    hosts = ((way.here.host, way.here_facts), (there.host, way.there_facts))
    mode = MoveMode.LIVE if active else MoveMode.OFFLINE
    return _from_checks(driver_verdicts(mode, name, hosts))


def processor_obstacles(
    needs: GuestNeeds, offers: HostOffers, cpus: Mapping[CpuNeeds, CpuComparison], host: str
) -> tuple[Obstacle, ...]:
    """Architecture, kind of virtualization and features of the processor."""
    if check := architecture_verdict(needs, offers, host):
        hurdle = Hurdle.KIND if needs.arch in offers.archs else Hurdle.ARCH
        return (Obstacle(hurdle, True, check.evidence, mend=check.mend),)
    result = cpus.get(needs.cpu, _NOT_ASKED)
    if needs.cpu.mode == "host-model":
        result = CpuComparison(CpuMatch.FITS)
    return _from_checks([cpu_verdict(result, needs.cpu.mode, host)], result.missing)


def _answer(question: EmulatorQuestion, answers: Answers) -> EmulatorOffer:
    return answers.emulators.get(question, EmulatorOffer(trouble="the machine types were not compared"))


_HURDLES = {
    "host.cpu": Hurdle.CPU,
    "host.machine": Hurdle.MACHINE,
    "host.driver": Hurdle.DRIVER,
    "host.hypervisor": Hurdle.DRIVER,
    "host.versions": Hurdle.VERSION,
}
"""By the id of a check."""


def _from_checks(checks: Sequence[Check], missing: tuple[str, ...] = ()) -> tuple[Obstacle, ...]:
    return tuple(
        Obstacle(_HURDLES[check.id], check.verdict is Verdict.REFUSE, check.evidence, missing, check.mend)
        for check in checks
        if check.verdict not in (Verdict.OK, Verdict.NOTE)
    )


def _certain_first(found: Sequence[Obstacle]) -> tuple[Obstacle, ...]:
    return tuple(sorted(found, key=lambda obstacle: not obstacle.certain))
