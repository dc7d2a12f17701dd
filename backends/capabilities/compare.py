"""Who can take whose guests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from backends.capabilities.fits import (
    Answers,
    Way,
    driver_obstacles,
    fit_of,
    fit_of_all,
    new_guest,
    obstacles,
    question_of,
)
from backends.capabilities.readings import HostReading, LeftOut, read_hosts
from backends.errors import FerryError
from backends.fleet.supervisor import Supervisor
from backends.hypervisor.connection import Connection
from backends.hypervisor.cpu import compare_cpus
from backends.hypervisor.guest_needs import GuestNeeds
from backends.hypervisor.host_offers import ask_emulators
from backends.migration.checks.context import SIMULATED
from backends.model.comparison import Comparison, GuestFit, HostFit, Hurdle, Obstacle
from backends.model.fleet import FleetState
from backends.model.guest import GuestKey
from backends.model.host import Driver, HostName

ByDriver = Mapping[str, Answers]


async def compare_hosts(hosts: Sequence[Supervisor], state: FleetState) -> Comparison:
    """Each host with each other. One that does not answer is left out, with the reason.

    Each host is read once, and then asked once about each different processor and machine type of the others.
    """
    readings, silent = await read_hosts(hosts)
    answers, failed = await _ask_all(readings)
    there = [reading for reading in readings if reading.host in answers]
    fits: list[HostFit] = []
    for here in there:
        fits += (_host_fit(here, other, answers[other.host], state) for other in there if other is not here)
        await asyncio.sleep(0)  # the pairs of a hundred hosts must not hold up the screen
    names = tuple(reading.host for reading in there)
    return Comparison(names, datetime.now(UTC), tuple(fits), (*silent, *failed))


async def _ask_all(readings: Sequence[HostReading]) -> tuple[Mapping[HostName, ByDriver], LeftOut]:
    """Every destination at the same time; one that falls silent meanwhile is left out."""

    async def of(there: HostReading) -> ByDriver | FerryError:
        try:
            return {name: await _ask(readings, there, name) for name in there.drivers if name != SIMULATED}
        except FerryError as error:
            return error

    found = await asyncio.gather(*(of(reading) for reading in readings))
    pairs = list(zip(readings, found, strict=True))
    failed = tuple((r.host, answer.cause) for r, answer in pairs if isinstance(answer, FerryError))
    return {r.host: answer for r, answer in pairs if not isinstance(answer, FerryError)}, failed


async def _ask(readings: Sequence[HostReading], there: HostReading, name: str) -> Answers:
    wanted = [needs for here in readings if here is not there for needs in _needs(here, name)]
    return await ask(there.connection(name), wanted, machines=name == "qemu")


async def ask(connection: Connection, wanted: Iterable[GuestNeeds], *, machines: bool) -> Answers:
    """What a destination says to all that is wanted of it. Raises FerryError."""
    needs = tuple(wanted)
    cpus = await compare_cpus(connection, (one.cpu for one in needs if one.cpu.mode != "host-model"))
    if not machines:
        return Answers(cpus)
    questions = (question for one in needs if (question := question_of(one)))
    return Answers(cpus, await ask_emulators(connection, questions))


def _needs(here: HostReading, name: str) -> list[GuestNeeds]:
    """Of one driver's guests, and of a new one."""
    driver = here.drivers.get(name)
    if driver is None:
        return []
    fresh = [new_guest(driver.processor)] if driver.processor.xml else []
    return [*fresh, *(guest.needs for guest in driver.guests if guest.needs)]


def _host_fit(here: HostReading, there: HostReading, answers: ByDriver, state: FleetState) -> HostFit:
    ways = {name: _way(name, here, there, answers, state) for name in here.drivers}
    fresh = _new_guest_obstacles(ways[here.main]) if here.main else ()
    guests = tuple(fit for way in ways.values() for fit in _guest_fits(way))
    fit = fit_of_all([fit_of(fresh), *(guest.fit for guest in guests)])
    return HostFit(here.host, there.host, fit, fresh, guests)


def _way(name: str, here: HostReading, there: HostReading, answers: ByDriver, state: FleetState) -> Way:
    facts = _facts(state, here.host, name), _facts(state, there.host, name)
    return Way(name, here, there, *facts, answers.get(name, Answers()))


def _facts(state: FleetState, host: HostName, name: str) -> Driver | None:
    facts = state.hosts[host].facts
    return next((driver for driver in facts.drivers if driver.name == name), None) if facts else None


def _new_guest_obstacles(way: Way) -> tuple[Obstacle, ...]:
    processor = way.here.drivers[way.driver].processor
    found = obstacles(new_guest(processor), way)
    if processor.xml or any(obstacle.hurdle is Hurdle.DRIVER for obstacle in found):
        return found
    words = f"{way.here.host} does not tell the processor of a new guest: {processor.trouble}"
    return (*found, Obstacle(Hurdle.CPU, False, words))


def _guest_fits(way: Way) -> Iterator[GuestFit]:
    """Guests that ask for the same are judged once."""
    judged: dict[object, tuple[Obstacle, ...]] = {}
    for guest in way.here.drivers[way.driver].guests:
        if guest.needs is None:
            words = f"its definition cannot be read: {guest.trouble}"
            unread = (Obstacle(Hurdle.CPU, False, words),)
            found = driver_obstacles(way, active=guest.active) or unread
        else:
            asks = guest.needs.active, guest.needs.cpu, question_of(guest.needs)
            if asks not in judged:
                judged[asks] = obstacles(guest.needs, way)
            found = judged[asks]
        key = GuestKey(way.here.host, way.driver, guest.uuid)
        yield GuestFit(key, guest.name, guest.active, way.there.host, fit_of(found), found)
