"""How long a guest stands still: moved by plain `virsh migrate --live --p2p` and by the engine in turn.

Seen from outside by the guest's heartbeat, and by QEMU's own figure. The fleet is open all the time, as it is for who
uses the program, so that what it asks of the hosts burdens both alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from backends.api import open_fleet
from backends.lab.guest_xml import GuestSpec
from backends.lab.lab import Lab
from backends.lab.specs import lab_specs
from tests.bench.figures import Figure, ratios, spread
from tests.bench.movers import Engine, Moved, Mover, Virsh
from tests.bench.options import Options, Tell
from tests.heartbeat import Heartbeats, Pulse
from tests.lab_fixture import own_lab

GUESTS = (GuestSpec(name="idle"), GuestSpec(name="writing-8-mib-s", dirty_mib_s=8))


@dataclass(frozen=True, slots=True)
class Stopped:
    """One move, and how its guest stood still meanwhile."""

    moved: Moved
    pulse: Pulse


@dataclass(frozen=True, slots=True)
class Measure:
    """One way to look at a move, and how much of virsh's the engine's may be."""

    name: str
    of: Callable[[Stopped], float]
    unit: str
    at_most: float
    """The aim for the ratio of the medians."""


MEASURES = (
    Measure("heartbeat's gap", lambda one: one.pulse.gap_ms, "ms", 0.4),
    Measure("QEMU's figure", lambda one: float(one.moved.downtime_ms), "ms", 0.25),
    Measure("whole move", lambda one: one.moved.total_s, "s", 1.02),
)


def stop(options: Options, tell: Tell) -> Iterable[Figure]:
    """Needs the lab; brings up one of its own."""
    with own_lab() as lab:
        tell("bringing up a lab")
        lab.up()
        for spec in GUESTS:
            yield from asyncio.run(_compared(lab, spec, options.pairs, tell))
            lab.clear()


async def _compared(lab: Lab, spec: GuestSpec, pairs: int, tell: Tell) -> list[Figure]:
    with Heartbeats(lab.layout.gateway) as heartbeats:
        made = GuestSpec(name=spec.name, dirty_mib_s=spec.dirty_mib_s, arguments=(heartbeats.argument,))
        await asyncio.to_thread(lab.guest, made)
        async with open_fleet(lab_specs(lab.layout)) as fleet:
            movers = (Virsh(lab, remote=False), Engine(fleet))
            theirs, ours = await _moves(movers, spec.name, heartbeats, pairs, tell)
    return [figure for measure in MEASURES for figure in _figures(spec.name, measure, theirs, ours)] + [
        _intact(spec.name, [*theirs, *ours])
    ]


async def _moves(
    movers: tuple[Mover, Mover], guest: str, heartbeats: Heartbeats, pairs: int, tell: Tell
) -> tuple[list[Stopped], list[Stopped]]:
    """In turn, there and back; who goes first changes with each pair, so that both go both ways."""
    results: dict[str, list[Stopped]] = {mover.name: [] for mover in movers}
    source, destination = "h1", "h2"
    for pair in range(pairs):
        for mover in movers if pair % 2 == 0 else movers[::-1]:
            tell(f"{guest}, pair {pair + 1} of {pairs}: {mover.name}, {source} to {destination}")
            await asyncio.to_thread(heartbeats.wait_for_more)
            heartbeats.forget()
            moved = await mover.move(guest, source, destination)
            await asyncio.to_thread(heartbeats.wait_for_more)
            results[mover.name].append(Stopped(moved, heartbeats.pulse()))
            source, destination = destination, source
    return results[movers[0].name], results[movers[1].name]


def _figures(
    guest: str, measure: Measure, theirs: Sequence[Stopped], ours: Sequence[Stopped]
) -> Iterator[Figure]:
    virsh, engine = ([measure.of(one) for one in results] for results in (theirs, ours))
    name = f"{guest}: {measure.name}"
    yield Figure(
        name=f"{name}, virsh", value=median(virsh), unit=measure.unit, note=spread(virsh, measure.unit)
    )
    yield Figure(
        name=f"{name}, engine", value=median(engine), unit=measure.unit, note=spread(engine, measure.unit)
    )
    yield Figure(
        name=f"{name}, engine over virsh",
        value=median(engine) / median(virsh),
        unit="x",
        at_most=measure.at_most,
        note="pair by pair " + ", ".join(f"{ratio:.2f}" for ratio in ratios(engine, virsh)),
    )


def _intact(guest: str, results: Sequence[Stopped]) -> Figure:
    """Datagrams may be lost in a switch; one that came twice would be a guest that ran twice."""
    repeated = sum(one.pulse.repeated for one in results)
    return Figure(
        name=f"{guest}: heartbeats",
        value=sum(one.pulse.lost for one in results),
        unit="lost",
        note=f"in {len(results)} moves; {repeated} came twice or out of turn",
    )
